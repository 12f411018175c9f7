// Second derivatives: the loss along a line, with its tangent and its parabola.
{
  const { show, line, path, arrow, dot, handle, frame } = explore;
  const softmax = (z) => { const most = Math.max(...z), e = z.map((a) => Math.exp(a - most)), sum = e.reduce((a, b) => a + b); return e.map((a) => a / sum); };
  const way = (angle) => [Math.cos(angle * Math.PI / 180), Math.sin(angle * Math.PI / 180), 0];
  const loss = (data, d, t) => -Math.log(softmax(data.scores.map((z, i) => z + t * d[i]))[data.target]);
  const at = frame([36, 8, 274, 168], [-4, 4], [-0.6, 5], [[-4, "−4"], [0, "step t = 0"], [4, "4"]], [[0, "0"], [2, "2"], [4, "4"]]);
  const plane = frame([10, 8, 180, 180], [-1.5, 1.5], [-1.5, 1.5]);
  const places = [...Array(81)].map((_, i) => (i - 40) / 10);
  const curve = (f) => line(places.filter((t) => f(t) > -0.6 && f(t) < 5).map((t) => [at.X(t), at.Y(f(t))]));

  explore.add("curve", {
    controls: [
      ["angle", "Direction", -180, 180, 5, 90, (a) => `${show(a, 0)}°`],
      ["step", "Step t", -4, 4, 0.1, 1.5],
    ],
    compute(data, { angle, step }) {
      const d = way(angle), p = softmax(data.scores), mean = p.reduce((sum, a, i) => sum + a * d[i], 0);
      return {
        first: loss(data, d, 0), loss: loss(data, d, step), slope: mean - d[data.target],
        bend: p.reduce((sum, a, i) => sum + a * d[i] ** 2, 0) - mean ** 2, p,
      };
    },
    pictures: [{
      words: "Direction d, and what the Hessian makes of it", size: [200, 196], alt: "Two axes for the first two scores; an arrow of length one, the direction, which can be dragged round, and a shorter arrow, the Hessian times it.",
      draw(data, s, v) {
        const d = way(s.angle), mean = v.p.reduce((sum, a, i) => sum + a * d[i], 0), H = v.p.map((a, i) => a * (d[i] - mean)), [x, y] = [plane.X(0), plane.Y(0)];
        return path(`M10 ${y}h180M${x} 8v180`, "axis") + arrow(x, y, 60 * d[0], -60 * d[1], "c0 thick") + arrow(x, y, 180 * H[0], -180 * H[1], "c2 thick") + handle(x + 60 * d[0], y - 60 * d[1], "turn");
      },
    }, {
      words: "Loss along the direction, and two guesses", size: [320, 196], alt: "The loss against the length of the step as a curve; through the start its tangent, dashed, and the parabola that has its bend too.",
      draw(data, s, v) {
        const d = way(s.angle);
        return at.svg + path(curve((t) => loss(data, d, t)), "c0 thick") + path(curve((t) => v.first + v.slope * t), "dash") + path(curve((t) => v.first + v.slope * t + v.bend * t * t / 2), "c2 thick") + dot(at.X(0), at.Y(v.first)) + dot(at.X(s.step), at.Y(Math.min(5, v.loss)), "fill c0", 5);
      },
    }],
    drag: { turn: (x, y) => { const [a, b] = plane.back(x, y); return { angle: 5 * Math.round(Math.atan2(b, a) * 36 / Math.PI) }; } },
    say(data, s, v) {
      const line = v.first + v.slope * s.step, parabola = line + v.bend * s.step ** 2 / 2;
      return `Slope ${show(v.slope, 3)} and bend ${show(v.bend, 3)} in this direction. At t = ${show(s.step, 1)} the loss is ${show(v.loss, 3)}; the tangent says ${show(line, 3)}, with the bend it is ${show(parabola, 3)}.`;
    },
  });
}
