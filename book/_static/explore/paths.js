// Depth: the gradient through a chain of layers, and through a residual path.
{
  const { show, line, path, bar, text, frame } = explore;
  const told = (a) => (Math.abs(a) >= 0.001 || a === 0 ? show(a, 3) : `${a < 0 ? "−" : ""}10 to the power ${show(Math.log10(Math.abs(a)), 1)}`);
  const level = (a) => Math.max(-6, Math.min(4, Math.log10(Math.abs(a))));
  const at = (depth) => frame([44, 8, 266, 168], [0, depth], [-6, 4], [[0, "top"], [depth, `${depth} layers down`]].map(([x, w], i) => [i ? 0.82 * x : 0, w]), [[-6, "10⁻⁶"], [-3, "0.001"], [0, "1"], [3, "1000"]]);

  explore.add("paths", {
    controls: [
      ["w", "Each layer multiplies by w", -1, 1, 0.1, 0.5],
      ["depth", "Layers", 1, (d) => d.most, 1, 8, (n) => `${n}`],
    ],
    compute(data, { w, depth }) {
      const down = [...Array(depth + 1).keys()], ways = [1]; // ways through k of the layers
      for (let k = 1; k <= depth; k++) ways.push(ways[k - 1] * (depth - k + 1) / k);
      const terms = ways.map((n, k) => n * w ** k);
      return { chain: down.map((k) => w ** k), sum: down.map((k) => (1 + w) ** k), ways, terms, total: terms.reduce((a, b) => a + b) };
    },
    pictures: [{
      words: "Size of the gradient on its way down", size: [320, 200], alt: "Two lines on a logarithmic axis against the number of layers passed: through the chain, and through layers that add their result to their input.",
      draw: (data, s, v) => at(s.depth).svg + ["chain", "sum"].map((kind, i) => path(line(v[kind].map((a, k) => [at(s.depth).X(k), at(s.depth).Y(level(a))])), `c${1 - i} thick`) + path(`M56 ${24 + 16 * i}h18`, `c${1 - i} thick`) + text(80, 28 + 16 * i, kind === "sum" ? "residual sum" : "chain", "start")).join(""),
    }, {
      words: "What paths through k layers bring", size: [320, 200], alt: "Bars: for every number k of layers that a path goes through, what all such paths together bring of the gradient with the residual sum.",
      draw(data, s, v) {
        const most = Math.max(...v.terms.map(Math.abs)), low = s.w < 0 ? -most : 0;
        const box = frame([44, 8, 266, 168], [0, s.depth + 1], [low, most], [[0.5, "k = 0"], [s.depth + 0.5, `${s.depth}`]], [...(low ? [[low, show(low, 1)]] : []), [0, "0"], [most, show(most, 1)]]);
        return box.svg + path(`M44 ${box.Y(0)}h266`, "axis") + v.terms.map((a, k) => bar(box.X(k + 0.15), box.Y(0), 0.7 * 266 / (s.depth + 1), box.Y(0) - box.Y(a), "fill c0")).join("");
      },
    }],
    say: (data, s, v) => `A gradient of 1 at the top arrives below ${s.depth} layers as ${told(v.chain.at(-1))} through the chain, and as ${told(v.total)} with the residual sum: the sum over ${v.ways.reduce((a, b) => a + b)} paths, of which one goes through no layer at all and brings 1.`,
  });
}
