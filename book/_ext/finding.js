// Search by section. Sphinx looks for the whole query in a title, or for its words anywhere
// on a page; here every word may stand in the heading, in an index entry of the section, in
// the title of the page or in its text, in this order of weight. A heading that says little
// else than the query wins. Code comes after text. What Sphinx finds beside that comes last.
{
  const SAME = { // spellings of one thing; the first stands for all
    __proto__: null,
    gradient: ["gradients", "derivative", "derivatives", "backward", "backprop", "backpropagation"],
    batchnorm: ["batch normalisation", "batch norm", "bn"],
    layernorm: ["layer normalisation", "layer norm"],
    groupnorm: ["group normalisation", "group norm"],
    rmsnorm: ["rms normalisation", "rms norm"],
    crossentropy: ["cross entropy"],
    kneserney: ["kneser ney"],
    tanh: ["hyperbolic tangent"],
    root: ["sqrt", "square root"],
    embedding: ["embeddings", "embedding lookup"],
    optimiser: ["optimisers"],
    flashattention: ["flash attention"],
    bfloat16: ["bf16"],
    float16: ["fp16", "half precision"],
    "kv cache": ["key value cache", "kv caching"],
    rope: ["rotary embedding", "rotary embeddings", "rotary position embedding"],
    "gradient logits": ["dlogits", "dlogit"],
    "gradient softmax": ["softmax jacobian", "jacobian softmax"],
    "second derivative": ["hessian", "hessians", "second derivatives"],
    "directional derivative": ["jvp", "jvps", "forward mode", "jacobian vector product"],
  };
  const ALONE = { // what a word asks for when it is the whole query
    __proto__: null,
    backpropagation: "chain rule", backprop: "chain rule", autograd: "chain rule",
  };
  const SKIP = "how do does what which where when s its your you i".split(" ");
  const stemmer = new Stemmer();
  const british = (text) => text.replace(/\b(\w{3,})iz(e[drs]?|ers|ing|ations?)\b/g, "$1is$2");
  const american = (word) => word.replace(/is(e[drs]?|ers|ing|ations?)$/, "iz$1");
  const plain = (text) => ` ${british(splitQuery(text.toLowerCase()).join(" "))} `;

  const words = (text) => { // stems of the words that carry meaning, synonyms made one
    let line = plain(text);
    for (const [name, others] of Object.entries(SAME))
      for (const other of others) line = line.replaceAll(` ${other} `, ` ${name} `);
    return [...new Set(line.split(" "))].filter((w) => w && !/^\d+$/.test(w) && !stopwords.includes(w) && !SKIP.includes(w));
  };
  const stems = (text) => words(text).map((w) => stemmer.stemWord(w));
  const bare = (title) => title.replace(/<[/]?span[^>]*>/g, ""); // the number of a chapter has one
  // a name that a place is found by: its stems, and what a word that is being typed may begin
  const named = (text) => ({ stems: stems(text), words: [...words(text), ...plain(text).split(" ")] });

  const known = new Map(); // by index: stems of the titles of all pages, and the places
  const collect = ({ titles, alltitles, indexentries }) => { // {doc, title, anchor, names}
    const found = new Map();
    const at = (doc, id, title) => {
      const key = `${doc}#${id}`;
      if (!found.has(key)) found.set(key, { doc, title, anchor: id ? `#${id}` : "", names: [] });
      return found.get(key);
    };
    for (const [title, where] of Object.entries(alltitles)) {
      const name = named(title);
      for (const [doc, id] of where)
        if (!id?.includes("/") && (id || titles[doc].endsWith(title))) // no solution, no title of a box
          at(doc, id ?? "", id ? title.replace(/^ \((.*)\)$/, "Exercise: $1") : titles[doc]).names.push(name);
    }
    for (const [entry, where] of Object.entries(indexentries)) {
      if (entry.includes("(")) continue; // a function or a class
      const name = named(entry);
      for (const [doc, id] of where) {
        const section = id.startsWith("term-") || found.has(`${doc}#${id}`);
        at(doc, section ? id : "", cased(entry, id)).names.push(name);
      }
    }
    return { pages: titles.map((title) => stems(bare(title))), places: [...found.values()] };
  };

  // an entry comes in small letters; the anchor of a term has its own, with - for spaces
  const cased = (entry, id) => [...entry].map((letter, i) => {
    const own = id.startsWith("term-") ? id[i + 5] : "";
    return own?.toLowerCase() === letter ? own : letter;
  }).join("");

  const within = ({ terms, titleterms }, doc, word) => // whether the text of a page has a word, however it is spelt
    [word, ...(SAME[word] ?? [])].some((phrase) => phrase.split(" ").every((w) =>
      [w, american(w)].some((v) => [terms, titleterms].some((table) =>
        [table[stemmer.stemWord(v)] ?? []].flat().includes(doc)))));

  // lax: a word may stand nowhere; open: words may go on, since somebody types
  const rank = (typed, { lax = false, open = false, index = Search._index } = {}) => {
    const query = ALONE[plain(typed).trim()] ?? typed;
    if (!known.has(index)) known.set(index, collect(index));
    const { pages, places } = known.get(index);
    const asked = words(query), wanted = stems(query);
    if (!wanted.length) return [];
    const share = (hits, name) => hits.filter(Boolean).length / (name.length || 1);
    const titled = pages.map((page) => {
      const hits = wanted.map((w) => page.includes(w));
      const bonus = 1 + share(hits, page);
      return hits.map((hit) => hit && bonus);
    });
    const results = [];
    for (const { doc, title, anchor, names } of places) {
      let best = 0;
      for (const name of names) {
        const hits = wanted.map((w, i) => (name.stems.includes(w) ? 2 : open && name.words.some((v) => v.startsWith(asked[i])) ? 1 : 0));
        if (anchor && !hits.some(Boolean)) continue;
        const bonus = share(hits, name.stems);
        const score = hits.reduce((sum, hit, i) => sum + (
          hit ? hit + bonus
            : (anchor && titled[doc][i]) || (index.terms && within(index, doc, asked[i]) ? 1 : lax ? 0 : -Infinity)), 0);
        best = Math.max(best, score);
      }
      if (best <= 0) continue;
      const full = anchor ? `${index.titles[doc]} > ${title}` : title;
      if (index.docnames[doc].startsWith("_code/")) // first for those who type its name alone
        best += /[_.\/]/.test(query) && (anchor ? title === query.trim() : title.endsWith(query.trim())) ? 1 : -2;
      best += !anchor ? 0.1 : /^#(term|ex)-/.test(anchor) ? -1 : 0; // pages first, exercises last
      results.push([index.docnames[doc], full, anchor, null, best, index.filenames?.[doc]]);
    }
    return results.sort(_orderResultsByScoreThenName); // the best is the last
  };

  Search.places = (typed) => { // while somebody types: links of Search.sections, the best first
    const index = Search.sections, { FILE_SUFFIX } = DOCUMENTATION_OPTIONS;
    const number = /^(?:eq(?:uation|\.)?\s*)?\(?(\d+(\.\d*)?)\)?$/i.exec(typed.trim());
    if (number) return index.equations.filter(([n]) => n.startsWith(number[1])).map(([n, doc, id]) =>
      ({ href: `${index.docnames[doc]}${FILE_SUFFIX}#${id}`, title: `Equation (${n})`, page: bare(index.titles[doc]) }));
    const whole = rank(typed, { open: true, index });
    const found = whole.length ? whole : rank(typed, { open: true, lax: true, index });
    const places = new Map(); // by what is read: of two that read alike the better one
    for (const [name, full, anchor] of found.reverse()) {
      const page = index.titles[index.docnames.indexOf(name)];
      const place = { href: name + FILE_SUFFIX + anchor, title: bare(anchor ? full.slice(page.length + 3) : full), page: anchor ? bare(page) : "" };
      const read = `${place.title}\n${place.page}`;
      if (!places.has(read)) places.set(read, place);
    }
    return [...places.values()];
  };

  const MOST = 20; // results: each has its page loaded for an excerpt
  const MISS = "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.";
  Documentation.TRANSLATIONS[MISS] = "No page has any of these words. Another spelling, or the index, may lead to it.";

  const sphinx = Search._performSearch;
  Search._performSearch = (query, ...rest) => {
    const ours = rank(query);
    const seen = new Set(ours.map(([doc, , anchor]) => doc + anchor));
    const theirs = sphinx(query, ...rest).filter(([doc, , anchor]) => !seen.has(doc + anchor) && !anchor.includes("/"));
    const all = [...theirs, ...ours];
    return (all.length ? all : rank(query, { lax: true })).slice(-MOST); // the nearest, if nothing has all words
  };

  const parse = Search._parseQuery;
  Search._parseQuery = (query) => {
    const [text, wanted, unwanted, marked, objects] = parse(query);
    localStorage.removeItem("sphinx_highlight_terms"); // the next page stays as it is
    const kept = [...marked].filter((w) => w.length > 2 && !SKIP.includes(w));
    return [text, wanted, unwanted, new Set(kept), objects];
  };

  Search.htmlToText = (html, anchor) => { // for excerpts: words, no displays, inline formulas as they are read
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector("[role=main]");
    const part = (anchor && main?.querySelector(anchor)) || main;
    part?.querySelectorAll(".headerlink, script, style, .katex-html, annotation, div.math, button").forEach((e) => e.remove());
    part?.querySelectorAll("msqrt").forEach((e) => e.prepend("√"));
    part?.querySelectorAll("mfrac").forEach((e) => e.firstElementChild?.after("/"));
    return (part?.textContent ?? "").replace(/\s+/g, " ").trim();
  };
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false; // browsers refuse to read the pages
}
