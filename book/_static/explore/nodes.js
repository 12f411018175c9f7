// The chain rule: a graph of five numbers with their gradients, and L against one of them.
{
  const { show, line, path, dot, text, handle, frame } = explore;
  const PLACES = { a: [36, 40], b: [36, 150], c: [122, 95], d: [208, 40], L: [284, 95] };
  const EDGES = [["a", "c"], ["b", "c"], ["c", "d"], ["a", "d"], ["c", "L"], ["d", "L"]];
  const loss = (a, b) => a * b * (a * b + a);
  const brief = (x) => show(x, Number.isInteger(x) ? 0 : 2);
  const plot = (data, s, v) => { // wide enough for the curve near the place
    const at = (x) => (s.watched === "a" ? loss(x, s.b) : loss(s.a, x));
    const xs = [...Array(61)].map((_, i) => -4 + (8 * i) / 60), L = v.data[4], half = Math.max(10, 1.2 * Math.abs(L), 2 * Math.abs(v.grad[s.watched === "a" ? 0 : 1]));
    return [at, xs, frame([40, 8, 270, 162], [-4, 4], [L - half, L + half], [[-4, "−4"], [0, s.watched], [4, "4"]], [[L - half / 2, show(L - half / 2, 0)], [L + half / 2, show(L + half / 2, 0)]])];
  };

  explore.add("nodes", {
    controls: [
      ["a", "Number a", -4, 4, 0.1, 3],
      ["b", "Number b", -4, 4, 0.1, 2],
      ["watched", "Change", (d) => d.roots, "a"],
    ],
    compute(data, { a, b }) {
      const c = a * b, d = c + a, L = c * d;
      const dd = c, dc = d + dd; // c is used twice, and so is a
      return { data: [a, b, c, d, L], grad: [b * dc + dd, a * dc, dc, dd, 1] };
    },
    pictures: [{
      words: "c = a b, d = c + a, L = c d", size: [320, 200],
      alt: "A graph: a and b lead to c, c and a to d, c and d to L. Each box holds a number, and below it the derivative of L by it.",
      draw: (data, s, v) => path(EDGES.map(([p, q]) => line([PLACES[p], PLACES[q]])).join(""), "axis")
        + data.names.map((name, i) => {
          const [x, y] = PLACES[name];
          return `<rect class="box" x="${x - 34}" y="${y - 21}" width="68" height="42" rx="4"/>${text(x, y - 4, `${name} = ${brief(v.data[i])}`)}${text(x, y + 13, `∂L: ${brief(v.grad[i])}`, "middle", "bold")}`;
        }).join(""),
    }, {
      words: "L against the number that changes", size: [320, 200],
      alt: "L as a curve over the number that is changed, with the tangent at its present value, whose slope is the gradient.",
      draw(data, s, v) {
        const [f, xs, at] = plot(data, s, v), x = s[s.watched], slope = v.grad[data.names.indexOf(s.watched)], r = 1.2;
        const inside = xs.filter((u) => f(u) >= at.back(0, 170)[1] && f(u) <= at.back(0, 8)[1]);
        const ends = [x - r, x + r].map((u) => [at.X(u), at.Y(v.data[4] + slope * (u - x))]);
        return at.svg + path(line(inside.map((u) => [at.X(u), at.Y(f(u))])), "c0 thick") + path(line(ends), "c1 thick") + handle(at.X(x), at.Y(v.data[4]), "place") + dot(at.X(x), at.Y(v.data[4]), "", 1);
      },
    }],
    drag: { place: (px) => ({ a: -4 + (8 * (px - 40)) / 270, b: -4 + (8 * (px - 40)) / 270 }) },
    say(data, s, v) {
      const x = s.watched, slope = v.grad[data.names.indexOf(x)], up = x === "a" ? loss(s.a + 0.01, s.b) : loss(s.a, s.b + 0.01);
      return `The gradient of ${x} is ${brief(slope)}: a hundredth more of ${x} should change L by about ${show(slope / 100, 3)}. It changes it by ${show(up - v.data[4], 3)}.`;
    },
  });
}
