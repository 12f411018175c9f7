// Search by section. Sphinx looks for the whole query in a title, or for its words anywhere
// on a page; here every word may stand in the heading, in an index entry of the section, in
// the title of the page or in its text, in this order of weight. A heading that says little
// else than the query wins. Code comes after text. What Sphinx finds beside that comes last.
{
  const SAME = { // spellings of one thing; the first stands for all
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

  const places = new Map(); // by index: [{doc, title, anchor, names: stems of the heading and of each entry}]
  const collect = ({ docnames, filenames, titles, alltitles, indexentries }) => {
    const found = new Map();
    const at = (doc, id, title) => {
      const key = `${doc}#${id}`;
      if (!found.has(key)) found.set(key, { doc, title, anchor: id ? `#${id}` : "", names: [] });
      return found.get(key);
    };
    for (const [title, where] of Object.entries(alltitles))
      for (const [doc, id] of where)
        if (!id?.includes("/") && (id || titles[doc].endsWith(title))) // no solution, no title of a box
          at(doc, id ?? "", id ? title.replace(/^ \((.*)\)$/, "Exercise: $1") : titles[doc]).names.push(stems(title));
    for (const [entry, where] of Object.entries(indexentries)) {
      if (entry.includes("(")) continue; // a function or a class
      for (const [doc, id] of where) {
        const section = id.startsWith("term-") || found.has(`${doc}#${id}`);
        at(doc, section ? id : "", cased(entry, id)).names.push(stems(entry));
      }
    }
    return [...found.values()];
  };

  // an entry comes in small letters; the anchor of a term has its own, with - for spaces
  const cased = (entry, id) => [...entry].map((letter, i) => {
    const own = id.startsWith("term-") ? id[i + 5] : "";
    return own?.toLowerCase() === letter ? own : letter;
  }).join("");

  const within = (index, doc, word) => // whether the text of a page has a word, however it is spelt
    [word, ...(SAME[word] || [])].some((phrase) => phrase.split(" ").every((w) =>
      [w, american(w)].some((v) => [index.terms, index.titleterms].some((terms) =>
        [terms[stemmer.stemWord(v)] ?? []].flat().includes(doc)))));

  // lax: a word may stand nowhere; open: words may go on, since somebody types
  const rank = (typed, lax, index = Search._index, open = false) => {
    const query = ALONE[plain(typed).trim()] ?? typed;
    if (!places.has(index)) places.set(index, collect(index));
    const asked = words(query), wanted = stems(query);
    if (!wanted.length) return [];
    const has = (names, w) => (open ? names.some((name) => name.startsWith(w)) : names.includes(w));
    const share = (names) => wanted.filter((w) => has(names, w)).length / (names.length || 1);
    const pages = index.titles.map(stems);
    const results = [];
    for (const { doc, title, anchor, names } of places.get(index)) {
      let best = 0;
      for (const name of names) {
        const score = wanted.reduce((sum, w, i) => sum + (
          has(name, w) ? 2 + share(name)
            : anchor && has(pages[doc], w) ? 1 + share(pages[doc])
            : within(index, doc, asked[i]) ? 1 : lax ? 0 : -Infinity), 0);
        if (wanted.some((w) => has(name, w)) || !anchor) best = Math.max(best, score);
      }
      if (best <= 0) continue;
      const full = anchor ? `${index.titles[doc]} > ${title}` : title;
      if (index.docnames[doc].startsWith("_code/")) // first for those who type its name alone
        best += /[_.\/]/.test(query) && (anchor ? title === query.trim() : title.endsWith(query.trim())) ? 1 : -2;
      best += !anchor ? 0.1 : /^#(term|ex)-/.test(anchor) ? -1 : 0; // pages first, exercises last
      results.push([index.docnames[doc], full, anchor, null, best, index.filenames[doc]]);
    }
    return results.sort(_orderResultsByScoreThenName); // the best is the last
  };

  Search.places = (typed) => { // while somebody types: links of Search.sections, the best first
    const index = Search.sections, { FILE_SUFFIX } = DOCUMENTATION_OPTIONS;
    const bare = (title) => title.replace(/<[/]?span[^>]*>/g, ""); // of the number of a chapter
    const number = /^\(?(\d+(\.\d*)?)\)?$/.exec(typed.trim());
    if (number) return index.equations.filter(([n]) => n.startsWith(number[1])).map(([n, doc, id]) =>
      ({ href: `${index.docnames[doc]}${FILE_SUFFIX}#${id}`, title: `Equation (${n})`, page: bare(index.titles[doc]) }));
    const named = [...rank(typed, false, index, true), ...rank(typed, false, index)]; // whole words first
    const found = named.length ? named : rank(typed, true, index, true);
    const places = found.reverse().map(([name, full, anchor]) => {
      const page = index.titles[index.docnames.indexOf(name)];
      return { href: name + FILE_SUFFIX + anchor, title: bare(anchor ? full.slice(page.length + 3) : full), page: anchor ? bare(page) : "" };
    });
    return places.filter(({ href }, i) => places.findIndex((other) => other.href === href) === i);
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
    return (all.length ? all : rank(query, true)).slice(-MOST); // the nearest, if nothing has all words
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
