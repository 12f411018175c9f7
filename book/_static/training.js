// Trains the MLP on the page "Train a net in the page", by the backward of the book.
// Every rule stands under the line of Python that it is the twin of; the page runs those
// with torch, and tests/site/training.py compares both. Numbers are doubles.
{
  const data = JSON.parse(document.getElementById("train-data").textContent);
  const { V, E, T, H, N, STEPS } = data;

  // ---- matrices: rows, columns, numbers row by row ----
  const matrix = (rows, cols, v = new Float64Array(rows * cols)) => ({ rows, cols, v });
  const map = (A, f) => matrix(A.rows, A.cols, A.v.map(f));
  const turned = (A) => { // A.T
    const B = matrix(A.cols, A.rows);
    for (let i = 0; i < A.rows; i++) for (let j = 0; j < A.cols; j++) B.v[j * A.rows + i] = A.v[i * A.cols + j];
    return B;
  };
  const product = (A, B) => { // A @ B
    const C = matrix(A.rows, B.cols), n = B.cols;
    for (let i = 0; i < A.rows; i++) {
      for (let k = 0; k < A.cols; k++) {
        const a = A.v[i * A.cols + k];
        for (let j = 0, b = k * n, c = i * n; j < n; j++) C.v[c + j] += a * B.v[b + j];
      }
    }
    return C;
  };
  const sum = (A) => { // A.sum(0)
    const b = matrix(1, A.cols);
    A.v.forEach((a, i) => { b.v[i % A.cols] += a; });
    return b;
  };
  const affine = (A, W, b) => { // A @ W + b
    const B = product(A, W);
    B.v.forEach((_, i) => { B.v[i] += b.v[i % B.cols]; });
    return B;
  };

  // ---- forward: parameters P, contexts ix and targets -> all values by name ----
  // moved = [name, place, by] moves one number on the way, for the check
  const forward = (P, ix, targets, moved = []) => {
    const v = { ...P, ix, targets, N: targets.length };
    const is = (name, value) => {
      v[name] = value;
      if (moved[0] === name) value.v[moved[1]] += moved[2];
    };
    const emb = matrix(v.N, T * E);
    ix.forEach((id, place) => emb.v.set(P.C.v.subarray(id * E, (id + 1) * E), place * E));
    is("emb", emb);
    is("hpreact", affine(v.emb, P.W1, P.b1));
    is("h", map(v.hpreact, Math.tanh));
    is("logits", affine(v.h, P.W2, P.b2));
    v.p = matrix(v.N, V);
    v.y = matrix(v.N, V);
    v.loss = 0;
    for (let i = 0; i < v.N; i++) {
      const row = v.logits.v.subarray(i * V, (i + 1) * V), largest = Math.max(...row);
      const e = row.map((z) => Math.exp(z - largest)), all = e.reduce((a, b) => a + b);
      v.p.v.set(e.map((a) => a / all), i * V);
      v.y.v[i * V + targets[i]] = 1;
      v.loss -= (row[targets[i]] - largest - Math.log(all)) / v.N;
    }
    return v;
  };

  // ---- backward ----
  const minus = (A, B, n = 1) => map(A, (a, i) => (a - B.v[i]) / n);
  const slope = (f) => (v) => map(v.dh, (d, i) => f(v.h.v[i]) * d);
  const toRows = (put) => (v) => {
    const dC = matrix(V, E);
    v.ix.forEach((id, place) => {
      for (let e = 0; e < E; e++) put(dC.v, id * E + e, v.demb.v[place * E + e]);
    });
    return dC;
  };
  const RULES = {
    "dlogits = (p - y) / N": (v) => minus(v.p, v.y, v.N),
    "dlogits = p - y": (v) => minus(v.p, v.y),
    "dlogits = p / N": (v) => map(v.p, (a) => a / v.N),
    "dh = dlogits @ W2.T": (v) => product(v.dlogits, turned(v.W2)),
    "dW2 = h.T @ dlogits": (v) => product(turned(v.h), v.dlogits),
    "db2 = dlogits.sum(0)": (v) => sum(v.dlogits),
    "db2 = dlogits.mean(0)": (v) => map(sum(v.dlogits), (a) => a / v.N),
    "dhpreact = (1 - h**2) * dh": slope((h) => 1 - h * h),
    "dhpreact = (1 - h) * dh": slope((h) => 1 - h),
    "demb = dhpreact @ W1.T": (v) => product(v.dhpreact, turned(v.W1)),
    "demb = dhpreact @ W1": (v) => product(v.dhpreact, v.W1),
    "dW1 = emb.T @ dhpreact": (v) => product(turned(v.emb), v.dhpreact),
    "dW1 = dhpreact.T @ emb": (v) => product(turned(v.dhpreact), v.emb),
    "db1 = dhpreact.sum(0)": (v) => sum(v.dhpreact),
    "dC = added(ix, demb)": toRows((dC, at, d) => { dC[at] += d; }),
    "dC = written(ix, demb)": toRows((dC, at, d) => { dC[at] = d; }),
  };
  const nameOf = (line) => line.split(" ")[0];
  const lines = (slip) => data.lines.map((l) => (slip && nameOf(slip) === nameOf(l) ? slip : l));
  const backward = (v, slip) => {
    for (const line of lines(slip)) v[nameOf(line)] = RULES[line](v);
    return v;
  };
  const step = (P, batch, rate, slip) => { // returns the loss before the step
    const v = backward(forward(P, batch.ix, batch.targets), slip);
    for (const name in P) P[name].v.forEach((_, i) => { P[name].v[i] -= rate * v["d" + name].v[i]; });
    return v.loss;
  };

  const chance = (seed) => () => { // the generator "mulberry32": the same numbers everywhere
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };

  // Central differences: numbers of each value are moved, and the loss looked at.
  const SOME = 64; // of a value with more numbers
  const errors = (P, { ix, targets }, slip, h = 1e-5) => {
    const v = backward(forward(P, ix, targets), slip), random = chance(2);
    return data.lines.map(nameOf).map((d) => {
      const name = d.slice(1), found = v[d].v, n = found.length;
      const places = n <= SOME ? [...found.keys()] : Array.from({ length: SOME }, () => Math.floor(random() * n));
      let apart = 0, largest = 0;
      for (const i of places) {
        const at = (by) => {
          if (!P[name]) return forward(P, ix, targets, [name, i, by]).loss;
          const kept = P[name].v[i];
          P[name].v[i] += by;
          const { loss } = forward(P, ix, targets);
          P[name].v[i] = kept;
          return loss;
        };
        const measured = (at(h) - at(-h)) / (2 * h);
        apart = Math.max(apart, Math.abs(found[i] - measured));
        largest = Math.max(largest, Math.abs(measured));
      }
      return apart / largest; // as charlm.gradcheck.compare judges
    });
  };

  // ---- start, minibatches, names ----
  const start = (random) => {
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const drawn = (rows, cols, size) => map(matrix(rows, cols), () => size * normal());
    return {
      C: drawn(V, E, 1),
      W1: drawn(T * E, H, 5 / 3 / Math.sqrt(T * E)),
      b1: matrix(1, H),
      W2: drawn(H, V, 0.1 / Math.sqrt(H)),
      b2: matrix(1, V),
    };
  };
  const windows = (packed) => { // "0anna4bel": the first 4 letters are those of the name before
    const rows = { ix: [], targets: [] };
    let name = "";
    for (const [, kept, rest] of packed.matchAll(/(\d)([a-z]*)/g)) {
      name = name.slice(0, kept) + rest;
      const ids = [...Array(T).fill(0), ...[...name].map((c) => data.symbols.indexOf(c)), 0];
      for (let i = T; i < ids.length; i++) {
        rows.ix.push(...ids.slice(i - T, i));
        rows.targets.push(ids[i]);
      }
    }
    return rows;
  };
  const loaded = {};
  const part = (name) => (loaded[name] ??= windows(data[name]));
  const minibatch = (rows, size, random) => {
    const batch = { ix: [], targets: [] };
    for (let k = 0; k < size; k++) {
      const i = Math.floor(random() * rows.targets.length);
      batch.ix.push(...rows.ix.slice(T * i, T * (i + 1)));
      batch.targets.push(rows.targets[i]);
    }
    return batch;
  };
  const draw = (P, random) => {
    const ids = Array(T).fill(0);
    while (ids.length < T + 12) { // a longer name is cut
      const { p } = forward(P, ids.slice(-T), [0]);
      let u = random(), next = 0;
      for (; next < V - 1 && !(u < p.v[next]); next++) u -= p.v[next];
      if (next === 0) break;
      ids.push(next);
    }
    return ids.slice(T).map((id) => data.symbols[id]).join("") || "(nothing)";
  };
  const lossOn = (rows, P) => forward(P, rows.ix, rows.targets).loss;

  // ---- the page ----
  const $ = (id) => document.getElementById("train-" + id);
  const EACH = 20, LOOK = 200; // steps in a point of the curve, and between looks at names
  const LOW = 2, HIGH = 3.6; // nats at the bottom and the top
  let P, random, rows, dev, done, sums, curve, before, timer;
  const slip = () => $("slip").value, rate = () => Number($("rate").value);
  const path = (points) => points.map((loss, k) => {
    const x = (k + 0.5) * EACH / STEPS * 600, y = 200 * (HIGH - Math.min(HIGH, Math.max(LOW, loss))) / (HIGH - LOW);
    return `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
  const show = () => {
    $("curve").setAttribute("d", path(curve));
    $("before").setAttribute("d", path(before ?? []));
    $("step").textContent = done;
    $("loss").textContent = curve.length ? curve.at(-1).toFixed(3) : "–";
  };
  const look = () => {
    $("dev").textContent = lossOn(dev, P).toFixed(3);
    const drawn = Array.from({ length: 8 }, () => draw(P, random));
    $("names").textContent = drawn.join(", ");
    return drawn;
  };
  const say = (text) => { $("said").textContent = text; }; // the live region
  const begin = () => {
    stop();
    random = chance(Number($("seed").value) || 1);
    [P, rows, dev] = [start(random), part("train"), part("dev")];
    [done, sums, curve] = [0, [], []];
    dev = minibatch(dev, 1000, chance(0)); // the same rows in every run
    show();
    look();
  };
  const one = () => {
    const loss = step(P, minibatch(rows, N, random), rate(), slip());
    sums.push(loss);
    done++;
    if (sums.length === EACH) {
      curve.push(sums.reduce((a, b) => a + b) / EACH);
      sums = [];
    }
    return Number.isFinite(loss);
  };
  const running = () => timer !== undefined;
  function stop() {
    cancelAnimationFrame(timer);
    timer = undefined;
    $("go").textContent = "Start";
  }
  const ended = (text) => {
    stop();
    show();
    look();
    say(`${text} after ${done} steps. Loss ${$("loss").textContent}, of held-out names ${$("dev").textContent}. Names: ${$("names").textContent}.`);
  };
  const frame = () => {
    const until = performance.now() + 10;
    do {
      if (!one()) return ended("The loss is no number any more: stopped");
      if (done >= STEPS) return ended("Finished");
      if (done % LOOK === 0) look();
    } while (performance.now() < until);
    show();
    timer = requestAnimationFrame(frame);
  };
  const ready = () => { if (!P) begin(); };
  const again = () => { // a curve to compare with stays
    if (curve?.length > 10) before = curve;
    begin();
  };
  const list = (found) => { // the lines, and what the check says of each
    lines(slip()).forEach((line, i) => {
      const [head, error, verdict] = $("lines").rows[i].cells;
      head.textContent = line;
      head.classList.toggle("train-wrong", line === slip());
      error.textContent = found ? found[i].toExponential(0).replace("-", "−") : "";
      verdict.textContent = found ? (found[i] < data.tolerance ? "agrees" : "is wrong") : "";
    });
  };
  const check = () => {
    ready();
    const found = errors(P, minibatch(rows, 8, chance(1)), slip());
    list(found);
    const wrong = data.lines.map(nameOf).filter((_, i) => !(found[i] < data.tolerance));
    const told = slip() ? data.slips[slip()] + ". " : "";
    say(told + (wrong.length ? `The check finds ${wrong.join(", ")} wrong.` : "The check finds all nine gradients right."));
  };
  $("go").addEventListener("click", () => {
    ready();
    if (running()) return ended("Stopped");
    if (done >= STEPS) again();
    $("go").textContent = "Stop";
    timer = requestAnimationFrame(frame);
  });
  $("one").addEventListener("click", () => {
    ready();
    if (done >= STEPS || running()) return;
    const fine = one();
    show();
    say(`Step ${done}: loss ${fine ? (sums.at(-1) ?? curve.at(-1)).toFixed(3) : "no number"}.`);
  });
  $("again").addEventListener("click", () => { again(); say("At the start again."); });
  $("check").addEventListener("click", check);
  $("slip").addEventListener("change", () => { again(); check(); });
  for (const id of ["rate", "seed"]) $(id).addEventListener("change", again);
  list();

  const bare = (P) => Object.fromEntries(Object.keys(P).map((name) => [name, [...P[name].v]]));
  window.training = { // for the tests: a run, and what it was made of
    trial: (seed, slip, rate, steps) => {
      const random = chance(seed), P = start(random), begun = bare(P), losses = [], batches = [];
      const first = minibatch(part("train"), 8, chance(1)), found = errors(P, first, slip);
      const v = backward(forward(P, first.ix, first.targets), slip);
      for (let i = 0; i < steps; i++) {
        batches.push(minibatch(part("train"), N, random));
        losses.push(step(P, batches[i], rate, slip));
      }
      const gradients = bare(Object.fromEntries(data.lines.map(nameOf).map((d) => [d, v[d]])));
      return { begun, first, gradients, found, batches, losses, ended: bare(P) };
    },
  };
}
