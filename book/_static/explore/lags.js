// Recurrent cells of one unit: their states, and the gradient of the last by all before.
"use strict"; // or functions in a block are names of the whole page
{
  const { show, line, path, text, dot, frame } = explore;
  const COLOUR = { simple: "c1", GRU: "c2", LSTM: "c0" };
  const sigmoid = (a) => 1 / (1 + Math.exp(-a)), tanh = Math.tanh;
  // one step: what is kept, and its derivatives by what was kept and by what was shown
  const CELLS = {
    simple: (x, h, s) => { const y = tanh(x + s.u * h); return { kept: y, shown: y, by: (1 - y * y) * s.u, across: 0, out: 0 }; },
    GRU: (x, h, s, open) => {
      const r = sigmoid(open), z = sigmoid(s.bias), n = tanh(x + r * h * s.u), y = (1 - z) * n + z * h;
      return { kept: y, shown: y, by: z + (1 - z) * (1 - n * n) * r * s.u, across: 0, out: 0 };
    },
    LSTM: (x, c, s, open, h) => {
      const i = sigmoid(open), f = sigmoid(s.bias), g = tanh(x + s.u * h), kept = f * c + i * g, t = tanh(kept);
      return { kept, shown: i * t, by: f, across: i * (1 - g * g) * s.u, out: i * (1 - t * t) }; // input and output gate are alike
    },
  };
  function run(data, cell, s) {
    let kept = 0, shown = 0;
    const steps = data.x.map((x) => { const step = CELLS[cell](s.size * x, kept, s, data.open, shown); ({ kept, shown } = step); return step; });
    const back = [1];
    let d = 1;
    for (let t = steps.length - 1; t > 0; t--) { // what was kept also goes on through what it showed
      const dShown = steps[t].across * d;
      d = steps[t].by * d;
      back.push(d);
      d += steps[t - 1].out * dShown;
    }
    return { states: steps.map((a) => a.kept), back };
  }
  const box = [40, 8, 270, 168], floor = -8;
  const level = (a) => Math.max(floor, Math.min(2, Math.log10(Math.abs(a))));
  const left = frame(box, [0, 25], [-2.5, 2.5], [[1, "1"], [12, "step 12"], [24, "24"]], [[-2, "−2"], [-1, "−1"], [0, "0"], [1, "1"], [2, "2"]]);
  const right = frame(box, [0, 23], [floor, 2], [[0, "0"], [10, "10 steps back"], [20, "20"]], [[-8, "10⁻⁸"], [-4, "10⁻⁴"], [0, "1"], [2, "100"]]);

  explore.add("lags", {
    controls: [
      ["u", "Recurrent weight", -2, 2.5, 0.1, 0.9],
      ["bias", "Bias of the gate that keeps", -3, 5, 0.5, 1],
      ["size", "Size of the inputs", 0, 2, 0.1, 1],
      ["cell", "Cell", (d) => d.cells, (d) => d.start ?? "simple"],
    ],
    compute(data, s) {
      const all = data.cells.map((cell) => [cell, run(data, cell, s)]);
      return {
        states: Object.fromEntries(all.map(([cell, a]) => [cell, a.states])),
        back: Object.fromEntries(all.map(([cell, a]) => [cell, a.back])),
      };
    },
    pictures: [{
      words: "What the unit keeps, step by step", size: [320, 200], alt: "The state of one unit over twenty-four steps, for the chosen cell; of an LSTM its memory.",
      draw: (data, s, v) => left.svg + path(`M40 ${left.Y(0)}h270`, "axis") + path(line(v.states[s.cell].map((a, t) => [left.X(t + 1), left.Y(Math.max(-2.5, Math.min(2.5, a)))])), `${COLOUR[s.cell]} thick`),
    }, {
      words: "Gradient of the last state by one before it", size: [320, 200], alt: "Size of the gradient, on a logarithmic axis, against the number of steps back, a line for each of the three cells.",
      draw: (data, s, v) => right.svg + path(`M40 ${right.Y(0)}h270`, "dash axis")
        + data.cells.map((cell, i) => path(line(v.back[cell].map((a, k) => [right.X(k), right.Y(level(a))])), `${COLOUR[cell]}${cell === s.cell ? " thick" : ""}`)
          + path(`M52 ${128 + 16 * i}h18`, `${COLOUR[cell]} thick`) + text(76, 132 + 16 * i, cell, "start")).join("") + dot(right.X(0), right.Y(0), "", 2),
    }],
    say(data, s, v) {
      const b = v.back[s.cell], ten = Math.abs(b[10]), keep = sigmoid(s.bias);
      const much = ten >= 0.001 ? show(ten, 3) : ten ? `less than a thousandth, ${ten.toExponential(1).replace("-", "−")},` : "0";
      return `Of a gradient at the last step ${much} is left ten steps back in the ${s.cell} cell. ${s.cell === "simple" ? "It has no gate." : `Its gate keeps ${show(100 * keep, 0)}% of what was there.`}`;
    },
  });
}
