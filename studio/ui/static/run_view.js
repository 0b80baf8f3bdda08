// The live view of one run and the list of all. Owns: which run is shown and asking for what is new.
// Everything shown comes from the run's folder, so reloading changes nothing.
const root = element.querySelector('.cs-runs');
const plot = lossPlot(), samples = sampleGrid(), messages = runMessages();
// Commands go one after the other. What was asked before a command ended is old when it arrives.
let acting = 0, last = null, asked = 0, newest = 0;
const act = (name, argument) => () => {
  acting += 1;
  return last = Promise.resolve(last).catch(() => {}).then(async () => {
    try { return await cs.call(server[name](argument)); } finally { acting -= 1; newest = ++asked; await refresh().catch(() => {}); }
  });
};
const list = runList((run) => show(run, true), (pair) => pair ? cs.attempt(async () => difference.show(await cs.call(server.difference({runs: pair})))) : difference.hide());
const difference = runDiff(() => { list.clear(); difference.hide(); });
const queue = runQueue({
  open: (run) => show(run, true),
  reorder: (run, place) => act('reorder', {run, place})(),
  take: (run) => act('command', {run, command: 'stop'})(),
  policy: (value) => act('policy', {continue_on_error: value})(),
  goOn: act('go_on', null), requeue: act('requeue', null),
});
let current = '', since = 0, chosen = false, config = null, dataset = '', proof = null, generation = 0;

const head = runHead({
  command: async (command) => { await cs.call(server.command({run: current, command})); await look(); },
  resume: async () => { await resume(current); await refresh(); },
  clone: () => trigger('clone', {run: current}),
  remove: async () => {
    const name = current;
    if (!window.confirm('Move this run to the trash? Its finished file in the library stays.')) return;
    await cs.call(server.delete({run: name}));
    cs.notice({what: 'The run is in the workspace’s trash'}, 'good');
    current = ''; chosen = false;
    await refresh();
  },
});
const empty = cs.el('div.cs-empty.cs-runs-empty', {},
  cs.el('p.cs-empty-title', {}, 'No run yet'),
  cs.el('p', {}, 'Choose pictures and a method on the left, then press Start. Here you will watch the loss fall and the same pictures change, step by step.'));
const live = cs.el('div.cs-stack.cs-hidden', {}, head.node, messages.advice, plot.node, samples.node, messages.node);
root.append(empty, queue.node, live, list.node, difference.node);

// What changed in the dataset is said before anything goes on with it.
async function resume(run, accept = false) {
  try {
    await cs.call(server.resume({run, accept}));
  } catch (error) {
    const parts = error.parts || {};
    if (accept || parts.kind !== 'DatasetChanged') throw error;
    if (window.confirm(`${parts.what}.\n\n${parts.why}\n\nGo on with what is there now?`)) await resume(run, true);
  }
}

function show(run, byHand = false) {
  chosen ||= byHand;
  if (run === current) return;
  current = run; since = 0; config = null; proof = null; generation += 1;
  plot.clear(); samples.clear(); messages.clear();
  empty.classList.add('cs-hidden'); live.classList.remove('cs-hidden');
  try { sessionStorage.setItem('cs-run', chosen ? run : ''); } catch (error) { /* private window */ }
  look();
}

let looking = false;
async function look() {
  if (!current || looking) return;
  looking = true;
  const mine = generation;
  try {
    const answer = await cs.call(server.view({run: current, since}));
    if (mine !== generation) return;
    since = answer.next;
    if (answer.config) { config = answer.config; dataset = answer.dataset; }
    plot.add(answer.steps.filter((row) => typeof row[1] === 'number'));
    for (const event of answer.events) {
      if (event.kind === 'probe') plot.probe(event);
      else if (event.kind === 'sample') samples.add({...event, pictures: event.pictures.map((path) => path && cs.file(path))});
      else {
        if (event.kind === 'saved') plot.mark(event.step);
        if (event.kind === 'finished') proof = event.verify;
        messages.add(event);
      }
    }
    head.update(answer.state, config, dataset, plot.last(), proof);
  } catch (error) {
    if (error.parts?.kind === 'MissingError') { current = ''; chosen = false; live.classList.add('cs-hidden'); }
  } finally {
    looking = false;
    if (mine !== generation) look();
  }
}
async function refresh() {
  const mine = ++asked;
  const {runs, queue: waiting} = await cs.call(server.runs(null));
  if (acting || mine < newest) return;
  newest = mine;
  const active = runs.find((run) => ['preparing', 'running', 'paused', 'stopping'].includes(run.state)) || runs.find((run) => run.state === 'queued');
  if (!current || (!chosen && active && active.run !== current)) {
    const next = active || runs[0];
    if (next) show(next.run);
  }
  if (!runs.length) { live.classList.add('cs-hidden'); empty.classList.remove('cs-hidden'); }
  list.node.classList.toggle('cs-hidden', !runs.length);
  list.update(runs, current);
  queue.update(waiting, runs);
}

watch('open_run', () => { if (props.open_run) { chosen = true; show(props.open_run.split('#')[0], true); refresh(); } });
cs.receive('train:run', (payload) => payload.run && show(payload.run, true));
try {
  const last = sessionStorage.getItem('cs-run');
  if (last) { chosen = true; show(last, true); }
} catch (error) { /* private window */ }
cs.poll(element, look, 1000);
cs.poll(element, refresh, 2500);
