// The facts of a run before it starts, as rows of a list. Pure.
import {formatBytes, formatDuration} from '../core/format.js';

const FACTS = [
  ['pictures', 'Pictures'],
  ['captioned', 'With captions'],
  ['held_out', 'Held out'],
  ['trigger', 'Trigger word', (value) => value || 'none'],
  ['class_word', 'Class word', (value) => value || 'none'],
  ['resolution', 'Resolution', (value) => `${value} px`],
  ['steps', 'Steps'],
  ['epochs', 'Epochs'],
  ['effective_batch', 'Effective batch'],
];

/** [[label, text], …] of what the settings amount to. */
export const factRows = (facts = {}) =>
  FACTS.filter(([key]) => facts[key] !== undefined).map(([key, label, text = String]) => [label, text(facts[key])]);

/** [[label, text], …] of what measuring first has shown; none without an estimate. */
export function estimateRows(estimate) {
  if (!estimate) return [];
  const {seconds, seconds_per_step: perStep} = estimate;
  const trained = Object.entries(estimate.trained || {});
  const buckets = estimate.buckets || [];
  const rows = [
    ['Trained numbers', trained.map(([name, count]) => `${name} ${Number(count).toLocaleString()}`).join(', ')],
    ['Buckets', buckets.map(({items, width, height}) => `${items} at ${width}×${height}`).join(', ')],
    ['Time, measured', `about ${formatDuration(seconds)} (${perStep} s a step, without samples)`],
    ['Memory, measured', formatBytes(estimate.peak_memory)],
  ];
  return rows.filter(([, text]) => text);
}
