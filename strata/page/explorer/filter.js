// The language of the search box, which is also the filter of the address (strata/page/explorer.py tells it).

import { about, columns, imageAt, rowsWithImage } from "./data.js";

const SHORT = { k: "complexity", gamma: "importance", delta: "temporal_decoding_score", meta: "meta_feature" };
const WORD = /(?:[^\s"]|"(?:[^"\\]|\\.)*")+/g;
const TERM = /^([\w-]+)(:|<=|>=|<|>)(.*)$/s;

export const named = (name) => columns.get(SHORT[name.toLowerCase()] ?? name);

function unquoted(text) {
  try {
    return text.startsWith('"') ? JSON.parse(text) : text;
  } catch {
    return text;
  }
}

// One term: the kind that it widens (or null, where it narrows), and whether a row is meant.
function termOf(word, rows) {
  if (/^\d+$/.test(word)) return { kind: "feature", holds: (row) => row - rows.from === Number(word) };
  const [, name, sign, given] = TERM.exec(word) ?? [];
  if (name === "image" && sign === ":" && imageAt(unquoted(given)) >= 0) {
    const found = rowsWithImage(imageAt(unquoted(given)), rows);
    return { kind: "image", holds: (row) => found.has(row) };
  }
  const column = name && named(name);
  if (column) return ofColumn(column, sign, unquoted(given));
  if (name) return null;
  const part = unquoted(word).toLowerCase();
  const classes = columns.get("class");
  return { kind: "word", holds: (row) => classes.values[classes.all[row]].toLowerCase().includes(part) };
}

function ofColumn({ name, values, all }, sign, given) {
  if (sign === ":" && given === "missing") return { kind: null, holds: (row) => Number.isNaN(all[row]) };
  if (values || name === "meta_feature") {
    const wanted = values ? values.indexOf(given) : Number(given);
    return sign === ":" && given.trim() === given ? { kind: name, holds: (row) => all[row] === wanted } : null;
  }
  const [low, high = low] = sign === ":" ? given.split("..") : [given];
  const [a, b] = [low, high].map((end) => (end.trim() === "" ? Number.NaN : Number(end)));
  if (Number.isNaN(a) || Number.isNaN(b)) return null;
  const holds = {
    ":": (v) => v >= a && v <= b,
    "<": (v) => v < a,
    ">": (v) => v > a,
    "<=": (v) => v <= a,
    ">=": (v) => v >= a,
  };
  return { kind: null, holds: (row) => holds[sign](all[row]) };
}

// Which rows of a seed a filter shows (1 or 0 each), and the words that it does not understand.
export function filtered(text, rows) {
  const mask = new Uint8Array(rows.n).fill(1);
  const unknown = [];
  const kinds = new Map();
  for (const word of text.match(WORD) ?? []) {
    const term = termOf(word, rows);
    if (!term) unknown.push(word);
    else if (term.kind === null) keep(mask, rows, term.holds);
    else kinds.set(term.kind, [...(kinds.get(term.kind) ?? []), term.holds]);
  }
  for (const any of kinds.values()) keep(mask, rows, (row) => any.some((holds) => holds(row)));
  return { mask, unknown };
}

function keep(mask, { from }, holds) {
  for (let i = 0; i < mask.length; i++) if (mask[i] && !holds(from + i)) mask[i] = 0;
}

const quoted = (name) => (/^[\w.-]+$/.test(name) ? name : JSON.stringify(name));
const speaksOf = (word, column) => named(TERM.exec(word)?.[1] ?? "") === column;

// The filter with another range of a column; without one, where there is none.
export function withRange(text, column, range) {
  const others = (text.match(WORD) ?? []).filter((word) => !speaksOf(word, column));
  return [...others, ...(range ? [`${column.name}:${range.map((end) => String(end)).join("..")}`] : [])].join(" ");
}

export function rangeOf(text, column) {
  const word = (text.match(WORD) ?? []).find((own) => speaksOf(own, column) && own.includes(".."));
  return word
    ?.slice(word.indexOf(":") + 1)
    .split("..")
    .map(Number);
}

export const termFor = (column, value) =>
  `${column.name === "meta_feature" ? "meta" : column.name}:${column.values ? quoted(column.values[value]) : value}`;
export const termForImage = (name) => `image:${quoted(name)}`;
export const hasTerm = (text, term) => (text.match(WORD) ?? []).includes(term);

export function toggled(text, term) {
  const words = text.match(WORD) ?? [];
  return (words.includes(term) ? words.filter((word) => word !== term) : [...words, term]).join(" ");
}

export const SCALARS = () =>
  [...columns.values()].filter((column) => !column.values && !["seed", "feature"].includes(column.name));
export const KINDS = () => ["class", "meta_feature", "branch"].map((name) => columns.get(name)).filter(Boolean);
export const isKnown = (seed) => about.seeds.includes(seed);
