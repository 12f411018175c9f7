// Places in the book below the search field, while one types. Loaded when the field is first
// used, and then the list of places; Enter searches the text of all pages, as without this.
{
  const MOST = 8, root = new URL("..", document.currentScript.src).href;
  const field = document.querySelector(".sidebar-search");
  const list = document.createElement("ul"), status = document.createElement("p");
  list.className = list.id = "answers";
  status.className = "answers-status";
  status.setAttribute("role", "status");
  field.setAttribute("aria-controls", list.id);
  field.autocomplete = "off";
  field.form.after(list, status);

  let later;
  const tell = (words) => { // once somebody rests, not at every letter
    clearTimeout(later);
    later = setTimeout(() => { status.textContent = words; }, 700);
  };
  const show = (places) => {
    list.replaceChildren(...places.map(({ href, title, page }) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = root + href;
      link.textContent = title;
      if (page) link.append(Object.assign(document.createElement("span"), { textContent: ` ${page}` }));
      item.append(link);
      return item;
    }));
  };
  const answer = () => {
    const typed = field.value.trim(), asked = typed.length > 1;
    const places = asked ? Search.places(typed).slice(0, MOST) : [];
    show(places);
    tell(!asked ? "" : places.length ? `${places.length} places below; the arrow keys lead to them` : "No place has such a name; Enter searches all text");
  };
  field.closest("[role=search]").parentElement.addEventListener("keydown", (event) => {
    const stops = [field, ...list.querySelectorAll("a")], at = stops.indexOf(event.target);
    if (at < 0 || stops.length < 2) return;
    if (event.key === "Escape") {
      event.stopPropagation(); // the menu stays, the list goes
      show([]);
      field.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      stops[(at + step + stops.length) % stops.length].focus();
    }
  });

  const add = (name) => new Promise((loaded, failed) => {
    const script = document.createElement("script");
    script.src = `${root}_static/${name}`;
    script.onload = loaded;
    script.onerror = failed;
    document.head.append(script);
  });
  const named = () => { field.name = "q"; };
  field.form.addEventListener("submit", named);
  (async () => {
    const sphinx = ["documentation_options.js", "doctools.js", "searchtools.js", "language_data.js"];
    if (typeof Search === "undefined") {
      field.name = ""; // Sphinx's script would empty the field, which somebody types into
      for (const name of sphinx) await add(name);
      named();
    }
    await add("sections.js");
    field.addEventListener("input", answer);
    answer();
  })();
}
