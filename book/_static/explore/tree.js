// Causal filters: which inputs the last output reads through a few layers.
{
  const { path, line, dot, text } = explore;
  const step = ({ taps, kind }, layer) => (kind === "dilated" ? taps ** layer : 1);
  const X = (t) => 20 + 26 * t, Y = (l) => 176 - 38 * l;

  explore.add("tree", {
    wide: true,
    controls: [
      ["layers", "Layers", 1, 4, 1, 3, (n) => `${n}`],
      ["taps", "Places that a filter reads", 2, 3, 1, 2, (n) => `${n}`],
      ["kind", "Filters", (d) => d.kinds, "dilated"],
    ],
    compute(data, s) { // reached[l][t]: paths from place t of layer l to the last output
      const reached = Array(s.layers + 1);
      reached[s.layers] = Array(data.length).fill(0);
      reached[s.layers][data.length - 1] = 1;
      for (let l = s.layers; l > 0; l--) {
        reached[l - 1] = Array(data.length).fill(0);
        reached[l].forEach((n, t) => {
          for (let k = 0; k < s.taps; k++) if (n && t - k * step(s, l - 1) >= 0) reached[l - 1][t - k * step(s, l - 1)] += n;
        });
      }
      return { paths: reached[0], reached };
    },
    pictures: [{
      words: "Inputs below, the last output at the top right; under each input, its paths", size: [430, 212],
      alt: "Rows of dots, one for each layer, with lines from the last output down to the inputs that it reads. Under each input stands the number of paths that lead to it.",
      draw(data, s, { reached, paths }) {
        let lines = "", on = "", off = "";
        reached.forEach((row, l) => row.forEach((n, t) => {
          const at = `M${X(t)} ${Y(l)}h0`;
          if (n) on += at; else off += at;
          for (let k = 0; n && l && k < s.taps; k++) if (t - k * step(s, l - 1) >= 0) lines += line([[X(t), Y(l)], [X(t - k * step(s, l - 1)), Y(l - 1)]]);
        }));
        return path(lines, "c0") + path(off, "axis points") + path(on, "c0 points") + dot(X(data.length - 1), Y(s.layers), "c1 thick", 7)
          + paths.map((n, t) => (n ? text(X(t), 202, n) : "")).join("");
      },
    }],
    say(data, s, { paths }) {
      const seen = paths.filter((n) => n).length, total = paths.reduce((a, b) => a + b);
      return `The last output reads ${seen} of ${data.length} inputs, along ${total} paths${total > seen ? "; inputs in the middle get their gradient along several" : ", one for each"}.`;
    },
  });
}
