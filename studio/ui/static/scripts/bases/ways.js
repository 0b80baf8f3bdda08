// The three ways in which a base comes: by its path, as a file, from the hub. Each is
// {label, node, focus()}; `dialog` does the work: {part, about, attempt(action, button), added(name)}.
import {call} from '../core/calls.js';
import {bringsFiles, el, flip, isOn} from '../core/dom.js';
import {message} from '../core/notices.js';
import {Bar} from './bar.js';
import {offerText, refusedFile, sendText} from './base_words.js';
import {sendFile} from './send_file.js';

const LINK = 'Over a link: a place in the workspace, or in a folder that was allowed at the start.';
const PATH = 'A diffusers folder, or a single .safetensors or .ckpt file. It stays where it is.';
const HUB = 'owner/name or owner/name@revision. Configurations and safetensors are downloaded, never pickles.';
const HALF = 'Half precision: half as large, enough for most uses';
const GATED = 'Its owner asks for an agreement first: accept it on its page, and sign in on this machine.';

const hint = (text) => el('p.cs-small.cs-muted', {style: {margin: '0'}}, text);
const field = (label, input) => el('label.cs-label', {}, label, input);
const text = (placeholder) => el('input.cs-input', {placeholder, spellcheck: 'false', autocomplete: 'off'});

export function pathWay(dialog) {
  const input = text('/models/my-model');
  const add = el('button.cs-button.cs-primary', {type: 'submit'}, 'Add');
  const go = async () => {
    const {name} = await call(dialog.part.server.add_path({path: input.value}));
    dialog.added(name);
  };
  const onsubmit = (event) => {
    event.preventDefault();
    dialog.attempt(go, add);
  };
  const about = hint(dialog.about.remote ? `${PATH} ${LINK}` : PATH);
  const node = el('form.cs-stack', {onsubmit}, field('Folder or file', input), about, el('div.cs-toolbar', {}, add));
  return {label: 'A path', node, focus: () => input.focus()};
}

export function fileWay(dialog) {
  let stop = null;
  const bar = new Bar(() => stop?.abort());
  const hidden = {type: 'file', accept: '.safetensors', tabindex: '-1', 'aria-label': 'Model file'};
  const picker = el('input.cs-hidden', hidden);
  const choose = el('button.cs-button', {type: 'button', onclick: () => picker.click()}, 'Choose a file');
  const zone = el('div.cs-empty.ba-zone', {}, el('p', {}, 'Drop a model file here'), choose, picker);
  const take = (file) =>
    dialog.attempt(async () => {
      const problem = refusedFile(file, dialog.about);
      if (problem) throw Object.assign(new Error(problem), {parts: {what: problem, where: file.name}});
      stop = new AbortController();
      bar.show(0, 0);
      try {
        const name = await sendFile(file, dialog.about, (done, total) => bar.show(done, total), stop);
        if (name) dialog.added(name);
      } finally {
        stop = null;
        bar.hide();
      }
    }, choose);
  picker.addEventListener('change', () => {
    const [file] = picker.files;
    picker.value = '';
    if (file) take(file);
  });
  const over = (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    zone.classList.toggle('is-over', event.type === 'dragover');
  };
  for (const name of ['dragover', 'dragleave', 'drop']) zone.addEventListener(name, over);
  zone.addEventListener('drop', (event) => {
    const [file] = event.dataTransfer.files;
    if (file && !stop) take(file);
  });
  const node = el('div.cs-stack', {}, zone, hint(sendText(dialog.about)), bar.node);
  return {label: 'A file', node, focus: () => choose.focus(), stop: () => stop?.abort()};
}

export function hubWay(dialog) {
  const {server} = dialog.part;
  const input = text('owner/name');
  const half = el('button.cs-switch', {type: 'button', role: 'switch', 'aria-checked': 'true', 'aria-label': HALF});
  half.addEventListener('click', () => flip(half));
  const look = el('button.cs-button', {type: 'submit'}, 'Look it up');
  const load = el('button.cs-button.cs-primary.cs-hidden', {type: 'button'}, 'Download');
  const facts = el('div.cs-stack', {role: 'status', style: {gap: '6px'}});
  const bar = new Bar(() => call(server.cancel(null)).catch(() => {}));
  const asked = () => ({name: input.value, half: isOn(half), asked: dialog.asked});
  const forget = () => {
    load.classList.add('cs-hidden');
    facts.replaceChildren();
  };
  const find = async () => {
    forget();
    const question = asked();
    const found = await call(server.look(question));
    if (JSON.stringify(question) !== JSON.stringify(asked())) return; // another name is there by now
    facts.replaceChildren(hint(offerText(found)), found.gated ? message(GATED, 'warning') : '');
    load.classList.remove('cs-hidden');
  };
  const onsubmit = (event) => {
    event.preventDefault();
    dialog.attempt(find, look);
  };
  load.addEventListener('click', () =>
    dialog.attempt(async () => {
      await call(server.download(asked()));
      dialog.follow();
    }, load),
  );
  input.addEventListener('input', forget);
  half.addEventListener('click', forget);
  const smaller = el('div.cs-small.ba-half', {}, half, HALF);
  const ask = field('Name on the Hugging Face hub', input);
  const node = el('form.cs-stack', {onsubmit}, ask, smaller, hint(HUB), facts);
  node.append(el('div.cs-toolbar', {}, look, load), bar.node);
  const show = (task) => {
    const going = task?.state === 'running';
    if (going) bar.show(task.done, task.total);
    else bar.hide();
    look.disabled = load.disabled = going;
  };
  return {label: 'The hub', node, focus: () => input.focus(), show};
}
