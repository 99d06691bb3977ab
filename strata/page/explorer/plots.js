// The map and the scatter: a cloud of features each, with the same gestures.

import { bestOf, columns, imageWords, neighboursOf, rowsOf, thumbnail } from "./data.js";
import { $, drawAxes, make, mapping, scalarWords, scaleOf, sheet, themed, titleOf } from "./drawing.js";
import { pinned, preview, seed, select, set, settle, state } from "./state.js";

const NEAR = 14; // pixels from a feature within which it is meant
const AROUND = 1.1; // of what is drawn, so that no feature lies on an edge

export function makePlot(key, { specs, axes, same, onDraw = () => {} }) {
  const canvas = $(`${key}-canvas`);
  const margin = axes ? { left: 64, right: 10, top: 8, bottom: 34 } : { left: 6, right: 6, top: 6, bottom: 6 };
  let drawn = null; // what is on the sheet: where every feature is
  let gesture = null;

  // Where the sheet looks at: pixels ↔ values of both scales.
  function frame({ width, height }, scales) {
    const [w, h] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
    const [x, y] = scales;
    const [cx, cy, zoom] = state[key]
      ? state[key].split(",").map(Number)
      : [(x.low + x.high) / 2, (y.low + y.high) / 2, 1];
    let [sx, sy] = [w / (x.high - x.low) / AROUND, h / (y.high - y.low) / AROUND];
    if (same) sx = sy = Math.min(sx, sy);
    return {
      view: [cx, cy, zoom],
      w,
      h,
      ...mapping([cx, cy], [margin.left + w / 2, margin.top + h / 2], [sx * zoom, sy * zoom]),
    };
  }

  function draw({ rows, mask, colours }) {
    const page = sheet(canvas);
    const scales = specs().map((spec) => scaleOf(spec, rows));
    const where = frame(page, scales);
    const places = new Float32Array(2 * rows.n);
    for (let i = 0; i < rows.n; i++) {
      places[2 * i] = where.px(scales[0].at(rows.from + i));
      places[2 * i + 1] = where.py(scales[1].at(rows.from + i));
    }
    drawn = { rows, mask, places, where, scales };
    if (axes) drawAxes(page, margin, where, scales);
    page.pen.save();
    page.pen.beginPath();
    page.pen.rect(margin.left, margin.top, where.w, where.h);
    page.pen.clip();
    drawPoints(page.pen, drawn, colours);
    onDraw(page.pen, drawn);
    drawMarks(page.pen);
    page.pen.restore();
  }

  function drawMarks(pen) {
    const { rows, places, where } = drawn;
    const ring = (row, radius, colour, dashes = []) => {
      const i = row - rows.from;
      if (!(i >= 0 && i < rows.n) || Number.isNaN(places[2 * i] + places[2 * i + 1])) return;
      pen.beginPath();
      pen.setLineDash(dashes);
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
      pen.arc(places[2 * i], places[2 * i + 1], radius, 0, 7);
      pen.stroke();
      pen.setLineDash([]);
    };
    if (state.feature !== "" && Number(state.feature) < rows.n) {
      const row = rows.from + Number(state.feature);
      for (const near of neighboursOf(row)) ring(near.row, 7, themed("ink"), [2, 2]);
      ring(row, 9, themed("accent"));
    }
    for (const feature of pinned()) ring(rows.from + feature, 6, themed("ink"));
    const polygon =
      gesture?.lasso?.map(([x, y]) => [x, y]) ?? lassoOf(key)?.map(([x, y]) => [where.px(x), where.py(y)]);
    if (!polygon) return;
    pen.beginPath();
    for (const [x, y] of polygon) pen.lineTo(x, y);
    pen.closePath();
    pen.strokeStyle = themed("accent");
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  function nearest(x, y, within = NEAR, allowed = () => true) {
    const { mask, places } = drawn;
    let [best, least] = [-1, within ** 2];
    for (let i = 0; i < mask.length; i++) {
      const [dx, dy] = [places[2 * i] - x, places[2 * i + 1] - y];
      const away = dx * dx + dy * dy;
      if (mask[i] && away < least && allowed(dx, dy)) [best, least] = [i, away];
    }
    return best;
  }

  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const lookAt = (cx, cy, zoom) =>
    preview({ [key]: [cx, cy, zoom].map((value) => String(Number(value.toPrecision(6)))).join(",") });

  function zoomBy(times, [x, y] = [canvas.clientWidth / 2, canvas.clientHeight / 2]) {
    const { where } = drawn;
    const [cx, cy, zoom] = where.view;
    const next = Math.min(Math.max(zoom * times, 0.5), 200);
    const [vx, vy] = [where.vx(x), where.vy(y)];
    lookAt(vx + ((cx - vx) * zoom) / next, vy + ((cy - vy) * zoom) / next, next);
  }

  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = placeOf(event);
    canvas.setPointerCapture(event.pointerId);
    gesture = event.shiftKey ? { lasso: [[x, y]] } : { from: [x, y], view: drawn.where };
    hideTip();
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = placeOf(event);
    if (!gesture) showTip(nearest(x, y), event);
    else if (gesture.lasso) {
      const [lx, ly] = gesture.lasso[gesture.lasso.length - 1];
      if (Math.hypot(x - lx, y - ly) >= 5) gesture.lasso.push([x, y]);
      preview({});
    } else if (gesture.moved || Math.hypot(x - gesture.from[0], y - gesture.from[1]) > 4) {
      const { view, from } = gesture;
      gesture.moved = true;
      const [cx, cy, zoom] = view.view;
      lookAt(cx - view.vx(x) + view.vx(from[0]), cy - view.vy(y) + view.vy(from[1]), zoom);
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    const done = gesture;
    gesture = null;
    if (done?.lasso) closeLasso(done.lasso);
    else if (done?.moved) settle();
    else if (done) {
      const i = nearest(...placeOf(event));
      if (i >= 0) select(i);
    }
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("pointercancel", () => {
    gesture = null;
  });
  let wheeling = 0;
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      hideTip();
      zoomBy(1.0015 ** -event.deltaY, placeOf(event));
      clearTimeout(wheeling);
      wheeling = setTimeout(settle, 300);
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", () => set({ [key]: "" }));

  function closeLasso(polygon) {
    if (polygon.length < 3) return preview({});
    const { where } = drawn;
    const ends = polygon.flatMap(([x, y]) => [where.vx(x), where.vy(y)]);
    set({ lasso: [key, ...ends.map((value) => Number(value.toPrecision(5)))].join(","), page: "1" });
  }

  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (ways[event.key]) {
      event.preventDefault();
      walk(ways[event.key]);
    } else if (event.key === "+" || event.key === "-") {
      zoomBy(event.key === "+" ? 1.5 : 1 / 1.5);
      settle();
    } else if (event.key === "0") set({ [key]: "" });
  });

  function walk([ux, uy]) {
    const i = state.feature === "" ? -1 : Number(state.feature);
    const at = i >= 0 && i < drawn.rows.n ? [drawn.places[2 * i], drawn.places[2 * i + 1]] : null;
    const ahead = (dx, dy) => dx * ux + dy * uy > 0.5 * Math.hypot(dx, dy) && Math.hypot(dx, dy) > 0;
    const next = at
      ? nearest(...at, Infinity, ahead)
      : nearest(canvas.clientWidth / 2, canvas.clientHeight / 2, Infinity);
    if (next >= 0) select(next);
  }

  for (const [name, act] of Object.entries({
    in: () => zoomBy(1.5),
    out: () => zoomBy(1 / 1.5),
    fit: () => preview({ [key]: "" }),
  })) {
    $(`${key}-${name}`).addEventListener("click", () => {
      act();
      settle();
    });
  }

  return { draw, at: (i) => [drawn.places[2 * i], drawn.places[2 * i + 1]] };
}

function drawPoints(pen, { rows, mask, places }, { places: bins, palette }) {
  const few = rows.n <= 2500;
  const size = few ? 4 : 1.6;
  const byColour = Array.from({ length: palette.length + 2 }, () => []);
  for (let i = 0; i < rows.n; i++) byColour[mask[i] ? bins[i] + 2 : 0].push(i);
  byColour.forEach((own, colour) => {
    pen.fillStyle = colour === 0 ? themed("faint") : palette[colour - 2];
    pen.strokeStyle = colour === 1 ? themed("missing") : themed("sheet");
    pen.lineWidth = colour === 1 ? 1.5 : 0.5;
    pen.beginPath();
    for (const i of own) {
      const [x, y] = [places[2 * i], places[2 * i + 1]];
      if (Number.isNaN(x + y)) continue;
      if (few || colour === 1) {
        pen.moveTo(x + size, y);
        pen.arc(x, y, colour === 0 ? 2.5 : size, 0, 7);
      } else pen.rect(x - size, y - size, 2 * size, 2 * size);
    }
    if (colour !== 1) pen.fill();
    if (colour === 1 || (few && colour > 0)) pen.stroke();
  });
}

// The numbers of meta-features, where most of their features are; none over another.
export function drawMetaFeatures(pen, { rows, places }) {
  const meta = columns.get("meta_feature");
  if (!meta) return;
  const sums = new Map();
  for (let i = 0; i < rows.n; i++) {
    const own = sums.get(meta.all[rows.from + i]) ?? [0, 0, 0];
    sums.set(meta.all[rows.from + i], [own[0] + places[2 * i], own[1] + places[2 * i + 1], own[2] + 1]);
  }
  const taken = [];
  pen.textAlign = "center";
  pen.lineWidth = 3;
  pen.strokeStyle = themed("sheet");
  pen.fillStyle = themed("ink");
  pen.font = "bold 12px system-ui, sans-serif";
  for (const [number, [x, y, n]] of [...sums].sort((a, b) => b[1][2] - a[1][2])) {
    const at = [x / n, y / n];
    if (taken.some((other) => Math.abs(other[0] - at[0]) < 18 && Math.abs(other[1] - at[1]) < 13)) continue;
    taken.push(at);
    pen.strokeText(number, at[0], at[1] + 4);
    pen.fillText(number, at[0], at[1] + 4);
  }
}

function lassoOf(key) {
  const [name, ...ends] = state.lasso.split(",");
  if (name !== key) return null;
  return Array.from({ length: Math.floor(ends.length / 2) }, (_, i) => [Number(ends[2 * i]), Number(ends[2 * i + 1])]);
}

// Take from a mask what lies outside the lasso.
export function lassoed(mask, rows, specsOf) {
  const key = state.lasso.split(",")[0];
  const polygon = key && lassoOf(key);
  if (!polygon) return;
  const [x, y] = specsOf[key]().map((spec) => scaleOf(spec, rows));
  for (let i = 0; i < mask.length; i++)
    if (mask[i] && !inside(polygon, x.at(rows.from + i), y.at(rows.from + i))) mask[i] = 0;
}

function inside(polygon, x, y) {
  let odd = false;
  polygon.forEach(([ax, ay], i) => {
    const [bx, by] = polygon[(i + polygon.length - 1) % polygon.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  });
  return odd;
}

function showTip(i, event) {
  const tip = $("tip");
  if (i < 0) return hideTip();
  const row = rowsOf(seed()).from + i;
  if (tip.dataset.row !== String(row)) {
    tip.dataset.row = row;
    const images = bestOf(row).map((at) => make("img", { src: thumbnail(at), alt: imageWords(at) }));
    tip.replaceChildren(
      make("strong", {}, titleOf(row)),
      make("div", { className: "images" }, ...images),
      make("span", {}, scalarWords(row)),
    );
  }
  tip.hidden = false;
  const [w, h] = [tip.offsetWidth, tip.offsetHeight];
  const left = event.clientX + 16 + w > window.innerWidth ? event.clientX - w - 16 : event.clientX + 16;
  tip.style.left = `${Math.max(left, 4)}px`;
  tip.style.top = `${Math.max(Math.min(event.clientY + 12, window.innerHeight - h - 4), 4)}px`;
}

export function hideTip() {
  $("tip").hidden = true;
}
