import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Ballot} from '../../studio/ui/static/scripts/compare/ballot.js';
import * as words from '../../studio/ui/static/scripts/compare/vote_words.js';

const later = (value) => new Promise((resolve) => setTimeout(resolve, 1, value));

/** A server with pairs 0, 1, 2, … that remembers what was voted. */
function server(pairs = 4) {
  const votes = [];
  const refuse = new Set();
  const pair = (token) => ({token, prompt: `prompt ${token}`, left: 'l', right: 'r'});
  const all = [...Array(pairs).keys()].map(String);
  const progress = () => ({done: votes.length, left: pairs - votes.length, decided: false});
  const asked = async (name, answer) => {
    await later();
    if (refuse.has(name)) throw new Error(name);
    return answer();
  };
  return {
    votes,
    refuse,
    pair: (waiting) =>
      asked('pair', () => {
        const token = all.find((one) => !waiting.includes(one) && !votes.some(([voted]) => voted === one));
        return token === undefined ? null : pair(token);
      }),
    cast: (token, side) =>
      asked('cast', () => {
        votes.push([token, side]);
        return progress();
      }),
    undo: () =>
      asked('undo', () => {
        const [token] = votes.pop();
        return {pair: pair(token), progress: progress()};
      }),
  };
}
const ballotOf = (ask) => new Ballot(ask, {done: 0, left: 4, decided: false});

test('every pair is shown once, and the next one is fetched before it is needed', async () => {
  const ask = server();
  const ballot = ballotOf(ask);
  await ballot.begin();
  const seen = [];
  while (ballot.current) {
    seen.push(ballot.current.token);
    await ballot.vote('left');
  }
  assert.deepEqual(seen, ['0', '1', '2', '3']);
  assert.deepEqual(ask.votes.length, 4);
  assert.equal(await ballot.vote('left'), false); // nothing is left
});

test('keys that come too fast are no votes on pairs that nobody has seen', async () => {
  const ask = server();
  const ballot = ballotOf(ask);
  await ballot.begin();
  const done = await Promise.all([ballot.vote('left'), ballot.vote('left'), ballot.undo()]);
  assert.deepEqual(done, [true, false, false]);
  assert.deepEqual(ask.votes, [['0', 'left']]);
});

test('a vote that is not taken stays on the screen', async () => {
  const ask = server();
  const ballot = ballotOf(ask);
  await ballot.begin();
  ask.refuse.add('cast');
  await assert.rejects(ballot.vote('right'));
  assert.equal(ballot.current.token, '0');
  ask.refuse.clear();
  await ballot.vote('right');
  assert.deepEqual(ask.votes, [['0', 'right']]);
});

test('after a pair could not be fetched one goes on where one was', async () => {
  const ask = server();
  const ballot = ballotOf(ask);
  await ballot.begin();
  await ballot.coming;
  ask.refuse.add('pair');
  await ballot.vote('left'); // the next pair was here already
  await assert.rejects(ballot.vote('left'));
  assert.equal(ballot.current, null);
  ask.refuse.clear();
  await ballot.begin();
  assert.equal(ballot.current.token, '2');
});

test('undo shows the last pair again, and then the one that was shown', async () => {
  const ask = server();
  const ballot = ballotOf(ask);
  await ballot.begin();
  await ballot.vote('left');
  await ballot.vote('bad');
  await ballot.undo();
  assert.deepEqual([ballot.current.token, ballot.progress.done], ['1', 1]);
  await ballot.vote('equal');
  assert.equal(ballot.current.token, '2');
  await ballot.vote('equal');
  assert.equal(ballot.current.token, '3');
  await ballot.undo();
  await ballot.undo();
  assert.equal(ballot.current.token, '1');
});

test('keys are answers, except held ones and those of the browser', () => {
  const key = (name, more = {}) => words.answerOf({key: name, ...more});
  assert.deepEqual(
    ['ArrowLeft', 'ArrowRight', '=', 'b', 'ArrowDown'].map((one) => key(one)),
    ['left', 'right', 'equal', 'bad', 'bad'],
  );
  assert.equal(key('x'), undefined);
  assert.equal(key('ArrowLeft', {repeat: true}), undefined);
  assert.equal(key('b', {ctrlKey: true}), undefined);
});

test('what is said of strengths and measures', () => {
  const one = {share: 0.731, share_low: 0.5, share_high: 0.9, wins: 9, losses: 3, ties: 2, bad: 1};
  assert.equal(words.strengthText(one), '73 % (50–90 %) · 9 won, 3 lost, 2 no difference, 1 both bad');
  assert.deepEqual(words.place(one), {'--at': '73.1%', '--from': '50.0%', '--wide': '40.0%'});
  const order = {tau: -0.333, columns: 4, note: ''};
  assert.equal(words.orderText(order), 'τ = −0.33, 4 columns');
  assert.match(words.orderText({...order, tau: null, note: 'Too few columns.'}), /Too few/);
  assert.equal(words.sameText({share: 0.7, low: 0.48, high: 0.85, pairs: 20}), '70 % of 20 pairs (48–85 %)');
  assert.equal(words.sameText({share: null, pairs: 2}), '—');
  assert.equal(words.progressText({done: 1, left: 3}), '1 vote, 3 pairs left');
  assert.match(words.soFar(3, true), /3 votes so far: there is an answer/);
  assert.equal(
    words.voteLink({origin: 'http://here', pathname: '/sub/'}, 'a b'),
    'http://here/sub/#compare/a%20b/vote',
  );
});

test('measures that have nothing to say are left out, and why is said once', () => {
  const few = {tau: null, share: null, note: 'Too few columns.'};
  const one = words.agreementShown([few, {...few, share: 0.5}]);
  assert.deepEqual([one.ordered, one.compared.length, one.reasons], [false, 1, ['Too few columns.']]);
  assert.match(words.agreementShown([few]).reasons.join(' '), /Too few columns\. Too few votes/);
  assert.equal(words.agreementShown([{tau: 0.3, share: null, note: ''}]).ordered, true);
});
