// A letter that can be moved in the plane of a trained net: loss, its map, gradients of its places.
{
  const { show, path, bar, dot, text, arrow, handle, frame, levels } = explore;
  const BOX = [10, 8, 300, 252], COLUMNS = 50, ROWS = 42, SHADES = [0.5, 0.4, 0.3, 0.2, 0.1, 0];
  const ends = (data, i) => { // of the plane, a little beyond the letters
    const of = data.C.map((row) => row[i]);
    return [Math.floor(Math.min(...of) - 0.5), Math.ceil(Math.max(...of) + 0.5)];
  };
  const plane = (data) => frame(BOX, ends(data, 0), ends(data, 1));
  const own = (data) => data.C[data.letter];
  const name = (data) => data.symbols[data.letter];

  function forward(data, s) {
    const ix = [...s.context].map((c) => data.symbols.indexOf(c)), y = data.symbols.indexOf(s.wanted);
    const f = ix.flatMap((i) => (i === data.letter ? [s.across, s.up] : data.C[i]));
    const r = data.b1.map((b, j) => Math.tanh(f.reduce((sum, x, k) => sum + x * data.W1[k][j], b)));
    const z = data.b2.map((b, j) => r.reduce((sum, x, k) => sum + x * data.W2[k][j], b));
    const most = Math.max(...z), counts = z.map((x) => Math.exp(x - most)), sum = counts.reduce((a, b) => a + b);
    return { ix, y, r, p: counts.map((x) => x / sum), loss: Math.log(sum) + most - z[y] };
  }
  const times = (W, v) => W.map((row) => row.reduce((sum, w, j) => sum + w * v[j], 0));

  const number = (i, words) => [["across", "up"][i], words, (d) => ends(d, i)[0], (d) => ends(d, i)[1], 0.01, (d) => own(d)[i], (a) => show(a, 2)];
  explore.add("place", {
    controls: [
      number(0, "The letter, across"),
      number(1, "The letter, up"),
      ["context", "Context", (d) => d.contexts, (d) => d.contexts[0]],
      ["wanted", "Next symbol", (d) => [...d.symbols], (d) => d.symbols[0]],
    ],
    compute(data, s) {
      const { ix, y, r, p, loss } = forward(data, s);
      const dr = times(data.W2, p.map((x, j) => x - (j === y ? 1 : 0)));
      const flat = times(data.W1, dr.map((d, j) => d * (1 - r[j] * r[j])));
      const df = ix.map((_, t) => [flat[2 * t], flat[2 * t + 1]]);
      const dC = [0, 1].map((e) => df.reduce((sum, d, t) => sum + (ix[t] === data.letter ? d[e] : 0), 0));
      return { p, loss, df, dC };
    },
    pictures: [{
      words: "Where the letters stand; more colour: a smaller loss", size: [320, 268],
      alt: "A plane with a symbol at the place of its two numbers; vowels stand together. One letter can be dragged. The colour says what the loss would be if it stood there. From it an orange arrow points against its gradient, towards smaller losses, and thinner arrows are the parts of the places where it stands in the context.",
      draw(data, s, v) {
        const at = plane(data), [X, Y] = [at.X(s.across), at.Y(s.up)], unit = at.X(1) - at.X(0);
        const [w, h] = [BOX[2] / COLUMNS, BOX[3] / ROWS];
        const found = [...Array(ROWS * COLUMNS)].map((_, i) => {
          const [across, up] = at.back(BOX[0] + w * (i % COLUMNS + 0.5), BOX[1] + BOX[3] - h * (Math.floor(i / COLUMNS) + 0.5));
          return forward(data, { ...s, across, up }).loss;
        });
        const least = Math.min(...found), step = (Math.max(...found) - least) / SHADES.length;
        const pull = (g, kind) => arrow(X, Y, -g[0] * unit, g[1] * unit, kind);
        const parts = v.df.filter((_, t) => s.context[t] === name(data));
        return levels(BOX, COLUMNS, ROWS, (column, row) => Math.min(SHADES.length - 1, Math.floor((found[row * COLUMNS + column] - least) / step)), SHADES)
          + data.C.map((row, i) => (i === data.letter ? "" : i ? text(at.X(row[0]), at.Y(row[1]) + 4, data.symbols[i], "middle", "halo") : dot(at.X(row[0]), at.Y(row[1]), "fill", 3))).join("")
          + (parts.length > 1 ? parts.map((g) => pull(g, "c1")).join("") : "") + pull(v.dC, "c1 thick")
          + handle(X, Y, "letter") + text(X, Y + 4, name(data), "middle", "bold");
      },
    }, {
      words: "What may come next", size: [320, 268],
      alt: "A bar for every symbol, its probability after the context; the bar of the symbol that comes next has another colour.",
      draw(data, s, v) {
        const w = 300 / v.p.length, most = Math.max(0.25, ...v.p);
        return path("M10 232h300", "axis") + v.p.map((p, i) => {
          const kind = data.symbols[i] === s.wanted ? "c2" : "c0", x = 10 + w * i;
          return bar(x + 1.5, 232, w - 3, 210 * p / most, `fill ${kind}`) + text(x + w / 2, 250, data.symbols[i], "middle", kind === "c2" ? "bold" : "");
        }).join("");
      },
    }],
    drag: { letter: (x, y, data) => { const [across, up] = plane(data).back(x, y); return { across, up }; } },
    say(data, s, v) {
      const pair = (g) => `(${g.map((x) => show(x, 2)).join(", ")})`;
      const parts = v.df.filter((_, t) => s.context[t] === name(data)).map(pair), y = data.symbols.indexOf(s.wanted);
      const all = parts.length > 1 ? `The letter ${name(data)} stands in it at ${parts.length} places, whose gradients add up: ${parts.join(" + ")} = ${pair(v.dC)}` : `The gradient of the letter ${name(data)} is ${pair(v.dC)}`;
      return `After ${s.context} the net gives ${y ? s.wanted : "the dot"} the probability ${show(v.p[y], 3)}, a loss of ${show(v.loss, 3)}. ${all}. The thick arrow points against it.`;
    },
  });
}
