// Numbers of 16 bits: a weight that takes small steps, rounded after each.
"use strict"; // or functions in a block are names of the whole page
{
  const { show, line, path, text, frame } = explore;
  function nearest(x, { bits, least, most }) { // ties go to the even fraction
    if (x === 0) return 0;
    const exponent = Math.max(least, Math.floor(Math.log2(Math.abs(x)))), unit = 2 ** (exponent - bits);
    let n = x / unit;
    const down = Math.floor(n), rest = n - down;
    n = rest > 0.5 || (rest === 0.5 && down % 2) ? down + 1 : down;
    return Math.abs(n * unit) > most ? Math.sign(x) * Infinity : n * unit;
  }
  const UP = "⁰¹²³⁴⁵⁶⁷⁸⁹", power = (k) => `2⁻${[...String(-k)].map((d) => UP[d]).join("")}`;

  explore.add("floats", {
    controls: [
      ["weight", "Weight at the start", -3, 3, 0.1, 1],
      ["update", "Each step adds", -14, -4, 1, -9, power],
      ["format", "Format", (d) => Object.keys(d.formats), "bfloat16"],
    ],
    compute(data, s) {
      const format = data.formats[s.format], step = 2 ** s.update;
      let w = nearest(s.weight, format);
      const points = [w];
      for (let i = 0; i < data.steps; i++) points.push(w = nearest(w + step, format));
      return { path: points, square: nearest(step * step, format) };
    },
    pictures: [{
      words: "The weight, and where it should be", size: [320, 200], alt: "The weight against the number of steps: dashed where exact arithmetic would take it, as a line what rounding to sixteen bits makes of it.",
      draw(data, s, v) {
        const step = 2 ** s.update, end = s.weight + data.steps * step, low = Math.min(s.weight, ...v.path), high = Math.max(end, ...v.path), pad = (high - low) / 10;
        const at = frame([56, 8, 254, 168], [0, data.steps], [low - pad, high + pad], [[0, "0"], [20, "20 steps"], [40, "40"]], [[s.weight, show(s.weight, 3)], [end, show(end, 3)]]);
        return at.svg + path(line([[at.X(0), at.Y(s.weight)], [at.X(data.steps), at.Y(end)]]), "dash") + path(line(v.path.map((w, i) => [at.X(i), at.Y(w)])), "c1 thick");
      },
    }, {
      words: "Numbers that the format has, around the weight", size: [320, 200], alt: "Marks on a line: the numbers of each format near the weight, and an arrow as long as the step that is to be added.",
      draw(data, s, v) {
        const span = Math.max(0.02, 6 * 2 ** s.update), at = frame([20, 8, 280, 150], [s.weight - span, s.weight + span], [0, 1]);
        const marks = ([name, format], i) => {
          const unit = 2 ** (Math.max(format.least, Math.floor(Math.log2(Math.max(2 ** -10, Math.abs(s.weight))))) - format.bits), first = Math.ceil((s.weight - span) / unit), n = Math.floor((s.weight + span) / unit) - first + 1;
          const every = [...Array(Math.min(n, 200))].map((_, k) => `M${show(at.X((first + k) * unit), 1)} ${44 + 52 * i}v18`).join("");
          return path(`M20 ${62 + 52 * i}h280`, "axis") + path(every, name === s.format ? "c0" : "axis") + text(20, 38 + 52 * i, name, "start");
        };
        return Object.entries(data.formats).map(marks).join("") + path(`M${at.X(s.weight)} 150h${at.X(s.weight + 2 ** s.update) - at.X(s.weight)}`, "c1 thick") + path(`M${at.X(s.weight)} 40v116`, "dash") + text(at.X(s.weight), 176, `${show(s.weight, 1)}, and a step of ${power(s.update)}`);
      },
    }],
    say(data, s, v) {
      const moved = v.path.at(-1) - v.path[0], wanted = data.steps * 2 ** s.update;
      return `${data.steps} steps of ${power(s.update)} should move the weight by ${show(wanted, 4)}; in ${s.format} it moves by ${show(moved, 4)}. The square of a gradient of that size is ${v.square ? "still a number" : "zero"} in ${s.format}.`;
    },
  });
}
