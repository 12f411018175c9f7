// The bigram net: its matrix along the training, beside the logarithms of the counts.
"use strict"; // or functions in a block are names of the whole page
{
  const { show, plain } = explore;
  const LEVELS = [-3, -2, -1, 0, 1, 2, 3]; // between shades, in nats
  const left = 18, top = 18, side = 189;
  const states = new Map(); // step -> [W, loss]; each follows from the one before
  function train(data, step) {
    const V = data.symbols.length, N = data.counts.reduce((a, b) => a + b);
    let at = Math.max(0, ...[...states.keys()].filter((k) => k <= step));
    let W = at ? [...states.get(at).W] : Array(V * V).fill(0);
    for (;; at++) {
      let loss = 0;
      const dW = Array(V * V);
      for (let s = 0; s < V; s++) { // a row: expected less observed counts, over all pairs
        const from = s * V, most = Math.max(...W.slice(from, from + V));
        let sum = 0, n = 0;
        for (let t = from; t < from + V; t++) { sum += dW[t] = Math.exp(W[t] - most); n += data.counts[t]; }
        for (let t = from; t < from + V; t++) {
          loss -= data.counts[t] * (W[t] - most - Math.log(sum)) / N;
          dW[t] = (n * dW[t] / sum - data.counts[t]) / N;
        }
      }
      if (at === step) { states.set(at, { W, loss }); return states.get(at); }
      W = W.map((w, i) => w - data.rate * dW[i]);
    }
  }
  const centred = (data, values) => { // less the mean of the row over the pairs that occur
    const V = data.symbols.length;
    return values.map((v, i) => {
      const row = [...Array(V).keys()].map((t) => Math.floor(i / V) * V + t).filter((j) => data.counts[j]);
      return v - row.reduce((a, j) => a + values[j], 0) / Math.max(row.length, 1);
    });
  };
  const map = (data, values, kept) => {
    const V = data.symbols.length, cell = side / V, d = Array(LEVELS.length + 1).fill("");
    values.forEach((v, i) => {
      if (kept(i)) d[LEVELS.filter((l) => v > l).length] += `M${left + cell * (i % V)} ${top + cell * Math.floor(i / V)}h${cell}v${cell}h-${cell}z`;
    });
    const middle = LEVELS.length / 2, places = [...data.symbols].map((_, i) => left + cell * (i + 0.5));
    const shades = d.map((path, k) => `<path class="fill ${k < middle ? "c1" : "c0"}" fill-opacity="${Math.abs(k - middle) / middle}" d="${path}"/>`);
    const rows = [...data.symbols].map((s, i) => `<tspan x="${left - 8}" y="${top + cell * (i + 0.9)}">${plain(s)}</tspan>`);
    return shades.join("") + `<path class="axis" d="M${left} ${top}h${V * cell}v${V * cell}h-${V * cell}z"/>`
      + `<text class="small" text-anchor="middle" y="${top - 4}" x="${places.join(" ")}">${plain(data.symbols)}</text>`
      + `<text class="small" text-anchor="middle">${rows.join("")}</text>`;
  };

  explore.add("counts", {
    controls: [
      ["step", "Steps of descent", 0, (d) => d.steps.length - 1, 1, 4, (k, d) => `${d.steps[k]}`],
    ],
    compute: (data, { step }) => train(data, data.steps[step]),
    pictures: [{
      words: "W, what the net has learnt", size: [214, 214],
      alt: "A square map with a row for each last symbol and a column for the next: the net's matrix, each row less its mean. Blue is above it, orange below.",
      draw: (data, s, { W }) => map(data, centred(data, W), () => true),
    }, {
      words: "Logarithm of the counts", size: [214, 214],
      alt: "The same map of the logarithms of the counts, each row less its mean. Pairs that never occur are left blank.",
      draw: (data) => map(data, centred(data, data.counts.map((c) => (c ? Math.log(c) : 0))), (i) => data.counts[i]),
    }],
    say(data, { step }, { W, loss }) {
      const a = centred(data, W), b = centred(data, data.counts.map((c) => (c ? Math.log(c) : 0)));
      const seen = data.counts.map((c, i) => [c, Math.abs(a[i] - b[i])]).filter(([c]) => c), N = seen.reduce((n, [c]) => n + c, 0);
      return `After ${data.steps[step]} steps the loss is ${show(loss, 4)} nats; counting has ${show(data.counted, 4)}. Over the pairs of the data W is ${show(seen.reduce((n, [c, d]) => n + c * d, 0) / N, 2)} away from the logarithm of the count on average.`;
    },
  });
}
