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

const inWords = (spec) => (spec.startsWith("log:") ? `${columnOf(spec).label}, log` : columnOf(spec).label);

export const button = (onclick, properties, ...children) =>
  make("button", { type: "button", onclick, ...properties }, ...children);
export const th = (scope, words, title = "") => make("th", { scope, title }, words);

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
  return { at, log, low, high, words: inWords(spec) };
}

// Where ticks stand, and what is written at them; `log` where places are log10 of what they mean.
function ticks(low, high, log) {
  const step = (span) =>
    [1, 2, 5, 10].map((own) => own * 10 ** Math.floor(Math.log10(span))).find((own) => own >= span);
  const by = log ? Math.max(step((high - low) / 5), 1) : step((high - low) / 5);
  const whole = Array.from(
    { length: Math.floor(high / by) - Math.ceil(low / by) + 1 },
    (_, i) => (Math.ceil(low / by) + i) * by,
  );
  if (!log) return whole.map((at) => [at, String(Number(at.toPrecision(6))).replace("-", "−")]);
  const few = high - low < 3; // powers of ten alone would be too few
  const within = few
    ? [-1, ...whole.map((_, i) => i)].flatMap((i) => [1, 2, 5].map((own) => Math.ceil(low) + i + Math.log10(own)))
    : whole;
  return within.filter((at) => at >= low && at <= high).map((at) => [at, number(10 ** at)]);
}

// The frame of a plot, with ticks and the names of its axes; `at` tells pixels from places, and places from pixels.
export function drawAxes({ pen, width, height }, margin, at, scales) {
  const [left, right, top, bottom] = [margin.left, width - margin.right, margin.top, height - margin.bottom];
  pen.strokeStyle = themed("line");
  pen.fillStyle = themed("ink");
  pen.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
  pen.textAlign = "center";
  for (const [place, words] of ticks(at.vx(left), at.vx(right), scales[0].log))
    pen.fillText(words, at.px(place), bottom + 13);
  pen.fillText(scales[0].words, (left + right) / 2, height - 5);
  pen.textAlign = "right";
  for (const [place, words] of ticks(at.vy(bottom), at.vy(top), scales[1].log))
    pen.fillText(words, left - 4, at.py(place) + 4);
  pen.save();
  pen.translate(12, (top + bottom) / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(scales[1].words, 0, 0);
  pen.restore();
  pen.textAlign = "left";
}

// What maps places to pixels and back: a centre, and pixels a unit.
export function mapping([cx, cy], [mx, my], [sx, sy]) {
  return {
    px: (value) => mx + (value - cx) * sx,
    py: (value) => my - (value - cy) * sy,
    vx: (pixel) => cx + (pixel - mx) / sx,
    vy: (pixel) => cy - (pixel - my) / sy,
  };
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
    const names = [...new Set(column.all)].filter((value) => value >= 0).sort((a, b) => a - b);
    if (names.length > palette.length) return pen.fillText("colours repeat; hover names them", 4, 27);
    names.reduce((x, value) => {
      const words = column.values ? column.values[value] || "(no name)" : String(value);
      pen.fillStyle = palette[value % palette.length];
      pen.fillRect(x, 18, 9, 9);
      pen.fillStyle = themed("ink");
      pen.fillText(words, x + 12, 27);
      return x + 22 + pen.measureText(words).width;
    }, 4);
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
    .map((column) => `${column.short} ${worded(column, row)}`)
    .join(" · ");
}
