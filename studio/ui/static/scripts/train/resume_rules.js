// What of a run can be other when it goes on, and what was changed in its form. Pure.
export const FIELDS = [
  ['train.learning_rate', 'Learning rate', 'number'],
  ['train.steps', 'Steps', 'number'],
  ['sample.every', 'Samples every', 'text'],
  ['save.every', 'Save every', 'text'],
  ['sample.prompts', 'Sample prompts, one per line', 'lines'],
];

const at = (config, key) => key.split('.').reduce((part, name) => part?.[name], config);

/** A setting as the form shows it. */
export function textOf(config, key) {
  const value = at(config, key);
  return Array.isArray(value) ? value.join('\n') : String(value ?? '');
}

/** Texts by key → the settings that differ from `config`, as the server takes them. */
export function changesOf(config, texts) {
  const changed = FIELDS.filter(([key]) => texts[key].trim() !== textOf(config, key).trim());
  const value = (text, kind) => {
    if (kind === 'lines')
      return text
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
    return kind === 'number' && text.trim() !== '' ? Number(text) : text.trim();
  };
  return Object.fromEntries(changed.map(([key, , kind]) => [key, value(texts[key], kind)]));
}

/** The main button after NaN: its words, from the settings that will probably help. */
export function betterText(suggestion, checkpoint) {
  const [[key, value]] = Object.entries(suggestion);
  const what = key === 'precision' ? `precision ${value}` : `rate ${value.split(':')[0]}`;
  return `${checkpoint ? 'Resume' : 'Start again'} with ${what}`;
}
