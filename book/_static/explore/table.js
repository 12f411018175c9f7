// Counting: a row of the table with smoothing, and the loss of the whole table.
{
  const { show, plain, line, path, bar, text, handle, frame } = explore;
  let losses; // for every alpha, on both parts
  const loss = (data, part, alpha) => {
    const V = data.symbols.length;
    let sum = 0, n = 0;
    for (let s = 0; s < V; s++) {
      const seen = data.train.slice(s * V, (s + 1) * V), total = seen.reduce((a, b) => a + b) + V * alpha;
      for (let t = 0; t < V; t++) {
        const c = data[part][s * V + t];
        if (c) { sum -= c * Math.log((seen[t] + alpha) / total); n += c; }
      }
    }
    return sum / n;
  };
  const all = (data) => losses ??= Object.fromEntries(["train", "dev"].map((part) => [part, data.alphas.map((a) => loss(data, part, a))]));
  const cases = (d, s) => d.train.slice(s * d.symbols.length, (s + 1) * d.symbols.length).reduce((a, b) => a + b);
  const rarest = (d) => d.symbols.reduce((a, b, s) => (cases(d, s) < cases(d, d.symbols.indexOf(a)) ? b : a));
  const box = [40, 8, 272, 168], few = (a) => show(a, a < 0.1 ? 3 : a < 1 ? 2 : a < 10 ? 1 : 0);

  explore.add("table", {
    controls: [
      ["after", "After the symbol", (d) => d.symbols, rarest],
      ["alpha", "Added to every count: α", 0, (d) => d.alphas.length - 1, 1, 6, (k, d) => few(d.alphas[k])],
    ],
    compute(data, { after, alpha }) {
      const V = data.symbols.length, row = data.symbols.indexOf(after) * V, a = data.alphas[alpha];
      const seen = data.train.slice(row, row + V), total = seen.reduce((x, y) => x + y) + V * a;
      return { p: seen.map((c) => (c + a) / total), seen, train: all(data).train[alpha], dev: all(data).dev[alpha] };
    },
    pictures: [{
      words: "One row of the table: what comes next", size: [320, 200], alt: "Bars of the probabilities of the 27 next symbols; a bar is an outline where the pair never occurred.",
      draw(data, s, v) {
        const most = Math.max(...v.p), step = most > 0.4 ? 0.2 : most > 0.15 ? 0.05 : 0.02;
        const at = frame(box, [0, v.p.length], [0, most], [], [...Array(Math.floor(most / step) + 1)].map((_, i) => [i * step, show(i * step, 2)]));
        return at.svg + v.p.map((p, i) => bar(at.X(i + 0.15), at.Y(0), 7, at.Y(0) - at.Y(p), v.seen[i] ? "fill c0" : "outline")).join("")
          + `<text text-anchor="middle" y="192" x="${v.p.map((_, i) => Math.round(10 * at.X(i + 0.5)) / 10).join(" ")}">${plain(data.symbols.join(""))}</text>`;
      },
    }, {
      words: "Loss of the whole table against α", size: [320, 200], alt: "Loss in nats against the number that is added to every count, on a logarithmic axis: on the training names it only rises; on the dev names it falls a little and then rises.",
      draw(data, s, v) {
        const both = Object.values(all(data)).flat(), low = Math.min(...both) - 0.02, high = Math.max(...both) + 0.02, n = data.alphas.length - 1;
        const marks = [0, 6, 12].map((k) => [k, few(data.alphas[k])]), ticks = [low, (low + high) / 2, high].map((a) => [a, show(a, 2)]);
        const at = frame(box, [0, n], [low, high], marks, ticks);
        return at.svg + ["train", "dev"].map((part, i) => path(line(all(data)[part].map((l, k) => [at.X(k), at.Y(l)])), `c${i} thick`) + path(`M56 ${24 + 16 * i}h18`, `c${i} thick`) + text(80, 28 + 16 * i, part, "start")).join("")
          + path(`M${at.X(s.alpha)} 8v168`, "dash") + handle(at.X(s.alpha), at.Y(v.dev), "alpha");
      },
    }],
    drag: { alpha: (x, y, data) => ({ alpha: Math.round((x - box[0]) / box[2] * (data.alphas.length - 1)) }) },
    say(data, s, v) {
      const never = v.seen.filter((c) => !c).length, mass = v.p.reduce((a, p, i) => a + (v.seen[i] ? 0 : p), 0);
      return `After “${s.after}” ${never} symbols never came in ${v.seen.reduce((a, b) => a + b)} cases; together they get ${show(100 * mass, 2)}% now. Loss of the table: ${show(v.train, 4)} nats on the training names, ${show(v.dev, 4)} on the dev names.`;
    },
  });
}
