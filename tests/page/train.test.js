import assert from 'node:assert/strict';
import {test} from 'node:test';
import {curveScales, figureRows, plainNumber, settingText} from '../../studio/ui/static/scripts/train/diff_rows.js';
import * as form from '../../studio/ui/static/scripts/train/form_rules.js';
import * as pick from '../../studio/ui/static/scripts/train/pick_rules.js';
import {estimateRows, factRows, fitRows} from '../../studio/ui/static/scripts/train/preflight_rows.js';
import * as words from '../../studio/ui/static/scripts/train/run_words.js';

const shown = (texts) => (key) => texts[key];

test('two texts of a number mean the same', () => {
  for (const [a, b] of [
    ['1', '1.0'],
    ['1e-4', '0.0001'],
    ['cosine', 'cosine'],
    ['', ''],
  ]) {
    assert.equal(form.sameText(a, b), true, `${a} ${b}`);
  }
  for (const [a, b] of [
    ['', '0'],
    ['1', '2'],
    ['a', 'b'],
    ['true', '1'],
  ]) {
    assert.equal(form.sameText(a, b), false, `${a} ${b}`);
  }
});

test('a field differs from what the preset says, and only when it says something', () => {
  const wanted = {rank: '8', note: ''};
  const differs = (key, texts) => form.differs({key}, shown(texts), wanted);
  assert.equal(differs('rank', {rank: '8.0 '}), false);
  assert.equal(differs('rank', {rank: '4'}), true);
  assert.equal(differs('rank', {}), false); // not on the page
  assert.equal(differs('alpha', {alpha: '1'}), false); // nothing is said of it
  assert.equal(differs('note', {note: 'x'}), true);
});

test('a field applies while another has one of its values', () => {
  const field = {applies: [['schedule', ['linear', 'cosine']]]};
  assert.equal(form.applies({applies: []}, shown({})), true);
  assert.equal(form.applies(field, shown({schedule: 'cosine'})), true);
  assert.equal(form.applies(field, shown({schedule: 'constant'})), false);
  assert.equal(form.applies(field, shown({})), true);
  const either = {
    applies: [
      ['shuffle', ['true']],
      ['dropout', ['*']],
    ],
  };
  assert.equal(form.applies(either, shown({shuffle: 'false', dropout: '0.0'})), false);
  assert.equal(form.applies(either, shown({shuffle: 'false', dropout: '0.1'})), true);
  assert.equal(form.applies(either, shown({shuffle: 'true', dropout: '0'})), true);
});

test('settings are searched by all words', () => {
  const field = {words: 'learning rate of the unet'};
  assert.equal(form.isFound(field, ['rate', 'unet']), true);
  assert.equal(form.isFound(field, ['rate', 'vae']), false);
  assert.equal(form.changedText(1, 'quick'), '1 setting differs from the preset');
  assert.equal(form.changedText(2, ''), '2 settings differ from the defaults');
});

const CHOICES = {
  datasets: [{id: '/d', name: 'd', images: 4, captioned: 4, kind: 'subject', trigger: '', sample: true}],
  bases: [
    {name: 'starter', title: 'SD 1.x', family: 'sd1', size: 64},
    {name: 'big', title: 'SDXL', family: 'sdxl', size: null},
  ],
  presets: [
    {name: 'any', method: 'lora', family: '', base: ''},
    {name: 'own', method: 'lora', family: '', base: 'starter'},
    {name: 'xl', method: 'lora', family: 'sdxl', base: ''},
    {name: 'words', method: 'textual-inversion', family: '', base: ''},
  ],
};
const VALUE = {dataset: '/d', base: 'starter', method: 'lora', preset: 'any'};

test('presets for the very base come first, those of other families never', () => {
  const names = (value) => pick.fittingPresets(CHOICES, value).map((one) => one.name);
  assert.deepEqual(names(VALUE), ['own', 'any']);
  assert.deepEqual(names({...VALUE, base: 'big'}), ['any', 'xl']);
});

test('another base or method takes its first preset, unless the one chosen still fits', () => {
  assert.equal(pick.withChange(CHOICES, VALUE, {base: 'big'}).preset, 'any');
  assert.equal(pick.withChange(CHOICES, {...VALUE, base: 'big'}, {base: 'starter'}).preset, 'own');
  assert.equal(pick.withChange(CHOICES, VALUE, {method: 'textual-inversion'}).preset, 'words');
  assert.equal(pick.withChange(CHOICES, VALUE, {method: 'none'}).preset, '');
});

test('what can be chosen, in words', () => {
  assert.deepEqual(pick.datasetOptions(CHOICES, VALUE), [['/d', 'd · 4 images · sample']]);
  assert.deepEqual(pick.datasetOptions(CHOICES, {...VALUE, dataset: ''})[0], ['', 'Choose a dataset…']);
  assert.equal(pick.datasetOptions({datasets: []}, VALUE)[0][1], 'No dataset yet');
  assert.deepEqual(pick.baseOptions(CHOICES, VALUE), [
    ['starter', 'starter · SD 1.x · 64 px'],
    ['big', 'big · SDXL'],
  ]);
  assert.deepEqual(pick.baseOptions(CHOICES, {base: 'gone'})[0], ['gone', 'gone · not there now']);
  assert.equal(pick.datasetFacts(CHOICES.datasets[0]), 'subject · no trigger word · all captioned');
  assert.equal(pick.datasetFacts(undefined), '');
});

test('the facts before a start', () => {
  assert.deepEqual(factRows({images: 4, trigger: '', resolution: 512}), [
    ['Images', '4'],
    ['Trigger word', 'none'],
    ['Resolution', '512 px'],
  ]);
  assert.deepEqual(estimateRows(undefined), []);
  const rows = estimateRows({
    seconds: 61,
    seconds_per_step: 0.2,
    peak_memory: 2e9,
    trained: {unet: 1234},
    buckets: [],
    kept: {weights: 4e9, average: 0},
  });
  assert.deepEqual(
    rows.map(([label]) => label),
    ['Trainable parameters', 'Time, measured', 'Memory, measured', '… of it for training'],
  );
  assert.match(rows[3][1], /^weights 4.00 GB$/, 'what is not there is not named');
  assert.match(rows[1][1], /1 min 01 s \(0.2 s a step/);
});

test('how a run ended is said once, with what can be done', () => {
  const ending = (state, verification) => words.endingOf(state, verification);
  assert.equal(ending({state: 'running'}), null);
  assert.equal(ending({state: 'paused'}), null);
  assert.equal(ending({state: 'paused', reason: 'Disk full'}).parts.why, 'Disk full');
  assert.equal(ending({state: 'failed', error: {what: 'x'}}).parts.what, 'x');
  assert.match(ending({state: 'interrupted', last_checkpoint: 40}).parts.safe, /Step 40/);
  assert.match(ending({state: 'interrupted'}).parts.safe, /begins again/);
  assert.equal(ending({state: 'finished'}), null);
  assert.equal(ending({state: 'stopped'}).parts.remedy, 'Nothing was written.');
});

test('a finished file is told with the verification that it works', () => {
  const state = {state: 'finished', files: [{name: 'k.safetensors', size: 1000}]};
  const verification = {ok: true, matched: 3, unmatched: [], prompt: 'a cat', change: 0.1234};
  const good = words.endingOf(state, verification);
  assert.equal(good.kind, 'good');
  assert.match(good.parts.what, /k\.safetensors \(1 kB\)/);
  assert.match(good.parts.why, /3 of 3 modules .* changes by 12 %/);
  const bad = words.endingOf(state, {...verification, ok: false, unmatched: ['a', 'b', 'c', 'd'], change: 0});
  assert.equal(bad.kind, 'warning');
  assert.match(bad.parts.remedy, /Not used: a, b, c …/);
});

test('events of the log', () => {
  const text = (event) => words.eventText(event, (state) => state.toUpperCase());
  assert.equal(text({kind: 'saved', step: 4}), 'Checkpoint saved at step 4');
  assert.equal(text({kind: 'state', state: 'failed', reason: 'why'}), 'FAILED: why');
  assert.equal(text({kind: 'validation'}), undefined);
  assert.deepEqual([0, 20.4, 1.01, 0.025].map(words.speedText), ['–', '0.049 s/step', '0.99 s/step', '40 s/step']);
  assert.equal(words.waitedText(1), 'One run waited when the program ended');
});

test('figures of two runs, without rows that say nothing', () => {
  const figures = [{state: 'finished', step: 30, change: 0.05}, {state: 'failed'}];
  assert.deepEqual(
    figureRows(figures, (state) => state),
    [
      ['Ended', ['finished', 'failed']],
      ['Steps', ['30', '–']],
      ['The image changes by', ['5 %', '–']],
    ],
  );
  assert.deepEqual([null, '', true, [], [1, 2], 0].map(settingText), ['–', '–', 'on', '–', '1 | 2', '0']);
  assert.equal(plainNumber(0.123456), '0.123');
});

test('curves fill their box', () => {
  const box = {width: 100, height: 100, left: 10, right: 10, top: 10, bottom: 10};
  assert.equal(curveScales([[{step: 0, train: 1}], []], box), null);
  const curves = [
    [
      {step: 0, train: 1},
      {step: 50, train: 3, held_out: null},
    ],
    [],
  ];
  const {x, y, most} = curveScales(curves, box);
  assert.deepEqual([most, x(0), x(50)], [50, 10, 90]);
  assert.ok(y(3) > 10 && y(3) < y(1) && y(1) < 90);
});

test('what fits is told with what each way costs', () => {
  const rung = {title: 'as set', settings: [], exact: true, fits: false, peak_memory: 5e9, seconds_per_step: 2};
  const rungs = [
    {...rung, loss_error: null, reason: ''},
    {
      ...rung,
      title: 'base in int8',
      settings: ['memory.base_weights=int8'],
      exact: false,
      fits: true,
      peak_memory: 2e9,
      loss_error: 0.00123,
      reason: '',
    },
  ];
  assert.deepEqual(fitRows(undefined), []);
  assert.deepEqual(fitRows({limit: 3e9, of_process: true, rungs}), [
    ['Too large: as set', '5.00 GB, 2 s a step, the same result'],
    ['Fits: base in int8', '2.00 GB, 2 s a step, validation loss of the base off by 0.12 %'],
    ['Memory limit', '3.00 GB of the process'],
    ['What fits', 'memory.base_weights=int8'],
  ]);
  const [none] = fitRows({limit: 1, of_process: false, rungs: rungs.slice(0, 1)}).slice(-1);
  assert.deepEqual(none, ['What fits', 'no way that was measured']);
});
