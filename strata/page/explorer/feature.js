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
  rowsOf,
  thumbnail,
  worded,
} from "./data.js";
import { $, inkOn, make, sheet, themed, titleOf, viridis } from "./drawing.js";
import { termForImage } from "./filter.js";
import { pin, pinned, seed, select, set, state } from "./state.js";

const WIDE = 14; // epochs whose values stand in the cells

let drawn = "";

export async function drawFeature({ rows }) {
  const panel = $("feature");
  const key = `${state.seed} ${state.feature} ${state.pinned}`;
  if (key === drawn) return;
  drawn = key;
  const i = state.feature === "" ? -1 : Number(state.feature);
  if (i < 0 || i >= rows.n) {
    const why =
      i < 0
        ? "No feature is selected: click one in a plot or in the gallery, or search for its number."
        : `There is no feature ${i}.`;
    panel.replaceChildren(make("h2", {}, "Feature"), make("p", {}, why));
    return;
  }
  const row = rows.from + i;
  const [vinfo, cka] = await Promise.all([cellsOf("vinfo", row), cellsOf("cka", row)]);
  if (drawn !== key) return; // another one was asked for meanwhile
  const parts = [
    heading(row, i),
    images(row),
    picture(row),
    section("V-information by layer and epoch", vinfoTable(vinfo)),
  ];
  if (about.cka.cells.length) parts.push(section("CKA with skip and main branch, by block", ...flow(cka)));
  parts.push(
    section("Nearest by cosine of the direction", neighbours(row, rows)),
    section("Scalars, and rank from the smallest", scalars(row, rows)),
  );
  panel.replaceChildren(...parts.filter(Boolean));
  const canvas = panel.querySelector("canvas");
  if (canvas) drawFlow(canvas, cka);
}

const section = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);

function heading(row, i) {
  const held = pinned().includes(i);
  const button = make("button", { type: "button", id: "pin", "aria-pressed": String(held) }, held ? "Unpin" : "Pin");
  button.addEventListener("click", () => pin(i));
  const close = make("button", { type: "button", "aria-label": "Select no feature" }, "✕");
  close.addEventListener("click", () => select(null));
  return make("div", { className: "heading" }, make("h2", {}, titleOf(row)), button, close);
}

function images(row) {
  const buttons = bestOf(row).map((at) => {
    const words = `${imageWords(at)}: show the features that share this image`;
    const button = make(
      "button",
      { type: "button", title: words },
      make("img", { src: thumbnail(at), alt: imageWords(at), "data-image": imageName(at) }),
    );
    button.addEventListener("click", () => set({ filter: termForImage(imageName(at)), lasso: "", page: "1" }));
    return button;
  });
  const shown = buttons.length
    ? make("div", { className: "images large" }, ...buttons)
    : make("p", { className: "missing" }, "It fires in no image.");
  return section("Most activating images, largest code first", shown);
}

function picture(row) {
  const meta = columns.get("meta_feature")?.all[row];
  const at = pictureOf(seed(), meta);
  if (at === undefined) return null;
  const words = `A picture made so that the mean direction of meta-feature ${meta} is large (MACO)`;
  return section(
    "MACO picture of its meta-feature",
    make("img", { className: "maco", src: thumbnail(at), alt: words, title: words }),
  );
}

function cell(value, words, narrow) {
  if (value === undefined || Number.isNaN(value)) {
    const why = value === undefined ? "not measured" : "missing";
    return make(
      "td",
      { className: "missing", title: `${words}: ${why}` },
      narrow ? "" : make("span", { className: "unseen" }, why),
    );
  }
  const rgb = viridis(value);
  const element = make(
    "td",
    { title: `${words}: ${value.toFixed(3)}`, "data-value": value.toFixed(4) },
    narrow ? "" : value.toFixed(2).replace(/^0/, ""),
  );
  element.style.background = `rgb(${rgb.join(" ")})`;
  element.style.color = inkOn(rgb);
  return element;
}

function vinfoTable(found) {
  const narrow = about.epochs.length > WIDE;
  const corner = make("th", { scope: "col" }, "epoch");
  const told = (k) => !narrow || k === 0 || k === about.epochs.length - 1;
  const head = make(
    "tr",
    {},
    corner,
    ...about.epochs.map((epoch, k) => make("th", { scope: "col" }, told(k) ? String(epoch) : "")),
  );
  const lines = about.layers.map((layer, l) => {
    const cells = about.epochs.map((epoch, k) => cell(found.get(`${l}/${k}`), `${layer}, epoch ${epoch}`, narrow));
    return make("tr", {}, make("th", { scope: "row" }, layer), ...cells);
  });
  const table = make(
    "table",
    { className: narrow ? "heat narrow" : "heat", id: "vinfo-table" },
    make("thead", {}, head),
    make("tbody", {}, ...lines.reverse()),
  );
  const readout = make(
    "p",
    { className: "readout" },
    "Grey: not measured (between the first and the last epoch, only the penultimate layer is), or missing.",
  );
  table.addEventListener("pointerover", (event) => {
    if (event.target.title) readout.textContent = event.target.title;
  });
  return make(
    "div",
    { className: "scroll", tabIndex: 0, role: "region", "aria-label": "V-information by layer and epoch" },
    table,
    readout,
  );
}

function flow(found) {
  const blocks = [...new Set(about.cka.cells.map(([, block]) => block))];
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "block"),
    ...blocks.map((block) => make("th", { scope: "col" }, block.replace("block-", ""))),
  );
  const lines = ["skip", "main"].map((branch) => {
    const cells = blocks.map((block) => cell(found.get(`${branch}/${block}`), `${branch} branch, ${block}`, false));
    return make("tr", {}, make("th", { scope: "row" }, branch), ...cells);
  });
  const table = make(
    "table",
    { className: "heat", id: "cka-table" },
    make("thead", {}, head),
    make("tbody", {}, ...lines),
  );
  const canvas = make("canvas", {
    className: "flow",
    role: "img",
    "aria-label": "CKA by block: the values are in the table below",
  });
  return [
    canvas,
    make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "CKA by block" }, table),
  ];
}

function drawFlow(canvas, found) {
  const { pen, width, height } = sheet(canvas);
  const blocks = [...new Set(about.cka.cells.map(([, block]) => block))];
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
    const button = make(
      "button",
      { type: "button", title: titleOf(near.row) },
      image,
      make("span", {}, words),
      make("span", {}, near.cosine.toFixed(3)),
    );
    button.addEventListener("click", () => select(near.row - rows.from));
    return make("li", {}, button);
  });
  return items.length
    ? make("ol", { className: "neighbours" }, ...items)
    : make("p", { className: "missing" }, "There is no other feature.");
}

function scalars(row, { from, n }) {
  const told = [...columns.values()].filter((column) => !["seed", "feature"].includes(column.name));
  const lines = told.map((column) => {
    const value = column.all[row];
    const own = column.all.subarray(from, from + n);
    const ranked = !column.values && column.group !== "kinds" && !Number.isNaN(value);
    const rank = ranked
      ? `${own.reduce((sum, other) => sum + (other < value), 1)} of ${own.reduce((sum, other) => sum + !Number.isNaN(other), 0)}`
      : "";
    const words = make(
      "td",
      { className: worded(column, row) === "missing" ? "missing" : "", "data-column": column.name },
      worded(column, row),
    );
    return make("tr", {}, make("th", { scope: "row", title: column.about }, column.label), words, make("td", {}, rank));
  });
  return make("table", { className: "scalars" }, make("tbody", {}, ...lines));
}

export const rowOf = (feature) => rowsOf(seed()).from + feature;
