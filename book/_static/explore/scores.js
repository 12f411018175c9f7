// Softmax and cross-entropy: scores that can be dragged, probabilities, and p - y.
{
  const { show, path, bar, text, handle, frame } = explore;
  const box = [24, 8, 144, 116], names = ["z0", "z1", "z2", "z3"];
  const sides = (from, to, ticks) => frame(box, [0, 4], [from, to], [], ticks.map((t) => [t, show(t, t % 1 ? 1 : 0)]));
  const score = sides(-4.4, 4.4, [-4, 0, 4]), share = sides(0, 1, [0, 0.5, 1]), slope = sides(-1, 1, [-1, 0, 1]);
  const bars = (at, values, kinds) => values.map((v, i) => bar(at.X(i + 0.2), at.Y(0), 0.6 * 36, at.Y(0) - at.Y(v), `fill ${kinds(i)}`)).join("");
  const letters = (data, target) => data.symbols.map((s, i) => text(box[0] + 36 * i + 18, 142, s === target ? `[${s}]` : s)).join("");
  const zero = (at) => path(`M24 ${at.Y(0)}h144`, "axis");

  explore.add("scores", {
    narrow: true,
    controls: [
      ...names.map((name, i) => [name, (d) => `Score of ${d.symbols[i]}`, -4, 4, 0.1, 2 - i]),
      ["temperature", "Temperature τ", 0.2, 5, 0.1, 1],
      ["target", "What came next", (d) => d.symbols, "b"],
    ],
    compute(data, s) {
      const z = names.map((n) => s[n] / s.temperature), most = Math.max(...z);
      const counts = z.map((a) => Math.exp(a - most)), sum = counts.reduce((a, b) => a + b);
      const target = data.symbols.indexOf(s.target), p = counts.map((a) => a / sum);
      return {
        p, loss: Math.log(sum) - z[target] + most,
        dz: p.map((a, i) => (a - (i === target ? 1 : 0)) / s.temperature),
      };
    },
    pictures: [{
      words: "Scores z", size: [176, 148], alt: "Bars: the score of each symbol, up or down from zero; their tops can be dragged.",
      draw: (data, s) => score.svg + zero(score) + bars(score, names.map((n) => s[n]), () => "c0") + letters(data, s.target)
        + names.map((n, i) => handle(score.X(i + 0.5), score.Y(s[n]), n)).join(""),
    }, {
      words: "Probabilities p", size: [176, 148], alt: "Bars: the probability of each symbol; what came next stands in brackets.",
      draw: (data, s, v) => share.svg + bars(share, v.p, () => "c2") + letters(data, s.target),
    }, {
      words: "p − y", size: [176, 148], alt: "Bars: probability less one at what came next. That bar points down, the others up, and together they are zero.",
      draw: (data, s, v) => slope.svg + zero(slope) + bars(slope, v.dz.map((a) => a * s.temperature), () => "c1") + letters(data, s.target),
    }],
    drag: Object.fromEntries(names.map((n) => [n, (x, y) => ({ [n]: score.back(x, y)[1] })])),
    say(data, s, v) {
      const i = data.symbols.indexOf(s.target);
      return `${s.target} has the probability ${show(v.p[i], 3)}, so the loss −log p is ${show(v.loss, 3)}. The gradient of the scores, (p − y)/τ, is (${v.dz.map((a) => show(a, 3)).join(", ")}).`;
    },
  });
}
