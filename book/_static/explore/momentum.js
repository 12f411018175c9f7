// Momentum in a valley: a map of rate and momentum with the long-run factor, and the path.
{
  const { show, line, path, dot, handle, frame } = explore;
  const MOST = 0.45, HIGH = 0.95; // of rate and momentum
  const LEVELS = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1];
  const map = frame([40, 8, 270, 168], [0, MOST], [0, 1], [[0, "0"], [0.1, "0.1"], [0.2, "0.2"], [0.3, "0.3"], [0.4, "0.4"], [MOST, "η"]], [[0, "0"], [0.25, "0.25"], [0.5, "0.5"], [0.75, "0.75"], [1, "μ"]]);
  const plane = frame([40, 8, 270, 168], [-10, 10], [-4, 4], [[-9, "−9"], [0, "p₁"], [9, "9"]], [[-3, "−3"], [0, "p₂"], [3, "3"]]);

  // v = m v + h p, p = p - rate v: the roots of x x - (1 + m - rate h) x + m
  const root = (h, rate, m) => {
    const b = 1 + m - rate * h, under = b * b - 4 * m;
    return under < 0 ? Math.sqrt(m) : (Math.abs(b) + Math.sqrt(under)) / 2;
  };
  const factor = (data, rate, m) => Math.max(...data.h.map((h) => root(h, rate, m)));
  let drawn; // the map does not change
  const levels = (data) => drawn ??= explore.levels([40, 8, 270, 168], 54, 42, (column, row) => {
    const f = factor(data, (column + 0.5) / 54 * MOST, (row + 0.5) / 42);
    return LEVELS.slice(1).findIndex((to) => f < to);
  }, LEVELS.slice(1).map((_, k) => 0.95 - 0.13 * k));

  explore.add("momentum", {
    controls: [
      ["rate", "Rate η", 0.01, MOST, 0.01, 0.2, (a) => show(a, 2)],
      ["momentum", "Momentum μ", 0, HIGH, 0.01, 0, (a) => show(a, 2)],
      ["p1", "Start p₁", -9, 9, 0.1, 9],
      ["p2", "Start p₂", -3.5, 3.5, 0.1, 1],
    ],
    compute(data, s) {
      let p = [s.p1, s.p2], v = [0, 0];
      const points = [p];
      for (let i = 0; i < data.steps; i++) {
        v = v.map((a, j) => s.momentum * a + data.h[j] * p[j]);
        p = p.map((a, j) => a - s.rate * v[j]);
        points.push(p);
      }
      return { path: points, factor: factor(data, s.rate, s.momentum) };
    },
    pictures: [{
      words: "Rate η and momentum μ: more colour is faster", size: [320, 200],
      alt: "A map of rates and momenta, shaded by the factor of a step in the long run. It is least at a rate of one quarter with a momentum of one quarter; beyond a line that rises with the momentum the steps diverge.",
      draw: (data, s) => levels(data) + map.svg + handle(map.X(s.rate), map.Y(s.momentum), "settings"),
    }, {
      words: "The path in the valley", size: [320, 200],
      alt: "Contours of the loss, long ellipses, with the path of the steps from the start towards the minimum in the middle.",
      draw(data, s, v) {
        const inside = v.path.findIndex(([a, b]) => Math.abs(a) > 10 || Math.abs(b) > 4);
        const points = (inside < 0 ? v.path : v.path.slice(0, inside + 1)).map(([a, b]) => [plane.X(a), plane.Y(b)]);
        const rings = [2, 5, 9].map((r) => `<ellipse class="axis" cx="${plane.X(0)}" cy="${plane.Y(0)}" rx="${r * 13.5}" ry="${r * 21 / 3}"/>`).join("");
        return rings + plane.svg + dot(plane.X(0), plane.Y(0), "", 2) + path(line(points), "c1") + path(points.map(([x, y]) => `M${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}h0`).join(""), "c1 points") + handle(points[0][0], points[0][1], "start");
      },
    }],
    drag: {
      settings: (x, y) => { const [rate, momentum] = map.back(x, y); return { rate, momentum }; },
      start: (x, y) => { const [p1, p2] = plane.back(x, y); return { p1, p2 }; },
    },
    say(data, s, v) {
      const f = v.factor, steps = Math.ceil(Math.log(0.01) / Math.log(f));
      return f < 1 ? `In the long run a step multiplies the distance by ${show(f, 3)}: a hundredth of it is left after about ${steps} steps.`
        : `In the long run a step multiplies the distance by ${show(f, 3)}: it diverges.`;
    },
  });
}
