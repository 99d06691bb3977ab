// What the page holds of the run, unpacked when it is asked for.

export const about = JSON.parse(document.getElementById("about").textContent);
export const columns = new Map();
const unpacked = {};
const addresses = new Map();
const blocks = new Map();

function packed(name) {
  const text = document.getElementById(name).textContent;
  return Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

async function inflated(bytes) {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

export async function load() {
  const kinds = { columns: Float32Array, best: Int32Array, neighbours: Int32Array, cosines: Float32Array };
  Object.assign(kinds, { population: Uint16Array, names: Uint8Array, offsets: Uint32Array });
  const inflating = Object.entries(kinds).map(async ([name, Kind]) => {
    unpacked[name] = new Kind(await inflated(packed(name)));
  });
  await Promise.all(inflating);
  Object.assign(unpacked, JSON.parse(new TextDecoder().decode(unpacked.names)));
  for (const name of ["vinfo", "cka", "pool"]) unpacked[name] = packed(name);
  about.columns.forEach((column, i) => {
    const all = unpacked.columns.subarray(i * about.rows, (i + 1) * about.rows);
    columns.set(column.name, { ...column, all, short: / (.)$/.exec(column.label)?.[1] ?? column.label });
  });
}

// The rows of a seed's features: from where, and how many. A feature's number is its place among them.
export function rowsOf(seed) {
  const all = columns.get("seed").all;
  const from = all.indexOf(seed);
  return { from, n: all.lastIndexOf(seed) - from + 1 };
}

// A value in words: a name where the column is of names.
export function worded(column, row) {
  const value = column.all[row];
  if (column.values) return value < 0 ? "" : column.values[value] || "(no name)";
  return number(value);
}

export function number(value) {
  if (!Number.isFinite(value)) return "missing";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value).replace("-", "−");
  return (size >= 0.0001 && size < 1e6 ? Number(value.toPrecision(3)).toString() : value.toExponential(1)).replace(
    "-",
    "−",
  );
}

// The most activating images of a feature, the largest code first: their places in the pool.
export function bestOf(row) {
  const count = about.examples;
  return [...unpacked.best.subarray(row * count, (row + 1) * count)].filter((at) => at >= 0);
}

export function rowsWithImage(at, { from, n }) {
  const count = about.examples;
  const found = new Set();
  for (let i = from * count; i < (from + n) * count; i++) if (unpacked.best[i] === at) found.add(Math.floor(i / count));
  return found;
}

export const imageAt = (name) => unpacked.names.indexOf(name);
export const imageName = (at) => unpacked.names[at];
export const imageWords = (at) => `${unpacked.names[at]}, class ${about.classes[unpacked.labels[at]] || "(no name)"}`;

export function pictureOf(seed, metaFeature) {
  return about.pictures.find((made) => made.seed === seed && made.meta_feature === metaFeature)?.at;
}

// The address of a thumbnail or picture.
export function thumbnail(at) {
  if (!addresses.has(at)) {
    const bytes = unpacked.pool.subarray(unpacked.offsets[at], unpacked.offsets[at + 1]);
    addresses.set(at, URL.createObjectURL(new Blob([bytes], { type: "image/webp" })));
  }
  return addresses.get(at);
}

export function neighboursOf(row) {
  const places = Array.from({ length: about.neighbours }, (_, i) => row * about.neighbours + i);
  const found = places.map((i) => ({ row: unpacked.neighbours[i], cosine: unpacked.cosines[i] }));
  return found.filter((near) => near.row >= 0);
}

// V-information (or CKA) of a feature in every cell that was measured: "first/second" → value, NaN where missing.
export async function cellsOf(name, row) {
  const { cells, offsets } = about[name];
  const block = Math.floor(row / 256);
  const width = Math.min(256, about.rows - block * 256);
  const key = `${name} ${block}`;
  if (!blocks.has(key)) {
    blocks.set(key, inflated(unpacked[name].subarray(offsets[block], offsets[block + 1])));
  }
  const steps = new Uint8Array(await blocks.get(key));
  const found = new Map();
  let level = 0;
  cells.forEach((cell, i) => {
    level = (level + steps[i * width + (row % 256)]) % 256;
    found.set(cell.join("/"), level === 255 ? Number.NaN : level / 254);
  });
  return found;
}

// Complexity and log10 of importance of the features that a checkpoint has of itself; NaN where missing.
export function populationOf(seed, epoch) {
  const { sizes, importance } = about.population;
  const place = about.seeds.indexOf(seed) * about.epochs.length + about.epochs.indexOf(epoch);
  const from = sizes
    .flat()
    .slice(0, place)
    .reduce((sum, size) => sum + size, 0);
  const all = unpacked.population;
  const half = all.length / 2;
  const value = (i, [low, high]) => (all[i] === 65535 ? Number.NaN : low + ((high - low) * all[i]) / 65534);
  return Array.from({ length: sizes.flat()[place] }, (_, i) => ({
    complexity: value(from + i, [0, 1]),
    importance: value(half + from + i, importance),
  }));
}
