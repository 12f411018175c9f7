// One unit under batch normalisation: histograms, and the gradient before and after.
{
  const { show, line, path, bar, frame } = explore;
  const SATURATED = 0.97, BINS = 24;
  const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
  const product = (v, w) => mean(v.map((a, i) => a * w[i]));
  const saturated = (v) => v.filter((a) => Math.abs(a) > SATURATED).length;
  const box = [8, 8, 164, 112], ticks = (a) => [[-a, `−${a}`], [0, "0"], [a, `${a}`]];
  const histogram = (values, half) => { // the outermost bars hold all that lies beyond
    const at = frame(box, [-half, half], [0, 1], ticks(half)), counts = Array(BINS).fill(0);
    for (const a of values) counts[Math.min(BINS - 1, Math.max(0, Math.floor((a / half + 1) * BINS / 2)))]++;
    const most = Math.max(...counts), w = box[2] / BINS;
    return at.svg + counts.map((n, i) => (n ? bar(box[0] + i * w + 0.5, at.Y(0), w - 1, 105 * n / most, "fill c0") : "")).join("");
  };
  const alt = (of) => `Histogram of the batch: ${of}; its numbers are told below.`;

  explore.add("batch", {
    narrow: true,
    controls: [
      ["scale", "Scale of x", 0.1, 5, 0.1, 3],
      ["offset", "Offset of x", -5, 5, 0.1, 1],
      ["gain", "Gain γ", 0, 3, 0.1, 1],
      ["bias", "Bias β", -3, 3, 0.1, 0],
      ["size", "Batch size", 2, 64, 1, 32, (n) => `${n}`],
    ],
    compute(data, { scale, offset, gain, bias, size }) {
      const x = data.unit.slice(0, size).map((a) => offset + scale * a), m = mean(x);
      const deviation = Math.sqrt(mean(x.map((a) => (a - m) ** 2)) + data.eps);
      const xhat = x.map((a) => (a - m) / deviation);
      const fixed = data.dy.slice(0, size).map((a) => gain * a); // times the deviation, as if that were constant
      const along = mean(fixed), part = product(fixed, xhat);
      const projected = fixed.map((a, i) => a - along - xhat[i] * part);
      return { x, xhat, tanh: xhat.map((a) => Math.tanh(gain * a + bias)), fixed, projected, dx: projected.map((a) => a / deviation) };
    },
    pictures: [{
      words: "Comes in: x", size: [180, 144], alt: alt("what comes in"), draw: (data, s, v) => histogram(v.x, 8),
    }, {
      words: "Normalised: x̂", size: [180, 144], alt: alt("the normalised values"), draw: (data, s, v) => histogram(v.xhat, 8),
    }, {
      words: "tanh(γ x̂ + β)", size: [180, 144], alt: alt("what comes out of tanh"), draw: (data, s, v) => histogram(v.tanh, 1),
    }, {
      words: "Gradient against x̂", size: [180, 144],
      alt: "The gradient of each example over its normalised value: crosses if mean and deviation were constants, dots as it is. The dots have no slope and lie about zero.",
      draw(data, s, v) {
        const at = frame(box, [-3, 3], [-4, 4], ticks(3));
        const put = (values, mark) => values.map((a, i) => [v.xhat[i], a]).filter(([a, b]) => Math.abs(a) <= 3 && Math.abs(b) <= 4).map(([a, b]) => mark(at.X(a), at.Y(b))).join("");
        return at.svg + path(`M${box[0]} ${at.Y(0)}h${box[2]}`, "axis") + path(put(v.fixed, (x, y) => line([[x - 2.5, y - 2.5], [x + 2.5, y + 2.5]]) + line([[x - 2.5, y + 2.5], [x + 2.5, y - 2.5]])), "c1") + path(put(v.projected, (x, y) => `${line([[x, y]])}h0`), "c2 points");
      },
    }],
    say(data, s, v) {
      const before = saturated(v.x.map(Math.tanh)), after = saturated(v.tanh);
      const [a, b, c, d] = [mean(v.fixed), product(v.fixed, v.xhat), mean(v.projected), product(v.projected, v.xhat)].map((x) => show(x, 2));
      return `Saturated, |tanh| above ${SATURATED}: ${after} of ${s.size}; without normalisation ${before}. Mean of the gradient and its mean product with x̂: ${a} and ${b} if mean and deviation were constants, ${c} and ${d} as it is.`;
    },
  });
}
