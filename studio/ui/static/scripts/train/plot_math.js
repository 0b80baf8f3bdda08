// The numbers behind the loss plot: smoothing, axes, what is in which column of pixels. Pure.

/** Continues `averages` of `values` from `from` on: an exponential mean that begins as a plain one. */
export function smooth(values, averages, weight, from = 0) {
  let value = from ? averages[from - 1] : 0;
  for (let i = from; i < values.length; i += 1) {
    const w = Math.min(weight, i / (i + 1)); // so that the first values are a plain mean
    value = w * value + (1 - w) * values[i];
    averages[i] = value;
  }
  averages.length = values.length;
  return averages;
}

/** Round values between two ends, about `count` of them. */
export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) || power * 10;
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(Number(v.toPrecision(10)));
  return found;
}

const LEAST_LOG = 3; // lines: fewer say nothing of a narrow range

/** 1, 2, 5, 10, 20 … between two ends; where hardly one of these lies, evenly spaced ones. */
export function logTicks(low, high, count = LEAST_LOG) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    found.push(...[1, 2, 5].map((m) => Number((m * 10 ** power).toPrecision(10))).filter((v) => v >= low && v <= high));
  }
  return found.length < LEAST_LOG ? ticks(low, high, count) : found;
}

const usable = (isLog) => (value) => typeof value === 'number' && Number.isFinite(value) && (!isLog || value > 0);

/** The ends of the vertical axis for `lines` (shown whole) and `raw` values (their outliers are cut). */
export function bounds(lines, raw, isLog) {
  const values = lines.filter(usable(isLog));
  const stride = Math.max(1, Math.floor(raw.length / 2000));
  const sorted = raw.filter((value, i) => i % stride === 0 && usable(isLog)(value)).sort((a, b) => a - b);
  if (sorted.length) {
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    values.push(at(0.01), at(0.985));
  }
  if (!values.length) return [isLog ? 0.01 : 0, 1];
  const recent = values.slice(-20000);
  const low = Math.min(...recent);
  const high = Math.max(...recent);
  if (isLog) return [low / 1.15, high * 1.15];
  const pad = (high - low || high || 1) * 0.08;
  return [Math.max(0, low - pad), high + pad];
}

/** Functions from steps and values to pixels inside of {left, top, width, height}. */
export function scales({left, top, width, height}, end, [low, high], isLog) {
  const share = (value) =>
    isLog ? Math.log(Math.max(value, low * 1e-3) / low) / Math.log(high / low) : (value - low) / (high - low);
  return {
    x: (step) => left + (width * step) / end,
    y: (value) => top + height * (1 - share(value)),
  };
}

/** The range of values in every column of pixels: [[column, low, high], …]; `x` as `scales` gives it. */
export function columnRanges(steps, values, x) {
  const found = [];
  for (const [i, step] of steps.entries()) {
    const column = Math.round(x(step));
    const last = found.at(-1);
    if (last?.[0] === column) {
      last[1] = Math.min(last[1], values[i]);
      last[2] = Math.max(last[2], values[i]);
    } else found.push([column, values[i], values[i]]);
  }
  return found;
}

/** The index of the step that is nearest to `step` in an ordered list; -1 when there is none. */
export function nearest(steps, step) {
  if (!steps.length) return -1;
  let [a, b] = [0, steps.length - 1];
  while (a < b) {
    const middle = (a + b) >> 1;
    if (steps[middle] < step) a = middle + 1;
    else b = middle;
  }
  return a && Math.abs(steps[a - 1] - step) < Math.abs(steps[a] - step) ? a - 1 : a;
}
