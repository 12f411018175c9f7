"""Tables, graphs and figures: valid, in words too, the same each time."""

import re
import xml.etree.ElementTree as ET

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402
import pytest  # noqa: E402

from charlm import plots, scalar, show  # noqa: E402
from charlm.scalar import Value, pictures, topological  # noqa: E402


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


def test_a_graph_needs_no_style_sheet():
    nodes = {"x": show.Node(0, 0, "x", "#there"), "y": show.Node(1, 1, "y", now=True)}
    html = show.graph(nodes, [("x", "y")], "x to y", labels={("x", "y"): "2"}).html
    svg = ET.fromstring(html).find("svg")
    for part in svg.iter():
        if part.tag in ("rect", "text", "path"):  # SVG's own default is black
            assert part.get("fill") in ("currentColor", "none"), part.attrib
        if part.tag in ("rect", "path") and part.get("class") != "head":
            assert part.get("stroke") == "currentColor"
    assert svg.get("font-size") == "16"
    assert "max-width:100%" in svg.get("style")


def test_boxes_above_each_other_are_joined_vertically_by_a_line():
    nodes = {"a": show.Node(0, 0, "a"), "b": show.Node(0, 1, "b")}
    html = show.graph(nodes, [("a", "b")], "a above b")._repr_html_()
    assert 'd="M25 43L25 ' in html


def test_arrows_to_and_fro_do_not_lie_on_each_other():
    nodes = {"a": show.Node(0, 0, "a"), "b": show.Node(1, 0, "b")}
    svg = ET.fromstring(show.graph(nodes, [("a", "b"), ("b", "a")], "both").html)
    there, back = [p.get("d") for p in svg.iter("path") if p.get("class") == "edge"]
    assert there == "M42 19L98 19"
    assert back == "M100 33L44 33"


def test_a_box_may_have_a_title_and_a_graph_may_be_narrow():
    nodes = {
        "a": show.Node(0, 0, "a", "#a", title="a < b"),
        "b": show.Node(0, 1, "b", title="b"),
    }
    found = show.graph(nodes, [("a", "b")], "a above b", narrow=True)
    svg = ET.fromstring(found._repr_html_()).find("svg")
    assert svg.get("class") == "graph narrow"
    assert svg.find("a/title").text == "a < b"
    assert svg.find("g/title").text == "b"
    assert svg.find("g/rect") is not None


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


def test_a_graph_may_go_left_with_tags_and_thick_arrows():
    nodes = {"x": show.Node(0, 0, "x", now=True), "y": show.Node(1, 0, "y\n2")}
    labels = {("y", "x"): "× 3"}
    found = show.graph(nodes, [("y", "x")], "back", labels=labels, now=[("y", "x")])
    svg = ET.fromstring(found._repr_html_()).find("svg")
    assert [t.text for t in svg.iter("text")] == ["x", "y", "2", "× 3"]
    assert [r.get("class") for r in svg.iter("rect")] == ["node now", "node"]
    edge = next(p for p in svg.iter("path") if p.get("class") == "edge now")
    start, end = map(float, re.findall(r"[ML](\S+) ", edge.get("d")))
    assert end < start
    assert repr(found) == "back\ny: 2 -> x"


def test_layout_puts_inputs_left_and_keeps_arrows_off_boxes():
    places = show.layout([("a", "c"), ("b", "c"), ("c", "d"), ("a", "d"), ("d", "e")])
    assert [places[k][0] for k in "abcde"] == [0, 0, 1, 2, 3]
    assert places["a"][1] == places["d"][1] != places["c"][1]
    assert len(set(places.values())) == 5


def small():
    a, b = Value(3.0, label="a"), Value(2.0, label="b")
    c = a * b
    d = c + a
    end = c * d
    c.label, d.label, end.label = "c", "d", "L"
    return a, b, c, d, end


def test_the_stepper_shows_every_step_of_the_real_backward():
    *_, end = small()
    found = scalar.backward_steps(end, "Small")
    end.backward()
    root = ET.fromstring(found._repr_html_())
    frames = root.findall(".//details")
    assert len(frames) == 6  # forward, root, one per operation, end
    last = [t.text for t in frames[-1].iter("text")]
    for node in topological(end):
        assert pictures.text(node).split("\n")[1] in last
    captions = [f.find("summary").text for f in frames]
    assert captions[0].startswith("Step 1 of 6. The forward is done")
    assert "c gets 1 × 6 = 6 and has 9 + 6 = 15" in captions[3]
    assert repr(found).splitlines()[0] == "Small"
    assert len(repr(found).splitlines()) == 7


def test_the_stepper_leaves_the_graph_alone():
    a, *_, end = small()
    a.grad = 7.0
    scalar.backward_steps(end, "Small")
    assert (a.grad, end.grad) == (7.0, 0.0)


def test_the_stepper_can_be_operated_and_read_out():
    *_, end = small()
    root = ET.fromstring(scalar.backward_steps(end, "A < B")._repr_html_())
    title = root.find("p")
    assert root.get("aria-labelledby") == title.get("id")
    assert title.text == "A < B"
    buttons = [(b.text, b.get("type"), b.get("data-move")) for b in root.iter("button")]
    assert buttons == [("Back", "button", "-1"), ("Next", "button", "1")]
    assert [p.get("aria-live") for p in root.findall("p")] == [None, None, "polite"]
    is_open = [f for f in root.iter("details") if f.get("open")]
    assert is_open == root.findall(".//details")[:1]
    marks = [m.get("id") for m in root.iter("marker")]
    assert len(set(marks)) == len(marks)
    sizes = {(s.get("width"), s.get("height")) for s in root.iter("svg")}
    assert len(sizes) == 1  # nothing jumps


def test_the_stepper_takes_leaves_and_values_used_twice_at_once():
    one = scalar.backward_steps(Value(1.0), "One")
    assert len(ET.fromstring(one.html).findall(".//details")) == 3
    a = Value(2.0, label="a")
    twice = scalar.backward_steps(a * a, "Square")
    assert "× 2, × 2" in twice.html
    assert "a gets 2 × 1 = 2 and has 2 + 2 = 4" in repr(twice)


def test_a_stepper_without_steps_is_refused():
    with pytest.raises(ValueError, match="needs at least one step"):
        show.stepper([], "Nothing")
