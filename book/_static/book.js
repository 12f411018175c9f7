// Copies the TeX of an equation, or code, exactly as the book's source has it.
const copy = async (button, whole) => {
  try {
    await navigator.clipboard.writeText(whole);
  } catch { // opened from disk, or an old browser
    const area = document.createElement("textarea");
    area.value = whole;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const text = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = text; }, 1200);
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copytex, button.copycode");
  if (button) copy(button, button.dataset.tex ?? button.parentElement.querySelector("pre").textContent.trimEnd());
});
for (const box of document.querySelectorAll("article div.highlight"))
  box.insertAdjacentHTML("beforeend", '<button type="button" class="copycode" aria-label="Copy this code">Copy</button>');
document.addEventListener("click", (event) => { // the theme's menus, by keyboard too
  const button = event.target.closest("button[data-opens]");
  if (!button) return;
  document.getElementById(button.dataset.opens).checked = true;
  document.querySelector(button.matches(".menu-book") ? ".sidebar-tree a" : ".toc-tree a:not([href='#'])")?.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll(".sidebar-toggle").forEach((menu) => { menu.checked = false; });
});
document.addEventListener("keydown", (event) => { // to the search, from wherever one reads
  const field = document.querySelector(".sidebar-search");
  if (!field || event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  if (document.querySelector(".nav-overlay-icon").offsetParent) document.getElementById("__navigation").checked = true;
  field.focus();
});
{ // answers while one types
  const there = new URL("answers.js", document.currentScript.src), field = document.querySelector(".sidebar-search");
  const load = () => document.head.append(Object.assign(document.createElement("script"), { src: there }));
  if (document.activeElement === field) load();
  else field?.addEventListener("focus", load, { once: true });
}
// Selected text is copied with the TeX of its formulas, each once and whole.
document.addEventListener("copy", (event) => {
  const selection = getSelection();
  if (selection.isCollapsed || !event.clipboardData) return;
  const range = selection.getRangeAt(0).cloneRange();
  const of = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    return element.closest(".katex-display") ?? element.closest(".katex");
  };
  const first = of(range.startContainer), last = of(range.endContainer);
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const part = range.cloneContents();
  if (!part.querySelector(".katex")) return;
  part.querySelectorAll("button, .eqno, .headerlink").forEach((e) => e.remove());
  for (const formula of part.querySelectorAll(".katex")) {
    const tex = formula.querySelector("annotation")?.textContent ?? "";
    formula.replaceWith(formula.closest(".katex-display") ? `\n$$\n${tex}\n$$\n` : `$${tex}$`);
  }
  event.clipboardData.setData("text/plain", part.textContent.trim());
  event.preventDefault();
});
document.addEventListener("touchstart", () => {}, { passive: true }); // iOS: touching is hovering
// A preview is made when its link is pointed at or reached: to make all of them while the
// page arrives would hold up a phone for a third of a second.
addEventListener("DOMContentLoaded", () => {
  const make = window.tippy;
  if (!make) return;
  window.tippy = (link, how) => {
    const show = () => link._tippy ?? make(link, { ...how, showOnCreate: true });
    for (const asked of ["pointerenter", "focus"]) link.addEventListener(asked, show, { once: true });
  };
});
{
  // Only boxes that really overflow become tab stops, for those who scroll by keyboard.
  const kinds = { ".math-scroll": "Equation", ".graph-scroll": "Graph", ".table-scroll, .table-wrapper": "Table", ".highlight pre": "Code", ".cell_output pre": "Output", "article figure": "Figure" };
  const mark = (boxes) => {
    // all reads before the first write, and no write without need: one layout, not hundreds
    const wide = boxes.map((box) => box.scrollWidth > box.clientWidth);
    boxes.forEach((box, i) => {
      if (wide[i] === box.hasAttribute("tabindex")) return;
      if (wide[i]) {
        const number = box.parentElement.querySelector(".eqno");
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", `${box.dataset.kind}${number ? " " + number.firstChild.textContent : ""}, scrolls sideways`);
      } else {
        for (const a of ["tabindex", "role", "aria-label"]) box.removeAttribute(a);
      }
    });
  };
  // measured when it is laid out, not before: that would lay out the whole page at once
  const watch = new ResizeObserver((entries) => mark([...new Set(entries.map((e) => e.target.closest("[data-kind]")))].filter(Boolean)));
  for (const [selector, kind] of Object.entries(kinds)) {
    for (const box of document.querySelectorAll(selector)) {
      box.dataset.kind = kind;
      watch.observe(box);
      watch.observe(box.firstElementChild ?? box); // grows when its fonts arrive
    }
  }
  // A phone lays out only what it shows (book.css). While nothing else happens the rest is
  // measured, a few blocks at a time, so that all is where it will be when it is shown.
  const blocks = [...document.querySelectorAll("article > section section > *")];
  const later = window.requestIdleCallback ?? setTimeout;
  const measure = () => {
    const start = performance.now(), inside = document.createRange();
    while (blocks.length && performance.now() - start < 4) {
      const block = blocks.shift();
      if (getComputedStyle(block).contentVisibility !== "auto") continue;
      mark([...block.querySelectorAll("[data-kind]")]);
      inside.selectNodeContents(block);
      block.style.containIntrinsicBlockSize = `auto ${inside.getBoundingClientRect().height}px`;
    }
    if (blocks.length) later(measure);
  };
  addEventListener("load", () => later(measure));
}
{
  // A link to an equation shows it with the sentence before it (book.css), and a way back.
  const arrive = (event) => {
    document.querySelector(".way-back")?.remove();
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const came = event.type === "hashchange" || document.referrer;
    if (!came || !target?.matches("div.math")) return;
    target.insertAdjacentHTML("beforeend", '<button type="button" class="way-back">Back</button>');
    target.lastElementChild.addEventListener("click", () => history.back());
  };
  addEventListener("hashchange", arrive);
  addEventListener("load", arrive);
}
{
  // Chapters marked as read: kept in this browser alone, shown in the side bar.
  const KEY = "gradients-by-hand-read";
  const name = (link) => link.pathname.split("/").pop();
  const links = [...document.querySelectorAll(".sidebar-tree a")].filter((a) => /^\s*\d+\. /.test(a.textContent));
  const load = () => JSON.parse(localStorage.getItem(KEY) || "[]");
  const show = (read) => {
    for (const link of links) {
      link.querySelector(".read-mark")?.remove();
      if (read.includes(name(link)))
        link.insertAdjacentHTML("beforeend", '<span class="read-mark"><span aria-hidden="true">✓</span><span class="visually-hidden"> (read)</span></span>');
    }
    return links.filter((a) => read.includes(name(a))).length;
  };
  try { // a browser may refuse to keep anything: then nothing is offered
    show(load());
    const here = name(location);
    const text = links.some((a) => name(a) === here) && document.querySelector("article");
    if (text) {
      text.insertAdjacentHTML("beforeend", '<div class="read-buttons"><button type="button"></button> <button type="button">Forget all marks</button><span role="status"></span></div>');
      const [mark, forget] = text.lastElementChild.querySelectorAll("button");
      const update = (read) => {
        localStorage.setItem(KEY, JSON.stringify(read));
        const count = show(read);
        mark.textContent = read.includes(here) ? "Mark as unread" : "Mark as read";
        forget.setAttribute("aria-disabled", String(!count)); // not disabled: that would lose the focus
        forget.nextElementSibling.textContent = `${count} of ${links.length} chapters read`;
      };
      mark.addEventListener("click", () => update(load().includes(here) ? load().filter((n) => n !== here) : [...load(), here]));
      forget.addEventListener("click", () => update([]));
      update(load());
    }
  } catch { /* no marks */ }
}
{
  // On paper: what is folded shown, and no equation wider than the page.
  // width of the text on A4 in em of its type, less the number
  const room = (box) => (box.closest(".gradient-card") ? 20.5 : box.closest(".admonition") ? 38 : 43);
  let closed;
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("article details:not([open], .above-input)")]; // code that draws stays folded
    closed.forEach((box) => { box.open = true; });
    for (const box of document.querySelectorAll(".katex-display")) {
      const [first, ...rest] = box.querySelectorAll(".katex-html > .base");
      const width = (rest.at(-1) ?? first).getBoundingClientRect().right - first.getBoundingClientRect().left;
      const fit = room(box) * parseFloat(getComputedStyle(box).fontSize) / width;
      box.style.setProperty("--fit", Math.min(1, fit).toFixed(3));
    }
  });
  addEventListener("afterprint", () => {
    closed.forEach((box) => { box.open = false; });
  });
}
