// What the blind vote says and which keys it hears. Pure.
import {count} from '../core/format.js';

const SIDES = {ArrowLeft: 'left', ArrowRight: 'right', '=': 'equal', b: 'bad', B: 'bad', ArrowDown: 'bad'};

/** Which answer a key is; undefined where it is none. One that is held down answers once. */
export function answerOf({key, repeat, ctrlKey, metaKey, altKey}) {
  return repeat || ctrlKey || metaKey || altKey ? undefined : SIDES[key];
}

/** How far somebody is. */
export const progressText = ({done, left}) => `${count(done, 'vote')}, ${count(left, 'pair')} left`;

/** What the answers of all are worth so far, before anybody has seen them. */
export function soFar(votes, decided) {
  if (!votes) return 'Nobody has voted on this question yet.';
  const many = count(votes, 'vote');
  return decided ? `${many} so far: there is an answer already.` : `${many} so far: not decided yet.`;
}

const percent = (share) => `${Math.round(share * 100)} %`;

/** A strength in words. */
export function strengthText(one) {
  const ties = one.ties ? `, ${one.ties} no difference` : '';
  const bad = one.bad ? `, ${one.bad} both bad` : '';
  const range = `${percent(one.share)} (${Math.round(one.share_low * 100)}–${percent(one.share_high)})`;
  return `${range} · ${one.wins} won, ${one.losses} lost${ties}${bad}`;
}

/** Where a strength stands on an axis from 0 to 100 percent. */
export const place = ({share, share_low: low, share_high: high}) => ({
  '--at': `${(share * 100).toFixed(1)}%`,
  '--from': `${(low * 100).toFixed(1)}%`,
  '--wide': `${((high - low) * 100).toFixed(1)}%`,
});

/** Which measures have something to say, whether any of them about the order of columns, and why not. */
export function agreementShown(rows) {
  const ordered = rows.some((one) => one.tau !== null);
  const compared = rows.filter((one) => one.tau !== null || one.share !== null);
  const reasons = ordered ? [] : [...new Set(rows.map((one) => one.note).filter(Boolean))];
  if (!compared.length) reasons.push('Too few votes on images whose measures are known.');
  return {ordered, compared, reasons};
}

/** Whether a measure puts the columns into the order of the votes. */
export function orderText(one) {
  if (one.note) return one.note;
  if (one.tau === null) return 'All columns are alike in one of the two.';
  return `τ = ${one.tau.toFixed(2).replace('-', '−')}, ${count(one.columns, 'column')}`;
}

/** In how many pairs a measure prefers the image that people prefer. */
export function sameText(one) {
  if (one.share === null) return '—';
  const range = `${Math.round(one.low * 100)}–${percent(one.high)}`;
  return `${percent(one.share)} of ${count(one.pairs, 'pair')} (${range})`;
}

/** The address that others vote at. */
export const voteLink = ({origin, pathname}, id) => `${origin}${pathname}#compare/${encodeURIComponent(id)}/vote`;
