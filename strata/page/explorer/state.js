// What a reader has chosen: all of it stands in the address.

import { about } from "./data.js";
import { isKnown, named } from "./filter.js";

const last = () => about.epochs[about.epochs.length - 1];
const columnOf = (text) => named(text.replace(/^log:/, ""));
const numbers = (text, least) => {
  const found = text.split(",").map(Number);
  return found.length >= least && found.every(Number.isFinite) ? found : null;
};
const view = (text) => numbers(text, 3)?.length === 3 && numbers(text, 3)[2] > 0;

// Key: what it is unless said otherwise, and whether it may be something.
const KEYS = {
  seed: [() => String(about.seeds[0]), (text) => isKnown(Number(text))],
  feature: [() => "", (text) => /^\d*$/.test(text)],
  pinned: [() => "", (text) => /^\d+(,\d+)*$/.test(text)],
  filter: [() => "", () => true],
  lasso: [() => "", (text) => /^(map|scatter),/.test(text) && numbers(text.slice(text.indexOf(",") + 1), 6) !== null],
  x: [() => "complexity", (text) => columnOf(text) !== undefined],
  y: [() => "log:importance", (text) => columnOf(text) !== undefined],
  colour: [() => "complexity", (text) => columnOf(text) !== undefined],
  map: [() => "", view],
  scatter: [() => "", view],
  sort: [() => "complexity", (text) => named(text.replace(/^-/, "")) !== undefined],
  page: [() => "1", (text) => /^[1-9]\d*$/.test(text)],
  epoch: [() => String(last()), (text) => about.epochs.includes(Number(text))],
};

export const state = {};
let listener = () => {};

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [key, [usual, allowed]] of Object.entries(KEYS)) {
    const text = given.get(key);
    state[key] = text !== null && allowed(text) ? text : usual();
  }
}

export function address(of = state) {
  const changed = Object.keys(KEYS).filter((key) => of[key] !== KEYS[key][0]());
  const told = new URLSearchParams(changed.map((key) => [key, of[key]])).toString();
  return `#${told.replace(/%2C/g, ",").replace(/%3A/g, ":")}`;
}

export function listen(render) {
  listener = render;
  const again = () => {
    readAddress();
    render();
  };
  window.addEventListener("hashchange", again);
  window.addEventListener("popstate", again);
  again();
}

// Show something else, while a gesture goes on …
export function preview(patch) {
  Object.assign(state, patch);
  listener();
}

// … and put it into the address, so that Back leads to what was before.
export function settle() {
  if (address() !== (location.hash || "#")) history.pushState(null, "", address());
}

export function set(patch) {
  preview(patch);
  settle();
}

// The state that another address stands for, such as a figure's.
export function setFrom(text) {
  const given = new URLSearchParams(text);
  const allowed = [...given].filter(([key, value]) => KEYS[key]?.[1](value));
  set({ lasso: "", map: "", scatter: "", page: "1", ...Object.fromEntries(allowed) });
}

export const seed = () => Number(state.seed);
export const pinned = () => (state.pinned === "" ? [] : state.pinned.split(",").map(Number));
export const select = (feature) => set({ feature: feature === null ? "" : String(feature) });
export function pin(feature) {
  const now = pinned();
  set({ pinned: (now.includes(feature) ? now.filter((own) => own !== feature) : [...now, feature]).join(",") });
}
export { columnOf };
