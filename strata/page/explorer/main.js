// The page: its header, its keys, and what is drawn when something changes.

import { about, load, rowsOf } from "./data.js";
import { $, coloursOf, drawLegend, make, scaleOf } from "./drawing.js";
import { drawFeature } from "./feature.js";
import { filtered, KINDS, SCALARS } from "./filter.js";
import { drawGallery, makeGallery, step } from "./gallery.js";
import { drawHistograms, makeHistograms } from "./histograms.js";
import { drawMetaFeatures, hideTip, lassoed, makePlot } from "./plots.js";
import { drawPopulation, makePopulation } from "./population.js";
import { listen, preview, seed, select, set, setFrom, settle, state } from "./state.js";

const SPECS = { map: () => ["umap_x", "umap_y"], scatter: () => [state.x, state.y] };
const VERDICTS = { supported: "✓", "not supported": "✗", undecided: "?" };
let plots = {};
let asked = 0;

function render() {
  if (!asked) asked = requestAnimationFrame(drawAll);
}

function drawAll() {
  asked = 0;
  const rows = memo("rows", state.seed, () => rowsOf(seed()));
  const { mask, unknown } = filtered(state.filter, rows);
  lassoed(mask, rows, SPECS);
  const count = mask.reduce((sum, own) => sum + own, 0);
  const colours = memo("colours", `${state.seed} ${state.colour}`, () => coloursOf(state.colour, rows));
  const view = { rows, mask, colours };
  $("count").textContent = `${count} of ${rows.n} features${state.lasso ? ", inside a lasso" : ""}`;
  $("unknown").textContent = unknown.length ? `not understood: ${unknown.join(" ")}` : "";
  if (document.activeElement !== $("search")) $("search").value = state.filter;
  for (const name of ["x", "y", "colour", "seed"]) $(name).value = state[name];
  for (const chip of $("findings").querySelectorAll("button"))
    chip.setAttribute("aria-pressed", String(isShown(chip.dataset.address)));
  for (const plot of Object.values(plots)) plot.draw(view);
  drawLegend($("legend"), state.colour, colours);
  drawHistograms(view);
  $("correlation").textContent = correlationWords(view);
  memo("population", `${state.seed} ${state.epoch} ${innerWidth}`, drawPopulation);
  drawFeature(view);
  later(() => drawGallery(view));
}

const known = {};
function memo(name, key, make) {
  if (known[name]?.key !== key) known[name] = { key, value: make() };
  return known[name].value;
}

// What takes long, once nothing has changed for a moment.
let waiting = 0;
function later(act) {
  clearTimeout(waiting);
  waiting = setTimeout(act, 60);
}

const isShown = (address) =>
  [...new URLSearchParams(address)].every(([key, value]) => state[key] === value) && address !== "";

function correlationWords({ rows, mask }) {
  const [x, y] = SPECS.scatter().map((spec) => scaleOf(spec, rows));
  const pairs = [];
  let hidden = 0;
  for (let i = 0; i < rows.n; i++) {
    if (!mask[i]) continue;
    const pair = [x.at(rows.from + i), y.at(rows.from + i)];
    if (Number.isNaN(pair[0] + pair[1])) hidden++;
    else pairs.push(pair);
  }
  const [xs, ys] = [0, 1].map((axis) => Float64Array.from(pairs, (pair) => pair[axis]));
  const words =
    pairs.length > 2
      ? `Spearman ρ ${signed(pearson(ranks(xs), ranks(ys)))} · Pearson r ${signed(pearson(xs, ys))}`
      : "too few for r";
  return `${words} · n ${pairs.length}${hidden ? ` (${hidden} without a value)` : ""}`;
}

const signed = (value) =>
  Number.isNaN(value) ? "not defined" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

function pearson(xs, ys) {
  const mean = (own) => own.reduce((sum, value) => sum + value, 0) / own.length;
  const [mx, my] = [mean(xs), mean(ys)];
  let [xy, xx, yy] = [0, 0, 0];
  xs.forEach((x, i) => {
    xy += (x - mx) * (ys[i] - my);
    xx += (x - mx) ** 2;
    yy += (ys[i] - my) ** 2;
  });
  return xy / Math.sqrt(xx * yy);
}

// Equal values share the mean of their ranks.
function ranks(values) {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const found = new Float64Array(values.length);
  for (let i = 0, end = 0; i < order.length; i = end) {
    while (end < order.length && values[order[end]] === values[order[i]]) end++;
    for (let k = i; k < end; k++) found[order[k]] = (i + end - 1) / 2;
  }
  return found;
}

function makeHeader() {
  document.title = `Explorer: ${about.run}`;
  $("run").textContent = about.run;
  $("seed").append(...about.seeds.map((own) => make("option", { value: String(own) }, `seed ${own}`)));
  $("seed").addEventListener("change", (event) =>
    set({ seed: event.target.value, feature: "", pinned: "", lasso: "", map: "", scatter: "" }),
  );
  $("search").addEventListener("input", (event) => {
    preview({ filter: event.target.value, page: "1" });
    if (/^\d+$/.test(state.filter) && Number(state.filter) < rowsOf(seed()).n) preview({ feature: state.filter });
  });
  $("search").addEventListener("change", settle);
  $("clear").addEventListener("click", () => set({ filter: "", lasso: "", page: "1" }));
  $("copy").addEventListener("click", copyLink);
  $("help").addEventListener("click", () => $("help-words").showModal());
  for (const { id, claim, statistic, value, verdict, address } of about.findings) {
    const words = `${claim}. ${statistic}: ${value === null ? "not defined" : value.toFixed(3)}, ${verdict}`;
    const properties = {
      type: "button",
      title: words,
      className: `chip ${verdict.replace(" ", "-")}`,
      "aria-pressed": "false",
      "data-address": address,
    };
    const chip = make(
      "button",
      properties,
      `${VERDICTS[verdict] ?? "?"} ${id}`,
      make("span", { className: "unseen" }, `: ${words}`),
    );
    chip.addEventListener("click", () => {
      setFrom(address);
      $("said").textContent = words;
    });
    $("findings").append(make("li", {}, chip));
  }
}

async function copyLink() {
  settle();
  const done = await navigator.clipboard?.writeText(location.href).then(
    () => true,
    () => false,
  );
  $("said").textContent = done ? "The link is copied." : `The link: ${location.href}`;
}

function makeAxes() {
  const scalars = SCALARS();
  const options = (columns, log) =>
    columns.flatMap(({ name, label, all }) => [
      make("option", { value: name }, label),
      ...(log && all.some((value) => value > 0) ? [make("option", { value: `log:${name}` }, `${label}, log`)] : []),
    ]);
  for (const [id, columns] of [
    ["x", scalars],
    ["y", scalars],
    ["colour", [...KINDS(), ...scalars]],
  ]) {
    $(id).append(...options(columns, true));
    $(id).addEventListener("change", (event) => {
      const lasso = state.lasso.startsWith("scatter") && id !== "colour" ? "" : state.lasso;
      set({ [id]: event.target.value, lasso, ...(id === "colour" ? {} : { scatter: "" }) });
    });
  }
}

function makeKeys() {
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && !$("help-words").open) {
      hideTip();
      if (event.target === $("search")) $("search").blur();
      else if (state.feature !== "") select(null);
      else if (state.filter || state.lasso) $("clear").click();
    } else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === "/") {
      event.preventDefault();
      $("search").focus();
    } else if (event.key === "?") $("help-words").showModal();
    else if (event.key === "[" || event.key === "]") step(event.key === "]" ? 1 : -1);
    else if (event.key === "p" && state.feature !== "") $("pin")?.click();
  });
}

async function start() {
  await load();
  plots = {
    map: makePlot("map", { specs: SPECS.map, axes: false, same: true, onDraw: drawMetaFeatures }),
    scatter: makePlot("scatter", { specs: SPECS.scatter, axes: true, same: false }),
  };
  makeHeader();
  makeAxes();
  makeHistograms();
  makeGallery();
  makePopulation();
  makeKeys();
  listen(render);
  new ResizeObserver(render).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    known.population = undefined;
    render();
  });
  window.explorer = { state, placeOf: (name, feature) => plots[name].at(feature) };
  requestAnimationFrame(() => document.body.setAttribute("data-ready", ""));
}

start();
