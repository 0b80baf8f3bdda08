// The adapter stack: one lane, or up to six side by side. Owns: the list of lanes, undo, dropped
// files, the memory that survives a reload. Refuses to know: what an adapter does, how cards look.
// Value: [{name, prompt, stack: [{path, strength, text_strength, enabled, aesthetic, start, end, blocks}]}].
const ADAPTER = 'application/x-studio-adapter', MOST = 6;
const known = new Map(); // path → facts of a card, as the server described them
const effects = new Map(); // effectKey → what was measured
const views = [];        // one per lane
let troubles = [];       // files that could not be taken, newest first
let pending = 0, past = [], current = 0;
let lanes = [{name: '', prompt: '', stack: []}];
const q = (selector) => element.querySelector(selector);
const memory = `cs-lanes:${props.place}`;
const nameOf = (path) => known.get(path)?.name || path.split(/[\\/]/).pop();
const laneName = (at) => laneTitle(lanes[at], at);
const find = (at, path) => lanes[at].stack.findIndex((item) => item.path === path);
const say = (text) => { q('.st-said').textContent = text; };
const prompt = () => document.querySelector(`#${props.prompt} textarea`)?.value || '';
const effectKey = (at, path) => JSON.stringify([lanes[at].stack.filter((item) => item.enabled || item.path === path), path]);

function put(next) {
  lanes = next;
  current = Math.min(current, lanes.length - 1);
  draw();
  describe();
}
function commit(next, said = '', remember = true) {
  if (remember) past = [...past.slice(-49), lanes];
  put(next);
  setValue(lanes);
  trigger('input');
  try { localStorage.setItem(memory, JSON.stringify(lanes)); } catch (full) { /* private window */ }
  if (said) say(said);
}
const patchLane = (at, fields, said) => commit(lanes.map((lane, k) => k === at ? {...lane, ...fields} : lane), said);
const patch = (at, path, fields) => patchLane(at, {stack: lanes[at].stack.map((item) => item.path === path ? {...item, ...fields} : item)});
const remove = (at, path) => patchLane(at, {stack: lanes[at].stack.filter((item) => item.path !== path)}, `${nameOf(path)} removed`);

// `index` counts places before a card is taken out of its own lane.
function move(from, path, to, index = lanes[to].stack.length, copy = false) {
  const at = find(from, path), item = lanes[from].stack[at];
  if (at < 0) return;
  if (from !== to && find(to, path) >= 0) {
    say(`${nameOf(path)} is in ${laneName(to)} already`);
    return views[to].flash(path);
  }
  const next = lanes.map((lane) => ({...lane, stack: [...lane.stack]}));
  if (from === to || !copy) next[from].stack.splice(at, 1);
  const place = from === to && index > at ? index - 1 : index;
  next[to].stack.splice(place, 0, clone(item));
  if (from === to && place === at) return;
  current = to;
  const where = `place ${place + 1} of ${next[to].stack.length}`;
  commit(next, `${nameOf(path)} ${copy && from !== to ? 'copied' : 'moved'} to ${from === to ? where : `${laneName(to)}, ${where}`}`);
  views[to].flash(path);
}
function step(at, path, by) {
  const to = find(at, path) + by;
  if (to >= 0 && to < lanes[at].stack.length) move(at, path, at, by > 0 ? to + 1 : to);
}
function shift(at, path, by, copy) {
  if (lanes[at + by]) move(at, path, at + by, Math.min(find(at, path), lanes[at + by].stack.length), copy);
  else say(`There is no lane to the ${by < 0 ? 'left' : 'right'}`);
}
function add(path, at = current, index = lanes[at].stack.length) {
  if (find(at, path) < 0) {
    const stack = [...lanes[at].stack];
    stack.splice(index, 0, {path, strength: 1, text_strength: null, enabled: true, aesthetic: {}, start: 0, end: 1, blocks: {}});
    patchLane(at, {stack}, `${nameOf(path)} added${lanes.length > 1 ? ` to ${laneName(at)}` : ''}`);
  }
  views[at].flash(path);
}
function free(name) {
  let text = name, count = 2;
  while (lanes.some((_, k) => laneName(k) === text)) text = `${name} ${count++}`;
  return text;
}
function addLane(at, like = null) { // a lane beside another: empty, or a copy of it
  if (lanes.length >= MOST) return;
  const named = lanes.map((lane, k) => ({...lane, name: laneName(k)}));
  const lane = like === null ? {name: free(`Lane ${lanes.length + 1}`), prompt: '', stack: []} : {...clone(lanes[like]), name: free(laneName(like))};
  current = at;
  commit([...named.slice(0, at), lane, ...named.slice(at)], `${lane.name} added, lane ${at + 1} of ${lanes.length + 1}`);
  views[at].focus();
}
function removeLane(at) {
  commit(lanes.filter((_, k) => k !== at), `${laneName(at)} removed`);
}
function undo() {
  if (past.length) commit(past.pop(), 'Undone', false);
}

function draw() {
  const many = lanes.length > 1;
  while (views.length > lanes.length) views.pop().node.remove();
  while (views.length < lanes.length) {
    const at = views.length;
    views.push(laneView(at, {patchLane, patch, remove, move, step, shift, add, addLane, removeLane, take, measure, stopMeasuring: () => cs.call(server.stop_measuring({token: measuring})),
      focused: () => { if (current !== at) { current = at; draw(); } }}));
    q('.st-lanes').append(views[at].node);
  }
  q('.st').classList.toggle('is-many', many);
  views.forEach((view, at) => view.sync(lanes[at], many, at === current));
  q('.st-undo').disabled = !past.length;
  q('.st-lane').disabled = lanes.length >= MOST;
  const on = lanes.reduce((sum, lane) => sum + lane.stack.filter((item) => item.enabled).length, 0);
  q('.st-count').textContent = many ? `${lanes.length} lanes` : on ? `${on} on` : '';
  q('.st-troubles').replaceChildren(...troubles.map((parts) =>
    cs.message(parts, 'error', () => { troubles = troubles.filter((other) => other !== parts); draw(); })));
  q('.st-pending').hidden = !pending;
  q('.st-pending').textContent = pending === 1 ? 'Reading a file …' : `Reading ${pending} files …`;
  tell('studio:lanes-shown', null);
  tell('studio:words', {target: props.target, words: many ? [] : triggers(lanes[0])}); // several lanes offer their own
}
const triggers = (lane) => [...new Set(lane.stack.filter((item) => item.enabled && known.get(item.path)?.trigger).map((item) => known.get(item.path).trigger))];

async function describe(all = false) {
  const paths = [...new Set(lanes.flatMap((lane) => lane.stack.map((item) => item.path)))].filter((path) => all || !known.has(path));
  if (!paths.length) return;
  await cs.attempt(async () => {
    for (const card of await cs.call(server.describe({paths, base: props.base}))) known.set(card.path, card);
  });
  draw();
}

async function take(files, at = current, index = lanes[at].stack.length) {
  for (const file of files) {
    pending += 1;
    draw();
    try {
      const sent = await upload(file);
      const answer = await cs.call(server.take_file({path: sent.path, name: file.name, base: props.base}));
      if (answer.settings) {
        trigger('settings', {json: JSON.stringify(answer.settings), lane: at}); // as text: a “path” in event data counts as an upload
        cs.notice(`Settings of ${file.name} restored${lanes.length > 1 ? ` in ${laneName(at)}` : ''}`, 'good');
      }
      if (answer.stack) load(answer.stack, at);
      if (answer.card) {
        known.set(answer.card.path, answer.card);
        tell('studio:library', {});
        if (answer.card.problem) throw {parts: {what: `${answer.card.name} does not fit this base`, why: answer.card.problem,
          remedy: 'It is in your library now: choose a base it was made for.'}};
        add(answer.card.path, Math.min(at, lanes.length - 1), index);
        index += 1;
      }
    } catch (error) {
      const parts = error.parts || {what: 'This file could not be sent', where: file.name, why: String(error.message || error).slice(0, 300), remedy: 'Very large files are better copied into the workspace’s adapters folder.'};
      troubles = [parts, ...troubles].slice(0, 6);
    }
    pending -= 1;
    draw();
  }
}

function load(loaded, at = current) {
  patchLane(at, {stack: loaded.items}, `${loaded.name} loaded`);
  tellLoaded(loaded, props.base);
}

const refusals = new Map(); // token of a measurement → why it did not begin
watch('refused', () => props.refused && refusals.set(props.refused.token, props.refused.error));
// What one file does to the picture: Python draws it twice, because only it knows the settings.
let measuring = ''; // the token of the newest measurement
async function measure(at, path) {
  const key = effectKey(at, path), token = `${Date.now()}-${Math.random()}`;
  measuring = token;
  effects.set(key, {running: true, text: 'Measuring …'});
  draw();
  trigger('effect', {token, lane: at, place: find(at, path)});
  for (let silent = 0; silent < 200 && element.isConnected;) {
    await new Promise((next) => setTimeout(next, 400));
    if (refusals.has(token)) { cs.notice(refusals.get(token)); break; }
    let task = null;
    try { task = await cs.call(server.measured({})); } catch (lost) { /* asked again */ }
    if (task?.about.token !== token) { silent += 1; continue; } // not begun yet, or the connection is lost
    if (task.state === 'running') { effects.set(key, {running: true, text: task.text || 'Measuring …', share: task.total ? task.done / task.total : 0}); draw(); continue; }
    if (task.state === 'failed') cs.notice(task.error);
    if (task.state === 'finished') effects.set(key, {...task.result, seed: task.about.seed}); else effects.delete(key);
    return draw();
  }
  effects.delete(key);
  draw();
}

// A file dropped anywhere on the tab lands in the lane that was used last.
function catchFiles() {
  const tab = element.closest('[role=tabpanel]') || document.body;
  const files = (event) => [...event.dataTransfer.types].includes('Files');
  tab.addEventListener('dragover', (event) => {
    if (event.defaultPrevented || !files(event)) return;
    event.preventDefault();
    views[current].over(true);
  });
  tab.addEventListener('dragleave', (event) => { if (!tab.contains(event.relatedTarget)) views.forEach((view) => view.over(false)); });
  tab.addEventListener('drop', (event) => {
    views.forEach((view) => view.over(false));
    if (event.defaultPrevented || !event.dataTransfer.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

function fromPython() {
  const next = clone(props.value);
  if (next?.length) {
    past = [...past.slice(-49), lanes]; // what a picture brought can be undone too
    put(next);
    try { localStorage.setItem(memory, JSON.stringify(lanes)); } catch (full) { /* private window */ }
  }
}

stackFiles(q('.st-files'), q('.st-saved'), {items: () => lanes[current].stack, base: () => props.base, load});
q('.st-undo').prepend(icon('undo'));
for (const name of ['.st-lane', '.st-browse']) q(name).prepend(icon('plus', 14));
q('.st-undo').addEventListener('click', undo);
q('.st-lane').addEventListener('click', () => addLane(lanes.length));
q('.st-browse').addEventListener('click', () => q('.st-picker').click());
q('.st-picker').addEventListener('change', (event) => { take([...event.target.files]); event.target.value = ''; });
element.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'z' && !event.target.matches('input, textarea')) { event.preventDefault(); undo(); }
});
catchFiles();
// Gradio drops @container rules, so narrow lanes are told by their width.
const widths = new ResizeObserver(([lane]) => { if (lane.contentRect.width) q('.st').classList.toggle('is-narrow', lane.contentRect.width < 330); });
hear('studio:words?', draw);
hear('studio:lanes?', (answer) => answer(clone(lanes), current));
document.addEventListener('input', (event) => { if (event.target.matches?.(`#${props.prompt} textarea`)) draw(); });
watch('reports', draw);
watch('base', () => { effects.clear(); describe(true); });
const setValue = ownValue(fromPython);
let remembered = null;
try { remembered = JSON.parse(localStorage.getItem(memory)); } catch (unreadable) { /* as if there were none */ }
const usable = Array.isArray(remembered) && remembered.length && remembered.length <= MOST
  && remembered.every((lane) => typeof lane?.name === 'string' && typeof lane.prompt === 'string' && Array.isArray(lane.stack) && lane.stack.every((item) => typeof item?.path === 'string'));
if (usable && (remembered.length > 1 || remembered[0].stack.length)) {
  put(remembered);
  setValue(lanes);
  trigger('input');
} else put(clone(props.value) || lanes);
widths.observe(views[0].node);
// What was drawn last, for a browser that remembers nothing of its own.
// Answers whether the stack that is here stays.
cs.receive(`${props.target}:lanes`, (value) => {
  const kept = lanes.length > 1 || lanes.some((lane) => lane.stack.length);
  if (!kept && value.length) commit(clone(value));
  return kept;
});
// From the shelf beside it: into the lane that is marked.
cs.receive(`${props.target}:add`, ({paths}) => paths.forEach((path) => add(path)));
// “Try it in Generate” elsewhere in the studio: {adapters: [path], base: name if known}. With several
// lanes the files go to the one that is marked, and that is said where it can be seen.
cs.receive(props.target, (payload) => {
  if (payload.base && payload.base !== props.base) trigger('rebase', {base: payload.base});
  const paths = payload.adapters || [];
  paths.forEach((path) => add(path));
  if (lanes.length > 1 && paths.length) cs.notice({what: `${paths.map(nameOf).join(', ')} is in ${laneName(current)}`,
    why: 'Of several lanes, the one used last takes what comes from elsewhere. Undo takes it out again.'}, 'good');
});
