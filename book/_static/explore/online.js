// Online softmax: a row of scores read tile by tile, with what is kept after each.
{
  const { show, path, bar, text, frame } = explore;
  const score = frame([30, 8, 280, 150], [0, 8], [-2, 3.6], [], [[-2, "−2"], [0, "0"], [2, "2"]]);
  const count = frame([30, 8, 280, 150], [0, 8], [0, 1], [], [[0, "0"], [0.5, "0.5"], [1, "1"]]);

  explore.add("online", {
    controls: [
      ["tiles", "Tiles read", 1, (d) => d.scores.length, 1, 1, (n) => `${n}`],
      ["tile", "Scores in a tile", 1, (d) => d.scores.length, 1, 2, (n) => `${n}`],
    ],
    compute(data, { tile, tiles }) {
      let best = -Infinity, total = 0, read = 0, old = 1;
      const seen = Math.min(data.scores.length, tile * tiles);
      for (let from = 0; from < seen; from += tile) {
        const S = data.scores.slice(from, from + tile), larger = Math.max(best, ...S), counts = S.map((s) => Math.exp(s - larger));
        old = Math.exp(best - larger); // what was summed counts less from now on
        total = old * total + counts.reduce((a, b) => a + b);
        read = old * read + counts.reduce((a, c, i) => a + c * data.values[from + i], 0);
        best = larger;
      }
      return { best, total, old, seen, y: read / total, lse: best + Math.log(total) };
    },
    pictures: [{
      words: "Scores of one row, read from the left", size: [320, 170], alt: "Eight bars up or down from zero: the scores. Those that were read are filled, the others outlines; a line lies at the largest so far.",
      draw: (data, s, v) => score.svg + path(`M30 ${score.Y(0)}h280`, "axis") + data.scores.map((a, i) => bar(score.X(i + 0.15), score.Y(0), 24, score.Y(0) - score.Y(a), i < v.seen ? "fill c0" : "outline")).join("")
        + path(`M30 ${score.Y(v.best)}h280`, "dash") + path(data.scores.map((_, i) => (i && i % s.tile === 0 ? `M${score.X(i)} 8v150` : "")).join(""), "axis"),
    }, {
      words: "Their exponentials, over that of the largest so far", size: [320, 170], alt: "Bars of the exponentials of the scores that were read, divided by the largest of them; their sum is all that is kept.",
      draw: (data, s, v) => count.svg + data.scores.slice(0, v.seen).map((a, i) => bar(count.X(i + 0.15), count.Y(0), 24, 150 * Math.exp(a - v.best), "fill c2")).join("") + text(304, 22, `sum ${show(v.total, 3)}`, "end"),
    }],
    say: (data, s, v) => `After ${v.seen} of ${data.scores.length} scores three numbers are kept: the largest, ${show(v.best, 1)}, the sum, ${show(v.total, 3)}, and the sum of the values weighted alike. The last tile multiplied the old sums by ${show(v.old, 3)}. Logarithm of the sum: ${show(v.lse, 4)}; mean of the values: ${show(v.y, 4)}.`,
  });
}
