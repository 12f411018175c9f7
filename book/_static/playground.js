// Runs models of the book on the page "Try the models": from the bigram to a GPT.
// Their parameters stand in the page; every function has its twin of the same name in
// charlm/ops. Numbers are doubles, vectors are Float64Arrays, x is a list of vectors.
{
  const data = JSON.parse(document.getElementById("play-data").textContent);
  const V = data.symbols.length;

  // A tensor is [shape, scale, base64 of 16-bit integers]: integers times scale.
  const unpack = ([shape, scale, text]) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const at = (_, i) => scale * view.getInt16(2 * i, true);
    return { width: shape.at(-1), values: Float64Array.from({ length: bytes.length / 2 }, at) };
  };
  const load = (tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, unpack(t)]));
  const P = Object.fromEntries(Object.entries(data.tensors).map(([model, t]) => [model, load(t)]));

  // ---- operations on one vector ----
  const row = (W, i) => W.values.subarray(i * W.width, (i + 1) * W.width);
  const add = (a, b) => a.map((value, i) => value + b[i]);
  const sum = (a) => a.reduce((total, value) => total + value, 0);
  const dot = (a, b) => sum(a.map((value, i) => value * b[i]));
  const linear = (x, W, b) => {
    const y = b.values.slice();
    x.forEach((value, i) => {
      for (let j = 0; j < W.width; j++) y[j] += value * W.values[i * W.width + j];
    });
    return y;
  };
  const times = (x, W) => linear(x, W, { values: new Float64Array(W.width) });
  const tanh = (x) => x.map(Math.tanh);
  const sigmoid = (x) => x.map((value) => 1 / (1 + Math.exp(-value)));
  const softmax = (z) => {
    const largest = Math.max(...z);
    const e = z.map((value) => Math.exp(value - largest)), total = sum(e);
    return e.map((value) => value / total);
  };
  const layernorm = (x, gamma, beta) => {
    const mean = sum(x) / x.length, centred = x.map((value) => value - mean);
    const rstd = (dot(centred, centred) / x.length + 1e-5) ** -0.5;
    return centred.map((value, i) => gamma.values[i] * value * rstd + beta.values[i]);
  };
  const gelu_tanh = (x) =>
    x.map((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));

  // Causal self-attention: position t takes a weighted mean of the values up to t.
  const attention = (x, p, at) => {
    const E = x[0].length, D = E / data.heads;
    const qkv = x.map((v) => linear(v, p[at + "qkv.W"], p[at + "qkv.b"]));
    const merged = x.map(() => new Float64Array(E));
    const weights = Array.from({ length: data.heads }, (_, head) =>
      qkv.map((now, t) => {
        const part = (v, kind) => v.subarray(kind * E + head * D, kind * E + (head + 1) * D);
        const past = qkv.slice(0, t + 1);
        const p = softmax(past.map((v) => dot(part(now, 0), part(v, 1)) * D ** -0.5));
        p.forEach((w, s) => part(past[s], 2).forEach((value, d) => {
          merged[t][head * D + d] += w * value;
        }));
        return p;
      }));
    return [merged.map((v) => linear(v, p[at + "proj.W"], p[at + "proj.b"])), weights];
  };

  // ---- models: numbers of the symbols so far, a boundary first -> logits (V) ----
  const bigram = (ids) => {
    const counts = row(P.bigram.counts, ids.at(-1));
    const total = sum(counts) + V * data.alpha;
    return counts.map((count) => Math.log((count + data.alpha) / total));
  };
  const mlp = (ids) => {
    const p = P.mlp;
    const seen = [...Array(data.window).fill(0), ...ids].slice(-data.window);
    const x = seen.flatMap((id) => [...row(p.C, id)]);
    return linear(tanh(linear(x, p.W1, p.b1)), p.W2, p.b2);
  };

  // One step of each recurrent net: input x and state -> next state, h first.
  const rnn_cell = (x, [h], W, U, b) => [tanh(add(linear(x, W, b), times(h, U)))];
  const gru_cell_after = (x, [h], W, U, b, v) => {
    const H = h.length, a = linear(x, W, b), k = times(h, U);
    const gates = sigmoid(add(a, k));
    return [h.map((old, j) => {
      const m = k[2 * H + j] + v.values[j], z = gates[H + j];
      return (1 - z) * Math.tanh(a[2 * H + j] + gates[j] * m) + z * old;
    })];
  };
  const lstm_cell = (x, [h, c], W, U, b) => {
    const H = h.length, a = add(linear(x, W, b), times(h, U)), gates = sigmoid(a);
    const kept = c.map((old, j) => gates[H + j] * old + gates[j] * Math.tanh(a[2 * H + j]));
    return [kept.map((value, j) => gates[3 * H + j] * Math.tanh(value)), kept];
  };
  const recurrent = (p, cell) => (ids) => {
    const zeros = () => new Float64Array(p["cell.U"].values.length / p["cell.U"].width);
    const weights = ["W", "U", "b", "v"].map((name) => p["cell." + name]);
    const [h] = ids.reduce((s, id) => cell(row(p["embed.C"], id), s, ...weights), [zeros(), zeros()]);
    return linear(h, p["head.W"], p["head.b"]);
  };
  const gpt = (ids, maps = []) => { // maps receives the weights, by layer, head and position
    const p = P.gpt;
    let x = ids.slice(-data.block).map((id, t) => add(row(p["wte.C"], id), row(p["wpe.C"], t)));
    const norm = (v, at) => layernorm(v, p[at + "gamma"], p[at + "beta"]);
    for (let layer = 0; layer < data.layers; layer++) {
      const attend = `blocks.${layer}.attend.`, think = `blocks.${layer}.think.`;
      const [heads, weights] = attention(x.map((v) => norm(v, attend + "0.")), p, attend + "1.");
      maps.push(weights);
      x = x.map((v, t) => add(v, heads[t]));
      x = x.map((v) => {
        const hidden = linear(norm(v, think + "0."), p[think + "1.W"], p[think + "1.b"]);
        return add(v, linear(gelu_tanh(hidden), p[think + "3.W"], p[think + "3.b"]));
      });
    }
    const last = norm(x.at(-1), "norm.");
    return Float64Array.from({ length: V }, (_, i) => dot(last, row(p["wte.C"], i)));
  };
  const models = {
    Bigram: bigram,
    MLP: mlp,
    RNN: recurrent(P.rnn, rnn_cell),
    GRU: recurrent(P.gru, gru_cell_after),
    LSTM: recurrent(P.lstm, lstm_cell),
    GPT: gpt,
  };

  // ---- drawing names ----
  const encode = (text) => [0, ...[...text].map((c) => data.symbols.indexOf(c))];
  const probabilities = (z, temperature, k) => { // temperature 0 leaves the likeliest alone
    const order = [...z.keys()].sort((a, b) => z[b] - z[a] || a - b);
    const kept = new Set(order.slice(0, temperature ? k : 1));
    return softmax(z.map((value, i) => (kept.has(i) ? value / (temperature || 1) : -Infinity)));
  };
  const chance = (seed) => () => { // the generator "mulberry32": the same numbers everywhere
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const sample = (model, prefix, temperature, k, random) => {
    const ids = encode(prefix);
    while (ids.length < data.block) { // a longer name is cut
      let u = random(), next;
      const p = probabilities(model(ids), temperature, k);
      for (next = 0; next < V - 1 && u >= p[next]; next++) u -= p[next];
      if (next === 0) break;
      ids.push(next);
    }
    return ids.slice(1).map((id) => data.symbols[id]).join("");
  };

  // ---- the page ----
  const $ = (id) => document.getElementById("play-" + id);
  const make = (parent, tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return parent.appendChild(element);
  };
  const percent = (p) => (p > 0 && p < 0.005 ? "<1" : String(Math.round(100 * p)));
  const whole = (field, otherwise) => {
    const value = Math.round(field.value === "" ? otherwise : Number(field.value));
    return Math.min(Math.max(value, field.min), field.max);
  };
  const nameOf = (id) => (id === 0 ? "the end" : data.symbols[id]);

  const settings = () => {
    const typed = [...$("prefix").value.toLowerCase()];
    const known = (c) => data.symbols.indexOf(c) > 0;
    return {
      prefix: typed.filter(known).join(""),
      refused: [...new Set(typed.filter((c) => !known(c)))],
      temperature: Number($("temperature").value),
      k: whole($("top-k"), V),
      seed: whole($("seed"), 1),
    };
  };

  const drawNames = ({ prefix, temperature, k, seed }) => {
    for (const [name, model] of Object.entries(models)) {
      const random = chance(seed);
      $("names-" + name).replaceChildren();
      for (let i = 0; i < 6; i++) {
        make($("names-" + name), "li", sample(model, prefix, temperature, k, random) || "(nothing)");
      }
    }
  };
  const drawBars = ({ prefix, temperature, k }) => {
    const columns = Object.values(models).map((m) => probabilities(m(encode(prefix)), temperature, k));
    const longest = Math.max(...columns.flatMap((p) => [...p])); // fills its column
    $("bars").replaceChildren();
    for (let id = 0; id < V; id++) {
      const line = make($("bars"), "tr", "");
      make(line, "th", id === 0 ? "end" : data.symbols[id], { scope: "row" });
      for (const p of columns) {
        const cell = make(line, "td", "");
        make(cell, "span", percent(p[id]), { class: "play-percent" });
        make(cell, "span", "", { class: "play-bar" }).style.setProperty("--p", p[id] / longest);
      }
    }
    return columns.map((p) => p.indexOf(Math.max(...p)));
  };
  const drawMap = ({ prefix }) => {
    const maps = [];
    gpt(encode(prefix), maps);
    const weights = maps[$("layer").value - 1][$("head").value - 1];
    const symbols = [data.symbols[0], ...prefix];
    $("map").replaceChildren();
    $("map-title").textContent = `Layer ${$("layer").value}, head ${$("head").value}: percent of its `
      + "weight that each position (row) gives to each position (column).";
    const head = make(make($("map"), "thead", ""), "tr", "");
    make(head, "td", "");
    for (const symbol of symbols) make(head, "th", symbol, { scope: "col" });
    const body = make($("map"), "tbody", "");
    weights.forEach((p, t) => {
      const line = make(body, "tr", "");
      make(line, "th", symbols[t], { scope: "row" });
      symbols.forEach((_, s) => {
        const cell = make(line, "td", s > t ? "" : percent(p[s]));
        if (s <= t) cell.style.setProperty("--p", p[s]);
      });
    });
  };

  const update = (message = "") => {
    const now = settings();
    const { refused } = now;
    const best = drawBars(now);
    drawNames(now);
    drawMap(now);
    $("shown").textContent = now.temperature === 0 ? "0, greedy" : now.temperature.toFixed(1);
    $("temperature").setAttribute("aria-valuetext", $("shown").textContent);
    $("prefix").setAttribute("aria-invalid", String(refused.length > 0));
    const likeliest = Object.keys(models).map((name, i) => `${name} ${nameOf(best[i])}`).join(", ");
    $("message").textContent = refused.length
      ? `Left out: ${refused.map((c) => (c === " " ? "the space" : `“${c}”`)).join(", ")}. `
        + "The models know the letters a to z and nothing else."
      : message || `Likeliest after ${now.prefix ? `“${now.prefix}”` : "the start"}: ${likeliest}.`;
  };
  $("form").addEventListener("input", () => update());
  for (const id of ["layer", "head"]) $(id).addEventListener("input", () => drawMap(settings()));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    $("seed").value = whole($("seed"), 0) % $("seed").max + 1;
    update(`New names, drawn with seed ${$("seed").value}.`);
  });
  const asked = new URLSearchParams(location.search).get("name"); // from the front page
  if (asked) $("prefix").value = asked;
  update();

  // Every build stores what charlm computes; this browser has to agree.
  const forward = (prefix) => {
    const ids = encode(prefix), weights = [];
    gpt(ids, weights);
    const lists = Object.entries(models).map(([name, model]) => [name, [...model(ids)]]);
    return { ...Object.fromEntries(lists), weights: weights.map((l) => l.map((h) => h.map((p) => [...p]))) };
  };
  const gaps = ({ prefix, ...wanted }) => {
    const found = forward(prefix);
    const pairs = Object.keys(wanted).map((key) => [found[key].flat(3), wanted[key].flat(3)]);
    return pairs.flatMap(([a, b]) => a.map((value, i) => Math.abs(value - b[i])));
  };
  window.playground = { forward };
  const worst = Math.max(...data.probes.flatMap(gaps));
  $("agreement").textContent = `In this browser the largest difference is ${worst.toExponential(0)}.`;
}
