// Numerical derivatives: a chord of 1 / (1 + x x), and the error of its slope.
{
  const { show, line, path, dot, text, frame } = explore;
  const RULES = ["forward", "central", "four points"];
  const COLOUR = { forward: "c1", central: "c0", "four points": "c2" };
  const f = (x) => 1 / (1 + x * x);
  const slope = { // in the order of charlm's: every language rounds them alike
    forward: (x, h) => (f(x + h) - f(x)) / h,
    central: (x, h) => (f(x + h) - f(x - h)) / (2 * h),
    "four points": (x, h) => (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h),
  };
  const UP = "⁰¹²³⁴⁵⁶⁷⁸⁹", tiny = (a) => (a === 0 ? "0" : a >= 1e-3 ? show(a, 4)
    : a.toExponential(1).replace(/e-(\d+)/, (_, n) => ` · 10⁻${[...n].map((d) => UP[d]).join("")}`));
  const near = (places) => (x) => places.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a));
  const box = [44, 8, 266, 168];
  const curve = frame(box, [-0.75, 1.75], [0, 1.3], [[-0.5, "−0.5"], [0, "0"], [0.75, "x = 0.75"], [1.5, "1.5"]], [[0, "0"], [0.5, "0.5"], [1, "1"]]);
  const errors = frame(box, [-15.5, 0.3], [-16.5, 0.5], [[-15, "10⁻¹⁵"], [-10, "10⁻¹⁰"], [-5, "10⁻⁵"], [0, "h = 1"]], [[-16, "10⁻¹⁶"], [-8, "10⁻⁸"], [0, "1"]]);
  const level = (e) => Math.max(Math.log10(e), -16.5); // an error of nothing lies at the bottom
  const chord = (rule, a, b, m) => { // through two points, with slope m beyond them
    const g = (x) => f(a) + m * (x - a), ends = [-0.75, 1.75].map((x) => [curve.X(x), curve.Y(g(x))]);
    return path(line(ends), COLOUR[rule]) + dot(curve.X(a), curve.Y(f(a)), `fill ${COLOUR[rule]}`) + dot(curve.X(b), curve.Y(f(b)), `fill ${COLOUR[rule]}`);
  };

  explore.add("secant", {
    controls: [
      ["power", "Step h", (d) => -Math.max(...d.powers), (d) => -Math.min(...d.powers), 1, -1, (k) => tiny(2 ** k)],
      ["rule", "Rule", RULES, "forward"],
    ],
    compute(data, { power, rule }) { // the slider counts upwards to the largest step
      const h = 2 ** -Math.abs(power);
      const all = RULES.map((r) => [r, data.powers.map((k) => Math.abs(slope[r](data.x, 2 ** -k) - data.exact))]);
      return { slope: slope[rule](data.x, h), errors: Object.fromEntries(all) };
    },
    pictures: [{
      words: "The chord and the tangent", size: [320, 200],
      alt: "The curve of one over one plus x squared, its tangent at three quarters, and the chord whose slope the rule takes.",
      draw(data, { power, rule }, v) {
        const { x } = data, h = 2 ** -Math.abs(power), places = [...Array(51)].map((_, i) => -0.75 + i / 20);
        const tangent = [-0.75, 1.75].map((p) => [curve.X(p), curve.Y(f(x) + data.exact * (p - x))]);
        const chords = rule === "forward" ? chord(rule, x, x + h, slope.forward(x, h))
          : chord(rule, x - h, x + h, slope.central(x, h)) + (rule === "central" ? "" : chord(rule, x - 2 * h, x + 2 * h, slope.central(x, 2 * h)));
        return curve.svg + path(line(places.map((p) => [curve.X(p), curve.Y(f(p))])), "axis thick") + path(line(tangent), "dash") + chords + dot(curve.X(x), curve.Y(f(x)));
      },
    }, {
      words: "Error of the slope against the step", size: [320, 200],
      alt: "Error against step, both axes logarithmic: three curves fall with the step and rise again where rounding rules; the chosen step is marked.",
      draw(data, { power, rule }, v) {
        const at = data.powers.indexOf(Math.abs(power)), X = (k) => errors.X(-k * Math.log10(2));
        return errors.svg + RULES.map((r, i) => path(line(data.powers.map((k, j) => [X(k), errors.Y(level(v.errors[r][j]))])), `${COLOUR[r]}${r === rule ? " thick" : " faint"}`)).join("")
          + RULES.map((r, i) => path(`M56 ${132 + 16 * i}h18`, `${COLOUR[r]}${r === rule ? " thick" : ""}`) + text(80, 136 + 16 * i, r, "start")).join("")
          + path(`M${X(data.powers[at])} 8v168`, "dash") + `<g data-drag="step"><circle class="grip" cx="${X(data.powers[at])}" cy="${errors.Y(level(v.errors[rule][at]))}" r="18"/>${dot(X(data.powers[at]), errors.Y(level(v.errors[rule][at])), "handle", 7)}</g>`;
      },
    }],
    drag: { step: (px, py, data) => ({ power: -near(data.powers)(-errors.back(px, py)[0] / Math.log10(2)) }) },
    say(data, { power, rule }, v) {
      const h = 2 ** -Math.abs(power), wrong = Math.abs(v.slope - data.exact);
      const all = v.errors[rule], best = data.powers[all.indexOf(Math.min(...all))];
      return `With h = ${tiny(h)} the ${rule === "four points" ? "four-point" : rule} rule gives ${show(v.slope, 6)}; the derivative is ${show(data.exact, 6)}, the error ${tiny(wrong)}. Of all these steps it errs least at ${tiny(2 ** -best)}.`;
    },
  });
}
