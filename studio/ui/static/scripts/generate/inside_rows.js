// The rows of “What is in this file”, out of what Python has read. Pure.

const TRAINING = 'ss_';
const NOT_SHOWN = ['modelspec.thumbnail']; // an image as text

/** [label, value] of the head; values that a file does not state are empty. */
export const headRows = (facts) => [
  ['Kind', facts.kind],
  ['Written as', facts.dialect],
  ['Family', facts.family],
  ['Parameters', facts.parameters?.toLocaleString('en')],
  ['Rank', facts.rank],
  ['Alpha', facts.alpha],
  ['Trigger', facts.trigger],
];

/** The file's metadata: what other trainers write about a training, and the rest. */
export function metadataRows(metadata) {
  const rows = Object.entries(metadata).filter(([name]) => !NOT_SHOWN.includes(name));
  const isTraining = ([name]) => name.startsWith(TRAINING);
  const plain = ([name, value]) => [name.slice(TRAINING.length).replaceAll('_', ' '), value];
  return {training: rows.filter(isTraining).map(plain), others: rows.filter((row) => !isTraining(row))};
}

export const normText = (norm) => (norm === null ? 'depends on the base' : norm.toPrecision(3));
