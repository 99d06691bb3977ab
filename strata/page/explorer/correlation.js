// How two columns go together, of the features that are shown.

import { scaleOf } from "./drawing.js";

export function correlationWords({ rows, mask }, specs) {
  const [x, y] = specs.map((spec) => scaleOf(spec, rows));
  const pairs = [];
  let hidden = 0;
  for (let i = 0; i < rows.n; i++) {
    if (!mask[i]) continue;
    const pair = [x.at(rows.from + i), y.at(rows.from + i)];
    if (Number.isNaN(pair[0] + pair[1])) hidden++;
    else pairs.push(pair);
  }
  const [xs, ys] = [0, 1].map((axis) => Float64Array.from(pairs, (pair) => pair[axis]));
  const words =
    pairs.length > 2
      ? `Spearman ρ ${signed(pearson(ranks(xs), ranks(ys)))} · Pearson r ${signed(pearson(xs, ys))}`
      : "too few for r";
  return `${words} · n ${pairs.length}${hidden ? ` (${hidden} without a value)` : ""}`;
}

const signed = (value) =>
  Number.isNaN(value) ? "not defined" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

function pearson(xs, ys) {
  const mean = (own) => own.reduce((sum, value) => sum + value, 0) / own.length;
  const [mx, my] = [mean(xs), mean(ys)];
  let [xy, xx, yy] = [0, 0, 0];
  xs.forEach((x, i) => {
    xy += (x - mx) * (ys[i] - my);
    xx += (x - mx) ** 2;
    yy += (ys[i] - my) ** 2;
  });
  return xy / Math.sqrt(xx * yy);
}

// Equal values share the mean of their ranks.
function ranks(values) {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const found = new Float64Array(values.length);
  for (let i = 0, end = 0; i < order.length; i = end) {
    while (end < order.length && values[order[end]] === values[order[i]]) end++;
    for (let k = i; k < end; k++) found[order[k]] = (i + end - 1) / 2;
  }
  return found;
}
