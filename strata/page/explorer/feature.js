// One feature: everything that was measured of it.

import {
  about,
  bestOf,
  cellsOf,
  columns,
  imageName,
  imageWords,
  neighboursOf,
  number,
  pictureOf,
  thumbnail,
  worded,
} from "./data.js";
import { $, button, inkOn, make, sheet, th, themed, titleOf, viridis } from "./drawing.js";
import { termForImage } from "./filter.js";
import { pin, pinned, seed, select, set, state } from "./state.js";

const WIDE = 14; // epochs whose values stand in the cells

let drawn = "";

export async function drawFeature({ rows }) {
  const key = [state.seed, state.feature, state.pinned, innerWidth, themed("sheet")].join(" ");
  if (key === drawn) return;
  drawn = key;
  const i = state.feature === "" ? -1 : Number(state.feature);
  if (i < 0 || i >= rows.n) {
    const none = "No feature is selected: click one in a plot or in the gallery, or search for its number.";
    const words = make("p", {}, i < 0 ? none : `There is no feature ${i}.`);
    return $("feature").replaceChildren(make("h2", {}, "Feature"), words);
  }
  const row = rows.from + i;
  const [vinfo, cka] = await Promise.all([cellsOf("vinfo", row), cellsOf("cka", row)]);
  if (drawn !== key) return; // another one was asked for meanwhile
  const parts = [heading(row, i), images(row), picture(row)];
  parts.push(section("V-information by layer and epoch", ...vinfoTable(vinfo)));
  if (about.cka.cells.length) parts.push(section("CKA with skip and main branch, by block", ...flow(cka)));
  parts.push(section("Nearest by cosine of the direction", neighbours(row, rows)));
  parts.push(section("Scalars, and rank from the smallest", scalars(row, rows)));
  $("feature").replaceChildren(...parts.filter(Boolean));
  const canvas = $("feature").querySelector("canvas");
  if (canvas) drawFlow(canvas, cka);
}

const section = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);

function heading(row, i) {
  const held = pinned().includes(i);
  const hold = button(() => pin(i), { id: "pin", "aria-pressed": String(held) }, held ? "Unpin" : "Pin");
  const close = button(() => select(null), { "aria-label": "Select no feature" }, "✕");
  return make("div", { className: "heading" }, make("h2", {}, titleOf(row)), hold, close);
}

function images(row) {
  const buttons = bestOf(row).map((at) => {
    const image = make("img", { src: thumbnail(at), alt: imageWords(at), "data-image": imageName(at) });
    const share = () => set({ filter: termForImage(imageName(at)), lasso: "", page: "1" });
    return button(share, { title: `${imageWords(at)}: show the features that share this image` }, image);
  });
  const none = make("p", { className: "missing" }, "It fires in no image.");
  const shown = buttons.length ? make("div", { className: "images large" }, ...buttons) : none;
  return section("Most activating images, largest code first", shown);
}

function picture(row) {
  const meta = columns.get("meta_feature")?.all[row];
  const at = pictureOf(seed(), meta);
  if (at === undefined) return null;
  const alt = `A picture made so that the mean direction of meta-feature ${meta} is large (MACO)`;
  return section(
    "MACO picture of its meta-feature",
    make("img", { className: "maco", src: thumbnail(at), alt, title: alt }),
  );
}

function cell(value, words, narrow) {
  if (value === undefined || Number.isNaN(value)) {
    const why = value === undefined ? "not measured" : "missing";
    const unseen = narrow ? "" : make("span", { className: "unseen" }, why);
    return make("td", { className: "missing", title: `${words}: ${why}` }, unseen);
  }
  const rgb = viridis(value);
  const told = narrow ? "" : value.toFixed(2).replace(/^0/, "");
  const element = make("td", { title: `${words}: ${value.toFixed(3)}` }, told);
  Object.assign(element.style, { background: `rgb(${rgb.join(" ")})`, color: inkOn(rgb) });
  return element;
}

function heat(id, title, head, lines, narrow = false) {
  const body = make("tbody", {}, ...lines.map((line) => make("tr", {}, ...line)));
  const table = make(
    "table",
    { id, className: narrow ? "heat narrow" : "heat" },
    make("thead", {}, make("tr", {}, ...head)),
    body,
  );
  return make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": title }, table);
}

function vinfoTable(found) {
  const { epochs, layers } = about;
  const narrow = epochs.length > WIDE;
  const told = (epoch) => (narrow ? make("span", { className: "unseen" }, epoch) : epoch);
  const cells = (l, layer) =>
    epochs.map((epoch, k) => cell(found.get(`${l}/${k}`), `${layer}, epoch ${epoch}`, narrow));
  const lines = layers.map((layer, l) => [th("row", layer), ...cells(l, layer)]);
  const corner = narrow ? `epochs ${epochs[0]} to ${epochs.at(-1)} →` : "epoch";
  const head = [th("col", corner), ...epochs.map((epoch) => th("col", told(String(epoch))))];
  const shown = heat("vinfo-table", "V-information by layer and epoch", head, lines.reverse(), narrow);
  const grey = "Grey: not measured (between the first and the last epoch, only the penultimate layer is), or missing.";
  const readout = make("p", { className: "readout" }, grey);
  shown.addEventListener("pointerover", (event) => {
    readout.textContent = event.target.title || grey;
  });
  return [shown, readout];
}

const blocksOf = () => [...new Set(about.cka.cells.map(([, block]) => block))];

function flow(found) {
  const cells = (branch) =>
    blocksOf().map((block) => cell(found.get(`${branch}/${block}`), `${branch} branch, ${block}`));
  const lines = ["skip", "main"].map((branch) => [th("row", branch), ...cells(branch)]);
  const head = [th("col", "block"), ...blocksOf().map((block) => th("col", block.replace("block-", "")))];
  const label = "CKA by block: the values are in the table below";
  return [
    make("canvas", { className: "flow", role: "img", "aria-label": label }),
    heat("cka-table", "CKA by block", head, lines),
  ];
}

function drawFlow(canvas, found) {
  const { pen, width, height } = sheet(canvas);
  const blocks = blocksOf();
  const most = Math.max(0.05, ...[...found.values()].filter(Number.isFinite));
  const [left, top, bottom] = [48, 10, height - 8];
  const x = (i) => left + ((width - left - 60) * i) / Math.max(blocks.length - 1, 1);
  const y = (value) => bottom - ((bottom - top) * value) / most;
  pen.strokeStyle = themed("line");
  pen.strokeRect(left - 6.5, top - 4.5, width - left - 48, bottom - top + 9);
  pen.fillStyle = themed("ink");
  pen.textAlign = "right";
  pen.fillText(number(most), left - 10, top + 4);
  pen.fillText("0", left - 10, bottom + 3);
  pen.textAlign = "left";
  ["skip", "main"].forEach((branch) => {
    pen.strokeStyle = pen.fillStyle = themed(branch);
    pen.lineWidth = 2;
    pen.setLineDash(branch === "skip" ? [] : [5, 3]);
    pen.beginPath();
    for (const [i, block] of blocks.entries()) pen.lineTo(x(i), y(found.get(`${branch}/${block}`) || 0));
    pen.stroke();
    const ends = ["skip", "main"].map((own) => y(found.get(`${own}/${blocks.at(-1)}`) || 0));
    const apart = Math.max(12 - Math.abs(ends[0] - ends[1]), 0) / 2; // names are not written over each other
    const above = (branch === "skip") === ends[0] <= ends[1];
    pen.fillText(branch, width - 44, ends[branch === "skip" ? 0 : 1] + 4 + (above ? -apart : apart));
  });
  pen.setLineDash([]);
}

function neighbours(row, rows) {
  const items = neighboursOf(row).map((near) => {
    const [first] = bestOf(near.row);
    const image = first === undefined ? "" : make("img", { src: thumbnail(first), alt: "" });
    const words = `${near.row - rows.from} · class ${worded(columns.get("class"), near.row)}`;
    const parts = [image, make("span", {}, words), make("span", {}, near.cosine.toFixed(3))];
    return make(
      "li",
      {},
      button(() => select(near.row - rows.from), { title: titleOf(near.row) }, ...parts),
    );
  });
  const none = make("p", { className: "missing" }, "There is no other feature.");
  return items.length ? make("ol", { className: "neighbours" }, ...items) : none;
}

function scalars(row, { from, n }) {
  const told = [...columns.values()].filter((column) => !["seed", "feature"].includes(column.name));
  const lines = told.map((column) => {
    const [value, own] = [column.all[row], column.all.subarray(from, from + n).filter((other) => !Number.isNaN(other))];
    const ranked = column.group !== "kinds" && !Number.isNaN(value);
    const rank = ranked ? `${own.reduce((sum, other) => sum + (other < value), 1)} of ${own.length}` : "";
    const className = Number.isNaN(value) ? "missing" : "";
    const words = make("td", { className, "data-column": column.name }, worded(column, row));
    return make("tr", {}, th("row", column.label, column.about), words, make("td", {}, rank));
  });
  return make("table", { className: "scalars" }, make("tbody", {}, ...lines));
}
