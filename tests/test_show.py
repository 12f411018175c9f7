"""Tables, graphs and figures: valid, in words too, the same each time."""

import xml.etree.ElementTree as ET

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402
import pytest  # noqa: E402

from charlm import plots, show  # noqa: E402


def test_a_table_is_html_and_text():
    found = show.table(["a", "b"], [["x<y", "1"], ["z", "22"]], "A & B")
    root = ET.fromstring(found._repr_html_())
    assert root.find(".//caption").text == "A & B"
    assert [t.get("scope") for t in root.iter("th")] == ["col", "col", "row", "row"]
    assert [t.text for t in root.iter("td")] == ["1", "22"]
    assert repr(found).splitlines() == ["A & B", "a    b", "x<y  1", "z    22"]


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        show.table(["a", "b"], [["only one"]], "c")


def test_a_graph_has_boxes_arrows_links_and_words():
    nodes = {
        "x": show.Node(0, 0, "x", "#there"),
        "w": show.Node(0, 1, "w", learnt=True),
        "y": show.Node(1, 0.5, "x·w"),
    }
    found = show.graph(nodes, [("x", "y"), ("w", "y")], "x times w is y")
    svg = ET.fromstring(found._repr_html_()).find("svg")
    assert svg.get("aria-label") == "x times w is y"
    assert len(svg.findall(".//rect")) == 3
    assert [a.get("href") for a in svg.findall("a")] == ["#there"]
    edges = [p for p in svg.iter("path") if p.get("class") == "edge"]
    assert len(edges) == 2
    assert repr(found) == "x times w is y\nx -> x·w\nw -> x·w"


def test_boxes_above_each_other_are_joined_vertically():
    nodes = {"a": show.Node(0, 0, "a"), "b": show.Node(0, 1, "b")}
    html = show.graph(nodes, [("a", "b")], "a above b")._repr_html_()
    assert 'd="M25 43C25 43' in html


def figure():
    fig, ax = plt.subplots()
    plots.band(ax, [1, 2, 3], [[1, 2, 3], [2, 3, 5]], "runs", "C0")
    ax.set_xlabel("a b")
    svg = plots.to_svg(fig)
    plt.close(fig)
    return svg


def test_a_figure_follows_the_theme_and_is_the_same_each_time():
    with matplotlib.rc_context():
        plots.use()
        svg = figure()
        assert svg == figure()
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "prefers-color-scheme:dark" in svg
    assert "var(--ink)" in svg
    assert plots.INK not in svg
