// Fewer elements for the same picture: KaTeX's own tree of a formula, before it is written.
//
// KaTeX keeps a place for everything that could be styled, and half of its elements hold
// nothing. What they do is done by the elements that stay: struts become ::before
// (book.css), spaces become margins, rows of which there is one go, and so does what has
// neither style nor class that KaTeX's sheet knows. Nothing moves: tests/site looks.
const fewer = (() => {
  const PLAIN = new Set("mord mbin mrel mopen mclose mpunct minner mtight mop".split(" "));
  const KEEPS = new Set(["delimsizinginner", "inner", "fix"]); // their children have rules: x > span
  const named = (node) => (node.classes ?? []).filter(Boolean);
  const is = (node, name) => named(node).includes(name);
  const letter = (node) => node.text !== undefined;
  const bare = (node) => named(node).every((c) => PLAIN.has(c)) && !node.italic
    && !Object.keys(node.style).length && !Object.keys(node.attributes ?? {}).length;
  const flat = (nodes) => nodes.flatMap((n) => (n.classes && n.children && !n.setAttribute ? flat(n.children) : [n]));
  const em = (length) => +parseFloat(length ?? 0).toFixed(4);

  // a space is the margin of its neighbour, which stays an element then
  const room = (node) => {
    if (letter(node) || !named(node).length) return 0;
    if (named(node).join(" ") === "mspace" && Object.keys(node.style).join() === "marginRight") return em(node.style.marginRight);
    return is(node, "nulldelimiter") && !is(node, "sizing") ? 0.12 : 0;
  };
  const takes = (node) => node?.style && node.classes && !room(node) && !/sizing|mspace|newline|strut/.test(named(node).join());
  const widen = (node, side, by) => {
    node.style[side] = em(em(node.style[side]) + (side === "marginRight" ? (node.italic || 0) : 0) + by) + "em";
    if (side === "marginRight") node.italic = 0;
  };
  function spaced(nodes) {
    const kept = [];
    nodes.forEach((node, i) => {
      const by = room(node), before = kept.at(-1), after = nodes[i + 1];
      if (!by) kept.push(node);
      else if (takes(after) && (bare(before ?? {classes: [], style: {}}) || !takes(before))) widen(after, "marginLeft", by);
      else if (takes(before)) widen(before, "marginRight", by);
      else kept.push(node);
    });
    return kept;
  }

  // what a node becomes; items of a list and children of KEEPS stay elements
  function light(node, stays) {
    if (letter(node)) {
      node.classes = named(node).filter((c) => !PLAIN.has(c));
      return [node];
    }
    if (!node.classes || !node.children) return [node]; // pictures
    let inside = flat(node.children);
    if (is(node, "vlist-t")) {
      const [list] = flat(inside[0].children); // the second row holds a depth that struts give
      node.classes = ["vlist-t"];
      node.children = light(list, true);
      return [node];
    }
    if (is(node, "vlist")) {
      for (const item of inside) {
        const [strut, ...rest] = flat(item.children);
        item.style["--p"] = strut.style.height;
        item.children = rest.flatMap((n) => light(n, true));
      }
      node.children = inside;
      return [node];
    }
    if (is(node, "base") && is(inside[0], "strut")) {
      node.style["--h"] = inside[0].style.height;
      if (inside[0].style.verticalAlign) node.style["--d"] = inside[0].style.verticalAlign;
      inside = inside.slice(1);
    }
    const keeps = named(node).some((c) => KEEPS.has(c));
    inside = keeps ? inside : spaced(inside);
    node.children = inside.flatMap((n) => light(n, keeps));
    if (bare(node) && !stays) return node.children;
    const [only] = node.children;
    if (node.children.length === 1 && only.classes && !keeps) {
      if (letter(only) && (bare(node) || is(node, "sizing")) && !is(only, "sizing")) { // one element round one letter
        const alone = bare(only) && bare(node) && stays; // a letter without an element
        only.classes = [...named(node), ...only.classes].filter((c) => !PLAIN.has(c));
        if (!alone) return [only];
      }
      if (is(only, "vlist-t") && ["msupsub", "mfrac"].includes(named(node).join()) && !stays) {
        only.classes = [...named(node), "vlist-t"];
        Object.assign(only.style, node.style);
        return [only];
      }
    }
    node.classes = named(node).filter((c) => !PLAIN.has(c));
    return [node];
  }

  // in MathML a row of one thing is that thing
  function single(node) {
    if (!node.children) return node;
    node.children = node.children.map(single);
    const row = node.type === "mrow" && node.children.length === 1 && node.children[0].type;
    return row && row !== "text" && !Object.keys(node.attributes).length ? node.children[0] : node;
  }

  return (katex, tex, options) => {
    const tree = katex.__renderToDomTree(tex, options), display = options.displayMode;
    const drawn = display ? tree.children[0] : tree;
    single(drawn.children[0]);
    const html = drawn.children.find((n) => is(n, "katex-html"));
    html.children = flat(html.children).flatMap((n) => light(n, true));
    const [only] = html.children;
    if (!display && html.children.length === 1 && is(only, "base")) {
      html.classes.push("base");
      Object.assign(html.style, only.style);
      html.children = only.children;
    }
    return tree;
  };
})();
