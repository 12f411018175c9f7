// Normalisation layers: which numbers one output looks at.
{
  const { show, path, text } = explore;
  const EPS = 1e-5, cell = 44, high = 34, left = 26, top = 22;
  // the numbers that share a mean and a deviation with (row, column)
  const together = (data, layer, row, column) => {
    const rows = data.x.map((_, i) => i), columns = data.x[0].map((_, j) => j), size = columns.length / data.groups;
    if (layer === "batch norm") return rows.map((i) => [i, column]);
    if (layer === "group norm") return columns.filter((j) => Math.floor(j / size) === Math.floor(column / size)).map((j) => [row, j]);
    return columns.map((j) => [row, j]);
  };
  const moments = (data, layer, set) => {
    const v = set.map(([i, j]) => data.x[i][j]), mean = layer === "RMS norm" ? 0 : v.reduce((a, b) => a + b) / v.length;
    return [mean, Math.sqrt(v.reduce((a, b) => a + (b - mean) ** 2, 0) / v.length + EPS)];
  };
  const grid = (values, most, framed, at) => values.map((row, i) => row.map((a, j) =>
    `<rect class="fill ${a < 0 ? "c1" : "c0"}" fill-opacity="${show(0.75 * Math.min(1, Math.abs(a) / most), 2).replace("−", "-")}" x="${left + cell * j}" y="${top + high * i}" width="${cell}" height="${high}"/>`
    + text(left + cell * (j + 0.5), top + high * (i + 0.5) + 4, show(a, 2))).join("") + text(left - 6, top + high * (i + 0.5) + 4, i + 1, "end")).join("")
    + values[0].map((_, j) => text(left + cell * (j + 0.5), top - 7, j + 1)).join("")
    + path(framed.map(([i, j]) => `M${left + cell * j} ${top + high * i}h${cell}v${high}h-${cell}z`).join(""), "axis")
    + path(`M${left + cell * at[1]} ${top + high * at[0]}h${cell}v${high}h-${cell}z`, "thick");

  explore.add("axes", {
    controls: [
      ["layer", "Layer", (d) => d.layers, "batch norm"],
      ["row", "Row (example)", 1, (d) => d.x.length, 1, 2, (a) => `${a}`],
      ["column", "Column (feature)", 1, (d) => d.x[0].length, 1, 3, (a) => `${a}`],
    ],
    compute(data, s) {
      const [row, column] = [s.row - 1, s.column - 1], set = together(data, s.layer, row, column), [mean, deviation] = moments(data, s.layer, set);
      const hat = (i, j) => (data.x[i][j] - mean) / deviation;
      const dx = data.x.map((r) => r.map(() => 0));
      for (const [i, j] of set) dx[i][j] = ((i === row && j === column ? 1 : 0) - (s.layer === "RMS norm" ? 0 : 1 / set.length) - hat(i, j) * hat(row, column) / set.length) / deviation;
      const y = data.x.map((r, i) => r.map((a, j) => { const [m, d] = moments(data, s.layer, together(data, s.layer, i, j)); return (a - m) / d; }));
      return { y, dx };
    },
    pictures: [{
      words: "Normalised", size: [296, 164], alt: "A table of four rows and six columns of normalised numbers. One is chosen; those with which it shares mean and deviation are framed.",
      draw: (data, s, v) => grid(v.y, 2.5, together(data, s.layer, s.row - 1, s.column - 1), [s.row - 1, s.column - 1]),
    }, {
      words: "Gradient of the chosen one by every x", size: [296, 164], alt: "The same table with the derivative of the chosen number by each input: zero outside the frame.",
      draw: (data, s, v) => grid(v.dx, 0.5, together(data, s.layer, s.row - 1, s.column - 1), [s.row - 1, s.column - 1]),
    }],
    say(data, s, v) {
      const set = together(data, s.layer, s.row - 1, s.column - 1), others = new Set(set.map(([i]) => i)).size - 1;
      return `In ${s.layer} number (${s.row}, ${s.column}) shares its ${s.layer === "RMS norm" ? "root of the mean square" : "mean and deviation"} with ${set.length - 1} others, ${others ? `of ${others} other examples` : "all of its own example"}. The gradient goes to these and to itself.`;
    },
  });
}
