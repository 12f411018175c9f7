// Heads of a trained GPT as maps: a row for each position that reads, more colour is more weight.
{
  const { show, path, text } = explore;
  const SHADES = 8;
  const all = (data, name) => data.maps[name].flat();
  const words = (data, name, head) => {
    const n = Object.values(data.maps)[0][0].length;
    return `layer ${Math.floor(head / n) + 1}, head ${head % n + 1}`;
  };
  const shade = (a) => Math.min(SHADES - 1, Math.floor(a * SHADES));
  const map = (rows, left, top, cell) => { // cells of one shade are one path
    const d = Array(SHADES).fill("");
    rows.forEach((row, t) => row.forEach((a, s) => { d[shade(a)] += `M${left + cell * s} ${top + cell * t}h${cell}v${cell}h-${cell}z`; }));
    return d.map((p, k) => (p ? `<path class="fill level" fill-opacity="${show((k + 0.3) / SHADES, 2)}" d="${p}"/>` : "")).join("");
  };

  explore.add("heads", {
    controls: [
      ["name", "Name", (d) => Object.keys(d.maps), (d) => Object.keys(d.maps)[0]],
      ["head", "Head", 0, (d) => all(d, Object.keys(d.maps)[0]).length - 1, 1, 0, (k, d) => words(d, Object.keys(d.maps)[0], k)],
      ["reads", "Position that reads", 0, (d) => Math.max(...Object.keys(d.maps).map((n) => n.length)), 1, 4, (k) => (k ? `letter ${k}` : "the start")],
    ],
    compute(data, { name, head }) {
      const rows = all(data, name)[head], mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
      const back = rows.map((row, t) => t - row.reduce((a, w, s) => a + w * s, 0) / row.reduce((a, w) => a + w, 0));
      const reads = rows.map((row) => Math.exp(-row.reduce((a, w) => a + (w > 0 ? w * Math.log(w) : 0), 0)));
      return { back: mean(back.slice(1)), reads: mean(reads.slice(1)) };
    },
    pictures: [{
      words: "One head: who reads (down) and what (across)", size: [240, 240],
      alt: "A triangle of squares, a row for the start and each letter of the name, a column for each position that it may look at; the more colour a square has, the larger the weight. One row is framed.",
      draw(data, { name, head, reads }) {
        const rows = all(data, name)[head], symbols = [...`.${name}`], cell = Math.floor(210 / symbols.length);
        const at = Math.min(reads, rows.length - 1), middle = symbols.map((_, i) => 22 + cell * (i + 0.5));
        return map(rows, 22, 22, cell) + path(`M22 ${22 + cell * at}h${cell * (at + 1)}v${cell}h${-cell * (at + 1)}z`, "thick")
          + `<text text-anchor="middle" y="15" x="${middle.join(" ")}">${symbols.join("")}</text>`
          + `<text text-anchor="middle">${symbols.map((s, i) => `<tspan x="10" y="${middle[i] + 4}">${s}</tspan>`).join("")}</text>`;
      },
    }, {
      words: "All heads, a row for each layer", size: [300, 180],
      alt: "The maps of all heads, small, side by side; a row of them for each layer. The chosen one is framed.",
      draw(data, { name, head }) {
        const heads = all(data, name), n = data.maps[name][0].length, cell = Math.floor(64 / heads[0].length), side = cell * heads[0].length;
        return heads.map((rows, i) => map(rows, 6 + 74 * (i % n), 22 + 84 * Math.floor(i / n), cell)).join("")
          + data.maps[name].map((_, l) => text(6, 16 + 84 * l, `layer ${l + 1}`, "start")).join("")
          + path(`M${3 + 74 * (head % n)} ${20 + 84 * Math.floor(head / n)}h${side + 6}v${side + 5}h${-side - 6}z`, "thick");
      },
    }],
    say(data, { name, head, reads }, v) {
      const rows = all(data, name)[head], at = Math.min(reads, rows.length - 1), row = rows[at], best = row.indexOf(Math.max(...row));
      const called = (t) => (t ? `letter ${t}, “${name[t - 1]}”,` : "the start");
      return `${called(at)} gives most to ${called(best)} with ${show(row[best], 2)}. On average this head looks ${show(v.back, 1)} positions back, and as widely as ${show(v.reads, 1)} equal weights.`.replace(/^./, (c) => c.toUpperCase());
    },
  });
}
