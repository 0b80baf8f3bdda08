// Tools over a form made by Python: a search box over the folded settings, groups that unfold, a dot
// and “reset” on what differs from the preset, and hiding of what has no effect now.
// Owns: looking at the inputs as the page shows them. Refuses to know: what a setting means.
// All of it happens here in the page; only the preset's values and a reset ask the server.
const root = element.querySelector('.cs-tools');
const byKey = new Map(props.fields.map((field) => [field.key, field]));
const host = () => element.closest('.cs-more'), form = () => element.closest('.cs-form');
const search = cs.el('input.cs-input', {type: 'search', placeholder: `Search ${props.fields.filter((f) => f.folded).length} settings`, 'aria-label': 'Search settings', oninput: () => look()});
const found = cs.el('span.cs-small.cs-muted', {'aria-live': 'polite'}), line = cs.el('div.cs-tools-line');
const fold = cs.el('button.cs-fold-button', {type: 'button', 'aria-expanded': 'false', onclick: () => open(host(), host().dataset.open !== 'yes')}, 'More settings');
const all = cs.el('button.cs-button.cs-quiet', {type: 'button', onclick: () => {
  const groups = [...host().querySelectorAll('.cs-group')], unfold = groups.some((group) => group.dataset.open !== 'yes');
  open(host(), true);
  groups.forEach((group) => open(group, unfold));
}}, 'Unfold all');
const changed = cs.el('span.cs-small'), reset = cs.el('button.cs-button.cs-quiet', {type: 'button', onclick: () => trigger('reset', {keys: differing()})}, 'Reset all');
root.append(cs.el('div.cs-tools-line', {}, cs.el('div', {style: {flex: '1'}}, fold), all), search, found, line);
let wanted = {}, asked = '', pick = {};

function open(group, unfolded) {
  if (unfolded) group.dataset.open = 'yes'; else delete group.dataset.open;
  group.querySelector('.cs-fold-button')?.setAttribute('aria-expanded', String(unfolded));
}
/** What an input shows, as text; undefined when it is not on the page. */
function shown(key) {
  if (key in pick) return String(pick[key]);
  const field = byKey.get(key), node = field && document.getElementById(field.id);
  const input = node?.querySelector('textarea, input');
  return !input ? undefined : input.type === 'checkbox' ? String(input.checked) : input.value;
}
const equal = (a, b) => a === b || (a !== '' && b !== '' && isFinite(a) && isFinite(b) && Number(a) === Number(b));
function applies(field) {
  if (!field.applies) return true;
  const [key, values] = field.applies, text = shown(key);
  return text === undefined || values.some((value) => equal(value, text));
}
const differs = (field) => {
  const text = shown(field.key);
  return text !== undefined && field.key in wanted && !equal(text.trim(), wanted[field.key].trim());
};
const differing = () => props.fields.filter(differs).map((field) => field.key);
const mark = (node, name, value) => { if ((node.dataset[name] === 'yes') !== value) { if (value) node.dataset[name] = 'yes'; else delete node.dataset[name]; } };

function look() {
  const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean), more = host(), hits = [];
  if (!more) return;
  if (words.length) more.dataset.search = ''; else delete more.dataset.search;
  let count = 0;
  for (const field of props.fields) {
    const node = document.getElementById(field.id);
    if (!node) continue;
    const idle = !applies(field), other = differs(field), hit = words.every((word) => field.words.includes(word));
    mark(node, 'idle', idle);
    mark(node, 'missed', field.folded && !hit);
    mark(node, 'changed', other);
    node.title = idle ? 'Has no effect with the other settings as they are' : '';
    if (other && !idle) count += 1;
    if (other && !node.querySelector(':scope > .cs-reset')) node.append(cs.el('button.cs-reset', {type: 'button', onclick: () => trigger('reset', {keys: [field.key]})}, 'reset'));
    const button = node.querySelector(':scope > .cs-reset');
    if (button) { button.title = `Back to ${wanted[field.key] || 'empty'}`; button.setAttribute('aria-label', `Reset ${field.label} to ${wanted[field.key] || 'empty'}`); }
    if (field.folded && hit && node.offsetParent !== null) hits.push(field);
  }
  for (const group of more.querySelectorAll('.cs-group')) {
    const fields = [...group.querySelectorAll('.cs-field')], seen = fields.filter((f) => !f.dataset.missed && (words.length || !f.dataset.idle));
    const title = group.querySelector('.cs-fold-button'), other = fields.some((f) => f.dataset.changed && !f.dataset.idle);
    mark(group, 'empty', !seen.length);
    if (!title) continue;
    title.querySelector('small').textContent = String(seen.length);
    if (other !== Boolean(title.querySelector('i'))) other ? title.append(cs.el('i', {title: 'Something here differs from the preset'})) : title.querySelector('i').remove();
  }
  found.textContent = words.length ? (hits.length ? `${hits.length} found` : 'No setting speaks of this') : '';
  changed.textContent = `${count} ${count === 1 ? 'setting differs' : 'settings differ'} from ${pick.preset ? 'the preset' : 'the usual'}`;
  if (Boolean(count) !== Boolean(line.firstChild)) line.replaceChildren(...(count ? [cs.el('i.cs-changed-dot'), changed, cs.el('span.cs-spacer'), reset] : []));
}
async function ask() {
  const mine = JSON.stringify([pick.method, pick.preset]);
  if (mine === asked || !pick.method) return;
  asked = mine;
  try {
    const answer = await cs.call(server.reference({method: pick.method, preset: pick.preset}));
    if (mine === asked) wanted = answer;
  } catch (error) { wanted = {}; asked = ''; }
  look();
}
hear('studio:pick', (value) => { pick = {method: value.method, base: value.base, preset: value.preset}; ask(); });
tell('studio:pick?');
form()?.addEventListener('click', (event) => {
  const title = event.target.closest('.cs-group .cs-fold-button');
  if (title) { const group = title.closest('.cs-group'); open(group, group.dataset.open !== 'yes'); }
});
form()?.addEventListener('input', () => setTimeout(look, 30));
cs.poll(element, async () => { look(); await ask(); }, 400); // a Python update changes inputs without an event
