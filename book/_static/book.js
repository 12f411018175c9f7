// Copies the TeX of an equation, exactly as the book's source has it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copytex");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.tex);
  } catch { // opened from disk, or an old browser
    const area = document.createElement("textarea");
    area.value = button.dataset.tex;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const text = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = text; }, 1200);
});
{
  // Only boxes that really overflow become tab stops, for those who scroll by keyboard.
  const kinds = [[".math-scroll", "Equation"], [".graph-scroll", "Graph"], [".table-scroll", "Table"]];
  const mark = (boxes) => {
    // all reads before the first write, and no write without need: one layout, not hundreds
    const wide = boxes.map((box) => box.scrollWidth > box.clientWidth + 1);
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
  const watch = new ResizeObserver((entries) => mark(entries.map((e) => e.target)));
  const boxes = [];
  for (const [selector, name] of kinds) {
    for (const box of document.querySelectorAll(selector)) {
      box.dataset.kind = name;
      boxes.push(box);
      watch.observe(box);
    }
  }
  document.fonts.ready.then(() => mark(boxes));
  addEventListener("load", () => mark(boxes));
}
