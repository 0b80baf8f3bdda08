// A grid along up to three axes: the form, cells that fill as they are drawn, the large view, earlier
// grids. Refuses to know: what an axis does.
let task = null, shown = null, past = [], page = 0, idle = 0, finishedId = null, opened = false;
const q = (selector) => element.querySelector(selector);
const form = axesForm(q('.ax-axes')), alone = q('.ax-baseline .cs-switch'), lane = q('.ax-lane select');
const bar = runBar(q('.ax-run'), 'Draw grid', start, () => server.grid_interrupt({}), look);
const filled = (grid) => grid ? grid.cells.filter((cell) => cell.file || cell.error).length : -1;
const at = (x, y) => shown.cells.find((cell) => cell.x === x && cell.y === y && cell.page === page);
const running = () => task?.state === 'running';

function start() {
  trigger('grid', {json: JSON.stringify({...form.read(), baseline: alone.getAttribute('aria-checked') === 'true'}), lane: lane.selectedIndex});
}

function nameOf(cell) {
  return ['x', 'y', 'pages'].map((side) => {
    const {title, headings} = shown.sides[side], heading = headings[cell[side === 'pages' ? 'page' : side]];
    return title ? `${title} ${heading}` : heading;
  }).filter(Boolean).join(', ');
}

function cellView(cell) {
  if (cell.error) return cs.el('div.ax-cell.ax-failed', {title: [cell.error.what, cell.error.why, cell.error.remedy].filter(Boolean).join(' ')}, icon('warn', 18), cs.el('span.cs-small', {}, cell.error.what));
  if (!cell.file) return cs.el('div.ax-cell' + (running() ? '.cs-skeleton' : ''), {title: running() ? 'Not drawn yet' : 'Not drawn'});
  const image = cs.el('img', {src: cs.file(`${shown.folder}/${cell.file}`), alt: nameOf(cell), loading: 'lazy', draggable: 'true', onload: () => image.classList.toggle('cs-pixel', image.naturalWidth <= 160)});
  return cs.el('button.ax-cell', {type: 'button', 'aria-label': `Enlarge: ${nameOf(cell)}`, onclick: () => large(cell)}, image);
}

function table() {
  const {x, y} = shown.sides, rows = y.headings.some(Boolean);
  const host = cs.el('div.ax-grid' + (rows ? '' : '.no-rows'), {role: 'group', tabindex: 0, 'aria-label': 'Pictures of the grid', style: {'--columns': x.headings.length}});
  if (rows) host.append(cs.el('div.ax-head.ax-corner', {}, [x.title && `→ ${x.title}`, y.title && `↓ ${y.title}`].filter(Boolean).map((text) => cs.el('div.cs-small.cs-muted', {}, text))));
  host.append(...x.headings.map((heading) => cs.el('div.ax-head', {title: heading}, heading)));
  y.headings.forEach((heading, row) => {
    if (rows) host.append(cs.el('div.ax-side', {title: heading}, cs.el('span', {}, heading)));
    host.append(...x.headings.map((_, column) => cellView(at(column, row))));
  });
  return host;
}

function view() {
  q('.ax-empty').hidden = Boolean(shown) || running();
  const host = q('.ax-view');
  if (!shown) return host.replaceChildren();
  const old = host.querySelector('.ax-grid'), scroll = [old?.scrollLeft || 0, old?.scrollTop || 0];
  page = Math.min(page, shown.sides.pages.headings.length - 1);
  const pages = shown.sides.pages.headings.length > 1 && cs.el('div.cm-modes', {role: 'group', 'aria-label': shown.sides.pages.title || 'Pages'}, shown.sides.pages.headings.map((heading, k) =>
    cs.el('button.cs-button' + (k === page ? '.is-on' : ''), {type: 'button', 'aria-pressed': String(k === page), onclick: () => { page = k; view(); }}, heading)));
  const done = shown.cells.filter((cell) => cell.file).length, sheet = shown.sheets[page];
  host.replaceChildren(cs.el('div.cs-toolbar', {}, cs.el('b', {}, shown.name || 'Grid'),
    cs.el('span.cs-small.cs-muted', {}, `${shown.base} · ${done} of ${shown.cells.length} pictures`), pages, cs.el('span.cs-spacer'),
    !shown.complete && !running() && labelled('reuse', 'Draw the rest', (event) => cs.attempt(async () => { await cs.call(server.grid_resume({id: shown.id})); await look(); }, event.currentTarget)),
    sheet && cs.el('a.cs-button', {href: cs.file(`${shown.folder}/${sheet}`), download: `${shown.id}-${sheet}`}, icon('download', 15), 'Contact sheet')), table());
  host.querySelector('.ax-grid').scrollTo(...scroll);
}

// The large view: a modal dialog, so focus stays inside and Escape closes it; arrows walk the grid.
function large(cell) {
  const image = cs.el('img.lb-image', {alt: '', draggable: 'false', onload: () => fit(image, 8)}), side = cs.el('div.lb-side');
  const dialog = cs.el('dialog.lb', {'aria-label': 'Picture of the grid'}, cs.el('div.lb-stage', {}, image), side, iconButton('close', 'Close (Esc)', () => dialog.close(), '.lb-close'));
  function show() {
    const url = cs.file(`${shown.folder}/${cell.file}`);
    image.src = url;
    const facts = ['x', 'y', 'pages'].filter((name) => shown.sides[name].title).flatMap((name) => [cs.el('dt', {}, shown.sides[name].title), cs.el('dd', {}, shown.sides[name].headings[cell[name === 'pages' ? 'page' : name]])]);
    side.replaceChildren(cs.el('p.lb-prompt', {}, cell.prompt || 'No prompt'), cs.el('dl.cs-facts', {}, facts, cs.el('dt', {}, 'Seed'), cs.el('dd.cs-number', {}, String(cell.seed))),
      cs.el('div.lb-actions', {}, cs.el('a.cs-button', {href: url, download: `${shown.id}-${cell.file.split('/').pop()}`}, icon('download', 15), 'Download')),
      cs.el('p.cs-small.cs-muted', {}, 'Its settings are in the file: drop it on the stack to restore them. Arrow keys go to its neighbours.'));
  }
  dialog.addEventListener('keydown', (event) => {
    const by = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (!by) return;
    event.preventDefault();
    const next = at(cell.x + by[0], cell.y + by[1]);
    if (next?.file) { cell = next; show(); }
  });
  dialog.addEventListener('close', () => dialog.remove());
  (document.querySelector('.gradio-container') || document.body).append(dialog);
  dialog.showModal();
  show();
}

function list() {
  q('.ax-past').hidden = past.length < 2;
  q('.ax-list').replaceChildren(...past.map((one) => cs.el('li.cm-entry' + (shown?.id === one.id ? '.is-on' : ''), {},
    cs.el('button.cm-open', {type: 'button', onclick: () => open(one.id)}, cs.el('b', {}, one.name || 'Grid'),
      cs.el('span.cs-small.cs-muted', {}, `${cs.when(one.created)} · ${one.base} · ${one.done === one.cells ? one.cells : `${one.done} of ${one.cells}`} pictures`)),
    iconButton('trash', `Move the grid ${one.name} to the trash`, (event) => cs.attempt(async () => {
      await cs.call(server.grid_remove({id: one.id}));
      cs.notice('Moved to the workspace’s trash folder', 'good');
      if (shown?.id === one.id) shown = null;
      await refresh();
    }, event.currentTarget)))));
}

async function open(id) {
  const grid = await cs.attempt(() => cs.call(server.grid_open({id})));
  if (!grid) return;
  shown = grid;
  view();
  list();
}

async function refresh() {
  await cs.attempt(async () => { past = await cs.call(server.grid_past({})); });
  if (!shown && past.length && !running()) await open(past[0].id);
  view();
  list();
}

async function look() {
  let answer;
  try { answer = await cs.call(server.grid_status({drawn: filled(shown)})); } catch (lost) { return; }
  const before = `${task?.id} ${task?.state}`, first = task === null;
  task = answer.task;
  const changed = task && `${task.id} ${task.state}` !== before;
  if (changed && running()) { q('.ax').open = true; if (shown?.id !== task.about.grid) { shown = null; page = 0; view(); } }
  if (answer.grid) { shown = answer.grid; view(); }
  if (changed && !running()) {
    if (task.result && finishedId !== task.id) { finishedId = task.id; await open(task.result.id); }
    else if (shown) await open(shown.id); // interrupted: what is there, and the button for the rest
    await refresh();
  } else if (first) await refresh();
  bar.paint(task, answer.training, () => `${shown ? shown.cells.length : 0} pictures`);
}

function offerLanes() {
  tell('studio:lanes?', (lanes) => {
    const chosen = Math.min(Math.max(lane.selectedIndex, 0), lanes.length - 1);
    lane.replaceChildren(...lanes.map((one, k) => cs.el('option', {}, laneTitle(one, k))));
    lane.selectedIndex = chosen;
    q('.ax-lane').hidden = lanes.length < 2;
  });
}

async function unfold() {
  if (!q('.ax').open) return;
  await cs.attempt(async () => form.offer(await cs.call(server.grid_choices({}))));
  if (!opened) { opened = true; await look(); }
}

alone.addEventListener('click', () => alone.setAttribute('aria-checked', String(alone.getAttribute('aria-checked') !== 'true')));
q('.ax').addEventListener('toggle', unfold);
hear('studio:library', unfold);
hear('studio:lanes-shown', offerLanes);
offerLanes();
watch('started', () => { bar.answered(); look(); });
watch('refused', () => { bar.answered(); look(); });
look();
cs.poll(element, async () => {
  idle += 1;
  if (running() || bar.starting || (q('.ax').open && idle % 8 === 1)) await look();
}, 600);
