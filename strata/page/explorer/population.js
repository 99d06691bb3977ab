// The features that every checkpoint has of itself: complexity against importance, epoch by epoch.

import { about, populationOf } from "./data.js";
import { $, STEPS, sheet, themed, ticks, viridis } from "./drawing.js";
import { preview, seed, settle, state } from "./state.js";

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
  const { pen, width, height } = sheet($("population-canvas"));
  const [left, right, top, bottom] = [52, width - 10, 8, height - 34];
  const [low, high] = about.population.importance;
  const x = (value) => left + (right - left) * value;
  const y = (value) => bottom - 4 - ((bottom - top - 8) * (value - low)) / (high - low);
  pen.strokeStyle = themed("line");
  pen.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
  pen.fillStyle = themed("ink");
  pen.textAlign = "center";
  for (const [at, words] of ticks(0, 1, false)) pen.fillText(words, x(at), bottom + 13);
  pen.fillText("complexity K", (left + right) / 2, height - 5);
  pen.textAlign = "right";
  for (const [at, words] of ticks(low, high, true)) pen.fillText(words, left - 4, y(at) + 4);
  pen.textAlign = "left";
  pen.fillText("importance Γ, log", left + 6, top + 14);
  const size = own.length <= 2500 ? 3 : 1.3;
  for (const { complexity, importance } of own) {
    if (Number.isNaN(complexity + importance)) continue;
    pen.fillStyle = `rgb(${viridis(Math.floor(complexity * STEPS) / STEPS).join(" ")})`;
    pen.fillRect(x(complexity) - size, y(importance) - size, 2 * size, 2 * size);
  }
  if (!known.length) return;
  pen.strokeStyle = themed("ink");
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(x(mean), top);
  pen.lineTo(x(mean), bottom);
  pen.stroke();
  pen.setLineDash([]);
}
