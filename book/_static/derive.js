// "Finish this derivation" and questions to recall: what is typed is evaluated on the tensors
// of two worlds, so that nothing passes by chance, and compared; on a miss with what it would
// be with a known slip, which is named. Right answers, slips and words come with the page;
// charlm has checked them when it was built (book/_ext/proving.py). slips.js finds others; it is
// loaded when somebody begins to type.
globalThis.derive = (() => {
  const { Miss, parse, evaluate, math, scalar, map, same } = formula;
  const here = globalThis.document?.currentScript.src;
  let asked; // slips.js, when somebody begins to type
  const load = () => asked ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = here.replace(/derive\.js.*/, "slips.js");
    script.onload = done;
    document.head.append(script);
  });

  // ---- judging: answers are arrays of values, one for each world ----
  /* A task has worlds (hundredths, and lengths), axes, forward ([name, formula]...) and steps:
     {name, right, parts: [[formula, words]...], slips: [[formula, words]...]}. */
  function prepare(task) {
    if (task.values) return;
    const inputs = Object.keys(task.worlds[0]);
    task.values = task.worlds.map((w) => Object.fromEntries(Object.entries(w).map(([k, v]) =>
      [k, Array.isArray(v) ? { shape: v[0], data: v[1].map((x) => x / 100) } : scalar(v)])));
    task.lengths = inputs.filter((k) => Number.isInteger(task.worlds[0][k]) && task.worlds[0][k] > 1);
    const lines = [...task.forward, ...task.steps.filter((s) => s.name).map((s) => [s.name, s.right])];
    lines.forEach(([name, formula], k) => {
      const tree = parse(formula, [...inputs, ...lines.slice(0, k).map(([n]) => n)]);
      for (const w of task.values) w[name] = evaluate(tree, w, task.axes);
    });
    task.steps.forEach((step, k) => {
      const before = task.steps.slice(0, k).map((s) => s.name);
      step.known = [...inputs, ...task.forward.map(([n]) => n), ...before].filter((n) => n && n !== step.name);
    });
  }
  function judge(text, task, step) {
    prepare(task);
    const of = (tree) => task.values.map((w) => evaluate(tree, w, task.axes));
    const read = (formula) => of(parse(formula, step.known));
    const answer = parse(step.right, step.known), right = of(answer);
    let tree, mine;
    try { tree = parse(text, step.known); mine = of(tree); } catch (e) {
      if (!(e instanceof Miss)) throw e;
      const [kind, say] = (tree && derive.misfit({ task, step, tree, of, right })) ?? ["unread", e.message];
      return { ok: false, kind, say };
    }
    const equal = (other) => mine.every((m, i) => same(m, other[i]));
    const no = (kind, say) => ({ ok: false, kind, say, tree });
    if (equal(right)) return { ok: true, kind: "right", say: "Right.", tree };
    if (mine.some((m) => !m.data.every(Number.isFinite))) return no("infinite", "That is not a finite number everywhere. A division by zero, or a root or logarithm of something negative?");
    for (const [formula, words] of step.slips) if (equal(read(formula))) return no("slip", words);
    return no(...derive.diagnose({ task, step, tree, mine, answer, right, of, read, equal }));
  }


  // ---- the page ----
  function build(box) {
    const task = JSON.parse(box.querySelector("script").textContent), solution = box.querySelector("details");
    const form = document.createElement("div"), id = box.id, count = task.steps.length;
    const fades = task.fades ?? [], of = (k) => ` for ${task.steps[k].name ?? `question ${k + 1}`}`;
    form.className = "derive-form";
    form.setAttribute("role", "group");
    form.setAttribute("aria-label", box.querySelector(".derive-title").textContent);
    form.innerHTML = (fades.length > 1 ? `<fieldset class="derive-fade"><legend>Blank</legend>${fades.map((n, k) => `<label><input type="radio" name="${id}-fade" value="${n}"${k ? "" : " checked"}> ${n === count ? "all" : n === 1 ? "one step" : "two steps"}</label>`).join("")}</fieldset>` : "")
      + task.steps.map((s, k) => `<div class="derive-step"><label for="${id}-${k}">${s.ask ?? `<code>${s.name}</code> =`}</label> <code class="derive-worked"></code><div class="derive-blank"><input id="${id}-${k}" type="text" autocomplete="off" autocapitalize="off" autocorrect="off" spellcheck="false"><button type="button" aria-label="Check${of(k)}">Check</button><button type="button" aria-label="Hint${of(k)}">Hint</button></div><div class="derive-read"></div><p class="derive-say" role="status"></p></div>`).join("");
    solution.before(form);
    prepare(task);
    const rows = [...form.querySelectorAll(".derive-step")];
    const blank = (k) => !fades.length || k < (form.querySelector(".derive-fade :checked")?.value ?? count);
    const fade = () => rows.forEach((row, k) => {
      row.querySelector(".derive-blank").hidden = !blank(k);
      row.querySelector(".derive-worked").textContent = blank(k) ? "" : task.steps[k].right;
      for (const part of [".derive-read", ".derive-say"]) row.querySelector(part).hidden = !blank(k);
    });
    rows.forEach((row, k) => {
      const step = task.steps[k], input = row.querySelector("input"), [check, hint] = row.querySelectorAll("button");
      const read = row.querySelector(".derive-read"), say = row.querySelector(".derive-say");
      let given = 0;
      const verdict = (words, kind) => { say.textContent = words; row.dataset.verdict = kind; };
      input.addEventListener("input", () => {
        verdict("", "");
        try { read.innerHTML = input.value.trim() ? `<math>${math(parse(input.value, step.known), task)}</math>` : ""; }
        catch (e) { if (!(e instanceof Miss)) throw e; read.textContent = e.message; }
      });
      const act = () => {
        if (!derive.diagnose) return load().then(act);
        const found = judge(input.value, task, step);
        const open = rows.filter((r, j) => blank(j) && r.dataset.verdict !== "right" && j !== k).length;
        verdict(found.ok ? `Right. ${step.why ?? ""}${!open && rows.length > 1 ? " All done." : ""}` : found.say, found.kind);
      };
      check.addEventListener("click", act);
      input.addEventListener("keydown", (e) => { if (e.key === "Enter") act(); });
      hint.addEventListener("click", () => {
        verdict(given++ && step.hint ? `The answer: ${step.right}` : step.hint ?? `The answer: ${step.right}`, "hint");
        hint.textContent = "Answer";
        hint.setAttribute("aria-label", `Answer${of(k)}`);
      });
    });
    form.addEventListener("focusin", load, { once: true });
    form.querySelector(".derive-fade")?.addEventListener("change", fade);
    fade();
  }
  if (globalThis.document) document.querySelectorAll(".derive").forEach(build);
  return { judge, load };
})();
