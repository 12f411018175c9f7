"""Tables, graphs and figures: valid, in words too, the same each time."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations

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
    assert captions[1].endswith("The gradient of L with respect to itself is 1.")
    assert "L is the end. c gets 9 × 1 = 9 and has 0 + 9 = 9; d gets" in captions[2]
    assert "d is complete, all its uses have been heard. c gets" in captions[3]
    assert captions[5].endswith("has no inputs: a, b. The backward is done.")
    assert "c gets 1 × 6 = 6 and has 9 + 6 = 15" in captions[3]
    assert repr(found).splitlines()[0] == "Small"
    assert len(repr(found).splitlines()) == 7


def test_the_stepper_turns_an_arrow_when_a_gradient_has_gone_through():
    *_, end = small()
    root = ET.fromstring(scalar.backward_steps(end, "Small")._repr_html_())
    found = []
    for frame in root.iter("details"):
        edges = [p for p in frame.iter("path") if "edge" in p.get("class")]
        ends = [re.findall(r"[\d.]+", p.get("d")) for p in edges]
        back = sum(float(e[-2]) < float(e[0]) for e in ends)
        thick = [p.get("class") for p in edges].count("edge now")
        boxes = [r.get("class") for r in frame.iter("rect")]
        tags = [t.text for t in frame.iter("text") if t.get("class") == "tag"]
        found.append((back, thick, boxes.count("node now"), sorted(tags)))
    first, second, third = ["× 6", "× 9"], ["× 1", "× 1"], ["× 2", "× 3"]
    assert found == [
        (0, 0, 0, []),
        (0, 0, 1, []),
        (2, 2, 1, first),
        (4, 2, 1, sorted(first + second)),
        (6, 2, 1, sorted(first + second + third)),
        (6, 0, 0, sorted(first + second + third)),
    ]


def uneven():
    """A graph whose texts are of many lengths, and grow."""
    a, b = Value(0.123, label="a"), Value(-2 / 3, label="b")
    c = a * b
    c.label = "a longer name"
    return (c * 1e-3 + a).tanh() * 700


def test_boxes_hold_their_texts_and_leave_room_for_arrows_and_labels():
    steps = scalar.backward_steps(uneven(), "Uneven")._repr_html_()
    heights = []
    for html in (scalar.graph(uneven())._repr_html_(), steps):
        for svg in ET.fromstring(f"<div>{html}</div>").iter("svg"):
            boxes, tags = [], []
            for part in svg.iter():
                if part.tag == "rect":
                    boxes.append([float(part.get(k)) for k in SIDES])
                elif part.tag == "text" and part.get("class") == "tag":
                    wide = 8 * len(part.text)
                    left, low = float(part.get("x")) - wide / 2, float(part.get("y"))
                    tags.append([left, low - 12, wide, 14])
                elif part.tag == "text":
                    assert 9 * len(part.text) < boxes[-1][2]
            assert len(boxes) == 9
            for one, other in combinations(boxes, 2):
                assert apart(one, other, 30, 8), "room for an arrow"
            for tag in tags:
                assert all(apart(tag, box, 0, 0) for box in boxes)
            heights.append(float(svg.get("height")))
    assert len(heights) == 1 + 8
    assert max(heights) < 1.5 * min(heights)


SIDES = ("x", "y", "width", "height")


def apart(one, other, beside, above):
    """Whether two boxes have at least so much between them."""
    gaps = [
        max(one[i] - other[i] - other[i + 2], other[i] - one[i] - one[i + 2])
        for i in (0, 1)
    ]
    return gaps[0] > beside or gaps[1] > above


def test_a_value_alone_is_a_picture_too():
    for found in (scalar.graph(Value(1.5)), scalar.backward_steps(Value(1.5), "One")):
        for svg in ET.fromstring(f"<div>{found.html}</div>").iter("svg"):
            (box,) = svg.iter("rect")
            assert float(box.get("y")) < 10


def test_a_box_says_where_its_value_comes_from():
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    c = a * b
    assert pictures.text(Value(2.0)) == "2; grad 0"
    assert pictures.text(a) == "a\n2; grad 0"
    assert pictures.text(c) == "a * b\n6; grad 0"
    assert pictures.text(a * 3) == "*\n6; grad 0"
    assert pictures.text(a.relu()) == "relu\n2; grad 0"
    assert [pictures.called(v) for v in (a, c, Value(2.5))] == ["a", "(*)", "(2.5)"]
    c.label = "c"
    assert pictures.text(c, 0.5) == "c = a * b\n6; grad 0.5"


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
    said = [s.get("aria-label") for s in root.iter("svg")]
    assert said == [f"A < B, step {i}: the graph." for i in range(1, 7)]


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
