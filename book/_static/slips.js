// Which slip a wrong answer of "Finish this derivation" is, if it is none of those that the
// page lists: a sign, a factor, a transpose, a sum; else one thing that differs from the right
// formula; else which of its terms are right. derive.js loads and calls it.
{
  const { Miss, TWO, map, broadcast, along, transpose, product, bare, same } = formula;
  const SHORT = 12;
  const short = (t, otherwise) => (t.text.length < SHORT ? `“${t.text}”` : otherwise);
  const tried = (f) => { // where shapes do not fit there is nothing to compare
    try { return f(); } catch (e) { if (e instanceof Miss) return null; throw e; }
  };
  const minus = (values) => values.map((v) => map(v, (x) => -x));
  const alike = (a, b) => a.every((v, i) => same(v, b[i]));
  const times = (op, values, worlds, name) => values.map((v, i) => broadcast(op, TWO[op], v, worlds[i][name]));

  // ---- every formula that differs in one thing from t, and words for it ----
  function* others(t, known) {
    const { op, a, b } = t;
    if (op === "number") return;
    if (op === "name") {
      for (const n of known) if (n !== a) yield [{ ...t, a: n }, `somewhere “${n}” stands where “${a}” belongs`];
      yield [{ op: "number", a: 1 }, `“${a}” is missing, a 1 stands in its place`];
      yield [{ op: "T", a: t }, `“${a}” is not to be transposed`];
      return;
    }
    if (op === "+" || op === "-") {
      yield [a, `a term is missing${short(b, "") && `: ${b.text}`}`];
      yield [op === "-" ? { op: "neg", a: b } : b, `a term is missing${short(a, "") && `: ${a.text}`}`];
      yield [{ ...t, op: op === "+" ? "-" : "+" }, `the sign before ${short(b, "one of the terms")} is wrong`];
    } else if (op === "*" || op === "@") {
      yield [a, `a factor is missing: ${short(b, "the last one")}`];
      yield [b, `a factor is missing: ${short(a, "the first one")}`];
      yield [{ ...t, op: "/" }, `${short(b, "the last factor")} multiplies, it does not divide`];
      if (op === "@") yield [{ op, a: b, b: a }, "the factors of a matrix product are exchanged"];
    } else if (op === "/") {
      yield [a, `the division by ${short(b, "the last bracket")} is missing`];
      yield [{ ...t, op: "*" }, `${short(b, "the last bracket")} divides, it does not multiply`];
    } else if (op === "**") {
      yield [a, `the power of ${short(a, "a bracket")} is missing`];
      for (const d of [1, -1, -2]) yield [{ op, a, b: { op: "+", a: b, b: { op: "number", a: d } } }, `the power of ${short(a, "a bracket")} is wrong`];
    } else if (op === "sum" || op === "mean") {
      const other = op === "sum" ? "mean" : "sum";
      yield [{ ...t, op: other }, `there is a ${other} where a ${op} belongs`];
      yield [a, `a ${op} is missing`];
      for (const axes of [[0], [1], [0, 1]]) yield [{ ...t, b: axes }, `a ${op} runs over the wrong axis`];
    } else if (op === "T") yield [a, `${short(a, "something")} is not transposed`];
    else yield [a, op === "neg" ? "a minus is missing" : `${op} is missing`];
    for (const [u, words] of others(a, known)) yield [{ ...t, a: u }, words];
    if (b?.op) for (const [u, words] of others(b, known)) yield [{ ...t, b: u }, words];
  }

  // ---- the terms of a sum, multiplied out: [values in each world, text] ----
  function terms(t, of) {
    if (t.op === "+") return [...terms(t.a, of), ...terms(t.b, of)];
    if (t.op === "-") return [...terms(t.a, of), ...terms({ op: "neg", a: t.b }, of)];
    if (t.op === "neg") return terms(t.a, of).map(([v, text]) => [minus(v), text]);
    if (["*", "/", "@"].includes(t.op)) {
      const a = terms(t.a, of), b = t.op === "/" ? [[of(t.b)]] : terms(t.b, of);
      const f = t.op === "@" ? product : (x, y) => broadcast(t.op, TWO[t.op], x, y);
      if (a.length * b.length > 1 && a.length * b.length < 13)
        return a.flatMap(([v, p]) => b.map(([w, q]) => [v.map((x, i) => f(x, w[i])), a.length > 1 ? p : q]));
    }
    return [[of(t), t.text]];
  }

  function factor({ task, right, equal }) {
    const is = (f) => equal(right.map((r, i) => map(r, (x) => x * f(i))));
    if (is(() => -1)) return ["sign", "Almost: the sign is wrong."];
    for (const sign of [1, -1]) {
      const also = sign < 0 ? ", and its sign is wrong" : "";
      if (is(() => 2 * sign)) return ["factor", `Almost: it is twice too large${also}.`];
      if (is(() => 0.5 * sign)) return ["factor", `Almost: it is half of what it should be${also}.`];
      for (const n of task.lengths) for (const p of [1, 0.5, -1, -0.5]) {
        if (!is((i) => sign * task.worlds[i][n] ** p)) continue;
        const by = Math.abs(p) < 1 ? `the root of ${n}` : n;
        return ["factor", p > 0 ? `Almost: it is too large by ${by}${also}. Where is the division?`
          : `Almost: it is too small by ${by}${also}. One division too many, or a mean in place of a sum?`];
      }
    }
    return null;
  }

  function shaped({ right, mine, equal }) {
    if (tried(() => equal(right.map(transpose)))) return ["transposed", "It is the transpose of what is asked."];
    for (let axis = 0; axis < mine[0].shape.length; axis++)
      if (mine[0].shape[axis] > 1 && alike(mine.map((m) => along(m, axis)), right)) return ["unsummed", `Not added up yet: the sum over axis ${axis} is missing.`];
    for (let axis = 0; axis < right[0].shape.length; axis++)
      if (right[0].shape[axis] > 1 && equal(right.map((r) => along(r, axis)))) return ["summed", `It is summed over axis ${axis}, where every element has a gradient of its own.`];
    return null;
  }

  // First of names that stand in one of the two formulas; of others only arrays without
  // zeros: a 1 at the target, or a constant such as 1/4, fits by chance.
  function named({ task, step, tree, answer, right, equal }, any = false) {
    const typed = names(tree), due = names(answer);
    for (const n of step.known) {
      const safe = task.values.every((w) => w[n].data.every(Boolean)), asked = due.includes(n) || any && task.values[0][n].shape.length;
      if (asked && safe && tried(() => equal(times("/", right, task.values, n)))) return ["factor", `A factor is missing: “${n}”.`];
      if (!typed.includes(n) && !due.includes(n) || !tried(() => equal(times("*", right, task.values, n)))) continue;
      return ["factor", typed.includes(n) ? `There is a factor “${n}” too many.` : `The division by “${n}” is missing.`];
    }
    return null;
  }

  // a number where a formula is asked: right in one world, or rounded
  function number({ task, step, tree, mine, answer, right }) {
    if (names(tree).length) return null;
    const i = right.findIndex((r, k) => r.data.length === 1 && r.data[0] && Math.abs(mine[k].data[0] / r.data[0] - 1) < 2e-3);
    if (i < 0) return null;
    const given = [...new Set(names(answer))].map((n) => `${n} = ${task.values[i][n].data[0]}`).join(", ");
    return ["number", given ? `That is the value for ${given} only. Write it with the name, so that it holds for any.` : "Near, but rounded. Write it exactly: a formula is read too."];
  }

  // the reader's own formula, with one thing changed wherever it stands
  const everywhere = (t, f) => {
    if (!t?.op) return t;
    return f({ ...t, a: everywhere(t.a, f), b: everywhere(t.b, f) });
  };
  const names = (t) => {
    const found = [];
    everywhere(t, (u) => { if (u.op === "name") found.push(u.a); return u; });
    return found;
  };
  function replaced({ task, step, tree, of, right }) {
    const becomes = (f) => tried(() => alike(of(everywhere(tree, f)), right));
    const one = (n) => task.values.every((w) => w[n].data.every((x) => x === 1)); // a factor too many, if anything
    for (const a of new Set(names(tree))) for (const b of step.known)
      if (a !== b && !one(b) && becomes((t) => (t.op === "name" && t.a === a ? { ...t, a: b } : t))) return ["near", `Almost: “${a}” stands where “${b}” belongs.`];
    for (const [a, b] of [["sum", "mean"], ["mean", "sum"]])
      if (becomes((t) => (t.op === a ? { ...t, op: b } : t))) return ["near", `Almost: where “${a}” stands, “${b}” belongs.`];
    return null;
  }
  // shapes that do not fit: would they with another name, a transpose, the other order?
  derive.misfit = (found) => {
    const { tree, of, right } = found, products = [];
    everywhere(tree, (t) => { if (t.op === "@") products.push(t.text); return t; });
    const turn = (t) => (t.op === "T" ? t.a : { op: "T", a: t });
    const ways = [
      ({ a, b }) => [turn(a), b], ({ a, b }) => [a, turn(b)], ({ a, b }) => [turn(a), turn(b)],
      ({ a, b }) => [b, a], ({ a, b }) => [turn(b), a], ({ a, b }) => [b, turn(a)],
    ];
    for (const text of products) for (const way of ways) {
      const changed = (t) => { if (t.op !== "@" || t.text !== text) return t; const [a, b] = way(t); return { ...t, a, b }; };
      if (tried(() => alike(of(everywhere(tree, changed)), right))) return ["transposed", `Almost: in “${text}” a transpose or the order of the factors is wrong.`];
    }
    return replaced(found);
  };

  function near({ task, step, tree, answer, of, equal }) {
    for (const [other, words] of others(answer, new Set(names(tree)))) if (tried(() => equal(of(other)))) return ["near", `Almost: ${words}.`];
    for (const n of Object.keys(task.values[0])) if (n !== step.name && equal(task.values.map((w) => w[n]))) return ["mixed", `That is what “${n}” is.`];
    return null;
  }

  function parts({ step, tree, mine, task, of, read, equal }) {
    const add = (all) => all.reduce((a, b) => a.map((x, i) => broadcast("+", TWO["+"], x, b[i])));
    const known = step.parts.map(([formula, words]) => [read(formula), words]);
    for (let mask = 1; mask < 1 << known.length; mask++) {
      const out = known.filter((_, k) => mask & (1 << k)).map(([, words]) => words).join("; ");
      const rest = known.filter((_, k) => !(mask & (1 << k))).map(([v]) => v);
      if (rest.length && equal(add(rest))) return ["missing", `What is there is right, but something is missing: ${out}.`];
      if (equal(add(known.map(([v], k) => (mask & (1 << k) ? minus(v) : v))))) return ["signs", `The sign is wrong of: ${out}.`];
    }
    const due = known, got = tried(() => terms(tree, of)) ?? [[mine]];
    const is = (u) => ([v]) => alike(u, v);
    const good = due.filter(([v]) => got.some(is(v))), turned = due.filter(([v]) => got.some(is(minus(v))));
    if (due.length < 2 || !(good.length + turned.length)) return null;
    const odd = got.filter(([v, text]) => text && !due.some(is(v)) && !due.some(is(minus(v)))).map(([v, text]) => {
      const lacks = step.known.find((n) => task.values.every((w) => w[n].data.every(Boolean)) && tried(() => { const w = times("*", v, task.values, n); return due.some(is(w)) || due.some(is(minus(w))); }));
      return `“${text}”${lacks ? `, which lacks the factor “${lacks}”` : ""}`;
    });
    const told = (all) => all.map(([, words]) => words).join("; ");
    return ["parts", [good.length && `Right so far: ${told(good)}.`, turned.length && `With the wrong sign: ${told(turned)}.`, odd.length && `Not right: ${odd.join("; ")}.`].filter(Boolean).join(" ")];
  }

  function shape({ task, mine, right }) {
    if (bare(mine[0]) === bare(right[0])) return null;
    const words = (a) => (bare(a) ? `of shape (${a.shape.map((n) => task.lengths.find((l) => task.worlds[0][l] === n) ?? n).join(", ")})` : "a single number");
    return ["shape", `Your result is ${words(mine[0])}. It has to be ${words(right[0])}.`];
  }

  derive.diagnose = (found) => number(found) ?? factor(found) ?? shaped(found) ?? named(found) ?? replaced(found) ?? named(found, true) ?? near(found) ?? parts(found) ?? shape(found)
    ?? ["other", "Not equal, and no slip that is known here. Try it on the small case by hand, or take a hint."];
}
