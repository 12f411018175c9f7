// A product of matrices: which numbers a gradient of one element is made of.
{
  const { show, path, text } = explore;
  const cell = 40, high = 28;
  const product = (A, B) => A.map((row) => B[0].map((_, j) => row.reduce((sum, a, k) => sum + a * B[k][j], 0)));
  const turned = (A) => A[0].map((_, j) => A.map((row) => row[j]));
  const grid = (left, top, name, A, kind) => text(left + cell * A[0].length / 2, top - 7, name)
    + A.map((row, i) => row.map((a, j) => {
      const marked = kind(i, j);
      return (marked ? `<rect class="fill level" fill-opacity="${marked}" x="${left + cell * j}" y="${top + high * i}" width="${cell}" height="${high}"/>` : "") + text(left + cell * (j + 0.5), top + high * (i + 0.5) + 4, show(a, a % 1 ? 1 : 0));
    }).join("")).join("")
    + path(A.map((row, i) => row.map((_, j) => `M${left + cell * j} ${top + high * i}h${cell}v${high}h-${cell}z`).join("")).join(""), "axis");
  const where = ({ of, at }) => { const n = of === "X" ? 3 : 2; return [Math.floor((at - 1) / n), (at - 1) % n]; };
  const terms = (data, s) => { // pairs whose products add up to the gradient of one element
    const [i, j] = where(s);
    return s.of === "X" ? data.dY[i].map((d, k) => [d, data.W[j][k]]) : data.dY.map((row, k) => [data.X[k][i], row[j]]);
  };

  explore.add("product", {
    controls: [
      ["at", "Element", 1, 6, 1, 1, (n) => `number ${n} of 6`],
      ["of", "Gradient of", (d) => d.of, "X"],
    ],
    compute(data, s) {
      return {
        Y: product(data.X, data.W), dX: product(data.dY, turned(data.W)), dW: product(turned(data.X), data.dY),
        one: terms(data, s).reduce((sum, [a, b]) => sum + a * b, 0),
      };
    },
    pictures: [{
      words: "Forward: Y = X W", size: [320, 120], alt: "The matrices X, two by three, W, three by two, and Y, two by two. The element of X or W that is chosen is shaded, and so are the elements of Y in which it is used.",
      draw(data, s, v) {
        const [i, j] = where(s), x = s.of === "X";
        return grid(2, 26, "X", data.X, (a, b) => (x && a === i && b === j ? 0.6 : 0)) + grid(134, 26, "W", data.W, (a, b) => (!x && a === i && b === j ? 0.6 : 0))
          + grid(228, 26, "Y", v.Y, (a, b) => ((x ? a === i : b === j) ? 0.25 : 0));
      },
    }, {
      words: "Backward: who makes the gradient", size: [320, 120], alt: "The gradient of Y, the other matrix, and the gradient of the chosen one. The numbers whose products add up to the chosen element are shaded.",
      draw(data, s, v) {
        const [i, j] = where(s), x = s.of === "X", chosen = (a, b) => (a === i && b === j ? 0.6 : 0);
        return x ? grid(2, 26, "Ȳ", data.dY, (a) => (a === i ? 0.25 : 0)) + grid(96, 26, "W", data.W, (a) => (a === j ? 0.25 : 0)) + grid(190, 26, "X̄", v.dX, chosen)
          : grid(2, 26, "X", data.X, (a, b) => (b === i ? 0.25 : 0)) + grid(134, 26, "Ȳ", data.dY, (a, b) => (b === j ? 0.25 : 0)) + grid(228, 26, "W̄", v.dW, chosen);
      },
    }],
    say(data, s, v) {
      const [i, j] = where(s), sum = terms(data, s).map(([a, b]) => `${show(a, a % 1 ? 1 : 0)} · ${b < 0 ? `(${show(b, b % 1 ? 1 : 0)})` : show(b, b % 1 ? 1 : 0)}`).join(" + ");
      return `Row ${i + 1}, column ${j + 1} of ${s.of} is used in ${s.of === "X" ? `row ${i + 1}` : `column ${j + 1}`} of Y, twice. Its gradient adds up both uses: ${sum} = ${show(v.one, v.one % 1 ? 1 : 0)}.`;
    },
  });
}
