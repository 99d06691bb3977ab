// What all pictures share: sheets, colours, scales; and how elements are made.

import { columns, number, worded } from "./data.js";
import { columnOf } from "./state.js";

// Viridis, in even steps; and what is told apart in one picture (Okabe & Ito).
const VIRIDIS = "440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725".split(" ").map(rgbOf);
const APART = "#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #8C6D31 #9467BD #17BECF #B2182B".split(" ");
export const STEPS = 64;
const RAMP = Array.from({ length: STEPS }, (_, i) => `rgb(${viridis(i / (STEPS - 1)).join(" ")})`);

function rgbOf(hex) {
  return [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
}

export function viridis(share) {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return VIRIDIS[below].map((value, i) => Math.round(value + (at - below) * (VIRIDIS[below + 1][i] - value)));
}

// Black or white, whichever is read more easily on a colour.
export function inkOn(rgb) {
  const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04 ? value / 3295 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

export const $ = (id) => document.getElementById(id);

// An element; names from the run become text, never HTML.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export const inWords = (spec) => (spec.startsWith("log:") ? `${columnOf(spec).label}, log` : columnOf(spec).label);

// A canvas as sharp as the screen, wiped; drawn on in CSS pixels.
export function sheet(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "11px system-ui, sans-serif";
  return { pen, width, height };
}

export function themed(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A column on an axis: value of a row, its span over a seed, and ticks; on a log axis log10, missing where it has none.
export function scaleOf(spec, { from, n }) {
  const log = spec.startsWith("log:");
  const { all } = columnOf(spec);
  const at = log ? (row) => (all[row] > 0 ? Math.log10(all[row]) : Number.NaN) : (row) => all[row];
  let [low, high] = [Infinity, -Infinity];
  for (let row = from; row < from + n; row++) {
    const value = at(row);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = [0, 1];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  return { at, log, low, high };
}

export function ticks(low, high, log, most = 5) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((own) => own * power).find((own) => own >= rough);
  const by = log ? Math.max(step, 1) : step;
  const count = Math.floor(high / by) - Math.ceil(low / by) + 1;
  const places = Array.from({ length: Math.max(count, 0) }, (_, i) => (Math.ceil(low / by) + i) * by);
  if (log && places.length < 2)
    return [low + 0.05 * (high - low), high - 0.05 * (high - low)].map((at) => [at, number(10 ** at)]);
  return places.map((at) => [at, log ? number(10 ** at) : String(Number(at.toPrecision(6))).replace("-", "−")]);
}

// The colours of a seed's features by a column: for every row a place in a palette, −1 where it is missing.
export function coloursOf(spec, rows) {
  const column = columnOf(spec);
  if (column.group === "kinds") {
    const places = Int16Array.from({ length: rows.n }, (_, i) =>
      column.all[rows.from + i] < 0 ? -1 : column.all[rows.from + i] % APART.length,
    );
    return { places, palette: APART, column };
  }
  const scale = scaleOf(spec, rows);
  const span = scale.high - scale.low;
  const places = Int16Array.from({ length: rows.n }, (_, i) => {
    const value = scale.at(rows.from + i);
    return Number.isNaN(value) ? -1 : Math.min(Math.floor(((value - scale.low) / span) * STEPS), STEPS - 1);
  });
  return { places, palette: RAMP, column, scale };
}

// The bar under a plot that tells its colours.
export function drawLegend(canvas, spec, { places, palette, column, scale }) {
  const { pen, width } = sheet(canvas);
  pen.fillStyle = themed("ink");
  const missing = places.filter((place) => place < 0).length;
  const rest = missing ? ` · grey ring: missing (${missing})` : "";
  pen.fillText(`${inWords(spec)}${rest}`, 4, 11);
  if (!scale) {
    pen.fillText(
      new Set(column.all).size > palette.length ? "colours repeat; hover names them" : "hover names them",
      4,
      26,
    );
    return;
  }
  const [left, bar] = [64, width - 128];
  palette.forEach((colour, i) => {
    pen.fillStyle = colour;
    pen.fillRect(left + (bar * i) / STEPS, 17, bar / STEPS + 1, 9);
  });
  pen.fillStyle = themed("ink");
  const ends = [scale.low, scale.high].map((end) => number(scale.log ? 10 ** end : end));
  pen.textAlign = "right";
  pen.fillText(ends[0], left - 5, 26);
  pen.textAlign = "left";
  pen.fillText(ends[1], left + bar + 5, 26);
}

// In a few words, a feature; with `more`, its scalars.
export function titleOf(row) {
  const meta = columns.get("meta_feature");
  const place = meta ? ` · meta-feature ${worded(meta, row)}` : "";
  return `Feature ${columns.get("feature").all[row]} · class ${worded(columns.get("class"), row)}${place}`;
}

export function scalarWords(row) {
  const chosen = ["complexity", "importance", "temporal_decoding_score", "skip_share"].map((name) => columns.get(name));
  return chosen
    .filter(Boolean)
    .map((column) => `${column.label} ${worded(column, row)}`)
    .join(" · ");
}
