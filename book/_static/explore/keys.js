// Attention: a query and three keys that can be dragged, scores, weights and gradients.
{
  const { show, path, bar, dot, text, arrow, handle, frame } = explore;
  const plane = frame([10, 10, 220, 220], [-3, 3], [-3, 3]);
  const START = { q: [2, 0.5], a: [-1, 2], b: [1.5, -1.5], c: [1, 1.5] };
  const tips = Object.keys(START), half = 34, columns = [62, 144, 226];
  const at = (s, name) => [s[`${name}0`], s[`${name}1`]];

  explore.add("keys", {
    controls: [
      ...tips.flatMap((name) => [0, 1].map((i) => [`${name}${i}`, `${name === "q" ? "Query q" : `Key ${name}`}, ${i ? "up" : "across"}`, -3, 3, 0.1, START[name][i]])),
      ["wanted", "Key to read", (d) => d.keys, "b"],
    ],
    compute(data, s) {
      const q = at(s, "q"), k = data.keys.map((name) => at(s, name)), scale = 1 / Math.sqrt(2);
      const S = k.map((v) => (q[0] * v[0] + q[1] * v[1]) * scale), most = Math.max(...S);
      const counts = S.map((x) => Math.exp(x - most)), sum = counts.reduce((x, y) => x + y);
      const A = counts.map((x) => x / sum), w = data.keys.indexOf(s.wanted);
      const dS = A.map((x, i) => x - (i === w ? 1 : 0));
      return {
        S, A, dS, loss: Math.log(sum) + most - S[w],
        dq: [0, 1].map((i) => dS.reduce((x, d, j) => x + d * k[j][i], 0) * scale),
        dk: dS.map((d) => q.map((x) => d * x * scale)),
      };
    },
    pictures: [{
      words: "Query, keys, and where descent would push them", size: [240, 240],
      alt: "Arrows from the middle to the query and to three keys; their tips can be dragged. From each tip an orange arrow shows the gradient with its sign turned: the wanted key is pulled along the query, the others are pushed against it.",
      draw(data, s, v) {
        const [x, y] = [plane.X(0), plane.Y(0)], unit = plane.X(1) - x;
        const pull = (name, g) => arrow(plane.X(at(s, name)[0]), plane.Y(at(s, name)[1]), -g[0] * unit, g[1] * unit, "c1 thick");
        const to = (name) => arrow(x, y, at(s, name)[0] * unit, -at(s, name)[1] * unit, name === "q" ? "c0 thick" : name === s.wanted ? "c2 thick" : "axis");
        return path(`M10 ${y}h220M${x} 10v220`, "axis") + tips.map(to).join("") + pull("q", v.dq) + data.keys.map((name, i) => pull(name, v.dk[i])).join("")
          + tips.map((name) => handle(plane.X(at(s, name)[0]), plane.Y(at(s, name)[1]), name) + text(plane.X(at(s, name)[0]) + 12, plane.Y(at(s, name)[1]) - 9, name)).join("");
      },
    }, {
      words: "Score, weight, and gradient of the score", size: [272, 240],
      alt: "Three rows, one for each key, with a bar for the score, one for the weight and one for the gradient of the score, which is negative for the wanted key alone.",
      draw(data, s, v) {
        const rows = [[v.S, 3.5, "c0"], [v.A, 1, "c2"], [v.dS, 1, "c1"]];
        return ["score", "weight", "gradient"].map((w, j) => text(columns[j], 22, w)).join("")
          + path(columns.map((x) => `M${x} 32v196`).join(""), "axis")
          + data.keys.map((key, i) => text(10, 66 + 64 * i, key === s.wanted ? `[${key}]` : key)
            + rows.map(([values, most, kind], j) => {
              const w = Math.max(-1, Math.min(1, values[i] / most)) * half;
              return bar(columns[j] + Math.min(0, w), 68 + 64 * i, Math.abs(w), 22, `fill ${kind}`) + text(columns[j], 86 + 64 * i, show(values[i], 2), "middle", "halo");
            }).join("")).join("");
      },
    }],
    drag: Object.fromEntries(tips.map((name) => [name, (x, y) => { const [a, b] = plane.back(x, y); return { [`${name}0`]: a, [`${name}1`]: b }; }])),
    say: (data, s, v) => `The query gives key ${s.wanted} the weight ${show(v.A[data.keys.indexOf(s.wanted)], 3)}; minus its logarithm is ${show(v.loss, 3)}. The gradient of the query is (${v.dq.map((x) => show(x, 2)).join(", ")}), a sum of the keys, each times the gradient of its score.`,
  });
}
