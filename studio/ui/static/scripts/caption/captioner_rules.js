// Which fields a kind of captioner has, and the settings that they make. Pure.

/** Fields of the form in their order; those of the second list stand under “More”. */
export const MAIN = ['address', 'model', 'download', 'question', 'threshold', 'character_threshold', 'exclude'];
export const MORE = ['answer', 'max_tokens', 'image_side', 'timeout', 'ratings', 'spaces', 'escape'];
export const OWN = 'own'; // the choice of a question in one's own words

export const kindOf = (kinds, name) => kinds.find((kind) => kind.name === name) || kinds[0];

/** The settings for the server: only what the kind looks at, numbers as numbers, lists as lists. */
export function settingsOf(kind, values, fields) {
  const found = {kind: kind.name};
  for (const name of kind.options) {
    const {value} = fields[name];
    const given = values[name];
    if (typeof value === 'boolean') found[name] = Boolean(given);
    else if (Array.isArray(value)) found[name] = listOf(given);
    else if (typeof value === 'number') {
      if (String(given ?? '').trim() !== '') found[name] = Number(given);
    } else found[name] = String(given ?? '').trim();
  }
  return found;
}

const listOf = (text) =>
  String(text ?? '')
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean);

/** What is missing before anything can be asked: the parts of a message, or null. */
export function missing(kind, settings) {
  const wants = (name) => kind.options.includes(name) && !settings[name];
  if (wants('address'))
    return {what: 'No address of an endpoint is given', remedy: 'Such as http://localhost:11434/v1'};
  if (wants('model')) return {what: `${kind.title}: ${kind.names} is empty`, remedy: `Such as ${kind.examples[0]}`};
  return null;
}

/** Which preset a question is; empty is the captioner's own. */
export function questionChoice(questions, text) {
  const said = (text || '').trim();
  if (!said) return '';
  return questions.find((one) => one.text === said)?.name || OWN;
}
