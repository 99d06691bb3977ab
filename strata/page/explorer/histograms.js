// On the left: how every column is distributed, of all features (pale) and of those shown; dragging filters all views.

import { number } from "./data.js";
import { $, button, make, scaleOf, sheet, themed } from "./drawing.js";
import { hasTerm, KINDS, rangeOf, SCALARS, termFor, toggled, withRange } from "./filter.js";
import { preview, set, settle, state } from "./state.js";

const BINS = 32;
const MOST = 40; // classes or meta-features that are listed
const HEIGHT = 34;
const shown = [];
const GROUPS = { scalars: "Scalars", layers: "V-information by layer", errors: "Errors", places: "Map" };

export function makeHistograms() {
  for (const column of KINDS()) {
    const list = make("ul", { className: "kinds" });
    const box = make("details", { open: column.name !== "branch" }, make("summary", {}, column.label), list);
    $("histograms").append(box);
    shown.push({ box, draw: (view) => drawKinds(list, column, view) });
  }
  for (const [group, words] of Object.entries(GROUPS)) {
    const own = SCALARS().filter((column) => column.group === group);
    if (!own.length) continue;
    const box = make("details", { open: group === "scalars" }, make("summary", {}, words));
    $("histograms").append(box);
    box.addEventListener("toggle", () => preview({}));
    for (const column of own) {
      const histogram = makeHistogram(column);
      box.append(histogram.element);
      shown.push({ box, draw: histogram.draw });
    }
  }
}

export function drawHistograms(view) {
  for (const { box, draw } of shown) if (box.open) draw(view);
}

// Its axis is a log one where values span more than two powers of ten.
function specOf(column, rows) {
  const { at, low, high } = scaleOf(column.name, rows);
  return low > 0 && high > 100 * low && Number.isFinite(at(rows.from)) ? `log:${column.name}` : column.name;
}

function makeHistogram(column) {
  const label = `${column.label}: histogram. Left and right arrows move the range shown, with shift its upper end; Escape clears it.`;
  const canvas = make("canvas", { tabIndex: 0, role: "application", "aria-label": label });
  const told = make("span", { className: "range" });
  const title = `${column.about}. Click: colour by it`;
  const colour = button(() => set({ colour: column.name }), { title }, column.label);
  const element = make("div", { className: "histogram" }, make("div", {}, colour, told), canvas);
  let scale = null;
  let rows = null;
  let bins = null;
  const value = (at) => (scale.log ? 10 ** at : at);
  const filter = (ends) => {
    const range = ends && [Math.min(...ends), Math.max(...ends)].map((at) => Number(value(at).toPrecision(4)));
    preview({ filter: withRange(state.filter, column, range), page: "1" });
  };

  function draw(view) {
    if (rows !== view.rows) {
      rows = view.rows;
      scale = scaleOf(specOf(column, rows), rows);
      const width = (scale.high - scale.low) / BINS;
      bins = Int8Array.from({ length: rows.n }, (_, i) => {
        const at = scale.at(rows.from + i);
        return Number.isNaN(at) ? -1 : Math.min(Math.floor((at - scale.low) / width), BINS - 1);
      });
    }
    const counts = [new Uint32Array(BINS), new Uint32Array(BINS)];
    let missing = 0;
    for (let i = 0; i < rows.n; i++) {
      if (bins[i] < 0) missing++;
      else {
        counts[0][bins[i]]++;
        counts[1][bins[i]] += view.mask[i];
      }
    }
    const range = rangeOf(state.filter, column);
    const ends = (range ?? [value(scale.low), value(scale.high)]).map(number).join(" … ");
    told.textContent = `${ends}${scale.log ? " log" : ""}${missing ? ` · ${missing} missing` : ""}`;
    const { pen, width } = sheet(canvas);
    const most = Math.max(...counts[0], 1);
    const bar = width / BINS;
    counts.forEach((own, i) => {
      pen.fillStyle = themed(i ? "bar" : "faint");
      own.forEach((count, bin) => {
        const height = count ? Math.max((count / most) * (HEIGHT - 4), 1) : 0;
        pen.fillRect(bin * bar, HEIGHT - height, bar - 1, height);
      });
    });
    if (!range) return;
    const [a, b] = range.map(
      (end) => (((scale.log ? Math.log10(end) : end) - scale.low) / (scale.high - scale.low)) * width,
    );
    pen.strokeStyle = themed("accent");
    pen.lineWidth = 2;
    pen.strokeRect(Math.max(a, 1), 1, Math.max(Math.min(b, width - 1) - Math.max(a, 1), 1), HEIGHT - 2);
  }

  let from = null;
  const atOf = (event) =>
    scale.low +
    ((scale.high - scale.low) * Math.min(Math.max(event.offsetX, 0), canvas.clientWidth)) / canvas.clientWidth;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = { x: event.offsetX, at: atOf(event) };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from && Math.abs(event.offsetX - from.x) > 2) filter([from.at, atOf(event)]);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from && Math.abs(event.offsetX - from.x) <= 2) filter(null);
    from = null;
    settle();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    const width = (scale.high - scale.low) / BINS;
    const range = rangeOf(state.filter, column)?.map((end) => (scale.log ? Math.log10(end) : end));
    const [a, b] = range ?? [scale.low, scale.low + 8 * width - step * width];
    filter(step ? [event.shiftKey ? a : a + step * width, b + step * width] : null);
    settle();
  });
  return { element, draw };
}

function drawKinds(list, column, { rows, mask }) {
  const counts = new Map();
  for (let i = 0; i < rows.n; i++) {
    const value = column.all[rows.from + i];
    const own = counts.get(value) ?? [0, 0];
    counts.set(value, [own[0] + 1, own[1] + mask[i]]);
  }
  const ordered = [...counts].sort((a, b) => b[1][1] - a[1][1] || a[0] - b[0]);
  const listed = ordered.slice(0, MOST).sort((a, b) => a[0] - b[0]);
  const most = Math.max(...listed.map(([, own]) => own[0]));
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.term : null;
  const items = listed.map(([value, [all, now]]) => {
    const term = termFor(column, value);
    const name = column.values ? column.values[value] || "(no name)" : String(value);
    const words = make("span", { className: "name" }, name);
    const count = make("span", { className: "count" }, now === all ? String(all) : `${now} of ${all}`);
    const told = { title: name, "aria-pressed": String(hasTerm(state.filter, term)), "data-term": term };
    const toggle = button(() => set({ filter: toggled(state.filter, term), page: "1" }), told, words, count);
    toggle.style.setProperty("--share", `${(100 * now) / most}%`);
    return make("li", {}, toggle);
  });
  if (ordered.length > MOST) items.push(make("li", {}, `and ${ordered.length - MOST} more; search for them`));
  list.replaceChildren(...items);
  if (focused) [...list.querySelectorAll("button")].find((own) => own.dataset.term === focused)?.focus();
}
