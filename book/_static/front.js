// The two boxes of the front page: scores that move their gradient, and a name under a
// table of pairs of letters. The page brings both drawn, with numbers of charlm; here
// they follow the reader. tests/site/front.py compares with the package.
{
  const number = (a, digits) => a.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  const later = (element) => { // what a screen reader hears waits until the reader rests
    let waiting;
    return (text) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { element.textContent = text; }, 900);
    };
  };

  // ---- scores, probabilities, gradient ----
  const softmax = (z) => {
    const largest = Math.max(...z), e = z.map((a) => Math.exp(a - largest));
    const sum = e.reduce((a, b) => a + b);
    return e.map((a) => a / sum);
  };
  const loss = (z, t) => -Math.log(softmax(z)[t]);
  const gradient = (z, t) => softmax(z).map((p, i) => p - Number(i === t));
  const slopes = (z, t, h = 1e-5) => z.map((_, i) => { // knows nothing of the gradient
    const moved = (by) => loss(z.map((a, j) => a + by * (i === j)), t);
    return (moved(h) - moved(-h)) / (2 * h);
  });

  const box = document.getElementById("front-gradient");
  const rows = [...box.querySelectorAll("tbody tr")];
  const scores = rows.map((row) => row.querySelector('[type="range"]'));
  const came = rows.map((row) => row.querySelector('[type="radio"]'));
  const letters = rows.map((row) => row.dataset.letter);
  let shown = came.findIndex((radio) => radio.checked); // the row that the lines below tell of
  const put = (name, text) => {
    for (const place of box.querySelectorAll(`[data-is="${name}"]`)) place.textContent = text;
  };
  const draw = () => {
    const z = scores.map((s) => Number(s.value)), t = came.findIndex((radio) => radio.checked);
    const p = softmax(z), dz = gradient(z, t), found = slopes(z, t);
    box.results = { p, dz, found, loss: loss(z, t) };
    rows.forEach((row, i) => {
      const bars = row.querySelectorAll(".front-bar");
      row.querySelector("output").textContent = number(z[i], 1);
      [[p[i], bars[0]], [dz[i], bars[1]]].forEach(([value, bar]) => {
        bar.previousElementSibling.textContent = number(value, 3);
        bar.style.setProperty("--v", value);
      });
      row.classList.toggle("front-shown", i === shown);
      scores[i].setAttribute("aria-valuetext", `${number(z[i], 1)}; probability ${number(p[i], 3)}, gradient ${number(dz[i], 3)}`);
    });
    put("t", letters[t]);
    put("i", letters[shown]);
    put("p", number(p[shown], 3));
    put("y", String(Number(shown === t)));
    put("dz", number(dz[shown], 3));
    put("loss", number(loss(z, t), 3));
    put("list", `[${dz.map((d) => number(d, 3)).join(", ")}]`);
    put("found", number(found[shown], 3));
    put("apart", Math.max(...dz.map((d, i) => Math.abs(d - found[i]))).toExponential(0).replace("-", "−"));
  };
  for (const inputs of [scores, came]) {
    inputs.forEach((input, i) => input.addEventListener("input", () => { shown = i; draw(); }));
  }
  draw();

  // ---- a name, letter by letter ----
  const form = document.getElementById("front-name");
  const { symbols, counts, alpha, dev } = JSON.parse(document.getElementById("front-counts").textContent);
  const field = form.querySelector("input"), list = form.querySelector("ol");
  const said = form.querySelector(".front-said"), say = later(form.querySelector("[role=status]"));
  const way = form.querySelector("a"), home = way.getAttribute("href");
  const nats = (name) => { // of each letter after the one before it, and of the end
    const ids = [0, ...[...name].map((c) => symbols.indexOf(c)), 0];
    return ids.slice(1).map((next, i) => {
      const row = counts[ids[i]], all = row.reduce((a, b) => a + b);
      return -Math.log((row[next] + alpha) / (all + alpha * symbols.length));
    });
  };
  const read = () => {
    const bare = field.value.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
    const name = [...bare].filter((c) => symbols.indexOf(c) > 0).join("");
    const each = nats(name), sum = each.reduce((a, b) => a + b), worst = each.indexOf(Math.max(...each));
    const spelt = (i) => (i < name.length ? name[i] : "the end"), before = (i) => (i ? name[i - 1] : "the start");
    form.results = { name, each };
    list.replaceChildren(...each.map((value, i) => {
      const item = list.firstElementChild.cloneNode(true), [letter, bar, percent, own] = item.children;
      letter.textContent = i < name.length ? name[i] : "end";
      bar.style.setProperty("--v", Math.min(value / 8, 1));
      const p = 100 * Math.exp(-value);
      percent.textContent = `${number(p, p < 1 ? 1 : 0)} %`;
      own.textContent = number(value, 2);
      return item;
    }));
    said.textContent = name
      ? `${number(sum, 1)} nats in all, ${number(sum / each.length, 2)} a letter; names that it has not seen: ${number(dev, 2)}. `
        + `The largest surprise: ${spelt(worst)} after ${before(worst)}.`
      : "A name of letters from a to z, please; accents are left out.";
    way.setAttribute("href", name ? `${home}?name=${name.slice(0, 15)}` : home);
    return said.textContent;
  };
  field.addEventListener("input", () => say(read()));
  form.addEventListener("submit", (event) => { event.preventDefault(); location.href = way.href; });
  read();
}
