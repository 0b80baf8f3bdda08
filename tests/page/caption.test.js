import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as words from '../../studio/ui/static/scripts/caption/auto_words.js';
import * as captioners from '../../studio/ui/static/scripts/caption/captioner_rules.js';
import * as check from '../../studio/ui/static/scripts/caption/check_rules.js';
import {sentName, withoutTop} from '../../studio/ui/static/scripts/caption/folders.js';
import * as rules from '../../studio/ui/static/scripts/caption/list_rules.js';

const ITEMS = [
  {file: '1.png', caption: 'a red cat'},
  {file: '2.png', caption: ' '},
  {file: '3.png', caption: '', problem: 'It is broken'},
  {file: '4.png', caption: 'a dog', look: 'odd words'},
];
const files = (items) => items.map(({file}) => file[0]).join('');
const NONE = new Set();

test('images are filtered by state and by what is written', () => {
  const about = (text) => (text ? (item) => item.caption.includes(text) : null);
  const found = (state, text = '', selected = NONE) =>
    files(rules.filtered(ITEMS, {state, test: about(text)}, selected));
  assert.equal(found('all'), '1234');
  assert.equal(found('missing'), '23');
  assert.equal(found('look'), '4');
  assert.equal(found('broken'), '3');
  assert.equal(found('selected', '', new Set(['2.png'])), '2');
  assert.equal(found('all', 'red'), '1');
  assert.equal(found('look', 'red'), '');
});

test('they are counted', () => {
  const counts = rules.countsOf(ITEMS, new Set(['1.png']));
  assert.deepEqual(counts, {all: 4, selected: 1, captioned: 2, looks: 1, broken: 1});
});

test('a click turns one, a click with Shift adds all between', () => {
  const click = (selected, file, anchor = null) => [...rules.selection(selected, ITEMS, file, anchor)].sort();
  assert.deepEqual(click(NONE, '2.png'), ['2.png']);
  assert.deepEqual(click(new Set(['2.png']), '2.png'), []);
  assert.deepEqual(click(NONE, '4.png', '2.png'), ['2.png', '3.png', '4.png']);
  assert.deepEqual(click(NONE, '1.png', '3.png'), ['1.png', '2.png', '3.png']);
});

test('cells fill the width, and only rows in view are made', () => {
  const lay = rules.layout(714, 220);
  assert.equal(lay.columns, 3);
  assert.equal(lay.cell * 3 + lay.gap * 2, 700);
  assert.equal(rules.layout(10, 220).columns, 1);
  assert.equal(rules.totalHeight(lay, 0), 0);
  assert.equal(rules.totalHeight(lay, 4), 2 * lay.height + lay.gap);
  assert.deepEqual(rules.placeOf(lay, 4), [lay.cell + lay.gap, lay.height + lay.gap]);
  const row = lay.height + lay.gap;
  assert.deepEqual(rules.itemsInView(lay, 0, row), [0, 9]);
  assert.deepEqual(rules.itemsInView(lay, 10 * row, row), [24, 39]);
});

test('a folder that was dropped alone gives the dataset its name', () => {
  const given = (...names) => withoutTop(names.map((name) => ({name, file: null})));
  const one = given('cats/1.png', 'cats/in/2.png');
  assert.equal(one.title, 'cats');
  assert.deepEqual(
    one.files.map(({name}) => name),
    ['1.png', 'in/2.png'],
  );
  const two = given('cats/1.png', 'dogs/2.png');
  assert.deepEqual([two.title, two.files[0].name], ['cats', 'cats/1.png']);
  assert.deepEqual([given('1.png').title, given().title], ['', '']);
});

test('only tables go to the server by their name', () => {
  assert.deepEqual(['a/metadata.JSONL', 'a/x.png', 'my secret name.txt'].map(sentName), [
    'metadata.JSONL',
    'file',
    'file',
  ]);
});

test('what became of a captioning', () => {
  const outcome = (state, result) => words.outcomeOf({state, result});
  const good = outcome('finished', {written: {a: 1, b: 1}, kept: {c: 1}, replaced: 1});
  assert.deepEqual([good.kind, good.parts.what], ['good', '2 captions written, 1 kept']);
  assert.match(good.parts.why, /1 earlier caption is kept/);
  const odd = outcome('finished', {marked: {a: 'x'}});
  assert.deepEqual([odd.kind, odd.parts.what], ['warning', '0 captions written, 1 needs a look']);
  assert.equal(outcome('finished', {}).parts.what, 'Nothing to do');
  assert.equal(outcome('cancelled', {written: {a: 1}}).parts.what, 'Stopped: 1 caption written');
});

test('questions and notes about captions', () => {
  assert.equal(words.replaceQuestion(1), 'Replace 1 caption? The one there now can be brought back.');
  assert.match(words.replaceQuestion(2), /2 captions\? The ones/);
  assert.match(words.changeText({time: 0, replaced: 1, added: 2, what: 'written'}), /3 captions written, 1 of them/);
  assert.equal(words.undoneParts({changed: 2, kept: 0}).why, '');
});

test('a finding shows its images alone, whatever else is asked for', () => {
  const found = (only, text = '') =>
    files(rules.filtered(ITEMS, {state: 'all', test: (item) => item.caption.includes(text), only}, NONE));
  assert.equal(found(new Set(['1.png', '4.png'])), '14');
  assert.equal(found(new Set(['1.png', '4.png']), 'dog'), '4');
  assert.equal(found(null), '1234');
});

test('a report on a dataset in words', () => {
  const states = [{}, {note: 1}, {warning: 1}, {error: 1, warning: 2}].map((counts) => check.stateOf({counts}));
  assert.deepEqual(states, ['good', 'good', 'warning', 'error']);
  assert.deepEqual([check.aboutText({files: ['a']}), check.aboutText({files: []})], ['1 image', '']);
  const hits = [
    {files: ['a.png', 'b.png'], why: 'a.png = b.png (mirrored)'},
    {files: ['c.png'], why: 'black all over'},
    {files: ['d.png'], why: ''},
    {files: [], why: 'Two share one caption file.'},
  ];
  assert.deepEqual(
    check.placesOf({hits, more: 2}).map(({text}) => text),
    ['a.png = b.png (mirrored)', 'c.png: black all over', 'd.png', 'Two share one caption file.', 'and 2 more'],
  );
  const bucket = {width: 64, height: 96, images: 3, lost: 0.014, most_lost: 0.2};
  assert.deepEqual(check.bucketCells([bucket, {...bucket, lost: 0, most_lost: 0}]), [
    ['64 × 96', '3', '1.4 %, at most 20 %'],
    ['64 × 96', '3', '0 %'],
  ]);
  assert.equal(check.scoreText(-0.126), '−0.13');
});

test('what a check is doing, and what is left of one that was stopped', () => {
  assert.equal(check.progressWords({done: 0, total: 0, text: ''}), 'Looking …');
  assert.equal(check.progressWords({done: 3, total: 9, text: 'images'}), '3 of 9 images looked at');
  assert.equal(check.progressWords({done: 3, total: 9, text: 'images and captions'}), '3 of 9 captions compared');
  assert.match(check.withoutReport({state: 'cancelled'}), /remembered/);
  assert.equal(check.withoutReport({state: 'finished'}), '');
});

const FIELDS = {
  model: {value: ''},
  address: {value: ''},
  question: {value: ''},
  max_tokens: {value: 120},
  exclude: {value: []},
  spaces: {value: true},
};
const TAGGER = {
  name: 'tagger',
  title: 'Tagger',
  names: 'Folder',
  examples: ['a/b'],
  options: ['model', 'exclude', 'spaces'],
};
const SERVER = {
  name: 'endpoint',
  title: 'Endpoint',
  names: 'Name',
  examples: ['llava'],
  options: ['address', 'model', 'max_tokens'],
};

test('settings of a captioner hold what its kind looks at', () => {
  const values = {model: ' wd ', question: 'what?', exclude: 'solo, , red hat', spaces: false, max_tokens: '7'};
  assert.deepEqual(captioners.settingsOf(TAGGER, values, FIELDS), {
    kind: 'tagger',
    model: 'wd',
    exclude: ['solo', 'red hat'],
    spaces: false,
  });
  assert.deepEqual(captioners.settingsOf(SERVER, values, FIELDS), {
    kind: 'endpoint',
    address: '',
    model: 'wd',
    max_tokens: 7,
  });
  assert.equal('max_tokens' in captioners.settingsOf(SERVER, {max_tokens: ' '}, FIELDS), false);
  assert.equal(captioners.kindOf([TAGGER, SERVER], 'gone'), TAGGER);
});

test('what a captioner lacks is said with an example', () => {
  assert.match(captioners.missing(SERVER, {}).what, /address/);
  assert.match(captioners.missing(SERVER, {address: 'x'}).remedy, /llava/);
  assert.equal(captioners.missing(TAGGER, {model: 'x'}), null);
});

test('a question is a preset, one’s own, or none', () => {
  const questions = [{name: 'tags', text: 'List tags.'}];
  const choices = ['List tags. ', 'Why?', ' '].map((text) => captioners.questionChoice(questions, text));
  assert.deepEqual(choices, ['tags', captioners.OWN, '']);
});

test('who described is said, and who would continue', () => {
  assert.match(
    words.changeText({time: 0, replaced: 0, added: 2, what: 'described', by: 'Tagger wd'}),
    /described by Tagger wd/,
  );
  assert.equal(words.continueText('Tagger wd'), 'Continue where it stopped (Tagger wd)');
  assert.match(words.appendQuestion(1), /behind 1 caption\? The one/);
});
