// One comparison: headings with measures, images with one zoom for all, an A/B slider, the list
// of past ones. Refuses to know: how a comparison is set up.
// The measures are rows of the server's table: key, label, formula, says, better, unit, needs.
const MEASURES = props.measures;
let task = null, shown = null, past = [], mode = 'grid', baseline = -1, zoom = 1, x = 0, y = 0, idle = 0, finishedId = null, drawn = '';
let pair = {a: 0, b: 1, row: 0, split: 50};
const q = (selector) => element.querySelector(selector);
const bar = runBar(q('.cm-run'), 'Compare', () => trigger('compare'), () => server.interrupt({}), look);
const cellFile = (column, prompt, seed) => {
  const cell = shown.cells.find((one) => one.column === column && one.prompt === prompt && one.seed === seed);
  return cell ? cs.file(`${shown.folder}/${cell.file}`) : null;
};
const rowsOf = (comparison) => comparison.prompts.flatMap((text, prompt) => comparison.seeds.map((seed) => ({prompt, seed, text})));

function bestOf(key, better) {
  const values = shown.columns.map((column) => column.measures?.[key]).filter((value) => typeof value === 'number');
  if (values.length < 2) return null;
  return better === 'lower' ? Math.min(...values) : Math.max(...values);
}

function whyNot({needs}, column) {
  if (column.error) return 'This column could not be generated.';
  if (!shown.complete && !shown.cancelled) return 'Not measured yet.';
  if (needs.includes('reference') && !shown.reference?.images) return 'No reference folder was chosen.';
  return (shown.notes || [])[0] || 'It was not measured.';
}

function measureFacts(row, column) {
  const {key, label, better, unit} = row, value = column.measures?.[key], error = column.standard_errors?.[key];
  const has = typeof value === 'number', places = has && Math.abs(value) >= 1 ? 2 : 4;
  const n = has && row.needs.includes('reference') && column.counts ? ` Measured on ${column.counts[0]} against ${column.counts[1]} images.` : '';
  const about = `${row.says}: ${row.formula}.${n}`, top = has && value === bestOf(key, better);
  return [cs.el('dt', {title: about}, label), cs.el('dd.cs-number' + (top ? '.is-best' : ''), {title: has ? about : whyNot(row, column)},
    has ? value.toFixed(places) + (unit && ` ${unit}`) : '—', top && cs.el('span.cm-best', {role: 'img', 'aria-label': 'best'}, icon('star', 12)),
    has && typeof error === 'number' && cs.el('span.cs-muted', {}, ` ±${error.toFixed(Math.min(places, 3))}`))];
}

function heading(column) {
  const n = column.counts;
  return cs.el('div.cm-head', {},
    cs.el('b', {title: column.name}, column.name),
    cs.el('span.cs-small.cs-muted.cm-stack', {}, column.stack.length ? column.stack.map((one) => `${one.path.split(/[\\/]/).pop().replace(/\.[a-z]+$/, '')} × ${one.strength}`).join(', ') : 'base model alone'),
    column.error ? cs.el('p.sh-problem', {}, column.message || column.error.what) : cs.el('dl.cm-measures', {}, MEASURES.flatMap((row) => measureFacts(row, column)),
      cs.el('dt', {}, 'Training'), cs.el('dd.cs-number', {title: column.seconds == null ? 'Not known for this column.' : 'Training time'}, column.seconds == null ? '—' : cs.seconds(column.seconds)),
      cs.el('dt', {}, 'File size'), cs.el('dd.cs-number', {title: column.bytes ? '' : 'No file: this is the base.'}, column.bytes ? cs.bytes(column.bytes) : '—'),
      n && cs.el('dt', {}, 'Images'), n && cs.el('dd.cs-number', {title: 'Generated and reference images behind the measures'}, `n = ${n[0]} / ${n[1]}`)));
}

// Says once, in words, why some measures are missing.
function missing() {
  const reasons = new Map();
  for (const column of shown.columns) for (const row of MEASURES) {
    if (column.error || typeof column.measures?.[row.key] === 'number' || (!shown.complete && !shown.cancelled)) continue;
    const why = whyNot(row, column);
    reasons.set(why, new Set([...(reasons.get(why) || []), row.label]));
  }
  return [...reasons].map(([why, titles]) => cs.el('p.cs-small.cs-muted.cm-why', {}, `— ${[...titles].join(', ')}: ${why}`));
}

function picture(src, alt, more = {}, extra = '') {
  const node = cs.el('img.cm-image' + extra, {src, alt, draggable: 'false', ...more,
    onload: () => node.classList.toggle('cs-pixel', node.naturalWidth <= 160)});
  return node;
}

function cell(column, row) {
  const url = cellFile(column, row.prompt, row.seed);
  if (!url) return cs.el('div.cm-cell.cm-blank' + (shown.columns[column].error || shown.cancelled ? '' : '.cs-skeleton'));
  const name = `${shown.columns[column].name}, “${row.text}”, seed ${row.seed}`;
  const image = picture(url, name, {loading: 'lazy'});
  const under = baseline >= 0 && baseline !== column ? cellFile(baseline, row.prompt, row.seed) : null;
  return cs.el('button.cm-cell' + (under ? '.is-diff' : ''), {type: 'button', 'aria-label': `Compare side by side: ${name}`, onclick: () => {
    if (zoom > 1) return;
    pair = {...pair, row: rowsOf(shown).findIndex((one) => one.prompt === row.prompt && one.seed === row.seed), b: column || Math.min(1, shown.columns.length - 1), a: 0};
    setMode('ab');
  }}, image, under && picture(under, '', {loading: 'lazy'}, '.cm-under'));
}

function grid() {
  const host = cs.el('div.cm-grid', {role: 'group', tabindex: 0, 'aria-label': 'Pictures: + and − zoom all, arrows move, 0 resets', style: {'--columns': shown.columns.length}});
  host.append(cs.el('div.cm-corner', {}), ...shown.columns.map((column) => heading(column)));
  let last = -1;
  for (const row of rowsOf(shown)) {
    host.append(cs.el('div.cm-label', {}, row.prompt !== last && cs.el('span.cm-prompt', {title: row.text}, row.text), cs.el('span.cs-small.cs-muted.cs-number', {}, `seed ${row.seed}`)));
    last = row.prompt;
    host.append(...shown.columns.map((_, column) => cell(column, row)));
  }
  navigate(host);
  return host;
}

function place() {
  const limit = (zoom - 1) / 2;
  x = Math.max(-limit, Math.min(limit, x));
  y = Math.max(-limit, Math.min(limit, y));
  const root = q('.cm-view');
  root.style.setProperty('--zoom', zoom);
  root.style.setProperty('--x', x);
  root.style.setProperty('--y', y);
  root.classList.toggle('is-zoomed', zoom > 1);
  if (q('.cm-zoom')) q('.cm-zoom').value = Math.log2(zoom);
}
function scale(to) { zoom = Math.max(1, Math.min(16, to)); place(); }

function navigate(host) {
  host.addEventListener('keydown', (event) => {
    const step = 0.06 * zoom, actions = {'+': () => scale(zoom * 1.5), '=': () => scale(zoom * 1.5), '-': () => scale(zoom / 1.5), 0: () => scale(1)};
    if (zoom > 1) Object.assign(actions, {ArrowLeft: () => { x += step; }, ArrowRight: () => { x -= step; }, ArrowUp: () => { y += step; }, ArrowDown: () => { y -= step; }});
    if (!actions[event.key] || event.target.matches('input, select')) return;
    event.preventDefault();
    actions[event.key]();
    place();
  });
  host.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    scale(zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2));
  }, {passive: false});
  host.addEventListener('pointerdown', (event) => {
    const picture = event.target.closest('.cm-cell, .ab-stage');
    if (zoom === 1 || !picture || event.target.matches('input')) return;
    event.preventDefault();
    const side = picture.getBoundingClientRect(), from = [event.clientX, event.clientY, x, y];
    const drag = (moved) => { x = from[2] + (moved.clientX - from[0]) / side.width; y = from[3] + (moved.clientY - from[1]) / side.height; place(); };
    const drop = () => { window.removeEventListener('pointermove', drag); window.removeEventListener('pointerup', drop); };
    window.addEventListener('pointermove', drag);
    window.addEventListener('pointerup', drop);
  });
}

function slider() {
  const rows = rowsOf(shown), row = rows[Math.min(pair.row, rows.length - 1)];
  const choose = (key, label) => {
    const select = cs.el('select.cs-input', {'aria-label': label, onchange: () => { pair[key] = Number(select.value); view(); }},
      shown.columns.map((column, at) => cs.el('option', {value: at, selected: pair[key] === at}, column.name)));
    return cs.el('label.cs-label', {}, label, select);
  };
  const which = cs.el('select.cs-input', {'aria-label': 'Picture', onchange: () => { pair.row = Number(which.value); view(); }},
    rows.map((one, at) => cs.el('option', {value: at, selected: at === pair.row}, `${one.text} · seed ${one.seed}`)));
  const turn = (by) => { pair.row = (pair.row + by + rows.length) % rows.length; view(); };
  const image = (at) => picture(cellFile(at, row.prompt, row.seed) || '', shown.columns[at].name);
  const stage = cs.el('div.ab-stage', {style: {'--split': pair.split}}, image(pair.a), cs.el('div.ab-over', {}, image(pair.b)),
    cs.el('span.ab-tag.ab-left', {}, shown.columns[pair.a].name), cs.el('span.ab-tag.ab-right', {}, shown.columns[pair.b].name), cs.el('i.ab-line'));
  const split = cs.el('input.ab-split', {type: 'range', min: 0, max: 100, step: 1, value: pair.split, 'aria-label': 'Where the left picture ends',
    oninput: () => { pair.split = Number(split.value); stage.style.setProperty('--split', pair.split); }});
  stage.append(split);
  const host = cs.el('div.ab', {}, cs.el('div.ab-choose', {}, choose('a', 'Left'), choose('b', 'Right'), cs.el('label.cs-label.ab-which', {}, 'Picture', which),
    iconButton('left', 'Previous picture', () => turn(-1)), iconButton('right', 'Next picture', () => turn(1))), stage,
  cs.el('p.cs-small.cs-muted', {}, 'Drag across the picture, or use ← and → while it is focused.'));
  navigate(host);
  return host;
}

function setMode(next) { mode = next; view(); }

function toolbar() {
  const tab = (name, label) => cs.el('button.cs-button' + (mode === name ? '.is-on' : ''), {type: 'button', 'aria-pressed': String(mode === name), onclick: () => setMode(name)}, label);
  const range = cs.el('input.cm-zoom.st-slider', {type: 'range', min: 0, max: 4, step: 0.05, value: Math.log2(zoom), 'aria-label': 'Zoom of all pictures', oninput: () => scale(2 ** Number(range.value))});
  const against = cs.el('select.cs-input', {'aria-label': 'Difference to', onchange: () => { baseline = Number(against.value); view(); }},
    cs.el('option', {value: -1}, 'no difference'), shown.columns.map((column, at) => cs.el('option', {value: at, selected: baseline === at}, `difference to ${column.name}`)));
  const report = (format, label) => labelled('download', label, (event) => save(format, event.currentTarget));
  return cs.el('div.cs-toolbar.cm-toolbar', {},
    cs.el('div.cm-modes', {role: 'group', 'aria-label': 'View'}, tab('grid', 'Grid'), shown.columns.length > 1 && tab('ab', 'Side by side')),
    cs.el('label.cm-zoomer.cs-small.cs-muted', {}, 'Zoom', range), mode === 'grid' && against, cs.el('span.cs-spacer'),
    shown.complete && [report('html', 'Report'), report('csv', 'CSV'), report('markdown', 'Markdown')]);
}

async function save(format, button) {
  await cs.attempt(async () => {
    const {path} = await cs.call(server.report({id: shown.id, format}));
    const link = cs.el('a', format === 'html' ? {href: cs.file(path), target: '_blank', rel: 'noopener'} // its pictures lie beside it
      : {href: cs.file(path), download: `${shown.id}.${path.split('.').pop()}`});
    document.body.append(link);
    link.click();
    link.remove();
  }, button);
}

function view() {
  const host = q('.cm-view');
  q('.cm-empty').hidden = Boolean(shown) || task?.state === 'running';
  if (!shown) return host.replaceChildren();
  const scroll = [host.querySelector('.cm-grid')?.scrollLeft || 0, host.querySelector('.cm-grid')?.scrollTop || 0];
  pair.a = Math.min(pair.a, shown.columns.length - 1);
  pair.b = Math.min(pair.b, shown.columns.length - 1);
  if (shown.columns.length < 2) mode = 'grid';
  const notes = (shown.notes || []).map((text) => cs.message({what: text}, 'info'));
  const title = cs.el('div.cm-title', {}, cs.el('h3.cs-card-title', {}, shown.name || 'Comparison'),
    cs.el('span.cs-small.cs-muted', {}, `${shown.base} · ${shown.seconds ? `took ${cs.seconds(shown.seconds)}` : 'in progress'}${shown.cancelled ? ' · interrupted' : ''}`),
    cs.el('span.cs-spacer'), (shown.complete || shown.cancelled) && labelled('reuse', 'Use these settings', () => trigger('again', {id: shown.id}), '.cs-quiet'));
  host.replaceChildren(title, toolbar(), ...notes, ...(notes.length ? [] : missing()), mode === 'ab' ? slider() : grid());
  host.querySelector('.cm-grid')?.scrollTo(...scroll);
  place();
}

function list() {
  q('.cm-past').hidden = !past.length;
  q('.cm-list').replaceChildren(...past.map((one) => cs.el('li.cm-entry' + (shown?.id === one.id ? '.is-on' : ''), {},
    cs.el('button.cm-open', {type: 'button', onclick: () => open(one.id, true)}, cs.el('b', {}, one.name || 'Comparison'),
      cs.el('span.cs-small.cs-muted', {}, `${one.columns.join(' · ')}`), cs.el('span.cs-small.cs-muted', {}, `${cs.when(one.created)} · ${one.prompts} × ${one.seeds} pictures per column`)),
    iconButton('trash', `Move ${one.name || 'this comparison'} to the trash`, (event) => cs.attempt(async () => {
      await cs.call(server.remove({id: one.id}));
      cs.notice('Moved to the workspace’s trash folder', 'good');
      if (shown?.id === one.id) shown = null;
      await refresh();
    }, event.currentTarget)))));
}

async function open(id, scroll = false) {
  await cs.attempt(async () => { shown = await cs.call(server.open({id})); zoom = 1; x = y = 0; baseline = -1; });
  view();
  list();
  if (shown && scroll) element.scrollIntoView({block: 'start'});
}
async function refresh() {
  await cs.attempt(async () => { past = await cs.call(server.past({})); });
  if (!shown && past.length && task?.state !== 'running') shown = await cs.attempt(() => cs.call(server.open({id: past[0].id}))) || null;
  list();
  view();
}

async function look() {
  let answer;
  try { answer = await cs.call(server.status({})); } catch (lost) { return; }
  const before = `${task?.id} ${task?.state}`, first = task === null;
  task = answer.task;
  if (task?.state === 'running' && answer.partial) {
    const state = JSON.stringify([answer.partial.cells.length, answer.partial.columns.map((column) => column.measures)]);
    if (state !== drawn) { drawn = state; shown = answer.partial; mode = 'grid'; view(); }
  }
  if (task && `${task.id} ${task.state}` !== before && task.state !== 'running') {
    if (task.result && finishedId !== task.id) { finishedId = task.id; shown = null; drawn = ''; if (task.result.id) await open(task.result.id); if (first && shown) trigger('again', {id: shown.id}); } // a reloaded page shows the form as it was
    await refresh();
  } else if (first) await refresh();
  bar.paint(task, answer.training, () => `${(shown?.columns || []).length} columns`);
}

q('.cm-quick').addEventListener('click', () => trigger('quick'));
bar.shortcut(document.querySelector('.cmp-layout') || document.body);
watch('started', () => { bar.answered(); look(); });
watch('refused', () => { bar.answered(); look(); });
cs.poll(element, async () => {
  idle += 1;
  if (task?.state === 'running' || bar.starting || idle % 8 === 1) await look();
}, 600);
