// The adapter stack. Owns: one ordered list of cards, dragging, dropped files, undo.
// Refuses to know: what an adapter does. Value: [{path, strength, text_strength, enabled, aesthetic, start, end, blocks}].
const ADAPTER = 'application/x-studio-adapter';
const known = new Map(); // path → facts of a card, as the server described them
let troubles = [];       // files that could not be taken, newest first
let pending = 0;
let stack = null;
const q = (selector) => element.querySelector(selector);

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
      next.splice(index, 0, {path, strength: 1, text_strength: null, enabled: true, aesthetic: {}, start: 0, end: 1, blocks: {}});
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
      if (!cards.has(item.path)) cards.set(item.path, cardView(item.path, {patch, remove, step}));
      const {node, sync} = cards.get(item.path);
      if (host.children[index] !== node) host.insertBefore(node, host.children[index] || null);
      sync(item, index, items);
    });
  }
  return {
    add, move, draw, replace: (next) => apply(next),
    get items() { return items; },
    get canUndo() { return past.length > 0; },
    show(next) { items = next; draw(); },
    undo() { if (past.length) apply(past.pop(), false); },
  };
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
      if (answer.settings) {
        trigger('settings', {json: JSON.stringify(answer.settings)}); // as text: a “path” in event data counts as an upload
        cs.notice(`Settings of ${file.name} restored`, 'good');
      }
      if (answer.stack) loadStack(answer.stack);
      if (answer.card) {
        known.set(answer.card.path, answer.card);
        tell('studio:library', {});
        if (answer.card.problem) throw {parts: {what: `${answer.card.name} does not fit this base`, why: answer.card.problem,
          remedy: 'It is in your library now: choose a base it was made for.'}};
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

function loadStack(loaded) {
  stack.replace(loaded.items);
  tellLoaded(loaded, props.base);
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
stackFiles(q('.st-files'), q('.st-saved'), {items: () => stack.items, base: () => props.base, load: loadStack});
q('.st-undo').prepend(icon('undo'));
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
// “Try it in Generate” elsewhere in the studio: {adapters: [path], base: name if known}.
hear('studio:stack?', (answer) => { if (props.target === 'generate') answer(clone(stack.items)); });
cs.receive(props.target, (payload) => {
  if (payload.base && payload.base !== props.base) trigger('rebase', {base: payload.base});
  (payload.adapters || []).forEach((path) => stack.add(path));
});
