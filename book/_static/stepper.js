// Shows the frames of a stepper one at a time; Back, Next and the arrow keys move.
for (const box of document.querySelectorAll(".stepper")) {
  const frames = [...box.querySelectorAll(".stepper-frame")];
  const buttons = [...box.querySelectorAll("button[data-move]")];
  const status = box.querySelector(".stepper-status");
  let place = 0;
  const go = (to, say) => {
    place = Math.min(Math.max(to, 0), frames.length - 1);
    frames.forEach((frame, i) => { frame.open = i === place; });
    for (const button of buttons) { // not disabled: that would lose the focus
      const end = Number(button.dataset.move) < 0 ? 0 : frames.length - 1;
      button.setAttribute("aria-disabled", String(place === end));
    }
    if (say) status.textContent = frames[place].querySelector("summary").textContent;
  };
  // the graphs scroll sideways together, or each step would begin at the left again
  const scrolls = frames.map((frame) => frame.querySelector(".graph-scroll"));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const left = scrolls[place]?.scrollLeft ?? 0;
      go(place + Number(button.dataset.move), true);
      if (scrolls[place]) scrolls[place].scrollLeft = left;
    });
    button.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!move) return;
      event.preventDefault();
      buttons.find((b) => Number(b.dataset.move) === move).click();
    });
  }
  for (const frame of frames) frame.querySelector("summary").tabIndex = -1; // the buttons move
  box.querySelector(".stepper-buttons").hidden = false;
  go(0, false);
}
