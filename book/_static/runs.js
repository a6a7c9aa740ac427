// Every run of a study, on its page: a form that filters, a table that sorts, and the curve of the run that was chosen.
// The runs come in `transferlawsRuns` (book/_ext/runs_on_page.py). Whatever they hold is written as text.
(() => {
  const box = document.querySelector("div.runs");
  const data = window.transferlawsRuns;
  if (!box || !data) return;

  const PAGE = 25;
  const MOST_BEHIND = 60; // so many curves at most lie behind the chosen one
  const COLOURS = { "training": "#d55e00", "held out": "#0072b2", "held out, averaged weights": "#009e73" };
  const DASHES = { "training": "5 3", "held out": "", "held out, averaged weights": "2 2" };
  const runs = data.rows.map((row) => Object.fromEntries(data.columns.map((name, place) => [name, row[place]])));
  const byKey = new Map(runs.map((run) => [run.key, run]));
  const armTitle = (arm) => data.arms[arm] ?? arm;
  const roles = { run: "counted", tune: "tuning", pretrain: "pre-training" };
  const number = (value, digits) => value === null ? "–" : value.toLocaleString("en", digits === undefined ? {} :
    { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const rate = (run) => run.learning_rate === null ? "–" : run.learning_rate.toPrecision(2);
  const COLUMNS = [
    ["key", "run", (run) => run.key],
    ["arm", "arm", (run) => armTitle(run.arm)],
    ["role", "kind", (run) => roles[run.role] ?? run.role],
    ["n_params", "N", (run) => number(run.n_params)],
    ["d_chars", "characters", (run) => number(run.d_chars)],
    ["seed", "seed", (run) => number(run.seed)],
    ["loss", "test loss, nats/token", (run) => number(run.loss, 4)],
    ["bits_per_char", "bits/char", (run) => number(run.bits_per_char, 4)],
    ["learning_rate", "rate", (run) => rate(run)],
    ["epochs_best", "passes", (run) => number(run.epochs_best, 1)],
    ["status", "status", (run) => run.status],
  ];
  const FILTERS = [
    ["arm", "Arm", armTitle], ["role", "Kind", (role) => roles[role] ?? role], ["n_params", "Size N", number],
    ["d_chars", "Characters", number], ["status", "Status", String],
  ];
  const chosen = Object.fromEntries(FILTERS.map(([name]) => [name, ""]));
  let sort = { column: "", down: false };
  let first = 0;
  let current = (runs.find((run) => run.role === "run") ?? runs[0])?.key;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  function drawn(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  const order = (one, other) => one === other ? 0 : one === null ? 1 : other === null ? -1 : one < other ? -1 : 1;

  // The form.
  const form = element("form", { class: "runs-filters", "aria-label": "Filter the runs" });
  for (const [name, title, said] of FILTERS) {
    const select = element("select", { id: `runs-${name}` }, new Option("all", ""));
    for (const value of [...new Set(runs.map((run) => run[name]))].sort(order)) {
      if (value !== null) select.append(new Option(said(value), String(value)));
    }
    select.addEventListener("change", () => { chosen[name] = select.value; first = 0; show(); });
    form.append(element("div", {}, element("label", { for: select.id }, title), select));
  }
  const clear = element("button", { type: "reset" }, "All runs");
  form.addEventListener("reset", () => { for (const name in chosen) chosen[name] = ""; first = 0; show(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.append(clear);

  // The table.
  const count = element("p", { class: "runs-count", role: "status" });
  const heads = COLUMNS.map(([name, title]) => {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", () => {
      sort = { column: name, down: sort.column === name && !sort.down };
      first = 0;
      show();
    });
    return element("th", { scope: "col" }, button);
  });
  const body = element("tbody");
  const table = element("table", {}, element("caption", {}, "Runs that the filter leaves; choose one to see its curve"),
    element("thead", {}, element("tr", {}, ...heads)), body);
  const scroller = element("div", { class: "runs-table", role: "region", "aria-label": "Table of runs", tabindex: "0" }, table);
  const back = element("button", { type: "button" }, "Previous");
  const forth = element("button", { type: "button" }, "Next");
  back.addEventListener("click", () => { first -= PAGE; show(); });
  forth.addEventListener("click", () => { first += PAGE; show(); });
  const place = element("span");
  const save = element("button", { type: "button" }, "Save these as CSV");
  save.addEventListener("click", () => {
    const cell = (value) => value === null ? "" : /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
    const lines = [data.columns, ...left().map((run) => data.columns.map((name) => run[name]))].map((row) => row.map(cell).join(","));
    const link = element("a", { download: `runs-${data.scale}.csv`, href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" })) });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const pager = element("div", { class: "runs-pager" }, back, place, forth, save);

  // The curve.
  const facts = element("p", { role: "status" });
  const about = element("div");
  const panel = element("section", { class: "runs-panel", "aria-label": "The chosen run" }, facts, about);

  function left() {
    const kept = runs.filter((run) => FILTERS.every(([name]) => chosen[name] === "" || String(run[name]) === chosen[name]));
    if (sort.column) kept.sort((one, other) => order(one[sort.column], other[sort.column]) * (sort.down ? -1 : 1));
    return kept;
  }

  function show() {
    const kept = left();
    count.textContent = `${kept.length} of ${runs.length} runs of the study “${data.scale}”`;
    COLUMNS.forEach(([name], at) => heads[at].setAttribute("aria-sort", sort.column !== name ? "none" : sort.down ? "descending" : "ascending"));
    body.replaceChildren(...kept.slice(first, first + PAGE).map((run) => {
      const row = element("tr", run.key === current ? { "aria-current": "true" } : {});
      COLUMNS.forEach(([name, , said]) => {
        if (name !== "key") return row.append(element("td", {}, said(run)));
        const button = element("button", { type: "button", "data-key": run.key, "aria-label": `${run.key.slice(0, 8)}: its curve` }, run.key.slice(0, 8));
        button.addEventListener("click", () => choose(run.key));
        return row.append(element("th", { scope: "row" }, button));
      });
      return row;
    }));
    place.textContent = kept.length ? `${first + 1} to ${Math.min(first + PAGE, kept.length)} of ${kept.length}` : "no run";
    back.disabled = first === 0;
    forth.disabled = first + PAGE >= kept.length;
    picture(kept);
  }

  function choose(key) {
    current = key;
    try { history.replaceState(null, "", `#run-${key}`); } catch { /* a page from a folder may not */ }
    for (const row of body.rows) row.toggleAttribute("aria-current", false);
    body.querySelector(`button[data-key="${CSS.escape(key)}"]`)?.closest("tr").setAttribute("aria-current", "true");
    picture(left());
  }

  function picture(kept) {
    const run = byKey.get(current);
    if (!run) return;
    const curve = data.curves[run.key] ?? {};
    const said = `Run ${run.key}. ${armTitle(run.arm)}, ${roles[run.role] ?? run.role}, N = ${number(run.n_params)}, ` +
      `${number(run.d_chars)} characters, seed ${run.seed}, rate ${rate(run)}: ` +
      (run.loss === null ? run.status : `test loss ${number(run.loss, 4)} nats/token, ${number(run.bits_per_char, 4)} bits/char, ${run.status}.`);
    if (facts.textContent !== said) facts.textContent = said;
    const children = [];
    if (byKey.has(run.pretrain_key)) {
      const start = element("button", { type: "button" }, run.pretrain_key.slice(0, 8));
      start.addEventListener("click", () => choose(run.pretrain_key));
      children.push(element("p", {}, "It started from the weights of run ", start, "."));
    }
    if (Object.keys(curve).length) children.push(chart(run, curve, kept), points(curve));
    else children.push(element("p", {}, "No evaluation of this run was kept."));
    about.replaceChildren(...children);
  }

  function chart(run, curve, kept) {
    const width = Math.min(640, Math.max(300, panel.clientWidth - 40)), height = 300, edge = { left: 48, right: 12, top: 12, bottom: 44 };
    const behind = kept.length <= MOST_BEHIND ? kept.filter((other) => other.key !== run.key && data.curves[other.key]) : [];
    const all = [...Object.values(curve), ...behind.map((other) => data.curves[other.key]["held out"] ?? [])].flat();
    const seen = all.map(([tokens]) => tokens).filter((tokens) => tokens > 0);
    const low = Math.floor(Math.log10(Math.min(...seen))), high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...seen))));
    const losses = all.map(([, loss]) => loss);
    const least = Math.floor(Math.min(...losses) * 2) / 2, most = Math.max(least + 0.5, Math.ceil(Math.max(...losses) * 2) / 2);
    const x = (tokens) => edge.left + (Math.log10(tokens) - low) / (high - low) * (width - edge.left - edge.right);
    const y = (loss) => edge.top + (most - loss) / (most - least) * (height - edge.top - edge.bottom);
    // A run goes back to its best point before its rate runs out: there the line is taken up anew.
    const path = (series) => series.filter(([tokens]) => tokens > 0).map(([tokens, loss], at, kept) =>
      `${at && tokens > kept[at - 1][0] ? "L" : "M"}${x(tokens).toFixed(1)},${y(loss).toFixed(1)}`).join("");
    const held = curve["held out"] ?? Object.values(curve)[0];
    const last = held[held.length - 1];
    const best = held.reduce((one, other) => other[1] < one[1] ? other : one);
    const label = `Loss against tokens seen, both of run ${run.key}: held out it starts at ${number(held[0][1], 2)}, is least at ` +
      `${number(best[1], 2)} after ${number(best[0])} tokens, and ends at ${number(last[1], 2)} after ${number(last[0])}.`;
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    const step = [0.5, 1, 2, 5].find((each) => (most - least) / each <= 6) ?? 10;
    for (let loss = Math.ceil(least / step) * step; loss <= most + 1e-9; loss += step) {
      svg.append(drawn("line", { x1: edge.left, x2: width - edge.right, y1: y(loss), y2: y(loss), class: "grid" }),
        drawn("text", { x: edge.left - 6, y: y(loss) + 4, "text-anchor": "end" }, number(loss, 1)));
    }
    for (let power = low; power <= high; power += 1) {
      const raised = drawn("tspan", { dy: "-5", "font-size": "9" }, String(power));
      svg.append(drawn("line", { x1: x(10 ** power), x2: x(10 ** power), y1: height - edge.bottom, y2: height - edge.bottom + 5, class: "tick" }),
        drawn("text", { x: x(10 ** power), y: height - edge.bottom + 19, "text-anchor": "middle" }, "10", raised));
    }
    svg.append(drawn("text", { x: (edge.left + width - edge.right) / 2, y: height - 8, "text-anchor": "middle" }, "tokens seen"),
      drawn("text", { x: 14, y: (edge.top + height - edge.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${(edge.top + height - edge.bottom) / 2})` }, "loss (nats/token)"));
    for (const other of behind) svg.append(drawn("path", { d: path(data.curves[other.key]["held out"] ?? []), class: "behind" }));
    for (const [name, series] of Object.entries(curve)) {
      svg.append(drawn("path", { d: path(series), class: "own", stroke: COLOURS[name], "stroke-dasharray": DASHES[name] }));
    }
    if (best[0] > 0) svg.append(drawn("circle", { cx: x(best[0]), cy: y(best[1]), r: 4, fill: COLOURS["held out"] }));
    const legend = element("ul", { class: "runs-legend" }, ...Object.keys(curve).map((name) => {
      const line = drawn("svg", { viewBox: "0 0 24 8", width: 24, height: 8, "aria-hidden": "true" },
        drawn("line", { x1: 0, x2: 24, y1: 4, y2: 4, stroke: COLOURS[name], "stroke-width": 2, "stroke-dasharray": DASHES[name] }));
      return element("li", {}, line, ` ${name}`);
    }));
    if (behind.length) legend.append(element("li", {}, `grey: the other ${behind.length} that the filter leaves, held out`));
    return element("figure", {}, svg, legend);
  }

  function points(curve) {
    const rows = Object.entries(curve).flatMap(([name, series]) => series.map(([tokens, loss]) =>
      element("tr", {}, element("td", {}, name), element("td", {}, number(tokens)), element("td", {}, number(loss, 3)))));
    const head = element("tr", {}, ...["loss on", "tokens seen", "nats/token"].map((title) => element("th", { scope: "col" }, title)));
    return element("details", {}, element("summary", {}, "The points of this picture"),
      element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  box.replaceChildren(form, count, panel, scroller, pager);
  const asked = /^#run-(\w+)$/.exec(location.hash);
  if (asked && byKey.has(asked[1])) current = asked[1];
  show();
  window.addEventListener("hashchange", () => {
    const key = /^#run-(\w+)$/.exec(location.hash)?.[1];
    if (byKey.has(key)) choose(key);
  });
})();
