// The features that every checkpoint has of itself: complexity against importance, epoch by epoch.

import { about, populationOf } from "./data.js";
import { $, drawAxes, mapping, STEPS, sheet, themed, viridis } from "./drawing.js";
import { preview, seed, settle, state } from "./state.js";

const MARGIN = { left: 64, right: 10, top: 8, bottom: 34 };

export function makePopulation() {
  const slider = $("epoch");
  Object.assign(slider, { min: 0, max: about.epochs.length - 1, step: 1 });
  slider.addEventListener("input", () => preview({ epoch: String(about.epochs[slider.value]) }));
  slider.addEventListener("change", settle);
}

export function drawPopulation() {
  const epoch = Number(state.epoch);
  $("epoch").value = about.epochs.indexOf(epoch);
  $("epoch").setAttribute("aria-valuetext", `epoch ${epoch}`);
  const own = populationOf(seed(), epoch);
  const known = own.map((feature) => feature.complexity).filter((value) => !Number.isNaN(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const missing = own.length - known.length;
  $("epoch-words").textContent =
    `Epoch ${epoch}${epoch === 0 ? " (untrained)" : ""}: ${own.length} features, discovered afresh in that checkpoint (not those above); ` +
    (known.length ? `mean complexity ${mean.toFixed(3)}` : "no complexity known") +
    (missing ? `, ${missing} missing` : "");
  const page = sheet($("population-canvas"));
  const { pen } = page;
  const [w, h] = [page.width - MARGIN.left - MARGIN.right, page.height - MARGIN.top - MARGIN.bottom];
  const [low, high] = about.population.importance;
  const middle = [MARGIN.left + w / 2, MARGIN.top + h / 2];
  const at = mapping([0.5, (low + high) / 2], middle, [w, (0.96 * h) / (high - low)]);
  drawAxes(page, MARGIN, at, [{ words: "complexity K" }, { words: "importance Γ, log", log: true }]);
  const size = own.length <= 2500 ? 3 : 1.3;
  for (const { complexity, importance } of own) {
    if (Number.isNaN(complexity + importance)) continue;
    pen.fillStyle = `rgb(${viridis(Math.floor(complexity * STEPS) / STEPS).join(" ")})`;
    pen.fillRect(at.px(complexity) - size, at.py(importance) - size, 2 * size, 2 * size);
  }
  if (!known.length) return;
  pen.strokeStyle = themed("ink");
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(at.px(mean), MARGIN.top);
  pen.lineTo(at.px(mean), MARGIN.top + h);
  pen.stroke();
  pen.setLineDash([]);
}
