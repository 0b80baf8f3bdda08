// The panel of the mask: brush, erase, invert, where a mask comes from. Owns: these controls. Refuses to know:
// how strokes are painted (`prepare_mask.js`), what is saved (the editor that it is given).
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {el, flip, isOn} from '../core/dom.js';
import {count} from '../core/format.js';
import {labelled} from '../core/icons.js';
import {LEAST} from '../core/mask_strokes.js';
import {recall, remember} from '../core/memory.js';

const HELP = 'What is coloured is learned. It counts when the run’s setting “Mask” is not “none”.';
const MODEL = 'studio.segmenter';
const NO_MODEL =
  'No model that marks things ships with the studio. Name the folder of a CLIPSeg model, or the hub id of one that ' +
  'is on this machine, such as CIDAS/clipseg-rd64-refined; nothing is downloaded.';
const SOURCES = [
  ['', 'as the run’s setting says'],
  ['alpha', 'its transparency'],
  ['none', 'none: all of it is learned'],
];

/** A mask by prompt; without a model that marks things, only why there is none. */
function promptPart(editor, marked) {
  const model = el('input.cs-input', {
    'aria-label': 'Segmentation model: a folder or hub id',
    placeholder: 'Folder or hub id of a CLIPSeg model',
    spellcheck: 'false',
    value: recall('browser', MODEL) || '',
  });
  const words = el('input.cs-input', {'aria-label': 'What the mask marks', placeholder: 'a dog'});
  const sure = el('input.cs-range', {
    ...{type: 'range', min: 0.05, max: 0.95, step: 0.05, 'aria-label': 'How sure the model has to be'},
    value: 0.4,
  });
  const find = labelled('brush', 'Find', () => attempt(run, find));
  const run = async () => {
    remember('browser', MODEL, model.value.trim());
    const asked = {model: model.value, words: words.value, threshold: Number(sure.value)};
    const {file} = editor;
    const found = await call(editor.server.prepare_segment(editor.ask(asked)));
    if (file !== editor.file) return;
    await editor.layer.take(found.under, fileUrl(found.path));
    marked();
  };
  const why = el('p.cs-small.cs-muted', {}, NO_MODEL);
  const rest = el(
    'div.pi-part',
    {},
    el('label.cs-small.pi-field', {}, 'Marks', words),
    el('label.cs-small.pi-field', {}, 'Sure', sure, find),
  );
  const show = () => {
    why.hidden = Boolean(model.value.trim());
    rest.hidden = !model.value.trim();
  };
  model.addEventListener('input', show);
  show();
  return el('details.cs-fold', {}, el('summary', {}, 'Mask by prompt'), el('div.pi-part', {}, model, why, rest));
}

/** `editor` is a PrepareEditor: {layer, facts, mask, painted, ask(), render(), server}. */
export function maskPart(editor) {
  const {layer} = editor;
  const range = {type: 'range', min: LEAST, step: 1, 'aria-label': 'Brush size'};
  const resize = () => {
    layer.size = Number(size.value);
    editor.render();
  };
  const size = el('input.cs-range', {...range, oninput: resize});
  const toggle = () => {
    flip(erase);
    layer.erase = isOn(erase);
  };
  const erase = el('button.cs-switch', {
    type: 'button',
    role: 'switch',
    'aria-label': 'Erase',
    'aria-checked': 'false',
    onclick: toggle,
  });
  const marked = () => {
    editor.painted = true;
    editor.render();
  };
  const start = (under) => async () => {
    const found = await call(editor.server.prepare_mask(editor.ask({under})));
    await layer.take(under, fileUrl(found.path));
    marked();
  };
  const clear = () => {
    layer.take('', null);
    editor.mask = '';
    marked();
  };
  const source = el('select.cs-input', {
    'aria-label': 'Mask of this image',
    onchange: () => {
      editor.mask = source.value;
      editor.painted = source.value === 'own' && layer.any;
      editor.render();
    },
  });
  const beside = labelled(null, 'From the file beside it', () => attempt(start('beside')));
  const alpha = labelled(null, 'From transparency', () => attempt(start('alpha')));
  const words = el('p.cs-small.cs-muted', {}, HELP);
  const said = el('p.cs-small.cs-muted', {role: 'status'});
  const invert = labelled('refresh', 'Invert', () => {
    layer.invert();
    marked();
  });
  const node = el(
    'div.pi-part',
    {},
    words,
    el('label.cs-small.pi-field', {}, 'Brush', size),
    el('span.cs-small.pi-field', {}, 'Erase', erase),
    el('div.cs-toolbar', {}, invert, labelled('trash', 'Clear', clear, '.cs-quiet')),
    el('div.cs-toolbar', {}, beside, alpha),
    promptPart(editor, marked),
    el('label.cs-small.pi-field', {}, 'Mask', source),
    said,
  );

  function render() {
    const {facts} = editor;
    if (layer.strokes.length) editor.painted = true;
    size.max = layer.most;
    size.value = layer.size;
    beside.hidden = !facts.beside;
    alpha.hidden = !facts.alpha;
    const own = editor.painted ? layer.any : Boolean(facts.own) && editor.mask === facts.mask;
    const entries = own ? [['own', 'the one that is painted here'], ...SOURCES] : SOURCES;
    source.replaceChildren(...entries.map(([value, label]) => el('option', {value}, label)));
    source.value = own ? 'own' : editor.mask;
    said.textContent = `Brush: ${count(layer.size, 'pixel')} of the image.`;
  }
  return {node, render};
}
