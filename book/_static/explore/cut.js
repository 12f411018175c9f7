// Generation: what temperature, top-k and top-p leave of a row, and what a beam keeps.
"use strict"; // or functions in a block are names of the whole page
{
  const { show, plain, path, bar, text, frame } = explore;
  const ROWS = 8;
  let table; // log-probabilities, one more of every count
  const logp = (data) => table ??= (() => {
    const V = data.symbols.length, c = data.counts;
    return c.map((n, i) => {
      const row = Math.floor(i / V) * V;
      return Math.log((n + 1) / (c.slice(row, row + V).reduce((a, b) => a + b) + V));
    });
  })();
  const softmax = (z) => {
    const most = Math.max(...z), e = z.map((a) => Math.exp(a - most)), sum = e.reduce((a, b) => a + b);
    return e.map((a) => a / sum);
  };
  const row = (data, s) => logp(data).slice(s * data.symbols.length, (s + 1) * data.symbols.length);
  function narrow(logits, temperature, k, mass) {
    let z = logits.map((a) => a / temperature);
    const order = z.map((_, i) => i).sort((i, j) => z[j] - z[i]); // stable
    order.slice(k).forEach((i) => { z[i] = -Infinity; });
    const p = softmax(z);
    let before = 0;
    order.forEach((i, rank) => { // one goes if those before it have the mass already
      if (rank && before >= mass) z[i] = -Infinity;
      before += p[i];
    });
    return softmax(z);
  }
  // all steps of a beam: candidates, the likeliest first, and which of them are kept
  function beam(data, width) {
    const V = data.symbols.length, steps = [];
    let kept = [{ name: "", last: 0, total: 0 }];
    for (let t = 0; t < data.longest; t++) {
      const all = kept.flatMap((b, parent) => (b.ended
        ? [{ ...b, parent }] // goes on for free
        : row(data, b.last).map((l, s) => ({ name: b.name + (s ? data.symbols[s] : ""), ended: !s, last: s, total: b.total + l, parent }))));
      all.sort((a, b) => b.total - a.total);
      kept = all.slice(0, width);
      steps.push(all.slice(0, Math.max(ROWS, width)));
      if (kept.every((b) => b.ended)) break;
    }
    return { steps, names: kept.map((b) => [b.name, b.total]) };
  }

  const box = [34, 8, 278, 168], Y0 = 24, high = 23;
  explore.add("cut", {
    controls: [
      ["after", "After the symbol", (d) => d.symbols, (d) => d.symbols[1]],
      ["temperature", "Temperature τ", 0.1, 3, 0.1, 1],
      ["k", "Top-k", 1, (d) => d.symbols.length, 1, (d) => d.symbols.length, (a) => `${a}`],
      ["p", "Top-p", 0.05, 1, 0.05, 0.9, (a) => show(a, 2)],
      ["width", "Width of the beam", 1, 5, 1, 3, (a) => `${a}`],
    ],
    compute(data, s) {
      const logits = row(data, data.symbols.indexOf(s.after)), found = beam(data, s.width);
      return { p: softmax(logits.map((a) => a / s.temperature)), q: narrow(logits, s.temperature, s.k, s.p), ...found };
    },
    pictures: [{
      words: "Next symbol: at this temperature, and after the cut", size: [320, 200],
      alt: "Bars of the probabilities of the next symbol, the likeliest first. Those that are kept are filled and have grown; those that are cut are outlines.",
      draw(data, s, v) {
        const order = v.p.map((_, i) => i).sort((i, j) => v.p[j] - v.p[i]), most = Math.max(...v.q);
        const step = most > 0.4 ? 0.2 : 0.05, ticks = [...Array(Math.floor(most / step) + 1)].map((_, i) => [i * step, show(i * step, 2)]);
        const at = frame(box, [0, order.length], [0, most], [], ticks), size = (p) => at.Y(0) - at.Y(p);
        return at.svg + order.map((i, r) => (v.q[i] > 0 ? bar(at.X(r + 0.15), at.Y(0), 7.2, size(v.q[i]), "fill c0") : "") + bar(at.X(r + 0.15), at.Y(0), 7.2, size(v.p[i]), "outline")).join("")
          + `<text text-anchor="middle" y="192" x="${order.map((_, r) => Math.round(at.X(r + 0.5) * 10) / 10).join(" ")}">${plain(order.map((i) => data.symbols[i]).join(""))}</text>`;
      },
    }, {
      words: "Beam: kept beginnings in each step, others faint", size: [320, 200],
      alt: "A tree that grows to the right, a column for each step. Beginnings that are kept are joined to the one they come from, the likeliest at the top; the next ones, which are given up, are faint. A dot ends a name.",
      draw(data, s, { steps }) {
        const X = (t) => 8 + 63 * t, Y = (r) => Y0 + high * r;
        const words = (c) => c.name + (c.ended ? "." : "");
        return text(8, Y(0), "·") + steps.map((all, t) => all.slice(0, ROWS).map((c, r) => text(X(t) + 20, Y(r), words(c), "start", r < s.width ? "" : "faint")).join("")).join("")
          + path(steps.map((all, t) => all.slice(0, s.width).map((c, r) => `M${t ? X(t - 1) + 21 + 7 * words(steps[t - 1][c.parent]).length : 12} ${Y(t ? c.parent : 0) - 4}L${X(t) + 16} ${Y(r) - 4}`).join("")).join(""), "c0");
      },
    }],
    say(data, s, v) {
      const kept = v.q.filter((a) => a > 0).length, mass = v.p.reduce((a, p, i) => a + (v.q[i] > 0 ? p : 0), 0);
      const H = -v.q.reduce((a, p) => a + (p > 0 ? p * Math.log(p) : 0), 0);
      const [best, total] = v.names[0];
      return `${kept} of ${data.symbols.length} symbols stay; they had ${show(100 * mass, 1)}% of the probability, and their entropy is ${show(H, 2)} nats. The beam's likeliest: “${best}”, log-likelihood ${show(total, 2)}.`;
    },
  });
}
