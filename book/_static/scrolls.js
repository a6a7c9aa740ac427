// Figures, tables and formulas that are wider than the page scroll by themselves. Whoever has no pointer reaches
// them with the Tab key, and scrolls with the arrows.
addEventListener("load", () => {
  const wide = ":is(figure, table, pre, div.math, .cell_output, .pst-scrollable-table-container)";
  const article = document.querySelector("article");
  if (!article) return;
  new ResizeObserver(() => {
    for (const box of article.querySelectorAll(wide)) {
      if (box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX)) box.tabIndex = 0;
    }
  }).observe(article);
});
