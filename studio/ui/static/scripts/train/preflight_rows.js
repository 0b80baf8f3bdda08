// The facts of a run before it starts, as rows of a list. Pure.
import {count, formatBytes, formatDuration} from '../core/format.js';

const FACTS = [
  ['images', 'Images'],
  ['captioned', 'With captions'],
  ['captions_each', 'Captions each', ([least, most]) => (least === most ? String(most) : `${least} to ${most}`)],
  ['held_out', 'Held out'],
  ['trigger', 'Trigger word', (value) => value || 'none'],
  ['class_word', 'Class word', (value) => value || 'none'],
  ['resolution', 'Resolution', (value) => `${value} px`],
  ['steps', 'Steps'],
  ['epochs', 'Epochs'],
  ['effective_batch', 'Effective batch'],
  ['layers', 'Trained layers'],
];

/** [[label, text], …] of what the settings amount to. */
export const factRows = (facts = {}) =>
  FACTS.filter(([key]) => (facts[key] ?? null) !== null).map(([key, label, text = String]) => [
    label,
    text(facts[key]),
  ]);

const origin = ({source, runs}) =>
  ({
    runs: `estimated from ${count(runs, 'run')} here`,
    'other runs': `estimated from ${count(runs, 'run')} of other methods here`,
    guess: 'a rough guess: nothing has run on this base here yet',
  })[source];

/** [[label, text], …] of what the run will about take; what was measured first takes the place of
 *  what was estimated. */
export function expectedRows(expected, estimate) {
  if (!expected) return [];
  const {class_images: images, class_seconds: seconds} = expected;
  const first = images ? `${count(images, 'class image')}, about ${formatDuration(seconds)}, once` : '';
  const rows = [
    estimate ? [] : ['Time', `about ${formatDuration(expected.seconds)} without samples, ${origin(expected)}`],
    ['Before that', first],
    estimate ? [] : ['Memory', `about ${formatBytes(expected.memory)}, estimated`],
    ['Disk', `about ${formatBytes(expected.disk)} with checkpoints, estimated`],
  ];
  return rows.filter(([, text]) => text);
}

/** [[label, text], …] of what measuring first has shown; none without an estimate. */
export function estimateRows(estimate) {
  if (!estimate) return [];
  const {seconds, seconds_per_step: perStep} = estimate;
  const trained = Object.entries(estimate.trained || {});
  const buckets = estimate.buckets || [];
  const kept = Object.entries(estimate.kept || {}).filter(([, bytes]) => bytes);
  const rows = [
    ['Trainable parameters', trained.map(([name, count]) => `${name} ${Number(count).toLocaleString()}`).join(', ')],
    ['Buckets', buckets.map(({items, width, height}) => `${items} at ${width}×${height}`).join(', ')],
    ['Time, measured', `about ${formatDuration(seconds)} (${perStep} s a step, without samples)`],
    ['Memory, measured', formatBytes(estimate.peak_memory)],
    ['… of it for training', kept.map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(', ')],
  ];
  return rows.filter(([, text]) => text);
}

const cost = ({exact, loss_error: error}) => {
  if (exact) return 'the same result';
  return error === null ? '' : `validation loss of the base off by ${Number((100 * error).toPrecision(2))} %`;
};

/** [[label, text], …] of the ways to need less memory that were measured; none where nobody asked. */
export function fitRows(fit) {
  if (!fit) return [];
  const {limit, of_process: ofProcess, rungs} = fit;
  const rows = rungs.map((rung) => [
    `${rung.fits ? 'Fits' : 'Too large'}: ${rung.title}`,
    [
      rung.peak_memory === null ? 'memory not measured' : formatBytes(rung.peak_memory),
      rung.seconds_per_step === null ? '' : `${rung.seconds_per_step} s a step`,
      cost(rung),
      rung.reason,
    ]
      .filter(Boolean)
      .join(', '),
  ]);
  const chosen = rungs.find(({fits}) => fits);
  const answer = chosen ? chosen.settings.join(', ') || 'as set' : 'no way that was measured';
  const of = ofProcess ? 'of the process' : 'of the device';
  return [...rows, ['Memory limit', `${formatBytes(limit)} ${of}`], ['What fits', answer]];
}
