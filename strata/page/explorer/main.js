// The page: its header, its keys, and what is drawn when something changes.

import { correlationWords } from "./correlation.js";
import { about, load, rowsOf } from "./data.js";
import { $, button, coloursOf, drawLegend, make, themed } from "./drawing.js";
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
  $("correlation").textContent = correlationWords(view, SPECS.scatter());
  memo("population", `${state.seed} ${state.epoch} ${innerWidth} ${themed("sheet")}`, drawPopulation);
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
    const told = { title: words, className: `chip ${verdict.replace(" ", "-")}`, "data-address": address };
    const act = () => {
      setFrom(address);
      $("said").textContent = words;
    };
    const unseen = make("span", { className: "unseen" }, `: ${words}`);
    $("findings").append(make("li", {}, button(act, told, `${VERDICTS[verdict] ?? "?"} ${id}`, unseen)));
  }
}

async function copyLink() {
  settle();
  const copied = navigator.clipboard?.writeText(location.href).then(() => true);
  const done = await copied?.catch(() => false);
  $("said").textContent = done ? "The link is copied." : `The link: ${location.href}`;
}

function makeAxes() {
  const scalars = SCALARS();
  const options = ({ name, label, all }) => {
    const log = all.some((value) => value > 0) ? [make("option", { value: `log:${name}` }, `${label}, log`)] : [];
    return [make("option", { value: name }, label), ...log];
  };
  for (const id of ["x", "y"]) {
    $(id).append(...scalars.flatMap(options));
    $(id).addEventListener("change", (event) => {
      const lasso = state.lasso.startsWith("scatter") ? "" : state.lasso;
      set({ [id]: event.target.value, lasso, scatter: "" });
    });
  }
  $("colour").append(...[...KINDS(), ...scalars].flatMap(options));
  $("colour").addEventListener("change", (event) => set({ colour: event.target.value }));
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
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
  window.explorer = { state, placeOf: (name, feature) => plots[name].at(feature) };
  requestAnimationFrame(() => document.body.setAttribute("data-ready", ""));
}

start();
