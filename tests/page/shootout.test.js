import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as rules from '../../studio/ui/static/scripts/compare/shootout_rules.js';

const choices = {
  bases: [
    {name: 'starter', family: 'sd1'},
    {name: 'big', family: 'sdxl'},
  ],
  methods: [
    {name: 'lora', title: 'LoRA'},
    {name: 'ti', title: 'Textual Inversion'},
    {name: 'dream', title: 'DreamBooth'},
  ],
  presets: [
    {name: 'any-lora', title: 'LoRA', method: 'lora', family: 'sd1', base: ''},
    {name: 'starter-lora', title: 'LoRA · starter', method: 'lora', family: 'sd1', base: 'starter'},
    {name: 'starter-ti', title: 'TI · starter', method: 'ti', family: 'sd1', base: 'starter'},
    {name: 'xl-lora', title: 'LoRA · XL', method: 'lora', family: 'sdxl', base: ''},
  ],
};
const on = {on: true, preset: '', variants: ['']};
const form = (changes) => ({...rules.restored(null), ...changes});

test('a kept form is restored as far as it has the right types', () => {
  const found = rules.restored({dataset: 'x', captions: '2', stacks: 7, methods: {lora: on}, budget: null, own: 'a'});
  assert.equal(found.dataset, 'x');
  assert.equal(found.captions, rules.EMPTY.captions);
  assert.deepEqual(found.stacks, []);
  assert.equal(found.budget, 'preset');
  assert.deepEqual(found.methods, {lora: on});
  found.methods.lora.on = false;
  assert.deepEqual(rules.EMPTY.methods, {});
});

test('a folder that was typed goes before the dataset of the list', () => {
  const zibbo = {id: '/d/zibbo', name: 'zibbo', images: 12, captioned: 12, trigger: 'zibbo', kind: 'subject'};
  const listed = {...choices, datasets: [zibbo]};
  assert.equal(rules.hasImages(form({})), false);
  assert.equal(rules.hasImages(form({folder: '  '})), false);
  assert.deepEqual(rules.imagesOf(listed, form({})).options[0], ['', 'Choose a dataset…']);
  const chosen = rules.imagesOf(listed, form({dataset: zibbo.id, folder: ' '}));
  assert.deepEqual(chosen, {options: [[zibbo.id, 'zibbo · 12 images']], value: zibbo.id, info: zibbo});
  const typed = form({dataset: zibbo.id, folder: '/home/me/images'});
  assert.ok(rules.hasImages(typed) && rules.hasImages({...typed, dataset: ''}));
  const options = [
    ['', 'The folder below'],
    [zibbo.id, 'zibbo · 12 images'],
  ];
  assert.deepEqual(rules.imagesOf(listed, typed), {options, value: '', info: undefined});
  assert.deepEqual(rules.imagesOf(listed, {...typed, dataset: ''}).options, options, 'nothing asks to choose another');
  assert.equal(rules.restored({folder: '/home/me/images'}).folder, '/home/me/images');
});

test('the preset made for the base comes first, another family has none', () => {
  assert.deepEqual(
    rules.presetsOf(choices, form({}), 'lora').map((one) => one.name),
    ['starter-lora', 'any-lora'],
  );
  assert.equal(rules.methodOf(choices, form({base: 'big', methods: {ti: on}}), 'ti').on, false);
  const kept = form({base: 'big', methods: {lora: {...on, preset: 'starter-lora'}}});
  assert.equal(rules.methodOf(choices, kept, 'lora').preset, 'xl-lora');
});

test('entries are the methods, their variants, and stacks of those that are there', () => {
  const rank = 'options.rank=2, train.learning_rate=1e-3';
  const methods = {lora: {...on, variants: ['', rank, ' ']}, ti: on};
  const stacks = [['LoRA', 'Textual Inversion'], ['LoRA'], ['LoRA', 'DreamBooth']];
  assert.deepEqual(rules.entriesOf(choices, form({methods, stacks})), [
    {name: 'LoRA', preset: 'starter-lora', changes: ''},
    {
      name: 'LoRA, rank 2, learning rate 1e-3',
      preset: 'starter-lora',
      changes: 'options.rank=2, train.learning_rate=1e-3',
    },
    {name: 'Textual Inversion', preset: 'starter-ti', changes: ''},
    {name: 'LoRA + Textual Inversion', stack: ['LoRA', 'Textual Inversion']},
  ]);
  assert.deepEqual(rules.entriesOf(choices, form({methods: {lora: {...on, on: false}}})), []);
  const changed = rules.entriesOf(choices, form({methods: {lora: {...on, variants: [rank]}}}));
  assert.equal(changed.length, 1, 'the preset as it is was taken out');
});

test('changes read as words, also half-typed', () => {
  assert.equal(rules.changeWords('options.rank=2\ntrain.learning_rate = 1e-3'), 'rank 2, learning rate 1e-3');
  assert.equal(rules.changeWords('prior.weight=0'), 'prior weight 0');
  assert.equal(rules.changeWords('options.ran'), 'options.ran');
  assert.equal(rules.changeWords(' , '), '');
});

test('costs say what is measured, shared, and there already', () => {
  const row = {steps: 40, seen: 240, exact: true, seconds: 65, trainings: 1, reused: 0, class_images: 0};
  assert.equal(rules.entryCost(row), '40 steps · 240 images seen · 1 min 05 s');
  assert.match(rules.entryCost({...row, exact: false, trainings: 3, class_images: 9}), /^about 40 .* 3 runs · 9 class/);
  assert.match(rules.entryCost({...row, reused: 1}), /trained already$/);
  assert.equal(rules.entryCost({...row, steps: null, trainings: 0}), 'trained with the entries above');
  const total = {trainings: 3, reused: 1, memory: 2e9, disk: 0, measured: false};
  assert.equal(
    rules.totalCost({seconds: 120, images: 64, total}),
    'about 2 min 00 s · 2 trainings, 1 there already · 64 images · 2.00 GB memory',
  );
  assert.match(rules.costSource({total}), /estimate/);
});

test('a training says how far it is', () => {
  const one = {
    entry: 'LoRA',
    seed: 1,
    run: 'r',
    state: 'running',
    step: 10,
    steps: 40,
    eta: 30,
    done: false,
    error: null,
  };
  assert.deepEqual(rules.trainingProgress(one), {share: 0.25, text: 'step 10 of 40 · 30 s left', state: 'running'});
  const samples = rules.trainingProgress({...one, doing: 'samples'});
  assert.equal(samples.text, 'step 10 of 40 · samples');
  assert.equal(rules.trainingProgress({...one, run: ''}).text, 'waiting');
  assert.equal(rules.trainingProgress({...one, state: 'queued'}).text, 'waiting');
  assert.equal(rules.trainingProgress({...one, done: true, reused: true}).text, 'trained earlier');
  assert.deepEqual(rules.trainingProgress({...one, error: {what: 'The loss became NaN'}}).state, 'failed');
  const paused = rules.trainingProgress({...one, state: 'paused', eta: null, reason: 'The disk is full'});
  assert.equal(paused.text, 'paused · step 10 of 40 · The disk is full');
  const stopped = {...one, state: 'stopped', step: 1, eta: 0};
  assert.equal(rules.trainingProgress(stopped).text, 'stopped · step 1 of 40');
  assert.equal(rules.trainingProgress(stopped, 'cancelled').text, 'cancelled');
  assert.equal(rules.trainingProgress({...one, done: true}, 'cancelled').text, 'trained');
  const words = (trainings) => rules.columnWords({trainings});
  assert.deepEqual(words([one, {...one, entry: 'TI', done: true}]), {LoRA: 'step 10 of 40 · 30 s left'});
  assert.deepEqual(Object.keys(words([one, {...one, seed: 2}])), ['LoRA · seed 1', 'LoRA · seed 2']);
});

test('what can be done depends on the state', () => {
  const one = (state, here, more = {}) => rules.actionsOf({state, here, trainings: [], comparison: 'c', ...more});
  assert.deepEqual(one('training', true), ['pause', 'cancel', 'open']);
  assert.deepEqual(one('interrupted', false), ['go_on', 'cancel', 'open', 'remove']);
  assert.deepEqual(one('paused', false), ['go_on', 'cancel', 'open', 'remove']);
  assert.deepEqual(one('cancelling', true), ['open'], 'nothing is asked for twice');
  assert.deepEqual(one('finished', false, {comparison: ''}), ['remove']);
  assert.deepEqual(one('finished', false, {trainings: [{error: {what: 'x'}}]}), ['go_on', 'open', 'remove']);
  assert.deepEqual(one('cancelled', false), ['go_on', 'open', 'remove']);
});
