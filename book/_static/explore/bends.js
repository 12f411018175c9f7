// Activation functions: the curve, its tangent at a place that can be dragged, the slope.
{
  const { show, line, path, dot, handle, frame } = explore;
  const tanh = Math.tanh, sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const erf = (x) => { // Abramowitz and Stegun, 7.1.26: good to 2e-7
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return Math.sign(x) * (1 - sum * Math.exp(-x * x));
  };
  const Phi = (x) => (1 + erf(x * Math.SQRT1_2)) / 2, phi = (x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  const PAIRS = { // the function, and its slope
    tanh: [tanh, (x) => 1 - tanh(x) ** 2],
    sigmoid: [sigmoid, (x) => sigmoid(x) * (1 - sigmoid(x))],
    relu: [(x) => Math.max(0, x), (x) => (x > 0 ? 1 : 0)],
    leaky_relu: [(x) => (x > 0 ? x : 0.01 * x), (x) => (x > 0 ? 1 : 0.01)],
    softplus: [(x) => Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x))), sigmoid],
    silu: [(x) => x * sigmoid(x), (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))],
    gelu: [(x) => x * Phi(x), (x) => Phi(x) + x * phi(x)],
  };
  const box = [34, 8, 276, 168], xs = [[-4, "−4"], [-2, "−2"], [0, "0"], [2, "2"], [4, "4"]];
  const left = frame(box, [-4, 4], [-1.3, 3.2], xs, [[-1, "−1"], [0, "0"], [1, "1"], [2, "2"], [3, "3"]]);
  const right = frame(box, [-4, 4], [-0.3, 1.3], xs, [[0, "0"], [0.5, "0.5"], [1, "1"]]);
  const places = [...Array(161)].map((_, i) => (i - 80) / 20);
  const curve = (at, f) => line(places.filter((x) => f(x) < 3.25).map((x) => [at.X(x), at.Y(f(x))]));

  explore.add("bends", {
    controls: [
      ["x", "Input x", -4, 4, 0.1, 1.5],
      ["name", "Function", (d) => d.names, "tanh"],
    ],
    compute: (data, { x, name }) => ({ y: PAIRS[name][0](x), slope: PAIRS[name][1](x) }),
    pictures: [{
      words: "The function, and its tangent", size: [320, 200], alt: "The chosen function from minus four to four, and the tangent at the chosen input, whose slope multiplies the gradient.",
      draw(data, { x, name }, { y, slope }) {
        const r = 1.2 / Math.hypot(1, slope);
        return left.svg + path(`M34 ${left.Y(0)}h276`, "axis") + path(curve(left, PAIRS[name][0]), "c0 thick")
          + path(line([[left.X(x - r), left.Y(y - r * slope)], [left.X(x + r), left.Y(y + r * slope)]]), "c1 thick") + handle(left.X(x), left.Y(Math.min(y, 3.2)), "x");
      },
    }, {
      words: "Its slope: what a gradient is multiplied with", size: [320, 200], alt: "The slope of the chosen function from minus four to four, with the chosen input marked.",
      draw: (data, { x, name }, { slope }) => right.svg + path(`M34 ${right.Y(0)}h276`, "axis") + path(curve(right, PAIRS[name][1]), "c1 thick") + path(`M${right.X(x)} ${right.Y(0)}V${right.Y(slope)}`, "dash") + dot(right.X(x), right.Y(slope), "fill c1", 5),
    }],
    drag: { x: (px) => ({ x: left.back(px, 0)[0] }) },
    say(data, { x, name }, { y, slope }) {
      const share = Math.abs(slope) < 0.005 ? "next to nothing of a gradient comes" : `a gradient of 1 comes back as ${show(slope, 3)}; through ten such layers ${slope ** 10 < 5e-5 ? "less than 0.0001" : show(slope ** 10, 4)}`;
      return `${name}(${show(x, 1)}) = ${show(y, 3)}; ${share}${Math.abs(slope) < 0.005 ? " back" : " would be left of it"}.`;
    },
  });
}
