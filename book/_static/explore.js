// Pictures to drag: controls, drawings, and a sentence that says what is seen.
// Each lies in explore/NAME.js as explore.add(NAME, {...}):
//   controls  [name, words, from, to, step, start, show?] a slider; [name, words, options, start]
//             a choice; functions of the data may stand for numbers and options
//   compute   (data, settings) => values; tests/test_explore.py compares them with charlm's
//   pictures  {words, alt, size: [width, height], draw: (data, settings, values) => SVG}
//   say       (data, settings, values) => a sentence or two
//   drag      name of a handle => (x, y, data) => settings; a handle is drawn with data-drag
// and for a map, whose boxes are links with data-pick (its picture has links: true)
//   pick      (name of a box, data) => settings, when it is pressed; pointed at, its line is s.look
//   open      (data, settings, values) => HTML beside the map; an equation that it links to is quoted there
//   play      the slider that runs to its end
// The build runs this file too (book/_ext/explore.py): what it draws stands in the page, and
// here only what moves is redrawn. Data come with the page, from charlm (book/_explore).
globalThis.explore = (() => {
  const known = {};
  const show = (a, digits = 2) => a.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  const round = (a) => Math.round(a * 10) / 10;
  const line = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${round(x)} ${round(y)}`).join("");
  const path = (d, kind = "") => `<path class="${kind}" d="${d}"/>`;
  const dot = (x, y, kind = "", r = 4) => `<circle class="${kind}" cx="${round(x)}" cy="${round(y)}" r="${r}"/>`;
  const bar = (x, y, w, h, kind = "") => // upwards or downwards from y
    `<rect class="${kind}" x="${round(x)}" y="${round(h < 0 ? y : y - h)}" width="${round(w)}" height="${round(Math.abs(h))}"/>`;
  const plain = (words) => String(words).replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const text = (x, y, words, at = "middle", kind = "") =>
    `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${at}">${plain(words)}</text>`;
  const arrow = (x, y, u, v, kind = "") => {
    const length = Math.hypot(u, v), a = u / length, b = v / length;
    if (length < 1) return "";
    const h = Math.min(7, length / 2), [p, q] = [x + u, y + v];
    return path(line([[x, y], [p, q]]) + line([[p - h * a - h * b / 2, q - h * b + h * a / 2], [p, q], [p - h * a + h * b / 2, q - h * b - h * a / 2]]), kind);
  };
  const handle = (x, y, name) => // a large place to touch, and what is seen of it
    `<g data-drag="${name}"><circle class="grip" cx="${round(x)}" cy="${round(y)}" r="18"/>${dot(x, y, "handle", 7)}</g>`;
  // a map in shades: level(column, row) of its columns and rows (from below) is 0, 1, 2 ... or nothing
  const levels = ([left, top, width, height], columns, rows, level, shades) => {
    const d = shades.map(() => ""), w = width / columns, h = height / rows;
    for (let row = 0; row < rows; row++) for (let column = 0, from = 0, k; column <= columns; column++) {
      const now = column < columns ? level(column, row) : -1;
      if (now === k && column) continue;
      if (d[k] !== undefined) d[k] += `M${round(left + w * from)} ${round(top + h * (rows - row))}h${round(w * (column - from))}v${round(-h)}h${round(-w * (column - from))}z`;
      [from, k] = [column, now];
    }
    return d.map((path, k) => `<path class="fill level" fill-opacity="${shades[k]}" d="${path}"/>`).join("");
  };
  // [left, top, width, height] of a picture, what its sides stand for, and [place, words] of ticks
  const frame = ([left, top, width, height], [x0, x1], [y0, y1], xs = [], ys = []) => {
    const X = (x) => left + (x - x0) / (x1 - x0) * width, Y = (y) => top + height - (y - y0) / (y1 - y0) * height;
    const back = (px, py) => [x0 + (px - left) / width * (x1 - x0), y0 + (top + height - py) / height * (y1 - y0)];
    const marks = xs.map(([x]) => `M${round(X(x))} ${top + height}v4`).join("") + ys.map(([y]) => `M${left} ${round(Y(y))}h-4`).join("");
    const words = xs.map(([x, w]) => text(X(x), top + height + 16, w)).join("") + ys.map(([y, w]) => text(left - 6, Y(y) + 4, w, "end")).join("");
    return { X, Y, back, svg: path(`M${left} ${top}v${height}h${width}${marks}`, "axis") + words };
  };

  const value = (it, data) => (typeof it === "function" ? it(data) : it);
  const choice = (control) => control.length === 4;
  const settled = (it, data) => it.controls.map((c) => c.map((part, i) => (i === 6 ? part : value(part, data))));
  const shown = (control, x, data) => (control[6] ?? ((a) => show(a, 1)))(x, data);
  const start = (controls) => Object.fromEntries(controls.map((c) => [c[0], choice(c) ? c[3] : c[5]]));
  function html(name, data) { // the box as it stands in the page
    const it = known[name], controls = settled(it, data), first = start(controls);
    const values = it.compute(data, first);
    const fields = controls.map((c) => (choice(c)
      ? `<label><span>${c[1]}</span><select name="${c[0]}">${c[2].map((o) => `<option${o === c[3] ? " selected" : ""}>${plain(o)}</option>`).join("")}</select></label>`
      : `<label><span>${c[1]}: <b>${shown(c, c[5], data)}</b></span><input type="range" name="${c[0]}" min="${c[2]}" max="${c[3]}" step="${c[4]}" value="${c[5]}" aria-valuetext="${shown(c, c[5], data)}" autocomplete="off"></label>`));
    const pictures = it.pictures.map(({ words, alt, size, draw, links }) =>
      `<figure><figcaption>${words}</figcaption><svg viewBox="0 0 ${size.join(" ")}" role="${links ? "group" : "img"}" aria-label="${alt}" fill="none" stroke="currentColor">${draw(data, first, values)}</svg></figure>`);
    if (it.open) pictures.push(`<div class="explore-open">${it.open(data, first, values)}</div>`);
    const buttons = [...(it.play ? ['<button type="button" data-play>Play</button>'] : []), '<button type="button" data-start>Back to the start</button>'];
    return `<div class="explore-pictures${it.narrow ? " narrow" : it.wide ? " wide" : ""}" style="--parts: ${pictures.length}">${pictures.join("")}</div>` +
      `<p class="explore-say">${plain(it.say(data, first, values))}</p>` +
      `<div class="explore-controls" style="--parts: ${fields.length + buttons.length}">${[...fields, ...buttons].join("")}</div>` +
      '<p class="explore-status visually-hidden" role="status"></p>';
  }

  function attach(box, it) {
    const data = JSON.parse(box.querySelector("script").textContent), controls = settled(it, data);
    const field = Object.fromEntries(controls.map((c) => [c[0], box.querySelector(`[name="${c[0]}"]`)]));
    const drawings = [...box.querySelectorAll("svg")], say = box.querySelector(".explore-say");
    const status = box.querySelector(".explore-status");
    const settings = () => Object.fromEntries(controls.map((c) => [c[0], choice(c) ? field[c[0]].value : Number(field[c[0]].value)]));
    const set = (some) => { for (const [name, x] of Object.entries(some)) field[name].value = x; };
    const drawn = drawings.map(() => ""), open = box.querySelector(".explore-open");
    let waits, later, look;
    const picked = (target) => target.closest?.("[data-pick]")?.dataset.pick;
    const draw = () => {
      const now = settings(), values = it.compute(data, now);
      waits = 0;
      if (look) now.look = Object.values(it.pick(look, data))[0];
      it.pictures.forEach((p, i) => {
        const next = p.draw(data, now, values), held = picked(document.activeElement);
        if (next === drawn[i]) return; // what a link was pressed in stays until it is released
        drawings[i].innerHTML = drawn[i] = next;
        if (held) drawings[i].querySelector(`[data-pick="${held}"]`)?.focus({ preventScroll: true });
      });
      if (open) quote(open, it.open(data, now, values));
      for (const c of controls) if (!choice(c)) {
        field[c[0]].previousElementSibling.lastElementChild.textContent = shown(c, now[c[0]], data);
        field[c[0]].setAttribute("aria-valuetext", shown(c, now[c[0]], data));
      }
      const words = it.say(data, now, values);
      if (say.textContent === words) return;
      say.textContent = words;
      clearTimeout(later); // read out once the slider rests, not at every step
      later = setTimeout(() => { status.textContent = words; }, 700);
    };
    const ask = () => { waits ||= requestAnimationFrame(draw); };
    box.addEventListener("input", ask);
    box.querySelector("[data-start]").addEventListener("click", () => { set(start(controls)); ask(); });
    if (it.pick) attachMap();
    if (it.play) attachPlay(box.querySelector("[data-play]"), field[it.play], ask);
    function attachMap() { // pointed at or reached by Tab a box is looked at, pressed it is gone to, arrows step
      draw();
      const at = (name) => { if (name !== look) { look = name; ask(); } };
      for (const kind of ["pointerover", "focusin"]) box.addEventListener(kind, (event) => at(picked(event.target)));
      for (const kind of ["pointerleave", "focusout"]) box.addEventListener(kind, () => at());
      box.addEventListener("click", (event) => {
        const name = picked(event.target);
        if (!name) return;
        event.preventDefault();
        set(it.pick(name, data));
        ask();
      });
      box.addEventListener("keydown", (event) => {
        const name = picked(event.target), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!name || !step) return;
        event.preventDefault();
        const [[key, place]] = Object.entries(it.pick(name, data));
        const next = [...box.querySelectorAll("[data-pick]")].find((e) => it.pick(e.dataset.pick, data)[key] === place + step);
        if (!next) return;
        set({ [key]: place + step });
        next.focus();
      });
    }
    for (const svg of drawings) {
      let held;
      const move = (event) => {
        if (!held) return;
        const to = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
        set(it.drag[held](to.x, to.y, data));
        ask();
      };
      svg.addEventListener("pointerdown", (event) => {
        held = event.target.closest("[data-drag]")?.dataset.drag;
        if (held) { svg.setPointerCapture(event.pointerId); event.preventDefault(); }
      });
      svg.addEventListener("pointermove", move);
      for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { held = undefined; });
    }
  }
  function quote(open, words) { // an equation of this page, where it is linked to
    open.innerHTML = words;
    for (const link of open.querySelectorAll("[data-quote]")) {
      const found = document.querySelector(link.getAttribute("href"))?.querySelector(".katex-display, .katex");
      if (found) link.parentElement.before(found.cloneNode(true));
    }
  }
  function attachPlay(button, slider, ask) {
    let timer;
    const stop = () => { timer = clearInterval(timer); button.textContent = "Play"; };
    const step = () => {
      slider.stepUp();
      ask();
      if (slider.value === slider.max) stop();
    };
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (slider.value === slider.max) slider.value = slider.min;
      button.textContent = "Pause";
      timer = setInterval(step, 600);
      ask();
    });
  }

  function add(name, it) {
    known[name] = it;
    for (const box of globalThis.document?.querySelectorAll(`[data-explore="${name}"]`) ?? []) attach(box, it);
  }
  return { known, html, add, show, plain, line, path, dot, bar, text, arrow, handle, levels, frame };
})();
