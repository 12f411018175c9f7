// One unit under batch normalisation: five sliders, four histograms, a table of numbers.
// The page brings the sample, and results of charlm.ops ("probes", the first is the start)
// that tests/site/sliders.py compares with box.stages. Without a script a picture stands here.
{
  const EPS = 1e-5, SATURATED = 0.97, BINS = 32;
  const CONTROLS = [ // name, words, smallest, largest, step
    ["scale", "Scale of what comes in", 0.1, 5, 0.1],
    ["offset", "Offset of what comes in", -5, 5, 0.1],
    ["gain", "Gain γ", 0, 3, 0.1],
    ["bias", "Bias β", -3, 3, 0.1],
    ["size", "Batch size", 2, 64, 1],
  ];
  const STAGES = [ // words, half width of the axis
    ["Comes in: x", 8], ["Normalised: x̂", 8], ["Gain and bias: γ x̂ + β", 8], ["After tanh", 1],
  ];
  const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
  const deviation = (v) => { const m = mean(v); return Math.sqrt(mean(v.map((a) => (a - m) ** 2))); };
  const saturated = (v) => v.filter((a) => Math.abs(Math.tanh(a)) > SATURATED).length;
  const show = (a, digits = 2) => a.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");

  const run = (sample, { scale, offset, gain, bias, size }) => {
    const x = sample.slice(0, size).map((a) => offset + scale * a);
    const m = mean(x), s = 1 / Math.sqrt(deviation(x) ** 2 + EPS);
    const xhat = x.map((a) => (a - m) * s);
    const y = xhat.map((a) => gain * a + bias);
    return [x, xhat, y, y.map(Math.tanh)];
  };
  const bars = (values, half) => { // the outermost bars hold all that lies beyond
    const counts = Array(BINS).fill(0);
    for (const a of values) counts[Math.min(BINS - 1, Math.max(0, Math.floor((a / half + 1) * BINS / 2)))]++;
    const most = Math.max(...counts);
    return counts.map((n, i) => n && `<rect x="${i * 7.5 + 0.5}" y="${100 - 96 * n / most}" width="6.5" height="${96 * n / most}"/>`)
      .filter(Boolean).join("");
  };

  for (const box of document.querySelectorAll(".sliders")) {
    const sample = JSON.parse(box.dataset.sample);
    const start = JSON.parse(box.dataset.probes)[0].settings;
    box.innerHTML = `<div class="sliders-controls">${CONTROLS.map(([name, words, from, to, step]) =>
      `<label><span>${words}: <b></b></span><input type="range" name="${name}" min="${from}" max="${to}" step="${step}"></label>`).join("")}
      <button type="button">Back to the start</button></div>
      <div class="sliders-plots">${STAGES.map(([words, half]) => `<figure><figcaption>${words}</figcaption>
      <svg viewBox="0 0 240 100" preserveAspectRatio="none" role="img" aria-label="Histogram: ${words}; its numbers are in the table"></svg>
      <div class="sliders-axis" aria-hidden="true"><span>−${half}</span><span>0</span><span>${half}</span></div></figure>`).join("")}</div>
      <div class="table-scroll"><table class="table"><caption>The batch in numbers</caption>
      <thead><tr><th scope="col">stage</th><th scope="col">mean</th><th scope="col">deviation</th></tr></thead>
      <tbody>${STAGES.map(([words]) => `<tr><th scope="row">${words}</th><td></td><td></td></tr>`).join("")}</tbody></table></div>
      <p class="sliders-share"></p><p class="sliders-status" role="status"></p>`;
    const inputs = [...box.querySelectorAll("input")];
    const share = box.querySelector(".sliders-share"), status = box.querySelector(".sliders-status");

    const draw = () => {
      const settings = Object.fromEntries(inputs.map((i) => [i.name, Number(i.value)]));
      const stages = box.stages = run(sample, settings);
      inputs.forEach((i) => { i.parentElement.querySelector("b").textContent = show(settings[i.name], i.name === "size" ? 0 : 1); });
      box.querySelectorAll("svg").forEach((svg, i) => { svg.innerHTML = bars(stages[i], STAGES[i][1]); });
      box.querySelectorAll("tbody tr").forEach((row, i) => {
        row.cells[1].textContent = show(mean(stages[i]));
        row.cells[2].textContent = show(deviation(stages[i]));
      });
      share.textContent = `Saturated, |tanh| above ${SATURATED}: ${saturated(stages[2])} of ${settings.size}; without batch normalisation ${saturated(stages[0])}.`;
    };
    const reset = () => { inputs.forEach((i) => { i.value = start[i.name]; }); draw(); };
    let later; // read out once the slider rests, not at every step
    const say = () => { clearTimeout(later); later = setTimeout(() => { status.textContent = share.textContent; }, 700); };
    box.addEventListener("input", () => { draw(); say(); });
    box.querySelector("button").addEventListener("click", () => { reset(); say(); });
    reset();
  }
}
