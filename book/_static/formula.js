// Formulas as readers type them: a small grammar (no eval), arrays with broadcasting, and what
// was understood as MathML. An axis that is summed over stays, with length one. The same
// grammar in Python is book/_ext/formula.py.
globalThis.formula = (() => {
  class Miss extends Error {}
  const AXES = "ijk", LONGEST = 400;

  // ---- arrays: {shape, data} ----
  const size = (shape) => shape.reduce((a, b) => a * b, 1);
  const scalar = (x) => ({ shape: [], data: [x] });
  const map = (a, f) => ({ shape: a.shape, data: a.data.map(f) });
  const told = (a) => (a.shape.length ? `(${a.shape.join(", ")})` : "of a number");
  function broadcast(op, f, a, b) {
    const n = Math.max(a.shape.length, b.shape.length);
    const [p, q] = [a, b].map((x) => [...Array(n - x.shape.length).fill(1), ...x.shape]);
    const shape = p.map((m, i) => {
      if (m !== q[i] && m !== 1 && q[i] !== 1) throw new Miss(`${op}: the shapes ${told(a)} and ${told(b)} do not fit.`);
      return m === 1 ? q[i] : m;
    });
    const data = Array.from({ length: size(shape) }, (_, k) => {
      let rest = k, i = 0, j = 0, up = 1, vp = 1;
      for (let d = n - 1; d >= 0; d--) {
        const at = rest % shape[d];
        rest = (rest - at) / shape[d];
        if (p[d] > 1) { i += at * up; up *= p[d]; }
        if (q[d] > 1) { j += at * vp; vp *= q[d]; }
      }
      return f(a.data[i], b.data[j]);
    });
    return { shape, data };
  }
  function along(a, axis, mean) {
    const shape = a.shape.map((n, d) => (d === axis ? 1 : n));
    const inner = size(a.shape.slice(axis + 1)), m = a.shape[axis], data = Array(size(shape)).fill(0);
    a.data.forEach((x, k) => { data[Math.floor(k / (inner * m)) * inner + (k % inner)] += mean ? x / m : x; });
    return { shape, data };
  }
  function reduce(a, axes, mean) {
    for (const axis of axes ?? a.shape.keys()) {
      const d = axis < 0 ? axis + a.shape.length : axis;
      if (!(d in a.shape)) throw new Miss(`There is no axis ${axis} in the shape ${told(a)}.`);
      a = along(a, d, mean);
    }
    return axes ? a : scalar(a.data[0]);
  }
  function transpose(a) {
    if (a.shape.length < 2) return a;
    if (a.shape.length > 2) throw new Miss("T is for matrices.");
    const [m, n] = a.shape;
    return { shape: [n, m], data: a.data.map((_, k) => a.data[(k % m) * n + Math.floor(k / m)]) };
  }
  function product(a, b) {
    const p = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
    const q = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
    if (p.length !== 2 || q.length !== 2 || p[1] !== q[0]) throw new Miss(`@: ${told(a)} times ${told(b)} is no matrix product.`);
    const [m, l] = p, n = q[1];
    const data = Array.from({ length: m * n }, (_, k) => {
      let s = 0;
      for (let i = 0; i < l; i++) s += a.data[Math.floor(k / n) * l + i] * b.data[i * n + (k % n)];
      return s;
    });
    return { shape: [m, n], data };
  }
  const bare = (a) => a.shape.filter((n) => n > 1).join();
  function same(a, b) {
    const scale = Math.max(...b.data.map(Math.abs), 1e-30);
    return bare(a) === bare(b) && scale < Infinity && a.data.every((x, i) => Math.abs(x - b.data[i]) <= 1e-9 * scale);
  }

  // ---- grammar: {op, a, b} with the place in the text ----
  const ONE = {
    exp: Math.exp, log: Math.log, sqrt: Math.sqrt, tanh: Math.tanh, sin: Math.sin, cos: Math.cos, abs: Math.abs,
    sigmoid: (x) => 1 / (1 + Math.exp(-x)), relu: (x) => Math.max(x, 0), square: (x) => x * x,
  };
  const TWO = {
    "+": (x, y) => x + y, "-": (x, y) => x - y, "*": (x, y) => x * y, "/": (x, y) => x / y,
    "**": (x, y) => x ** y, ">": (x, y) => +(x > y), "<": (x, y) => +(x < y),
  };
  const GREEK = { alpha: "α", beta: "β", gamma: "γ", delta: "δ", eps: "ε", theta: "θ", kappa: "κ", mu: "μ", sigma: "σ", tau: "τ", phi: "φ" };
  const CALLS = ["sum", "mean", ...Object.keys(ONE)];
  const TOKEN = /\s*((?:0|[1-9]\d*)(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+|[\p{L}_][\p{L}\p{N}_]*|\*\*|[-+*/@(),.=<>])/uy;

  const clean = (text) => text.normalize("NFD")
    .replace(/(\p{L}+)\u0302/gu, "$1hat").replace(/(\p{L}+)\u0304/gu, "d$1").normalize("NFC")
    .replace(/[\u2212\u2013]/g, "-").replace(/[·×∗⊙]/g, "*").replace(/÷/g, "/").replace(/(\^|\*\*)?\s*[ᵀ⊤]/gu, ".T").replace(/\^/g, "**")
    .replace(/²/g, "**2").replace(/³/g, "**3").replace(/∑|Σ/g, "sum")
    .replace(/\p{Script=Greek}/gu, (c) => Object.keys(GREEK).find((k) => GREEK[k] === c) ?? c)
    .replace(/\b(torch|np)\s*\./g, "").replace(/\bln\b(?=\s*\()/g, "log").trimEnd();

  function parse(raw, known) {
    if (raw.length > LONGEST) throw new Miss("That is longer than any answer here.");
    const plain = clean(raw), tokens = [], places = [];
    const text = known.includes("T") ? plain : plain.replace(/\*\*\s*T\b/g, ".T");
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const from = TOKEN.lastIndex, found = TOKEN.exec(text);
      if (!found && /^\s*[[\]]/.test(text.slice(from))) throw new Miss("Square brackets are not read: no indices, each name is a whole array.");
      if (!found) throw new Miss(`I cannot read “${text.slice(from).trim().slice(0, 8)}”.`);
      tokens.push(found[1]);
      places.push([TOKEN.lastIndex - found[1].length, TOKEN.lastIndex]);
    }
    let i = 0;
    const peek = () => tokens[i], number = (t) => /^[\d.]/.test(t ?? "") && t !== ".";
    const gap = () => `Between “${tokens[i - 1]}” and “${peek()}” something is missing, perhaps “*”.`;
    const take = (t) => {
      if (t === ")" && /^[\p{L}\d(]/u.test(peek() ?? "")) throw new Miss(gap());
      if (peek() !== t) throw new Miss(peek() === undefined ? `“${t}” is missing at the end.` : `“${t}” was expected before “${peek()}”.`);
      i++;
    };
    const node = (from, op, a, b) => ({ op, a, b, text: text.slice(places[from][0], places[i - 1][1]) });
    function axis() { // 0, -1, axis=0, (0, 1), keepdim=True: what is summed over stays anyway
      const found = [];
      const one = () => {
        const sign = peek() === "-" ? (i++, -1) : 1, n = Number(tokens[i++]);
        if (!Number.isInteger(n)) throw new Miss("An axis is a whole number.");
        found.push(sign * n);
      };
      while (peek() === ",") {
        i++;
        const name = tokens[i + 1] === "=" ? tokens[i] : "";
        if (name) i += 2;
        if (/^keepdims?$/.test(name)) i++;
        else if (peek() === "(") { i++; one(); while (peek() === ",") { i++; if (peek() !== ")") one(); } take(")"); }
        else one();
      }
      return found.length ? found : undefined;
    }
    function call(from, name, a) {
      const axes = name === "sum" || name === "mean" ? axis() : undefined;
      take(")");
      return node(from, name, a, axes);
    }
    function atom() {
      const from = i, t = tokens[i++];
      let a;
      if (t === undefined) throw new Miss("The formula ends too early.");
      if (number(t)) a = node(from, "number", Number(t));
      else if (t === "(") { a = whole(); take(")"); a = { ...a, text: node(from).text }; }
      else if (CALLS.includes(t) && peek() === "(") { i++; a = call(from, t, whole()); }
      else if (known.includes(t)) a = node(from, "name", t);
      else throw new Miss(CALLS.includes(t) ? `What is ${t} of? Write ${t}(...).` : /^\p{L}/u.test(t) ? `“${t}” is not known here. ${known.length ? `There are ${known.join(", ")}` : "A number is asked"}.` : `“${t}” stands where a value was expected.`);
      while (peek() === ".") {
        i++;
        const m = tokens[i++];
        if (m === "T" || m === "mT") a = node(from, "T", a);
        else if (CALLS.includes(m) && peek() === "(") { // its axis stands where a call has a comma
          if (tokens[i + 1] === ")") i++; else tokens[i] = ",";
          a = call(from, m, a);
        }
        else throw new Miss(`“.${m ?? ""}” is not known here.`);
      }
      return a;
    }
    const power = () => { const from = i, a = atom(); return peek() === "**" ? (i++, node(from, "**", a, unary())) : a; };
    const unary = () => { const from = i; return peek() === "-" ? (i++, node(from, "neg", unary())) : power(); };
    const left = (next, ops) => () => {
      const from = i;
      let a = next();
      while (ops.includes(peek())) { const op = tokens[i++]; a = node(from, op, a, next()); }
      return a;
    };
    const sums = left(left(unary, ["*", "/", "@"]), ["+", "-"]);
    const whole = () => { const from = i, a = sums(); return peek() === ">" || peek() === "<" ? node(from, tokens[i++], a, sums()) : a; };
    const tree = whole();
    if (i < tokens.length) throw new Miss(/[\p{L}\d(]/u.test(peek()) ? gap() : `“${peek()}” stands where the formula should end.`);
    return tree;
  }
  // axes: what sum and mean run over when no axis is given
  function evaluate(t, world, axes) {
    if (t.op === "number") return scalar(t.a);
    if (t.op === "name") return world[t.a];
    const a = evaluate(t.a, world, axes);
    if (t.op === "neg") return map(a, (x) => -x);
    if (t.op === "T") return transpose(a);
    if (t.op in ONE) return map(a, ONE[t.op]);
    if (t.op === "sum" || t.op === "mean") return reduce(a, t.b ?? axes, t.op === "mean");
    const b = evaluate(t.b, world, axes);
    return t.op === "@" ? product(a, b) : broadcast(t.op, TWO[t.op], a, b);
  }

  // ---- what was understood, as MathML ----
  function symbol(name) {
    if (GREEK[name]) return `<mi>${GREEK[name]}</mi>`;
    if (/^d./.test(name)) { // the bar stands on the letter, not on its index
      const bar = (s) => `<mover accent="true">${s}<mo>‾</mo></mover>`, inner = symbol(name.slice(1));
      return inner.startsWith("<msub>") ? inner.replace(/<mi>.*?<\/mi>/, bar) : bar(inner);
    }
    if (/.hat$/.test(name)) return `<mover accent="true">${symbol(name.slice(0, -3))}<mo>^</mo></mover>`;
    const sub = /^([A-Za-z])_?(\w+)$/.exec(name);
    return sub ? `<msub><mi>${sub[1]}</mi><mi>${sub[2]}</mi></msub>` : `<mi>${name}</mi>`;
  }
  function math(t, task, level = 0) {
    const m = (u, l = 0) => math(u, task, l), row = (own, s) => (own < level ? `<mrow><mo>(</mo>${s}<mo>)</mo></mrow>` : `<mrow>${s}</mrow>`);
    if (t.op === "number") return `<mn>${t.a}</mn>`;
    if (t.op === "name") return symbol(t.a);
    if (t.op === "neg") return row(1, `<mo>−</mo>${m(t.a, 2)}`);
    if (t.op === "/") return `<mfrac>${m(t.a)}${m(t.b)}</mfrac>`;
    if (t.op === "**") return `<msup>${m(t.a, 4)}${m(t.b)}</msup>`;
    if (t.op === "T") return `<msup>${m(t.a, 4)}<mo>⊤</mo></msup>`;
    if (t.op === "sqrt") return `<msqrt>${m(t.a)}</msqrt>`;
    if (t.op === "exp") return `<msup><mi>e</mi>${m(t.a)}</msup>`;
    if (t.op === "square") return `<msup>${m(t.a, 4)}<mn>2</mn></msup>`;
    if (t.op === "sum" || t.op === "mean") {
      const axes = (t.b ?? task.axes)?.map((d) => AXES[d < 0 ? 2 + d : d]).join("");
      const sign = t.op === "sum" ? "<mo>∑</mo>" : "<mi>mean</mi>", under = axes ? `<msub>${sign}<mi>${axes}</mi></msub>` : sign;
      return row(2, under + m(t.a, t.op === "sum" ? 2 : 5));
    }
    if (t.op in ONE) return row(4, `<mi>${t.op}</mi>${m(t.a, 5)}`).replace(/^<mrow><mo>\(<\/mo><mrow>/, "<mrow><mrow>");
    const own = "+-".includes(t.op) ? 1 : "<>".includes(t.op) ? 0 : 2;
    const sign = { "-": "−", "*": "·", "@": "\u2062", "<": "&lt;", ">": "&gt;" }[t.op] ?? t.op;
    return row(own, `${m(t.a, own)}<mo>${sign}</mo>${m(t.b, own + 1)}`);
  }

  return { Miss, TWO, parse, evaluate, math, scalar, map, broadcast, along, transpose, product, bare, same };
})();
