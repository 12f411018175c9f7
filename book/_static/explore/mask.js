// Dropout: one mask, its gradient, and the mean over the masks drawn so far.
{
  const { show, path, bar, frame } = explore;
  const box = [24, 8, 144, 126], W = 18, most = 5;
  const at = frame(box, [0, 8], [-most, most], [], [[-4, "−4"], [0, "0"], [4, "4"]]);
  const cut = (a) => Math.max(-most, Math.min(most, a));
  const bars = (values, kind) => values.map((a, i) => (a ? bar(at.X(i + 0.15), at.Y(0), 0.7 * W, at.Y(0) - at.Y(cut(a)), kind) : "")).join("");
  const back = () => at.svg + path(`M24 ${at.Y(0)}h144`, "axis");

  explore.add("mask", {
    narrow: true,
    controls: [
      ["p", "Share to drop p", 0, 0.9, 0.1, 0.5],
      ["draws", "Masks drawn", 1, (d) => d.u.length, 1, 1, (n) => `${n}`],
    ],
    compute(data, { p, draws }) {
      const scaled = data.u.slice(0, draws).map((row) => row.map((u) => (u >= Math.round(100 * p) ? 1 / (1 - p) : 0)));
      const last = scaled.at(-1);
      return {
        y: data.x.map((a, i) => a * last[i]), dx: last,
        mean: data.x.map((a, i) => scaled.reduce((sum, row) => sum + a * row[i], 0) / draws),
      };
    },
    pictures: [{
      words: "The last mask: x and y", size: [176, 144], alt: "Eight numbers as outlines; filled, what the mask leaves of them: zero, or larger than before.",
      draw: (data, s, v) => back() + bars(v.y, "fill c0") + bars(data.x, "outline"),
    }, {
      words: "Gradient, for ȳ = 1", size: [176, 144], alt: "The gradient of each of the eight numbers: zero where it was dropped, else one over the share that is kept.",
      draw: (data, s, v) => back() + bars(v.dx, "fill c1"),
    }, {
      words: "Mean of y over the masks", size: [176, 144], alt: "The mean over the masks drawn so far, beside the numbers as outlines, which it comes closer to.",
      draw: (data, s, v) => back() + bars(v.mean, "fill c2") + bars(data.x, "outline"),
    }],
    say(data, { p, draws }, v) {
      const off = Math.sqrt(v.mean.reduce((a, m, i) => a + (m - data.x[i]) ** 2, 0) / data.x.length);
      return `The last mask dropped ${v.dx.filter((a) => !a).length} of ${data.x.length} and multiplies the others, and their gradients, by ${show(1 / (1 - p), 2)}. The mean of ${draws} mask${draws > 1 ? "s" : ""} is ${show(off, 2)} away from x (root of the mean square).`;
    },
  });
}
