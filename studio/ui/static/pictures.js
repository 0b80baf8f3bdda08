// Generated pictures. Owns: the run bar, the newest batch, earlier pictures, the large view.
// Refuses to know: settings; it names a picture, and Python reads what is written in its file.
let task = null, columns = [], results = [], earlier = [], more = false, finishedId = null, idle = 0, loaded = false;
const q = (selector) => element.querySelector(selector);
const stateOf = () => task?.state || 'idle';
const bar = runBar(q('.pg-run'), 'Generate', () => trigger('generate'), () => server.interrupt({}), look);

function paint(training = null) {
  bar.paint(task, training, () => `${results.length} ${results.length === 1 ? 'picture' : 'pictures'}`);
}

// A lane's picture gives its settings back to that lane, any other to the lane used last.
function reuse(picture) {
  let lane = 0;
  tell('studio:lanes?', (lanes, current) => { lane = Math.max(picture.lane ? lanes.findIndex((one, k) => laneTitle(one, k) === picture.lane) : current, 0); });
  trigger('reuse', {id: picture.id, lane, stack: true});
}
// After a reload the form shows what was drawn last; a stack that this browser remembers stays.
async function restore(result) {
  const kept = await cs.hand('generate:lanes', result.lanes);
  trigger('reuse', {id: results[0].id, lane: 0, stack: !kept && !result.lanes.length});
}

function cell(picture, list) {
  const image = cs.el('img', {src: cs.file(picture.path), alt: picture.prompt || 'generated picture', loading: 'lazy', draggable: 'true',
    onload: () => image.classList.toggle('cs-pixel', image.naturalWidth <= 160)});
  const open = cs.el('button.pg-open', {type: 'button', 'aria-label': `Enlarge the picture with seed ${picture.seed}`, onclick: () => large(list, picture)}, image);
  return cs.el('figure.cs-cell.pg-cell', {'data-id': picture.id}, open, cs.el('figcaption', {},
    cs.el('span.cs-number.cs-small.cs-muted', {}, `seed ${picture.seed ?? '–'}`), cs.el('span.cs-spacer'),
    iconButton('reuse', 'Use these settings again', () => reuse(picture)),
    iconButton('copy', 'Copy the parameters', () => copyText(picture.parameters || '', 'Parameters copied')),
    cs.el('a.cs-button.cs-quiet.cs-icon', {href: cs.file(picture.path), download: picture.id.split('/').pop(), title: 'Download', 'aria-label': 'Download'}, icon('download'))));
}

function draw() {
  const running = stateOf() === 'running', count = running ? (task.about.count || 0) : 0;
  const host = q('.pg-results');
  host.classList.toggle('is-waiting', running);
  const lanes = running ? task.about.lanes : columns;
  host.classList.toggle('is-lanes', lanes.length > 1);
  if (lanes.length > 1) host.replaceChildren(laneGrid(lanes, results, running, task?.about.seeds || [], (picture) => cell(picture, results)));
  else if (running) host.replaceChildren(...Array.from({length: count}, () => cs.el('div.cs-cell', {}, cs.el('div.cs-skeleton.pg-blank'))));
  else host.replaceChildren(...results.map((picture) => cell(picture, results)));
  q('.pg-empty').hidden = running || results.length > 0 || earlier.length > 0;
  const old = earlier.filter((picture) => !results.some((other) => other.id === picture.id));
  q('.pg-earlier').hidden = !old.length;
  const days = new Map();
  for (const picture of old) (days.get(picture.day) || days.set(picture.day, []).get(picture.day)).push(picture);
  q('.pg-days').replaceChildren(...[...days].flatMap(([day, pictures]) => [
    cs.el('h4.cs-small.cs-muted', {}, day === new Date().toLocaleDateString('sv') ? 'Today' : day),
    cs.el('div.pg-strip', {}, pictures.map((picture) => cs.el('button.pg-thumb', {type: 'button', 'aria-label': `Enlarge ${picture.id.split('/').pop()}`, onclick: () => large(old, picture)},
      cs.el('img', {src: cs.file(picture.path), alt: '', loading: 'lazy'})))),
  ]));
  q('.pg-more').hidden = !more;
}

// What the pictures being drawn look like so far, in the places that wait for them.
function looks() {
  const {lanes, count} = task.about, cells = q('.pg-results').querySelectorAll('.lg-cell > .cs-cell');
  for (const [place, url] of Object.entries(task.looks || {})) {
    const host = lanes.length > 1 ? cells[(place % count) * lanes.length + Math.floor(place / count)] : q('.pg-results').children[place];
    if (!host) continue;
    let image = host.querySelector('img');
    if (!image) host.replaceChildren(image = cs.el('img.pg-look', {alt: 'a picture being drawn'}));
    if (image.src !== url) image.src = url;
  }
}

async function history(offset = 0) {
  await cs.attempt(async () => {
    const answer = await cs.call(server.history({offset}));
    earlier = offset ? [...earlier, ...answer.pictures] : answer.pictures;
    more = answer.more;
  });
  draw();
}

async function look() {
  let answer;
  try { answer = await cs.call(server.status({known: finishedId || ''})); } catch (lost) { return; }
  const before = `${task?.id} ${task?.state}`;
  task = answer.task;
  if (task && `${task.id} ${task.state}` !== before) {
    if (task.state === 'failed' && task.error.kind === 'MismatchError') trigger('finished', {id: task.id});
    if (task.state === 'running') results = [];
    if (['finished', 'cancelled'].includes(task.state) && task.result) {
      finishedId = task.id;
      results = task.result.pictures;
      columns = task.about.lanes;
      trigger('finished', {id: task.id});
      if (!loaded && results.length) restore(task.result);
    }
    if (task.state !== 'running') await history();
    draw();
  }
  if (task?.state === 'running' && task.result && task.result.pictures.length !== results.length) { // a lane is ready
    results = task.result.pictures;
    draw();
  }
  loaded = true;
  if (stateOf() === 'running') looks();
  paint(answer.training);
}

// The large view: a modal dialog, so focus stays inside and Escape closes it.
function large(list, first) {
  let at = list.indexOf(first), zoom = 1, x = 0, y = 0;
  const image = cs.el('img.lb-image', {alt: '', draggable: 'false'}), side = cs.el('div.lb-side');
  const stage = cs.el('div.lb-stage', {}, image);
  const place = () => { image.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`; stage.classList.toggle('is-zoomed', zoom > 1); };
  const scale = (factor) => { zoom = Math.min(16, Math.max(1, zoom * factor)); if (zoom === 1) x = y = 0; place(); };
  const go = (by) => { at = (at + by + list.length) % list.length; show(); };
  const dialog = cs.el('dialog.lb', {'aria-label': 'Picture'}, stage, side,
    iconButton('close', 'Close (Esc)', () => dialog.close(), '.lb-close'),
    list.length > 1 && iconButton('left', 'Previous (←)', () => go(-1), '.lb-prev'),
    list.length > 1 && iconButton('right', 'Next (→)', () => go(1), '.lb-next'));
  async function show() {
    const picture = list[at];
    zoom = 1; x = y = 0; place();
    image.src = cs.file(picture.path);
    image.onload = () => fit(image, 8);
    side.replaceChildren(cs.el('p.cs-muted.cs-small', {}, `${at + 1} of ${list.length}`));
    let facts;
    try { facts = await cs.call(server.picture({id: picture.id})); } catch (error) { side.append(cs.message(error.parts || 'This picture cannot be read')); return; }
    if (list[at] !== picture) return;
    side.append(...[cs.el('p.lb-prompt', {}, facts.settings.prompt || 'No prompt'),
      facts.settings.negative_prompt && cs.el('p.cs-muted.cs-small', {}, `Without: ${facts.settings.negative_prompt}`),
      cs.el('dl.cs-facts', {}, facts.facts.flatMap(([name, value]) => [cs.el('dt', {}, name), cs.el('dd.cs-number', {}, value)])),
      cs.el('div.lb-actions', {},
        labelled('reuse', 'Use these settings', () => { reuse(picture); dialog.close(); }, '.cs-primary'),
        labelled('picture', 'Start from this', () => { trigger('begin', {id: picture.id}); dialog.close(); }),
        labelled('copy', 'Copy parameters', () => copyText(facts.parameters, 'Parameters copied')),
        cs.el('a.cs-button', {href: cs.file(picture.path), download: picture.id.split('/').pop()}, icon('download', 15), 'Download'))].filter(Boolean));
    if (!facts.facts.length) side.append(cs.el('p.cs-muted', {}, 'No settings are written in this file.'));
  }
  dialog.addEventListener('keydown', (event) => {
    const actions = {ArrowLeft: () => go(-1), ArrowRight: () => go(1), '+': () => scale(1.5), '=': () => scale(1.5), '-': () => scale(1 / 1.5), 0: () => scale(0)};
    if (actions[event.key]) { event.preventDefault(); actions[event.key](); }
  });
  stage.addEventListener('wheel', (event) => { event.preventDefault(); scale(event.deltaY < 0 ? 1.2 : 1 / 1.2); }, {passive: false});
  stage.addEventListener('pointerdown', (event) => {
    if (zoom === 1) return;
    stage.setPointerCapture(event.pointerId);
    const from = [event.clientX - x, event.clientY - y];
    const drag = (moved) => { x = moved.clientX - from[0]; y = moved.clientY - from[1]; place(); };
    stage.addEventListener('pointermove', drag);
    stage.addEventListener('pointerup', () => stage.removeEventListener('pointermove', drag), {once: true});
  });
  stage.addEventListener('dblclick', () => scale(zoom > 1 ? 0 : 4));
  stage.addEventListener('click', (event) => { if (event.target === stage && zoom === 1) dialog.close(); });
  dialog.addEventListener('close', () => dialog.remove());
  (document.querySelector('.gradio-container') || document.body).append(dialog);
  dialog.showModal();
  show();
}

bar.shortcut(document.querySelector('.gen-layout') || document.body);
q('.pg-more').addEventListener('click', () => history(earlier.length));
watch('started', () => { bar.answered(); look(); });
watch('refused', () => { bar.answered(); look(); });
history();
cs.poll(element, async () => {
  idle += 1;
  if (stateOf() === 'running' || bar.starting || idle % 8 === 1) await look();
}, 500);
