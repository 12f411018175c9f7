// Initialisation: mean squares of values and gradients through layers of random weights.
{
  const { show, line, path, frame } = explore;
  const PAIRS = { tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2], relu: [(x) => Math.max(0, x), (x) => (x > 0 ? 1 : 0)] };
  const places = [...Array(1601)].map((_, i) => (i - 800) / 100), weights = places.map((a) => Math.exp(-a * a / 2));
  const total = weights.reduce((a, b) => a + b);
  const mean = (f, v) => places.reduce((sum, a, i) => sum + weights[i] * f(Math.sqrt(v) * a) ** 2, 0) / total;
  const level = (a) => Math.max(-9, Math.log10(a));
  const at = frame([44, 8, 266, 168], [0, 30], [-4, 4], [[0, "0"], [10, "layer 10"], [20, "20"], [30, "30"]], [[-4, "10⁻⁴"], [-2, "0.01"], [0, "1"], [2, "100"], [4, "10⁴"]]);
  const inside = (a) => Math.max(-4, Math.min(4, a));
  const curve = (values, kind) => at.svg + path(`M44 ${at.Y(0)}h266`, "dash axis") + path(line(values.map((a, l) => [at.X(l), at.Y(inside(a))])), `${kind} thick`);
  const told = (a) => (Math.abs(a) < 2 ? show(10 ** a, 2) : `10 to the power ${show(a, 1)}`);

  explore.add("spread", {
    controls: [
      ["gain", "Gain of the weights g", 0.5, 2.5, 0.05, 1, (a) => show(a, 2)],
      ["name", "Activation", (d) => d.names, "tanh"],
    ],
    compute(data, { gain, name }) { // in powers of ten
      const [f, slope] = PAIRS[name], q = [1], factors = [];
      for (let l = 0; l < data.depth; l++) {
        factors.push(gain ** 2 * mean(slope, gain ** 2 * q[l]));
        q.push(mean(f, gain ** 2 * q[l]));
      }
      const back = [1];
      for (const factor of factors.reverse()) back.push(back.at(-1) * factor);
      return { forward: q.map(level), backward: back.reverse().map(level) };
    },
    pictures: [{
      words: "Mean square of the values, going up", size: [320, 200], alt: "The mean square of a layer's values against its number, on a logarithmic axis: it fades, stays or grows with the gain.", draw: (data, s, v) => curve(v.forward, "c0"),
    }, {
      words: "Mean square of the gradient, coming down", size: [320, 200], alt: "The mean square of the gradient against the layer's number, on a logarithmic axis, one at the top layer.", draw: (data, s, v) => curve(v.backward, "c1"),
    }],
    say: (data, { gain, name }, v) => `With ${name} and a gain of ${show(gain, 2)}, ${data.depth} layers multiply the mean square of the values by ${told(v.forward[data.depth])}, and that of the gradient, on its way down, by ${told(v.backward[0])}.`,
  });
}
