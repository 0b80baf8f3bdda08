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
    Object.assign(this, {steps: [], losses: [], rates: [], averages: [], validations: [], marks: [], kept: []});
  }
  get length() {
    return this.steps.length;
  }
  /** The last step of the horizontal axis. */
  get end() {
    return Math.max(this.steps.at(-1) || 0, this.validations.at(-1)?.step || 0, LEAST_END);
  }

  /** Rows [step, loss, rate]; those that are repeated replace what came after a checkpoint, also when
   *  a whole log arrives at once and the run went back in the middle of it. */
  add(rows) {
    let from = this.length;
    for (const [step, loss, rate] of rows) {
      if (this.length && step <= this.steps.at(-1)) {
        this.cut(step);
        from = Math.min(from, this.length);
      }
      this.steps.push(step);
      this.losses.push(loss);
      this.rates.push(rate);
    }
    smooth(this.losses, this.averages, this.weight, from);
  }
  /** The run went back to a checkpoint: what comes from `step` on is forgotten. */
  cut(step) {
    const keep = this.steps.findIndex((one) => one >= step);
    for (const list of [this.steps, this.losses, this.rates]) list.length = Math.max(0, keep);
    this.averages.length = Math.min(this.averages.length, Math.max(0, keep));
    this.marks = this.marks.filter((mark) => mark < step);
    this.validations = this.validations.filter((validation) => validation.step < step);
  }
  /** `share` of one. */
  smoothBy(share) {
    this.weight = Math.min(0.995, share);
    smooth(this.losses, this.averages, this.weight);
  }
  /** Whether a step is later than all there are: the run has gone back since. */
  isGone(step) {
    return this.length > 0 && step > this.steps.at(-1);
  }
  validation(event) {
    if (this.isGone(event.step)) return;
    this.validations = this.validations.filter((validation) => validation.step !== event.step);
    this.validations.push(event);
    this.validations.sort((a, b) => a.step - b.step);
  }
  mark(step) {
    if (!this.isGone(step) && !this.marks.includes(step)) this.marks.push(step);
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
  validationsOf(name) {
    return this.validations.filter((validation) => typeof validation[name] === 'number');
  }
  /** The newest that is not after `step`. */
  validationAt(step) {
    return this.validations.findLast((validation) => validation.step <= step);
  }
  last() {
    return {
      step: this.steps.at(-1),
      loss: this.averages.at(-1),
      validation: this.validations.at(-1),
      points: this.length,
    };
  }
}
