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
  const show = (places, words = "") => {
    list.replaceChildren(...places.map(({ href, title, page }) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = root + href;
      link.textContent = title;
      if (page) link.append(Object.assign(document.createElement("span"), { textContent: ` ${page}` }));
      item.append(link);
      return item;
    }));
    tell(words);
  };
  const answer = () => {
    const typed = field.value.trim();
    if (typed.length < 2) return show([]);
    const found = Search.places(typed), count = found.length;
    show(found.slice(0, MOST), !count ? "No place has such a name; Enter searches all text"
      : `${count === 1 ? "One place" : count > MOST ? `The best ${MOST} of ${count} places` : `${count} places`} below; the arrow keys lead there`);
  };
  list.addEventListener("click", () => { // it may lead to this very page
    show([]);
    document.getElementById("__navigation").checked = false;
  });
  field.closest("[role=search]").parentElement.addEventListener("keydown", (event) => {
    const stops = [field, ...list.querySelectorAll("a")], at = stops.indexOf(event.target);
    if (at < 0 || event.isComposing || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape" && stops.length > 1) {
      event.stopPropagation(); // the menu stays, the list goes
      show([]);
      field.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (stops.length === 1) return Search.sections && answer();
      stops.at((at + (event.key === "ArrowDown" ? 1 : -1)) % stops.length).focus();
    }
  });

  const add = (names) => Promise.all(names.map((name) => new Promise((loaded, failed) => {
    const script = document.createElement("script");
    script.src = `${root}_static/${name}`;
    script.async = false; // one after the other
    script.onload = loaded;
    script.onerror = failed;
    document.head.append(script);
  })));
  const name = () => { field.name = "q"; };
  const load = async () => {
    const sphinx = ["documentation_options.js", "doctools.js", "searchtools.js", "language_data.js"];
    if (typeof Search === "undefined") { // Sphinx's script empties fields, and somebody types into this one
      field.name = "";
      field.form.addEventListener("submit", name);
      if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done)); // the page of the search has it
    }
    await add([...(typeof Search === "undefined" ? sphinx : []), "sections.js"]);
    field.addEventListener("input", answer);
    Search.places(""); // so that the first letter need not wait
    answer();
  };
  load().catch(() => {}).finally(name); // without the files Enter still searches
}
