// The library of adapters. Owns: search, filters, order, rows that can be added or dragged. Only
// rows in view exist. Refuses to know: the stack; it only announces what was chosen.
const HEIGHT = 52, FIELDS = ['path', 'name', 'ending', 'kind', 'family_title', 'size', 'trigger', 'modified', 'pictured', 'problem'];
const cards = new Map(), nodes = new Map(), previews = new Map();
let epoch = '', version = 0, family = '', told = false, busy = false, again = false, held = false, list = [], ordered = null;
const q = (selector) => element.querySelector(selector);
const view = q('.sh-view');
const misfit = (card) => card.problem || (family && card.family_title && card.family_title !== family ? `Made for ${card.family_title}; this base is ${family}.` : '');

function filtered() {
  const words = q('.sh-search').value.toLowerCase().split(/\s+/).filter(Boolean), kind = q('.sh-kind').value;
  const fits = q('.cs-switch').getAttribute('aria-checked') === 'true';
  ordered ||= [...cards.values()].sort(q('.sh-sort').value === 'name' ? byName : (a, b) => b.modified - a.modified || byName(a, b));
  return ordered.filter((card) => (!kind || card.kind === kind) && (!fits || !misfit(card)) && words.every((word) => card.text.includes(word)));
}
const byName = (a, b) => cs.compare(a.name, b.name);

function row(card) {
  const trouble = misfit(card);
  const add = iconButton('plus', `Add ${card.name} to the stack`, () => cs.hand(`${props.target}:add`, {paths: [card.path]}));
  const facts = trouble ? cs.el('span.sh-problem', {}, trouble) : adapterFacts(card);
  if (!trouble && card.trigger) facts.append(cs.el('span.sh-trigger', {title: 'Trigger word'}, `“${card.trigger}”`));
  const node = cs.el('li.sh-row', {draggable: 'true', title: trouble || `${card.name}${card.ending}\nDrag onto a stack, or double-click`},
    adapterThumb({...card, preview: previews.get(card.path)}, '.sh-thumb'),
    cs.el('div.st-title', {}, cs.el('b', {}, card.name, card.ending !== '.safetensors' && cs.el('span.cs-muted', {}, card.ending)), facts),
    cs.el('span.cs-spacer'), add);
  if (trouble) node.classList.add('is-unfit');
  node.addEventListener('dragstart', (event) => {
    event.dataTransfer.setData('application/x-studio-adapter', JSON.stringify({path: card.path, from: 'library'}));
    event.dataTransfer.effectAllowed = 'copy';
  });
  node.addEventListener('dblclick', () => add.click());
  return node;
}

// Rows in view and a few around them; the others are only the height of the list.
function paint() {
  const first = Math.max(0, Math.floor(view.scrollTop / HEIGHT) - 4), last = Math.min(list.length, first + Math.ceil(view.clientHeight / HEIGHT) + 9);
  const wanted = new Map(list.slice(first, last).map((card, k) => [card.path, first + k]));
  for (const [path, node] of nodes) if (!wanted.has(path) && !node.matches(':active, :focus-within')) { node.remove(); nodes.delete(path); }
  let before = null;
  for (const [path, at] of wanted) {
    if (!nodes.has(path)) nodes.set(path, row(cards.get(path)));
    const node = nodes.get(path);
    node.style.transform = `translateY(${at * HEIGHT}px)`;
    node.setAttribute('aria-posinset', at + 1);
    node.setAttribute('aria-setsize', list.length);
    if (before ? before.nextSibling !== node : q('.sh-list').firstChild !== node) q('.sh-list').insertBefore(node, before ? before.nextSibling : q('.sh-list').firstChild);
    before = node;
  }
  picture(list.slice(first, last).filter((card) => card.pictured && !previews.has(card.path)).map((card) => card.path));
}
const picture = cs.debounce(async (paths) => {
  if (!paths.length) return;
  let found;
  try { found = await cs.call(server.previews({paths})); } catch (lost) { return; }
  await released();
  for (const [path, preview] of Object.entries(found)) { previews.set(path, preview); forget(path); }
  paint();
}, 120);

function draw() {
  list = filtered();
  q('.sh-count').textContent = told ? (list.length === cards.size ? String(list.length) : `${list.length} of ${cards.size}`) : '';
  q('.sh-list').style.height = `${list.length * HEIGHT}px`;
  view.hidden = !list.length;
  q('.sh-empty').hidden = !told || list.length > 0;
  q('.sh-empty').textContent = !cards.size
    ? 'Adapters come from the Train tab: every finished run appears here. Files from elsewhere: drop them on the stack above.'
    : 'Nothing fits this search. Clear it, or change the filters.';
  paint();
}

function forget(path) { // its row is made anew when it comes into view
  nodes.get(path)?.remove();
  nodes.delete(path);
}

function learn(answer) {
  if (answer.epoch !== epoch) { cards.clear(); epoch = answer.epoch; }
  version = answer.version;
  for (const values of answer.rows) {
    const card = Object.fromEntries(FIELDS.map((name, k) => [name, values[k]]));
    card.text = `${card.name} ${card.kind} ${card.trigger} ${card.family_title}`.toLowerCase();
    cards.set(card.path, card);
    previews.delete(card.path);
    forget(card.path);
  }
  for (const path of answer.gone) { cards.delete(path); forget(path); }
  if (answer.family !== family) for (const path of [...nodes.keys()]) forget(path);
  const changed = answer.rows.length || answer.gone.length || answer.family !== family || !told;
  family = answer.family;
  told = !answer.looking || cards.size > 0;
  q('.sh-look').hidden = !answer.looking || answer.done >= answer.total;
  q('.sh-look span').textContent = `Reading headers: ${answer.done} of ${answer.total}`;
  q('.sh-look i').style.width = `${answer.total ? answer.done / answer.total * 100 : 0}%`;
  if (!changed) return;
  ordered = null; // sorted anew when it is shown, not at every letter typed
  const kinds = new Map(), chosen = q('.sh-kind').value;
  for (const card of cards.values()) kinds.set(card.kind, (kinds.get(card.kind) || 0) + 1);
  q('.sh-kind').replaceChildren(cs.el('option', {value: ''}, 'All kinds'), ...[...kinds].sort().map(([kind, count]) => cs.el('option', {value: kind}, `${KIND_TITLES[kind] || kind} (${count})`)));
  q('.sh-kind').value = kinds.has(chosen) ? chosen : '';
  draw();
}

const pause = (milliseconds) => new Promise((next) => setTimeout(next, milliseconds));
async function released() { while (held) await pause(50); } // rows stay as they are under a pressed mouse
// Asks until everything that changed has been told; one question at a time.
async function load() {
  if (busy) { again = true; return; }
  busy = true;
  await cs.attempt(async () => {
    let answer = null;
    do {
      const look = again || !answer;
      again = false;
      answer = await cs.call(server.library({base: props.base, epoch, since: version, look}));
      await released();
      learn(answer);
      if (answer.looking && !answer.more) await pause(250);
    } while (element.isConnected && (answer.more || answer.looking || again));
  });
  busy = false;
}

q('.sh-refresh').append(iconButton('refresh', 'Look again', load));
q('.sh-search').addEventListener('input', () => { view.scrollTop = 0; draw(); });
for (const name of ['.sh-kind', '.sh-sort']) q(name).addEventListener('change', () => { ordered = null; view.scrollTop = 0; draw(); });
q('.cs-switch').addEventListener('click', (event) => {
  event.currentTarget.setAttribute('aria-checked', String(event.currentTarget.getAttribute('aria-checked') !== 'true'));
  view.scrollTop = 0;
  draw();
});
view.addEventListener('scroll', () => requestAnimationFrame(paint), {passive: true});
new ResizeObserver(paint).observe(view);
view.addEventListener('pointerdown', (event) => { held = event.pointerType === 'mouse'; });
for (const name of ['pointerup', 'pointermove', 'dragend']) document.addEventListener(name, (event) => { if (!event.buttons) held = false; }, {passive: true});
hear('studio:library', load);
watch('base', load);
new IntersectionObserver((entries) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  trigger('shown');
  load();
}).observe(element);
