// The league table: a dot for each run, in the order of the loss or of the size.
{
  const { show, path, text } = explore;
  const mean = (v) => v.reduce((a, b) => a + b) / v.length, high = 18;
  const X = (loss) => 250 + (loss - 1.6) / 0.9 * 220;

  explore.add("league", {
    wide: true,
    controls: [
      ["part", "Names", (d) => d.parts, "test"],
      ["order", "In the order of", (d) => d.orders, "loss"],
      ["place", "Model", 1, (d) => d.models.length, 1, 1, (n) => `row ${n}`],
    ],
    compute(data, { part, order, place }) {
      const rows = [...data.models].sort((a, b) => (order === "loss" ? mean(a[part]) - mean(b[part]) : a.size - b.size));
      const means = rows.map((m) => mean(m[part])), runs = rows[place - 1][part], m = means[place - 1];
      const spread = runs.length > 1 ? Math.sqrt(runs.reduce((a, r) => a + (r - m) ** 2, 0) / (runs.length - 1)) : 0;
      return { rows, labels: rows.map((r) => r.label), means, spread };
    },
    pictures: [{
      words: "Loss in nats per character, a dot for each run", size: [480, 262], alt: "A row for each model of the book, with a dot for the loss of each of its runs; lower losses are further to the left.",
      draw: (data, s, v) => path(`M${X(1.6)} 236H${X(2.5)}${[1.6, 1.8, 2, 2.2, 2.4].map((l) => `M${X(l)} 236v4`).join("")}`, "axis") + [1.6, 1.8, 2, 2.2, 2.4].map((l) => text(X(l), 254, show(l, 1))).join("")
        + path(`M4 ${high * (s.place - 1) + 3}h472v${high}h-472z`, "axis")
        + v.rows.map((m, i) => text(X(1.6) - 12, high * i + 16, m.label, "end") + path(m[s.part].map((l) => `M${X(l)} ${high * i + 12}h0`).join(""), `c${m[s.part].length > 1 ? 0 : 1} points`)).join(""),
    }],
    say(data, { part, place }, v) {
      const m = v.rows[place - 1], behind = v.means[place - 1] - Math.min(...v.means), n = m[part].length;
      const runs = n > 1 ? `${n} runs, which deviate by ${show(v.spread, 4)}` : "nothing drawn at random";
      return `${m.label}: ${show(v.means[place - 1], 4)} nats on the ${part} names with ${String(m.size).replace(/\B(?=(\d{3})+$)/g, ",")} numbers and ${runs}. ${behind ? `${show(behind, 4)} more than the best.` : "The best."}`;
    },
  });
}
