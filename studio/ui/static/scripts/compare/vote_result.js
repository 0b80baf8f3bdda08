// What came out of the votes: names are here, and nowhere before. Owns: how a result looks.
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {agreementShown, orderText, place, sameText, strengthText} from './vote_words.js';

const SHARE =
  'How often a column would be preferred to an average other one, estimated from all votes: “no difference” counts ' +
  'half for each side. Bars are 95 % intervals. The sentences above stay true although the result can be looked at ' +
  'after every vote. Several votes on the same two images count as one.';
const SHOWN_SENTENCES = 8;

function strengths(rows) {
  const row = (one) => [
    el('b.vo-name', {title: one.name}, one.name),
    el('div.vo-track', {style: place(one), 'aria-hidden': 'true'}, el('i.vo-range'), el('i.vo-dot')),
    el('span.cs-small.cs-number', {}, strengthText(one)),
  ];
  const axis = ['0 %', '50 %', '100 %'].map((text) => el('span', {}, text));
  return el(
    'div.cs-card',
    {},
    el('h4.cs-card-title', {}, 'Preference (Bradley–Terry)'),
    el(
      'div.vo-plot',
      {},
      rows.map(row),
      el('span'),
      el('div.vo-axis.cs-small.cs-muted', {'aria-hidden': 'true'}, axis),
    ),
    el('p.cs-small.cs-muted', {}, SHARE),
  );
}

function verdict(result) {
  const line = (text) => el('li', {}, text);
  const rest = result.verdict.slice(SHOWN_SENTENCES);
  return el(
    'div.cs-card',
    {},
    el('h4.cs-card-title', {}, result.title),
    el('ul.vo-verdict', {}, result.verdict.slice(0, SHOWN_SENTENCES).map(line)),
    rest.length > 0 &&
      el(
        'details',
        {},
        el('summary', {}, count(rest.length, 'further sentence')),
        el('ul.vo-verdict', {}, rest.map(line)),
      ),
  );
}

function table(heads, rows) {
  const head = el(
    'tr',
    {},
    heads.map((text) => el('th', {scope: 'col'}, text)),
  );
  const body = rows.map(([first, ...cells]) =>
    el(
      'tr',
      {},
      el('th', {scope: 'row'}, first),
      cells.map((cell) => el('td.cs-number', {}, cell)),
    ),
  );
  return el('div.vo-scroll', {}, el('table.vo-table', {}, el('thead', {}, head), el('tbody', {}, body)));
}

function voters(rows) {
  const row = (one) => {
    const chosen = one.votes - one.ties - one.bad;
    const left = chosen ? `${one.lefts} of ${chosen}` : '—';
    return [one.name, one.votes, one.ties, one.bad, left, one.ended ? 'yes' : 'no'];
  };
  const heads = ['Voter', 'Votes', 'No difference', 'Both bad', 'Chose the left', 'Ended'];
  return el('div.cs-card', {}, el('h4.cs-card-title', {}, 'Who voted'), table(heads, rows.map(row)));
}

const ORDER = 'τ-b is 1 for the same order of columns, −1 for the opposite one.';
const SAME =
  'Same image: of the pairs in which people preferred one, how often the measure is better for the same image; ' +
  'in brackets the 95 % interval. 50 % is chance.';

function agreement(rows) {
  const {ordered, compared, reasons} = agreementShown(rows);
  const heads = ['Measure', ordered && 'Order of columns', 'Same image'].filter(Boolean);
  const row = (one) => [one.label, ordered && orderText(one), sameText(one)].filter(Boolean);
  const words = [...reasons, ordered && ORDER, compared.length > 0 && SAME].filter(Boolean).join(' ');
  return el(
    'div.cs-card',
    {},
    el('h4.cs-card-title', {}, 'Do the measures agree with the votes?'),
    compared.length > 0 && table(heads, compared.map(row)),
    el('p.cs-small.cs-muted', {}, words),
  );
}

/** The result of one question. */
export function resultView(result) {
  if (!result.votes) return el('p.cs-muted', {}, 'Nobody has voted on this question yet.');
  return el(
    'div.vo-result',
    {},
    verdict(result),
    result.strengths.length > 0 && strengths(result.strengths),
    result.agreement.length > 0 && agreement(result.agreement),
    voters(result.voters),
  );
}
