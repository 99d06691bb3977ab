// Below: the features that are shown, page by page; those that are pinned, side by side; their table as CSV.

import { about, bestOf, columns, imageWords, rowsOf, thumbnail, worded } from "./data.js";
import { $, button, make, th, titleOf } from "./drawing.js";
import { SCALARS } from "./filter.js";
import { pin, pinned, seed, select, set, state } from "./state.js";

const PAGE = 24;
const BESIDE = ["complexity", "importance"];

let ordered = []; // features that are shown, as they are sorted

export function makeGallery() {
  const options = [columns.get("feature"), ...SCALARS()].flatMap(({ name, label }) => [
    make("option", { value: name }, `${label} ↑`),
    make("option", { value: `-${name}` }, `${label} ↓`),
  ]);
  $("sort").append(...options);
  $("sort").addEventListener("change", (event) => set({ sort: event.target.value, page: "1" }));
  $("previous").addEventListener("click", () => set({ page: String(Number(state.page) - 1) }));
  $("next").addEventListener("click", () => set({ page: String(Number(state.page) + 1) }));
  $("csv").addEventListener("click", download);
}

function sorted({ rows, mask }) {
  const down = state.sort.startsWith("-");
  const { all } = columns.get(state.sort.replace("-", ""));
  const own = [];
  for (let i = 0; i < rows.n; i++) if (mask[i]) own.push(i);
  const value = (i) => all[rows.from + i];
  const missing = (i) => Number(Number.isNaN(value(i)));
  return own.sort((a, b) => missing(a) - missing(b) || (down ? value(b) - value(a) : value(a) - value(b)) || a - b);
}

export function drawGallery(view) {
  ordered = sorted(view);
  const pages = Math.max(Math.ceil(ordered.length / PAGE), 1);
  const page = Math.min(Number(state.page), pages);
  $("sort").value = state.sort;
  $("page").textContent = `page ${page} of ${pages}`;
  $("previous").disabled = page <= 1;
  $("next").disabled = page >= pages;
  const kept = focusedIn($("cards"));
  const names = new Set([...BESIDE, state.sort.replace("-", "")]);
  names.delete("feature");
  const beside = [...names].map((name) => columns.get(name));
  const own = ordered.slice((page - 1) * PAGE, page * PAGE);
  $("cards").replaceChildren(...own.map((i) => card(view.rows.from + i, i, beside)));
  if (!ordered.length) $("cards").append(make("li", {}, "No feature is shown: clear the filter."));
  kept();
  drawPinned(view);
}

// What gives the focus back to what had it, once its element is made anew.
function focusedIn(list) {
  const feature = list.contains(document.activeElement) ? document.activeElement.dataset.feature : undefined;
  return () => feature !== undefined && list.querySelector(`[data-feature="${feature}"]`)?.focus();
}

function thumbnails(row) {
  const images = bestOf(row).map((at) => make("img", { src: thumbnail(at), alt: "", title: imageWords(at) }));
  return make("div", { className: "images" }, ...images);
}

function card(row, i, beside) {
  const values = beside.map((column) => make("span", {}, `${column.short} ${worded(column, row)}`));
  const title = make("strong", {}, `${i} · ${worded(columns.get("class"), row)}`);
  const pressed = String(state.feature === String(i));
  const told = { "aria-pressed": pressed, "aria-label": titleOf(row), "data-feature": i };
  return make(
    "li",
    {},
    button(() => select(i), told, title, thumbnails(row), ...values),
  );
}

function drawPinned({ rows }) {
  const own = pinned().filter((feature) => feature < rows.n);
  $("pinned").hidden = !own.length;
  const heads = own.map((feature) => {
    const name = button(() => select(feature), { title: titleOf(rows.from + feature) }, `Feature ${feature}`);
    const away = button(() => pin(feature), { "aria-label": `Unpin feature ${feature}` }, "✕");
    return make("th", { scope: "col" }, make("div", {}, name, away), thumbnails(rows.from + feature));
  });
  const told = [...columns.values()].filter((column) => column.group === "scalars" || column.group === "kinds");
  const lines = told.map((column) => {
    const cells = own.map((feature) => make("td", {}, worded(column, rows.from + feature)));
    return make("tr", {}, th("row", column.label, column.about), ...cells);
  });
  $("pinned-table").replaceChildren(make("tr", {}, make("td"), ...heads), ...lines);
}

// The feature that follows (or comes before) the selected one in the gallery.
export function step(by) {
  if (!ordered.length) return;
  const at = state.feature === "" ? -1 : ordered.indexOf(Number(state.feature));
  const next = at < 0 && by < 0 ? ordered.length - 1 : (at + by + ordered.length) % ordered.length;
  set({ feature: String(ordered[next]), page: String(Math.floor(next / PAGE) + 1) });
}

function csv() {
  const { from } = rowsOf(seed());
  const all = [...columns.values()];
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const value = ({ values, all: own }, row) => {
    if (values) return quoted(values[own[row]] ?? "");
    return Number.isNaN(own[row]) ? "" : String(Number(own[row].toPrecision(7)));
  };
  const lines = ordered.map((i) => all.map((column) => value(column, from + i)).join(","));
  return `${[all.map((column) => column.name).join(","), ...lines].join("\n")}\n`;
}

function download() {
  const href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  make("a", { href, download: `${about.run}-features.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}
