// The columns of a comparison. Owns: adding, naming, ordering and removing them and their files.
// Value: [{name, stack: [{path, strength, text_strength, enabled}], seconds}].
let columns = clone(props.value) || [], sources = null, troubles = [];
const known = new Map();
const q = (selector) => element.querySelector(selector);
const item = (path) => ({path, strength: 1, text_strength: null, enabled: true});

function commit(next, redraw = true) {
  columns = next;
  setValue(columns);
  trigger('input');
  if (redraw) draw();
  describe();
}
const patch = (at, fields, redraw = true) => commit(columns.map((column, k) => k === at ? {...column, ...fields} : column), redraw);
const patchItem = (at, path, fields) => patch(at, {stack: columns[at].stack.map((one) => one.path === path ? {...one, ...fields} : one)}, false);
function move(at, by) {
  const next = [...columns], [column] = next.splice(at, 1);
  next.splice(at + by, 0, column);
  commit(next);
}
function free(name) {
  let text = name, count = 2;
  while (columns.some((column) => column.name === text)) text = `${name} ${count++}`;
  return text;
}
function add(...added) {
  const next = [...columns];
  for (const column of added) if (next.length < 12) { columns = next; next.push({...column, name: free(column.name)}); }
  commit(next);
}
const fromSource = (source) => ({name: source.name, stack: [item(source.path)], seconds: source.seconds ?? null});

function card(column, at) {
  const name = cs.el('input.cs-input.co-name', {value: column.name, maxlength: 60, 'aria-label': `Name of column ${at + 1}`,
    onchange: () => patch(at, {name: name.value.trim() || `Column ${at + 1}`}, false)});
  const files = column.stack.map((one) => {
    const facts = known.get(one.path) || {name: one.path.split(/[\\/]/).pop()};
    const strength = cs.el('input.cs-input.st-number', {type: 'number', min: -10, max: 10, step: 0.05, value: one.strength, 'aria-label': `Strength of ${facts.name}`,
      onchange: () => patchItem(at, one.path, {strength: Math.max(-10, Math.min(10, Number(strength.value) || 0))})});
    return cs.el('div.co-file', {}, adapterThumb(facts, '.co-thumb'), cs.el('div.st-title', {}, cs.el('b', {title: one.path}, facts.name),
      facts.problem ? cs.el('span.sh-problem', {}, facts.problem) : adapterFacts(facts)), cs.el('span.cs-spacer'), strength,
    iconButton('close', `Take ${facts.name} out of this column`, () => patch(at, {stack: column.stack.filter((other) => other !== one)})));
  });
  const node = cs.el('li.co-card', {},
    cs.el('div.co-top', {}, cs.el('span.co-dot.cs-number', {'aria-hidden': 'true'}, at + 1), name,
      at > 0 && iconButton('up', 'Move left', () => move(at, -1)),
      iconButton('close', `Remove column ${column.name}`, () => commit(columns.filter((_, k) => k !== at)))),
    files.length ? files : cs.el('p.cs-small.cs-muted.co-plain', {}, 'The base model alone'));
  dropTarget(node, (paths) => patch(at, {stack: [...column.stack, ...paths.filter((path) => !column.stack.some((one) => one.path === path)).map(item)]}));
  return node;
}

function draw() {
  q('.co-list').replaceChildren(...columns.map(card));
  q('.co-count').textContent = columns.length ? String(columns.length) : '';
  q('.co-add').disabled = columns.length >= 12;
  q('.st-troubles').replaceChildren(...troubles.map((parts) => cs.message(parts, 'error', () => { troubles = troubles.filter((one) => one !== parts); draw(); })));
}

function dropTarget(node, accept) {
  const wanted = (event) => [...event.dataTransfer.types].some((type) => type === 'Files' || type === 'application/x-studio-adapter');
  node.addEventListener('dragover', (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    event.stopPropagation();
    node.classList.add('is-over');
  });
  node.addEventListener('dragleave', (event) => { if (!node.contains(event.relatedTarget)) node.classList.remove('is-over'); });
  node.addEventListener('drop', async (event) => {
    node.classList.remove('is-over');
    if (!wanted(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer.files.length) return accept(await take([...event.dataTransfer.files]));
    try { accept([JSON.parse(event.dataTransfer.getData('application/x-studio-adapter')).path]); } catch (broken) { /* not ours */ }
  });
}

async function take(files) {
  const paths = [];
  for (const file of files) {
    try {
      const sent = await upload(file);
      const answer = await cs.call(server.take_file({path: sent.path, name: file.name, base: props.base}));
      if (!answer.card) throw {parts: {what: 'This is a picture, not an adapter', where: file.name, remedy: 'Drop it on the Generate tab to get its settings back.'}};
      known.set(answer.card.path, answer.card);
      paths.push(answer.card.path);
    } catch (error) {
      troubles = [error.parts || {what: 'This file could not be sent', where: file.name, why: String(error.message || error).slice(0, 300)}, ...troubles].slice(0, 4);
    }
  }
  draw();
  return paths;
}

async function describe(all = false) {
  const paths = [...new Set(columns.flatMap((column) => column.stack.map((one) => one.path)))].filter((path) => all || !known.has(path));
  if (!paths.length) return;
  await cs.attempt(async () => { for (const facts of await cs.call(server.describe({paths, base: props.base}))) known.set(facts.path, facts); });
  draw();
}

async function load() {
  await cs.attempt(async () => { sources = await cs.call(server.sources({base: props.base})); });
  menu();
}

function menu() {
  const words = q('.co-menu input').value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [];
  const entry = (title, about, action, glyph) => rows.push(cs.el('li', {}, cs.el('button.co-source', {type: 'button', onclick: () => { action(); toggle(false); }},
    glyph, cs.el('span.st-title', {}, cs.el('b', {}, title), cs.el('span.st-meta', {}, about)))));
  if (!words.length) {
    entry('Base', 'the base model alone', () => add({name: 'Base', stack: [], seconds: null}), adapterThumb({name: 'B'}, '.co-thumb'));
    let stacks = [];
    tell('studio:lanes?', (lanes) => { stacks = lanes.map((lane, k) => ({name: lanes.length > 1 ? laneTitle(lane, k) : lane.name || 'Stack', stack: lane.stack, seconds: null})); });
    const letter = () => adapterThumb({name: 'S', kind: 'aesthetic'}, '.co-thumb'), files = (one) => `${one.stack.length} adapter${one.stack.length === 1 ? '' : 's'}`;
    if (stacks.length > 1) entry('All lanes of the Generate tab', `${stacks.length} lanes`, () => add(...clone(stacks)), letter());
    for (const one of stacks) if (one.stack.length) entry(stacks.length > 1 ? `${one.name} (Generate tab)` : 'The stack on the Generate tab', files(one), () => add(clone(one)), letter());
  }
  let group = '';
  for (const source of sources || []) {
    const text = `${source.name} ${source.kind} ${source.trigger || ''} ${source.group}`.toLowerCase();
    if (!words.every((word) => text.includes(word)) || source.problem) continue;
    if (source.group !== group) { group = source.group; rows.push(cs.el('li.co-group.cs-small.cs-muted', {}, group)); }
    const about = source.group === 'Runs' ? cs.el('span', {}, `${source.steps ?? '–'} steps · ${cs.seconds(source.seconds)}`) : adapterFacts(source);
    entry(source.name, about, () => add(fromSource(source)), adapterThumb(source, '.co-thumb'));
    if (rows.length > 120) break;
  }
  if (sources && !sources.length) rows.push(cs.el('li.cs-small.cs-muted.co-group', {}, 'No runs or adapters yet: train one, or drop files below.'));
  q('.co-sources').replaceChildren(...rows);
}

function toggle(open) {
  q('.co-menu').hidden = !open;
  q('.co-add').setAttribute('aria-expanded', String(open));
  if (open) { load(); q('.co-menu input').value = ''; q('.co-menu input').focus(); } else q('.co-add').focus({preventScroll: true});
}

q('.co-add').prepend(icon('plus', 14));
q('.co-add').addEventListener('click', () => toggle(q('.co-menu').hidden));
q('.co-menu input').addEventListener('input', menu);
q('.co-menu').addEventListener('keydown', (event) => { if (event.key === 'Escape') toggle(false); });
dropTarget(element.querySelector('.co'), (paths) => add(...paths.map((path) => ({name: known.get(path)?.name || 'Adapter', stack: [item(path)], seconds: null}))));

const setValue = ownValue(() => { columns = clone(props.value) || []; draw(); describe(); });
// “Compare” elsewhere in the studio: {adapters: [path]} or {run: id} or {columns: […]}, and base: name if known.
cs.receive('compare', async (payload) => {
  if (payload.base && payload.base !== props.base) trigger('rebase', {base: payload.base});
  await load();
  const wanted = (sources || []).filter((source) => payload.run ? source.run === payload.run : (payload.adapters || []).includes(source.path) && source.group === 'Adapters');
  const added = payload.columns || wanted.map(fromSource);
  if (!columns.some((column) => !column.stack.length)) add({name: 'Base', stack: [], seconds: null});
  if (added.length) add(...added); else cs.notice('There is no finished file to compare yet', 'warning');
});
watch('base', () => describe(true));
new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) trigger('shown'); }).observe(element);
draw();
describe();
