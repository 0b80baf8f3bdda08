// What is trained with what. Owns: the value {dataset, base, method, preset}.
const root = element.querySelector('.cs-pick');
const field = (label, node) => cs.el('label.cs-label', {}, label, node);
const dataset = cs.el('select.cs-input', {'aria-label': 'Dataset'}), base = cs.el('select.cs-input', {'aria-label': 'Base model'});
const preset = cs.el('select.cs-input', {'aria-label': 'Preset'});
const strip = cs.el('div.cs-strip', {'aria-hidden': 'true'}), facts = cs.el('div.cs-small.cs-muted'), words = cs.el('div.cs-small.cs-muted');
const trouble = cs.el('div');
const methods = methodCards((method) => method !== value().method && change({method}));
const like = settingsFile(() => cs.call(server.files(null)), (file) => trigger('like', {file}));
const none = cs.el('button.cs-button', {type: 'button', onclick: () => cs.go('caption')}, 'Make one in the Caption tab', icon('right', 14));
root.append(
  cs.el('div.cs-stack', {style: {gap: '6px'}}, field('Pictures', dataset), strip, facts, none),
  cs.el('div.cs-stack', {style: {gap: '6px'}}, field('Base model', base), trouble),
  cs.el('div.cs-stack', {style: {gap: '6px'}}, cs.el('span.cs-label', {}, 'Method'), methods.node),
  cs.el('div.cs-stack', {style: {gap: '6px'}}, field('Preset', preset), words, like));
let choices = null, covered = '';
const value = () => ({dataset: '', base: 'starter', method: 'lora', preset: '', ...(props.value || {})});

function set(changes, fill = false) {
  const next = {...value(), ...changes};
  setValue(next);
  draw();
  if (fill) trigger('preset', {token: held()});
  else trigger('input', next);
}
// While a preset is on its way into the form, what is typed there would be overwritten by it, and
// Start would take what it replaces: both wait until it has arrived, or has failed to.
const LONGEST = 20000; // milliseconds; a server that is away says so itself
let holding = '';
function hold(token) {
  holding = token;
  const form = element.closest('.cs-form');
  form?.classList.toggle('is-filling', Boolean(token));
  form?.querySelectorAll('.cs-fields, .cs-start').forEach((part) => { part.inert = Boolean(token); part.setAttribute('aria-busy', String(Boolean(token))); });
}
function held() {
  const token = `${Date.now()}-${Math.random()}`;
  hold(token);
  setTimeout(() => holding === token && hold(''), LONGEST);
  return token;
}
watch('filled', () => props.filled === holding && hold(''));
const family = () => choices.bases.find((b) => b.name === value().base)?.family;
/** Presets for this base first, then those of its family. */
const fitting = (v) => choices.presets.filter((p) => p.method === v.method && (p.base ? p.base === v.base : !p.family || p.family === family()))
  .sort((a, b) => Number(Boolean(b.base)) - Number(Boolean(a.base)));
/** Another method or base: its first preset fills the form, so that rates and sizes make sense. */
function change(changes) {
  const next = {...value(), ...changes};
  setValue(next); // `fitting` looks at the new base
  const found = fitting(next);
  const keep = found.some((p) => p.name === next.preset) && !(found[0].base && changes.base);
  set({preset: keep ? next.preset : found[0]?.name || ''}, true);
}
dataset.addEventListener('change', () => set({dataset: dataset.value}));
base.addEventListener('change', () => change({base: base.value}));
preset.addEventListener('change', () => set({preset: preset.value}, preset.value !== ''));

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([id, label]) => cs.el('option', {value: id}, label)));
  if (entries.some(([id]) => id === chosen)) select.value = chosen;
}
function draw() {
  if (!choices) return;
  const v = value(), info = choices.datasets.find((d) => d.id === v.dataset);
  options(dataset, [...(info ? [] : [['', choices.datasets.length ? 'Choose a dataset…' : 'No dataset yet']]), ...choices.datasets.map((d) => [d.id, `${d.name} · ${d.pictures} pictures${d.sample ? ' · sample' : ''}`])], v.dataset);
  none.classList.toggle('cs-hidden', choices.datasets.length > 0);
  strip.classList.toggle('cs-hidden', !info);
  facts.textContent = info ? [info.kind, info.trigger ? `trigger word “${info.trigger}”` : 'no trigger word', info.captioned === info.pictures ? 'all captioned' : `${info.captioned} of ${info.pictures} captioned`].join(' · ') : '';
  if (info && covered !== info.id) {
    covered = info.id;
    strip.replaceChildren(...Array.from({length: Math.min(7, info.pictures)}, () => cs.el('span.cs-skeleton', {style: {width: '46px', height: '46px'}})));
    cs.call(server.covers({dataset: info.id})).then((found) => {
      if (covered === info.id) strip.replaceChildren(...found.map((path) => cs.el('img', {src: cs.file(path), alt: ''})));
    }, () => strip.replaceChildren());
  }
  options(base, choices.bases.map((b) => [b.name, `${b.name} · ${b.title}${b.size ? ` · ${b.size} px` : ''}`]), v.base);
  const problem = choices.bases.find((b) => b.name === v.base)?.problem;
  trouble.replaceChildren(...(problem ? [cs.message({what: problem}, 'error')] : []), ...(choices.problem ? [cs.message(choices.problem, 'warning')] : []));
  methods.draw(choices.methods, v.method, family(), v.base);
  const found = fitting(v);
  options(preset, [['', 'Own settings'], ...found.map((p) => [p.name, p.title])], v.preset);
  words.textContent = found.find((p) => p.name === v.preset)?.description || '';
  tell('studio:pick', v);
}
hear('studio:pick?', () => choices && tell('studio:pick', value()));
let read = '';
async function load() {
  let found = null;
  try { found = await cs.call(server.choices(null)); } catch (error) {
    if (!choices) trouble.replaceChildren(cs.message(error.parts || {what: 'The choices cannot be shown'}, 'error'));
    return;
  }
  const text = JSON.stringify(found);
  if (text === read) return;
  read = text; choices = found;
  draw();
}
const setValue = ownValue(draw);
// What Python puts into the form when the page opens may come late: a hand-over comes after it.
const restored = new Promise((resolve) => {
  const look = () => props.restored && resolve();
  watch('restored', look);
  look();
});
if (!props.restored) {
  const token = held();
  restored.then(() => holding === token && hold(''));
}
// “Train with these” elsewhere in the studio: {dataset: id}.
cs.receive('train', async (payload) => {
  if (!payload.dataset) return;
  await restored;
  await load(); // it may be newer than the list, or gone
  if (choices?.datasets.some((d) => d.id === payload.dataset)) set({dataset: payload.dataset});
  else throw {parts: {what: 'This dataset is not in the list of datasets', where: payload.dataset, remedy: 'Open its folder in the Caption tab and try again.'}};
});
cs.poll(element, load, 4000);
