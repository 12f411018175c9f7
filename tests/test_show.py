"""Tables, graphs and figures: valid, in words too, the same each time."""

import re
import sys
import xml.etree.ElementTree as ET
from functools import partial
from itertools import combinations, pairwise

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402
import pytest  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from matplotlib.colors import to_hex, to_rgba  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from charlm import plots, scalar, show  # noqa: E402
from charlm.scalar import Value, pictures, topological  # noqa: E402
from charlm.show.graph import PORT  # noqa: E402


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


class Drawn:
    """The geometry of a graph's picture: boxes, words in them, arrows, tags."""

    def __init__(self, found):
        self.svg = svg = ET.fromstring(found.html).find("svg")
        self.boxes = [
            [float(r.get(k)) for k in ("x", "y", "width", "height")]
            for r in svg.iter("rect")
        ]
        texts = [
            (float(t.get("x")), float(t.get("y")), t.text)
            for t in svg.iter("text")
            if t.get("class") != "tag"
        ]
        self.words = [[t for t in texts if self.inside(t, b)] for b in self.boxes]
        self.tags = [t for t in svg.iter("text") if t.get("class") == "tag"]
        edges = [p for p in svg.iter("path") if "edge" in p.get("class")]
        self.kinds = [re.sub(r"[^A-Z]", "", e.get("d")) for e in edges]
        numbers = [re.findall(r"-?[\d.]+", e.get("d")) for e in edges]
        self.arrows = [list(map(float, n[:2] + n[-2:])) for n in numbers]

    @staticmethod
    def inside(point, box):
        x, y, w, h = box
        return x <= point[0] <= x + w and y <= point[1] <= y + h


TEXTS = st.sampled_from(["x", "x·w", "a long name", "two\nlines", "p\nq\nr"])
PLACES = st.tuples(st.integers(0, 3), st.integers(0, 2))


@settings(max_examples=30, deadline=None)
@given(st.lists(PLACES, min_size=2, max_size=6, unique=True), st.data())
def test_a_picture_of_a_graph_is_in_order(places, drawn):
    """Boxes and words inside, arrows from border to border, nothing lopsided."""
    nodes = {str(i): show.Node(*at, drawn.draw(TEXTS)) for i, at in enumerate(places)}
    pairs = [(a, b) for a in nodes for b in nodes if a != b]
    edges = drawn.draw(st.lists(st.sampled_from(pairs), unique=True, max_size=6))
    labels = dict.fromkeys(edges, "t")
    found = Drawn(show.graph(nodes, edges, "alt", column=140, labels=labels))
    wide, high = map(float, found.svg.get("viewBox").split()[2:])
    assert [found.svg.get("width"), found.svg.get("height")] == [
        f"{wide:g}",
        f"{high:g}",
    ]
    least = float(re.search(r"min-width:([\d.]+)px", found.svg.get("style"))[1])
    assert 0.7 < least / wide < 0.8, "letters of 16 pixels are read at 12"
    left = min(x for x, *_ in found.boxes)
    right = wide - max(x + w for x, _, w, _ in found.boxes)
    bottom = high - max(y + h for _, y, _, h in found.boxes)
    assert 2 < left < 15
    assert [left, left] == pytest.approx([right, bottom], abs=0.01)
    assert min(y for _, y, *_ in found.boxes) > 2
    if any(row == 0 for _, row in places):
        assert min(y for _, y, *_ in found.boxes) < 15
    for node, (x, y, w, h), words in zip(
        nodes.values(), found.boxes, found.words, strict=True
    ):
        assert [t for *_, t in words] == node.text.split("\n")
        assert {a for a, *_ in words} == {x + w / 2}
        count = max(map(len, node.text.split("\n")))
        assert 8 * count + 10 <= w <= max(34, 10 * count + 20)
        heights = [b for _, b, _ in words]
        # the middle of small letters is 5 pixels above their line
        assert sum(heights) / len(heights) - 5 == pytest.approx(y + h / 2)
        assert all(16 < b - a < 25 for a, b in pairwise(heights))
        assert min(heights) - 12 > y, "capitals are 12 pixels high"
        assert max(heights) + 4 < y + h
    for (x1, y1, w1, h1), (x2, y2, w2, h2) in combinations(found.boxes, 2):
        gap = max(x2 - x1 - w1, x1 - x2 - w2, y2 - y1 - h1, y1 - y2 - h2)
        assert gap > 10
    for (a, b), arrow, kind in zip(edges, found.arrows, found.kinds, strict=True):
        _joined(found.boxes[int(a)], found.boxes[int(b)], *arrow)
        straight = arrow[0] == arrow[2] or arrow[1] == arrow[3]
        assert kind == ("ML" if straight else "MC")
    for tag, (x1, y1, x2, y2) in zip(found.tags, found.arrows, strict=True):
        assert float(tag.get("x")) == pytest.approx((x1 + x2) / 2, abs=0.01)
        assert 3 < (y1 + y2) / 2 - float(tag.get("y")) < 10, "above the line"


def _joined(a, b, x1, y1, x2, y2):
    """An arrow leaves one box at its border and ends just before the other's."""
    (xa, ya, wa, ha), (xb, yb, wb, hb) = a, b
    if xa + wa + 2 < xb or xb + wb + 2 < xa:  # beside each other
        there = xa < xb
        assert x1 == pytest.approx(xa + wa if there else xa, abs=0.01)
        gap = xb - x2 if there else x2 - xb - wb
        assert abs(y1 - ya - ha / 2) in (0, PORT)
        assert abs(y2 - yb - hb / 2) in (0, PORT)
    else:
        there = ya < yb
        assert y1 == pytest.approx(ya + ha if there else ya, abs=0.01)
        gap = yb - y2 if there else y2 - yb - hb
        assert abs(x1 - xa - wa / 2) in (0, PORT)
        assert abs(x2 - xb - wb / 2) in (0, PORT)
    assert 0 < gap - 1.25 < 1.5, "the head's tip is 1.25 pixels beyond its place"


@pytest.mark.parametrize("place", [(1, 0), (0, 1)])
def test_ways_to_and_fro_are_apart_on_both_sides(place):
    """Those to the right stand above, those downwards left, at either end alike."""
    nodes = {"a": show.Node(0, 0, "a"), "b": show.Node(*place, "b")}
    found = Drawn(show.graph(nodes, [("a", "b"), ("b", "a")], "both"))
    (x1, y1, x2, y2), (u1, v1, u2, v2) = found.arrows
    if place == (1, 0):
        assert y1 == y2 < v1 == v2
        assert y1 + v1 == 2 * found.boxes[0][1] + found.boxes[0][3]
    else:
        assert x1 == x2 < u1 == u2
        assert x1 + u1 == 2 * found.boxes[0][0] + found.boxes[0][2]
    one_way = {"a": show.Node(0, 0, "a"), "b": show.Node(0, 1, "b"), "c": nodes["b"]}
    found = Drawn(show.graph(one_way, [("a", "b"), ("a", "c")], "apart"))
    assert found.arrows[0][0] == found.boxes[0][0] + found.boxes[0][2] / 2


@pytest.mark.parametrize(("distance", "beside"), [(42, False), (42.5, True)])
def test_boxes_with_room_for_a_head_between_them_are_joined_sideways(distance, beside):
    """Widths of 30 and 50 leave 2 of 42 pixels; else the arrow goes down."""
    nodes = {"a": show.Node(0, 0, "a", width=30), "b": show.Node(1, 1, "b", width=50)}
    for edge in (("a", "b"), ("b", "a")):
        found = Drawn(show.graph(nodes, [edge], "near", column=distance))
        x1, y1, *_ = found.arrows[0]
        x, y, w, h = found.boxes["ab".index(edge[0])]
        assert (y1 == y + h / 2) == beside
        assert (x1 == x + w / 2) != beside


def test_what_a_box_says_of_its_node():
    """A link is underlined, a parameter dashed, the present one thick."""
    nodes = {
        "x": show.Node(0, 0, "x", "#a?b&c"),
        "w": show.Node(1, 0, "w", learnt=True, now=True, width=70),
        "y": show.Node(2, 0, "y", now=True),
        "z": show.Node(3, 0, "z"),
    }
    edges = [("x", "w"), ("w", "y"), ("y", "z")]
    found = Drawn(show.graph(nodes, edges, "a <b>", now=edges[:1]))
    x, w, y, z = found.svg.iter("rect")
    assert found.svg.get("aria-label") == "a <b>"
    assert [r.get("stroke-dasharray") for r in (x, w, y, z)] == [
        None,
        "5 3",
        None,
        None,
    ]
    assert [r.get("stroke-width") for r in (x, w, y, z)] == [None, "3", "3", None]
    assert [r.get("class") for r in (x, w)] == ["node", "node now"]
    assert w.get("width") == "70"
    assert [t.get("text-decoration") for t in found.svg.iter("text")] == [
        "underline",
        None,
        None,
        None,
    ]
    (link,) = found.svg.iter("a")
    assert link.get("href") == "#a?b&c"
    paths = [p for p in found.svg.iter("path") if p.get("class") != "head"]
    widths = [float(p.get("stroke-width")) for p in paths]
    assert widths[0] > 2 * widths[1] == 2 * widths[2] > 2
    assert widths[0] == float(y.get("stroke-width"))
    (mark,) = found.svg.iter("marker")
    assert {p.get("marker-end") for p in paths} == {f"url(#{mark.get('id')})"}
    assert not found.svg.findall("g")
    assert found.svg.get("class") == "graph"
    thick, again = (
        show.graph(nodes, edges, "now", now=way(edges[1::-1])) for way in (list, iter)
    )
    assert thick == again
    names = {
        next(Drawn(show.graph(nodes, [], alt)).svg.iter("marker")).get("id")
        for alt in "abcdefgh"
    }
    assert len(names) == 8
    assert all(re.fullmatch(r"[a-z][\w-]+", name) for name in names)


def test_every_other_column_is_half_a_row_lower():
    edges = [("a", "c"), ("b", "c"), ("c", "d"), ("a", "d"), ("c", "e")]
    assert show.layout(edges) == {
        "a": (0, 0),
        "b": (0, 1),
        "c": (1, 0.5),
        "d": (2, 0),
        "e": (2, 1),
    }
    assert show.layout([("a", end) for end in "bcd"])["d"] == (1, 2.5)
    # the longest way counts, in whatever order they come
    assert show.layout([("a", "b"), ("b", "c"), ("a", "c")])["c"] == (2, 0)


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


def test_a_picture_has_all_that_is_drawn_and_no_ground():
    fig = Figure(figsize=(1, 1))
    short = plots.to_svg(fig)
    fig.text(0, 0.5, "wide " * 5)
    svg = plots.to_svg(fig)
    assert re.match(r"<svg[^>]*><style>.*</style>\s*<", svg)
    narrow, wide = (float(re.search(r'width="([\d.]+)pt', s)[1]) for s in (short, svg))
    assert narrow < 100 < wide, "72 points are an inch; the text goes past its edge"
    (ground,) = ET.fromstring(svg).findall(".//*[@id='patch_1']/*")
    assert "fill: none" in ground.get("style")


def test_the_style_of_the_book():
    with matplotlib.rc_context():
        plots.use()
        fig, ax = plt.subplots()
        sizes = {ax.title.get_size(), ax.text(0, 0, "a").get_size(), 11}
        assert len(sizes) == 1
        assert [k for k, s in ax.spines.items() if s.get_visible()] == [
            "left",
            "bottom",
        ]
        assert [to_hex(ax.plot([0, 1])[0].get_color()) for _ in range(4)] == [
            *plots.COLOURS
        ]
        ax.set_ylabel("high\n" * 6)
        fig.draw_without_rendering()
        assert ax.yaxis.label.get_window_extent().x0 >= 0, "words leave the figure"
        plt.close(fig)


class Shell:
    """A notebook's shell, as far as figures go."""

    def __init__(self, formatter):
        self.display_formatter, self.asked = formatter, []

    def run_line_magic(self, name, line):
        self.asked.append((name, line))
        for mime in ("image/png", "image/jpeg", "application/pdf"):
            formatter = self.display_formatter.formatters[mime]
            formatter.for_type(Figure, lambda fig: b"with fixed colours")


def test_a_notebook_shows_a_figure_that_follows_the_theme_and_nothing_else(monkeypatch):
    of = pytest.importorskip("IPython.core.formatters").DisplayFormatter
    terminal, notebook = Shell(of()), Shell(of())
    notebook.kernel = None
    told = partial(notebook.asked.append, "drawn once")
    monkeypatch.setattr(plt, "uninstall_repl_displayhook", told)
    with matplotlib.rc_context():
        for shell in (None, terminal, notebook):
            monkeypatch.setattr("IPython.get_ipython", lambda shell=shell: shell)
            plots.use()
        assert terminal.asked == []
        assert notebook.asked == [("matplotlib", "inline"), "drawn once"]
        for mime in ("image/png", "image/jpeg", "application/pdf"):
            assert Figure not in notebook.display_formatter.formatters[mime]
        fig = Figure()
        fig.text(0, 0, "a")
        shown, _ = notebook.display_formatter.format(fig)
        assert "var(--ink)" in shown["image/svg+xml"]
        assert set(shown) == {"text/plain", "image/svg+xml"}
        assert set(terminal.display_formatter.format(fig)[0]) == {"text/plain"}


def test_the_style_needs_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    with matplotlib.rc_context():
        plots.use()
        assert matplotlib.rcParams["text.color"] == plots.INK


def test_a_band_is_mean_lowest_and_highest_and_its_label():
    ax = Figure().subplots()
    plots.band(ax, [1, 2, 4], [[1, 2, 3], [2, 6, 5], [9, 4, 7]], "runs", "#ff0000")
    (line,), (area,), (label,) = ax.lines, ax.collections, ax.texts
    assert line.get_xydata().tolist() == [[1, 4], [2, 4], [4, 5]]
    corners = {tuple(corner) for corner in area.get_paths()[0].vertices.tolist()}
    assert corners == {(1, 1), (1, 9), (2, 2), (2, 6), (4, 3), (4, 7)}
    red = to_rgba("#ff0000")
    assert to_rgba(line.get_color()) == to_rgba(label.get_color()) == red
    (shade,) = area.get_facecolor().tolist()
    assert shade[:3] == [*red[:3]]
    assert 0 < shade[3] < 0.5, "the line is seen through it"
    assert (label.get_text(), label.xy) == ("runs", (4, 5))
    assert label.get_va() == "center"
    ax.set_xlim(0, 3)  # its end is out of sight; the label is not
    box = label.get_window_extent()
    end, height = ax.transData.transform((4, 5))
    assert 0 < box.x0 - end < 2 * box.height, "beside the end of the line"
    assert abs((box.y0 + box.y1) / 2 - height) < box.height / 4


@pytest.mark.parametrize(("count", "size"), [(1, 1), (199, 1), (301, 3)])
def test_the_curve_of_a_run_has_about_a_hundred_means(count, size, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        Figure, "savefig", lambda *args, **more: drawn.append((args, more))
    )
    losses = [i * i / 7 for i in range(count)]
    plots.loss_curve(losses, [(3, 2.5), (count, 2.0)], "a.svg")
    plots.loss_curve(losses, [], "b.svg")
    ((fig, path), more), ((bare, _), _) = drawn
    assert (path, more) == ("a.svg", {"bbox_inches": "tight"})
    (ax,) = fig.axes
    steps, means = ax.lines[0].get_data()
    assert list(steps) == list(range(size, count + 1, size))
    wanted = [sum(losses[n - size : n]) / size for n in steps]
    assert list(means) == pytest.approx(wanted)
    assert ax.lines[1].get_xydata().tolist() == [[3, 2.5], [count, 2.0]]
    assert ax.lines[1].get_marker() == "o", "seen, though it may be one"
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["minibatches", "dev"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats per character)")
    assert len(bare.axes[0].lines) == 1
    width, height = fig.get_size_inches()
    assert 1.5 < width / height < 2, "wider than high"


@pytest.mark.parametrize("name", ["gone/a.svg", "a.doc"])
def test_a_picture_that_cannot_be_written_says_so(name, tmp_path):
    with pytest.raises(ValueError, match=r"cannot be written \(.*\.png, \.svg or"):
        plots.loss_curve([1.0], [], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


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


def test_steppers_of_a_page_have_names_of_their_own():
    """That a link or a style may use: they begin with a letter."""
    steps = [(show.Html("<p/>", ""), "one."), (show.Html("<b/>", ""), "two.")]
    found = [show.stepper(steps, title) for title in "abcdefgh"]
    names = [ET.fromstring(f.html).find("p").get("id") for f in found]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][\w-]+", name) for name in names)
    assert repr(found[0]) == "a\n1. one.\n2. two."


def test_a_stepper_without_steps_is_refused():
    with pytest.raises(ValueError, match="needs at least one step"):
        show.stepper([], "Nothing")
