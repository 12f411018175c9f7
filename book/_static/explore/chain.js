// The map of a network: its 26 gradients, line by line, with a way that can be left out.
{
  const { show, plain, path, text, arrow } = explore;
  const ROW = 29, TALL = 21, COLUMNS = [[34, 60], [150, 88], [272, 104]]; // middle and width
  const BOXES = { // column, row, what it is
    C: [0, 0, "the embedding table"], emb: [1, 0, "the embeddings of the contexts"], embcat: [1, 1, "the embeddings of a row side by side"],
    W1: [0, 1.55, "the first weights"], b1: [0, 2.45, "the first bias"], hprebn: [1, 2, "the hidden layer before batch normalisation"],
    bnmeani: [2, 2, "its mean over the batch"], bndiff: [1, 3, "the deviations from the mean"], bndiff2: [2, 3, "their squares"],
    bnvar: [2, 4, "the variance"], bnvar_inv: [2, 5, "one over the standard deviation"], bnraw: [1, 5, "the normalised values"],
    bngain: [0, 5.55, "the gain"], bnbias: [0, 6.45, "the bias of the normalisation"], hpreact: [1, 6, "what enters tanh"],
    h: [1, 7, "the hidden layer"], W2: [0, 7.55, "the second weights"], b2: [0, 8.45, "the second bias"], logits: [1, 8, "the scores of the symbols"],
    logit_maxes: [2, 8, "the largest score of a row"], norm_logits: [1, 9, "the scores less the largest"], counts: [1, 10, "their exponentials"],
    counts_sum: [2, 10, "the sum of a row"], counts_sum_inv: [2, 11, "one over the sum"], probs: [1, 11, "the probabilities"],
    logprobs: [1, 12, "their logarithms"], loss: [1, 13, "the loss"],
  };
  const USES = "C>emb emb>embcat embcat>hprebn W1>hprebn b1>hprebn hprebn>bnmeani hprebn>bndiff bnmeani>bndiff bndiff>bndiff2 bndiff2>bnvar bnvar>bnvar_inv bnvar_inv>bnraw bndiff>bnraw bnraw>hpreact bngain>hpreact bnbias>hpreact hpreact>h h>logits W2>logits b2>logits logits>logit_maxes logits>norm_logits logit_maxes>norm_logits norm_logits>counts counts>counts_sum counts_sum>counts_sum_inv counts>probs counts_sum_inv>probs probs>logprobs logprobs>loss".split(" ").map((use) => use.split(">"));
  const middle = (name) => [COLUMNS[BOXES[name][0]][0], 14 + ROW * BOXES[name][1]];
  const edge = (name, [x, y]) => { // where the line from a box towards a place leaves the box
    const [a, b] = middle(name), half = COLUMNS[BOXES[name][0]][1] / 2;
    const part = Math.min(half / Math.abs(x - a), TALL / 2 / Math.abs(y - b));
    return [a + part * (x - a), b + part * (y - b)];
  };

  // matrices; one row or one column serves for all
  const each = (f, ...M) => {
    const rows = Math.max(...M.map((m) => m.length)), columns = Math.max(...M.map((m) => m[0].length));
    return [...Array(rows)].map((_, i) => [...Array(columns)].map((_, j) => f(...M.map((m) => m[i % m.length][j % m[0].length]))));
  };
  const times = (...M) => each((...x) => x.reduce((a, b) => a * b), ...M);
  const plus = (...M) => each((...x) => x.reduce((a, b) => a + b), ...M);
  const minus = (...M) => each((a, b) => a - b, ...M);
  const scaled = (k, m) => each((a) => k * a, m);
  const down = (m) => [m[0].map((_, j) => m.reduce((sum, row) => sum + row[j], 0))];
  const across = (m) => m.map((row) => [row.reduce((a, b) => a + b)]);

  function forward({ C, W1, b1, bngain, bnbias, W2, b2, eps, X }, last) {
    const n = X.length, v = { C: [...C, last].map((x) => [x]), W2: [W2], b2: [b2] };
    Object.assign(v, { W1: [[W1]], b1: [[b1]], bngain: [[bngain]], bnbias: [[bnbias]] });
    v.embcat = v.emb = X.map((i) => v.C[i]);
    v.hprebn = plus(times(v.embcat, v.W1), v.b1);
    v.bnmeani = scaled(1 / n, down(v.hprebn));
    v.bndiff = minus(v.hprebn, v.bnmeani);
    v.bndiff2 = times(v.bndiff, v.bndiff);
    v.bnvar = scaled(1 / (n - 1), down(v.bndiff2));
    v.bnvar_inv = each((x) => (x + eps) ** -0.5, v.bnvar);
    v.bnraw = times(v.bndiff, v.bnvar_inv);
    v.hpreact = plus(times(v.bngain, v.bnraw), v.bnbias);
    v.h = each(Math.tanh, v.hpreact);
    v.logits = plus(times(v.h, v.W2), v.b2);
    v.logit_maxes = v.logits.map((row) => [Math.max(...row)]);
    v.norm_logits = minus(v.logits, v.logit_maxes);
    v.counts = each(Math.exp, v.norm_logits);
    v.counts_sum = across(v.counts);
    v.counts_sum_inv = each((x) => 1 / x, v.counts_sum);
    v.probs = times(v.counts, v.counts_sum_inv);
    v.logprobs = each(Math.log, v.probs);
    return v;
  }
  function backward(v, { X, Y, eps }, without) { // the lines of the page
    const n = X.length, d = {};
    const by = (value, user, m) => (without === `${value} by way of ${user}` ? scaled(0, m) : m);
    d.logprobs = v.logprobs.map((row, i) => row.map((_, j) => (j === Y[i] ? -1 / n : 0)));
    d.probs = each((a, b) => a / b, d.logprobs, v.probs);
    d.counts_sum_inv = across(times(v.counts, d.probs));
    d.counts_sum = each((s, w) => -w / (s * s), v.counts_sum, d.counts_sum_inv);
    d.counts = plus(by("counts", "probs", times(v.counts_sum_inv, d.probs)), by("counts", "counts_sum", d.counts_sum));
    d.norm_logits = times(v.counts, d.counts);
    d.logit_maxes = scaled(-1, across(d.norm_logits));
    const largest = each((z, m) => Number(z === m), v.logits, v.logit_maxes);
    d.logits = plus(by("logits", "norm_logits", d.norm_logits), by("logits", "logit_maxes", times(largest, d.logit_maxes)));
    d.h = across(times(d.logits, v.W2));
    d.W2 = down(times(v.h, d.logits));
    d.b2 = down(d.logits);
    d.hpreact = each((h, dh) => (1 - h * h) * dh, v.h, d.h);
    d.bngain = down(times(v.bnraw, d.hpreact));
    d.bnbias = down(d.hpreact);
    d.bnraw = times(v.bngain, d.hpreact);
    d.bnvar_inv = down(times(v.bndiff, d.bnraw));
    d.bnvar = each((x, ds) => -0.5 * (x + eps) ** -1.5 * ds, v.bnvar, d.bnvar_inv);
    d.bndiff2 = v.bndiff2.map(() => [d.bnvar[0][0] / (n - 1)]);
    d.bndiff = plus(by("bndiff", "bnraw", times(v.bnvar_inv, d.bnraw)), by("bndiff", "bndiff2", each((c, dq) => 2 * c * dq, v.bndiff, d.bndiff2)));
    d.bnmeani = scaled(-1, down(d.bndiff));
    d.hprebn = plus(by("hprebn", "bndiff", d.bndiff), by("hprebn", "bnmeani", scaled(1 / n, d.bnmeani)));
    d.embcat = times(d.hprebn, v.W1);
    d.W1 = down(times(v.embcat, d.hprebn));
    d.b1 = down(d.hprebn);
    d.emb = d.embcat;
    d.C = v.C.map((_, s) => [X.reduce((sum, x, i) => sum + (x === s ? d.emb[i][0] : 0), 0)]);
    return d;
  }

  const differ = (a, b) => a.some((row, i) => row.some((x, j) => Math.abs(x - b[i][j]) > 1e-9));
  const wrong = (data, s, v) => data.lines.slice(0, s.line).map(([name]) => name).filter((name) => differ(v.grad[name], v.right[name]));
  const looked = (data, s) => data.lines[(s.look ?? s.line) - 1]; // pointed at, or come to
  const place = (name) => `#equation-eq-everything-d${name.toLowerCase().replace(/_/g, "-")}`;

  explore.add("chain", {
    controls: [
      ["line", "Lines of the backward", 1, (d) => d.lines.length, 1, (d) => d.lines.length, (a, d) => `${a}, ${d.lines[a - 1][0]}`],
      ["without", "Leave out", (d) => d.ways, (d) => d.ways[0]],
      ["last", "The number of b", -2, 3, 0.1, 2],
    ],
    play: "line",
    pick: (name, data) => ({ line: 1 + data.lines.findIndex(([n]) => n === name) }),
    compute(data, { last, without }) {
      const value = forward(data, last), [none] = data.ways;
      return { value, grad: backward(value, data, without), right: backward(value, data, none) };
    },
    pictures: [{
      words: "The way back; press a box", size: [328, 412], links: true,
      alt: "The network as 27 boxes from the embedding table at the top to the loss at the bottom, parameters on the left, statistics on the right. Arrows lead back from the loss along all that is used; hprebn, bndiff, logits and counts are reached by two ways.",
      draw(data, s, v) {
        const reached = new Set(["loss", ...data.lines.slice(0, s.line).map(([name]) => name)]), bad = new Set(wrong(data, s, v));
        const ways = USES.map(([a, b]) => {
          const [[x, y], [p, q]] = [edge(b, middle(a)), edge(a, middle(b))], cut = s.without === `${a} by way of ${b}`;
          return arrow(x, y, p - x, q - y, cut ? "c1 dash" : reached.has(a) ? "c0" : "axis");
        });
        const boxes = Object.entries(BOXES).map(([name, [column, , what]]) => {
          const [x, y] = middle(name), wide = COLUMNS[column][1], now = name === data.lines[s.line - 1][0];
          const kind = `box${reached.has(name) ? bad.has(name) ? " c1" : " c0" : ""}${now ? " now" : ""}`;
          const box = `<title>${name}: ${what}</title><rect class="${kind}" x="${x - wide / 2}" y="${y - TALL / 2}" width="${wide}" height="${TALL}" rx="4"/>${text(x, y + 4, (bad.has(name) ? "≠ " : "") + name)}`;
          return name === "loss" ? `<g>${box}</g>` : `<a href="${place(name)}" data-pick="${name}">${box}</a>`;
        });
        return ways.join("") + boxes.join("");
      },
    }],
    open(data, s, v) {
      const [name, code] = looked(data, s), m = v.value[name], back = USES.filter(([a]) => a === name).map(([, b]) => `<b>${b}</b>`);
      const columns = [[name, m], [`d${name}`, v.grad[name]]];
      if (differ(v.grad[name], v.right[name])) columns.push(["it should be", v.right[name]]);
      const head = columns.map(([words]) => `<th scope="col">${words}</th>`).join("");
      const rows = m.map((_, i) => `<tr>${columns.map(([, n]) => `<td>${n[i].map((x) => show(x, 3)).join(" ")}</td>`).join("")}</tr>`);
      return `<p><b>${name}</b> (${m.length}, ${m[0].length}), ${BOXES[name][2]}: its gradient comes back from ${back.join(" and from ")}.</p>`
        + `<table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`
        + `<p><code>d.${name} = ${plain(code)}</code></p><p><a href="${place(name)}" data-quote>Where it is derived</a></p>`;
    },
    say(data, s, v) {
      const bad = wrong(data, s, v), so = s.line < data.lines.length ? ` of the first ${s.line}` : ` of ${s.line}`, [name] = data.lines[s.line - 1];
      if (s.without === data.ways[0]) return `Line ${s.line} of ${data.lines.length} gives the gradient of ${name}, whose first number is ${show(v.grad[name][0][0], 3)}; all that it needs is known. Leave out a way and see what comes out wrong.`;
      return bad.length ? `Without ${s.without}, ${bad.length}${so} gradients come out wrong. The first on the way back is ${bad[0]}; the others fail because they were computed from it.`
        : `Without ${s.without}, none${so} gradients comes out wrong.`;
    },
  });
}
