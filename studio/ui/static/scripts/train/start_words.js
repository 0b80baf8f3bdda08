// The words of an answer to Start. Pure.
import {count} from '../core/format.js';

/** {kind, parts, key} of a message, `key` being the setting it is about; null when there is no answer. */
export function answerOf({errors = [], about = {}, run = '', before = 0}) {
  const [first, ...others] = errors;
  if (first) {
    const remedy = others.length ? `And ${count(others.length, 'more thing')}: see “Before you start”.` : '';
    const why = first.replace(/\s*Nothing was started\.$/, '');
    return {kind: 'error', parts: {what: 'Nothing was started', why, remedy}, key: about[first] || ''};
  }
  if (!run) return null;
  const what = before ? `Queued: it begins after ${count(before, 'run')}` : 'Training has started';
  return {kind: 'good', parts: {what}, key: ''};
}
