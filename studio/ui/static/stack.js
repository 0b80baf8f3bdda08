// The adapter stack. Owns: one ordered list of cards, dragging, dropped files, undo.
// Refuses to know: what an adapter does. Value: [{path, strength, text_strength, enabled}].
const ADAPTER = 'application/x-studio-adapter';
const known = new Map(); // path → facts of a card, as the server described them
let troubles = [];       // files that could not be taken, newest first
let pending = 0;
let stack = null;
const q = (selector) => element.querySelector(selector);
const clamp = (value) => Math.round(Math.max(-10, Math.min(10, value)) * 1000) / 1000;

// One ordered list in `host`; `changed(items)` hears every change that the person makes.
function stackView(host, changed) {
  let items = [], past = [];
  const cards = new Map();

  function apply(next, remember = true) {
    if (remember) past = [...past.slice(-49), items];
    items = next;
    draw();
    changed(items);
  }
  const patch = (path, fields) => apply(items.map((item) => item.path === path ? {...item, ...fields} : item));
  const remove = (path) => apply(items.filter((item) => item.path !== path));
  const indexOf = (path) => items.findIndex((item) => item.path === path);

  function move(path, index) { // `index` counts places before the card is taken out
    const from = indexOf(path), next = [...items];
    if (from < 0) return;
    const [item] = next.splice(from, 1);
    next.splice(index > from ? index - 1 : index, 0, item);
    if (next.some((other, k) => other !== items[k])) apply(next);
  }
  function step(path, by) {
    const at = indexOf(path), to = at + by;
    if (to >= 0 && to < items.length) move(path, by > 0 ? to + 1 : to);
  }
  function add(path, index = items.length) {
    if (indexOf(path) < 0) {
      const next = [...items];
      next.splice(index, 0, {path, strength: 1, text_strength: null, enabled: true});
      apply(next);
    }
    flash(path);
  }
  function flash(path) {
    const node = cards.get(path)?.node;
    if (!node) return;
    node.scrollIntoView({block: 'nearest'});
    node.classList.remove('is-new');
    void node.offsetWidth; // restarts the animation
    node.classList.add('is-new');
  }
  function draw() {
    for (const [path, card] of cards) if (indexOf(path) < 0) { card.node.remove(); cards.delete(path); }
    items.forEach((item, index) => {
      if (!cards.has(item.path)) cards.set(item.path, cardView(item.path, {patch, remove, step, items: () => items}));
      const {node, sync} = cards.get(item.path);
      if (host.children[index] !== node) host.insertBefore(node, host.children[index] || null);
      sync(item, index, items.length);
    });
  }
  return {
    add, move, draw,
    get items() { return items; },
    get canUndo() { return past.length > 0; },
    show(next) { items = next; draw(); },
    undo() { if (past.length) apply(past.pop(), false); },
  };
}

function cardView(path, {patch, remove, step}) {
  const slider = cs.el('input.st-slider', {type: 'range', min: -1, max: 2, step: 0.05});
  const number = cs.el('input.cs-input.st-number', {type: 'number', min: -10, max: 10, step: 0.05});
  const textNumber = cs.el('input.cs-input.st-number', {type: 'number', min: -10, max: 10, step: 0.05, placeholder: 'same',
    title: 'Strength on the text encoder; empty uses the same strength', 'aria-label': 'Strength on the text encoder'});
  const paint = () => slider.style.setProperty('--fill', `${(Number(slider.value) + 1) / 3 * 100}%`);
  slider.addEventListener('input', () => { number.value = Number(slider.value).toFixed(2); paint(); });
  slider.addEventListener('change', () => patch(path, {strength: clamp(Number(slider.value))}));
  slider.addEventListener('dblclick', () => patch(path, {strength: 1}));
  number.addEventListener('change', () => {
    if (number.value !== '') patch(path, {strength: clamp(Number(number.value))}); else patch(path, {});
  });
  textNumber.addEventListener('change', () => patch(path, {text_strength: textNumber.value === '' ? null : clamp(Number(textNumber.value))}));

  const toggle = cs.el('button.cs-switch', {type: 'button', role: 'switch',
    onclick: () => patch(path, {enabled: toggle.getAttribute('aria-checked') !== 'true'})});
  const up = iconButton('up', 'Move up', () => { step(path, -1); up.focus(); });
  const down = iconButton('down', 'Move down', () => { step(path, 1); down.focus(); });
  const close = iconButton('close', 'Remove from the stack', () => remove(path));
  const head = cs.el('div.st-head'), words = cs.el('div.st-words'), note = cs.el('div.st-notes');
  const text = cs.el('label.st-text', {}, 'text', textNumber);
  const node = cs.el('li.st-card', {draggable: 'true', tabindex: 0},
    cs.el('span.st-grip', {title: 'Drag to reorder (Alt + arrow keys)'}, icon('grip')),
    cs.el('div.st-body', {},
      cs.el('div.st-top', {}, head, cs.el('div.st-tools', {}, toggle, up, down, close)),
      words, cs.el('div.st-strength', {}, cs.el('span', {}, 'Strength'), slider, number, text), note));

  // A slider or a button inside a draggable card must not start a card drag.
  node.addEventListener('mousedown', (event) => { node.draggable = !event.target.closest('input, button, summary'); });
  node.addEventListener('mouseup', () => { node.draggable = true; });
  node.addEventListener('dragstart', (event) => {
    event.dataTransfer.setData(ADAPTER, JSON.stringify({path, from: props.target}));
    event.dataTransfer.effectAllowed = 'copyMove';
    node.classList.add('is-dragged');
  });
  node.addEventListener('dragend', () => { node.classList.remove('is-dragged'); node.draggable = true; });
  node.addEventListener('keydown', (event) => {
    if (event.altKey && event.key === 'ArrowUp') step(path, -1);
    else if (event.altKey && event.key === 'ArrowDown') step(path, 1);
    else if (event.key === 'Delete' && event.target === node) return remove(path);
    else return;
    event.preventDefault();
    node.focus();
  });

  let shown = '';
  function sync(item, index, count) {
    const facts = known.get(path) || {name: path.split(/[\\/]/).pop(), loading: true};
    const report = (props.reports || {})[path];
    const key = JSON.stringify([facts, report]);
    if (key !== shown) {
      shown = key;
      head.replaceChildren(adapterThumb(facts), cs.el('div.st-title', {}, cs.el('b', {title: path}, facts.name), adapterFacts(facts)));
      words.replaceChildren(...(facts.trigger ? [cs.el('span.cs-small.cs-muted', {}, 'Trigger'), cs.el('span.cs-chip', {}, facts.trigger)] : []));
      note.replaceChildren(...notes(facts, report));
      slider.setAttribute('aria-label', `Strength of ${facts.name}`);
      number.setAttribute('aria-label', `Strength of ${facts.name} as a number`);
      toggle.setAttribute('aria-label', `Use ${facts.name}`);
      text.hidden = !(facts.kind === 'lora' || facts.loading);
    }
    toggle.setAttribute('aria-checked', String(item.enabled));
    toggle.title = item.enabled ? 'On: switch it off' : 'Off: switch it on';
    node.classList.toggle('is-off', !item.enabled);
    slider.value = String(item.strength);
    number.value = Number(item.strength).toFixed(2);
    textNumber.value = item.text_strength ?? '';
    up.disabled = index === 0;
    down.disabled = index === count - 1;
    paint();
  }
  return {node, sync};
}

function notes(facts, report) {
  const line = (kind, text) => cs.el('p.st-note', {'data-kind': kind}, icon(kind === 'good' ? 'check' : 'warn', 14), cs.el('span', {}, text));
  if (facts.problem) return [line('warn', facts.problem)];
  if (!report) return [];
  if (report.problem) return [line('warn', report.problem)];
  if (!report.unmatched.length) return [line('good', report.message)];
  return [line('warn', report.message), cs.el('details.st-details', {},
    cs.el('summary', {}, `${report.unmatched_count || report.unmatched.length} not used`),
    cs.el('ul', {}, report.unmatched.map((name) => cs.el('li.cs-mono', {}, name))))];
}

function refresh() {
  const items = stack.items;
  element.querySelector('.st-zone').classList.toggle('is-empty', !items.length);
  q('.st-undo').disabled = !stack.canUndo;
  q('.st-count').textContent = items.length ? String(items.filter((item) => item.enabled).length) + ' on' : '';
  q('.st-troubles').replaceChildren(...troubles.map((parts) =>
    cs.message(parts, 'error', () => { troubles = troubles.filter((other) => other !== parts); refresh(); })));
  q('.st-pending').hidden = !pending;
  q('.st-pending').textContent = pending === 1 ? 'Reading a file …' : `Reading ${pending} files …`;
  const words = items.filter((item) => item.enabled && known.get(item.path)?.trigger).map((item) => known.get(item.path).trigger);
  tell('studio:words', {target: props.target, words: [...new Set(words)]});
}

async function describe(all = false) {
  const paths = stack.items.map((item) => item.path).filter((path) => all || !known.has(path));
  if (!paths.length) return;
  await cs.attempt(async () => {
    for (const card of await cs.call(server.describe({paths, base: props.base}))) known.set(card.path, card);
  });
  stack.draw();
  refresh();
}

async function take(files, index = stack.items.length) {
  for (const file of files) {
    pending += 1;
    refresh();
    try {
      const sent = await upload(file);
      const answer = await cs.call(server.take_file({path: sent.path, name: file.name, base: props.base}));
      if (answer.settings) { trigger('settings', answer.settings); cs.notice(`Settings of ${file.name} restored`, 'good'); }
      if (answer.card) {
        known.set(answer.card.path, answer.card);
        tell('studio:library', {});
        if (answer.card.problem) throw {parts: {what: `${answer.card.name} does not fit this base`, why: answer.card.problem, remedy: 'It is in your library now: choose a base it was made for.'}};
        stack.add(answer.card.path, index);
        index += 1;
      }
    } catch (error) {
      const parts = error.parts || {what: 'This file could not be sent', where: file.name, why: String(error.message || error).slice(0, 300), remedy: 'Very large files are better copied into the workspace’s adapters folder.'};
      troubles = [parts, ...troubles].slice(0, 6);
    }
    pending -= 1;
    refresh();
  }
}

function dropZone(zone, list) {
  const has = (event, type) => [...event.dataTransfer.types].includes(type);
  const place = (event) => {
    const at = [...list.children].findIndex((node) => {
      const box = node.getBoundingClientRect();
      return event.clientY < box.top + box.height / 2;
    });
    return at < 0 ? list.children.length : at;
  };
  const mark = (index) => [...list.children].forEach((node, k, all) => {
    node.classList.toggle('is-before', k === index);
    node.classList.toggle('is-after', index === all.length && k === all.length - 1);
  });
  const clear = () => { zone.classList.remove('is-over'); mark(-1); };
  zone.addEventListener('dragover', (event) => {
    if (!has(event, 'Files') && !has(event, ADAPTER)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = list.querySelector('.is-dragged') ? 'move' : 'copy';
    zone.classList.add('is-over');
    mark(place(event));
  });
  zone.addEventListener('dragleave', (event) => { if (!zone.contains(event.relatedTarget)) clear(); });
  zone.addEventListener('drop', (event) => {
    const index = place(event);
    clear();
    if (!has(event, 'Files') && !has(event, ADAPTER)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) return void take([...event.dataTransfer.files], index);
    let dragged;
    try { dragged = JSON.parse(event.dataTransfer.getData(ADAPTER)); } catch (broken) { return; }
    if (dragged.from === props.target) stack.move(dragged.path, index); else stack.add(dragged.path, index);
  });
  // A file dropped anywhere else on the tab lands on the stack too.
  const page = element.closest('[role=tabpanel]') || document.body;
  page.addEventListener('dragover', (event) => {
    if (event.defaultPrevented || !has(event, 'Files')) return;
    event.preventDefault();
    zone.classList.add('is-over');
  });
  page.addEventListener('dragleave', (event) => { if (!page.contains(event.relatedTarget)) clear(); });
  page.addEventListener('drop', (event) => {
    clear();
    if (event.defaultPrevented || !event.dataTransfer.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

stack = stackView(q('.st-cards'), (items) => {
  props.value = clone(items);
  trigger('input');
  refresh();
  describe();
});
q('.st-undo').prepend(icon('undo', 14));
q('.st-browse').prepend(icon('plus', 14));
q('.st-undo').addEventListener('click', () => stack.undo());
q('.st-browse').addEventListener('click', () => q('.st-picker').click());
q('.st-picker').addEventListener('change', (event) => { take([...event.target.files]); event.target.value = ''; });
element.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'z' && !event.target.matches('input')) { event.preventDefault(); stack.undo(); }
});
dropZone(q('.st-zone'), q('.st-cards'));
hear('studio:stack-add', (detail) => { if (detail.target === props.target) detail.paths.forEach((path) => stack.add(path)); });
hear('studio:words?', refresh);
const fromPython = () => { stack.show(clone(props.value) || []); refresh(); describe(); };
watch('value', fromPython);
watch('reports', () => stack.draw());
watch('base', () => describe(true));
fromPython();
// “Try it in Generate” elsewhere in the studio: {adapters: [path]}.
hear('studio:stack?', (answer) => { if (props.target === 'generate') answer(clone(stack.items)); });
cs.receive(props.target, (payload) => (payload.adapters || []).forEach((path) => stack.add(path)));
