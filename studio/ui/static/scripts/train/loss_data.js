// What the loss plot shows: steps with their loss and rate, validation losses, saved checkpoints.
// Pure.
import {smooth} from './plot_math.js';

const LEAST_END = 10; // steps: a plot of less is mostly empty

export class LossData {
  constructor() {
    this.weight = 0.92; // of the smoothing
    this.clear();
  }

  clear() {
    Object.assign(this, {steps: [], losses: [], rates: [], averages: [], probes: [], marks: [], kept: []});
  }
  get length() {
    return this.steps.length;
  }
  /** The last step of the horizontal axis. */
  get end() {
    return Math.max(this.steps.at(-1) || 0, this.probes.at(-1)?.step || 0, LEAST_END);
  }

  /** Rows [step, loss, rate]; those that are repeated replace what came after a checkpoint. */
  add(rows) {
    if (!rows.length) return;
    const [[first]] = rows;
    if (this.length && first <= this.steps.at(-1)) this.cut(first);
    const from = this.length;
    for (const [step, loss, rate] of rows) {
      this.steps.push(step);
      this.losses.push(loss);
      this.rates.push(rate);
    }
    smooth(this.losses, this.averages, this.weight, from);
  }
  /** The run went back to a checkpoint: what comes from `step` on is forgotten. */
  cut(step) {
    const keep = this.steps.findIndex((one) => one >= step);
    for (const list of [this.steps, this.losses, this.rates, this.averages]) list.length = Math.max(0, keep);
    this.probes = this.probes.filter((probe) => probe.step < step);
  }
  /** `share` of one. */
  smoothBy(share) {
    this.weight = Math.min(0.995, share);
    smooth(this.losses, this.averages, this.weight);
  }
  probe(event) {
    this.probes = this.probes.filter((probe) => probe.step !== event.step);
    this.probes.push(event);
    this.probes.sort((a, b) => a.step - b.step);
  }
  mark(step) {
    if (!this.marks.includes(step)) this.marks.push(step);
  }
  /** The steps whose checkpoints are on disk. */
  keep(steps) {
    this.kept = steps;
  }
  /** The step of the nearest of these that is at most `reach` steps away. */
  keptNear(step, reach) {
    const away = (other) => Math.abs(other - step);
    const near = this.kept.filter((other) => away(other) <= reach);
    return near.sort((a, b) => away(a) - away(b))[0];
  }
  /** Those with a value of this name: train, held_out. */
  probesOf(name) {
    return this.probes.filter((probe) => typeof probe[name] === 'number');
  }
  /** The newest that is not after `step`. */
  probeAt(step) {
    return this.probes.findLast((probe) => probe.step <= step);
  }
  last() {
    return {step: this.steps.at(-1), loss: this.averages.at(-1), probe: this.probes.at(-1), points: this.length};
  }
}
