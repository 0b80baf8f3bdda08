// The Caption tab: datasets on the left, pictures on the right.
// Owns: the list of datasets and opening one. Grid, import and side cards are in their own files.
const root = element.querySelector('.cs-caption');
let dataset = null, facts = null;

const list = cs.el('div.cs-datasets', {role: 'listbox', 'aria-label': 'Datasets'});
const pathInput = cs.el('input.cs-input', {placeholder: '/path/to/a/folder', 'aria-label': 'Folder on this machine', spellcheck: 'false'});
const filesInput = cs.el('input', {type: 'file', multiple: true, accept: props.accept, hidden: true, 'aria-label': 'Pictures to add'});
const moreInput = cs.el('input', {type: 'file', multiple: true, accept: props.accept, hidden: true, 'aria-label': 'Pictures to add to this dataset'});
const folderInput = cs.el('input', {type: 'file', webkitdirectory: true, hidden: true, 'aria-label': 'Folder to add'});
const title = cs.el('h2.cs-caption-title');
const chips = cs.el('div.cs-toolbar', {style: {gap: '6px'}});
const problems = cs.el('div');
const grid = captionGrid({
  save: (file, text) => cs.call(server.save_caption({dataset, file, text})),
  thumbnails: (files) => cs.call(server.thumbnails({dataset, files})),
  changed: () => count(),
});
const auto = autoCaptionCard({
  start: (argument) => cs.call(server.auto_caption(argument)), latest: () => cs.call(server.caption_task(null)),
  cancel: () => cs.call(server.cancel_caption(null)), current: () => dataset, selection: () => grid.selected,
  progressed: refresh, selectable: props.selectable, replaces: (files) => cs.call(server.replaces({dataset, files})),
  undo: () => cs.call(server.undo({dataset})), before: async () => { grid.flush(); },
});
const many = bulkCard({
  bulk: (argument) => cs.call(server.bulk(argument)), takeBack: () => cs.call(server.undo({dataset})), current: () => dataset, selection: () => grid.selected,
  done: refresh, before: async () => { grid.flush(); },
});

// Toolbar above the pictures
const search = cs.el('input.cs-input', {type: 'search', placeholder: 'Search captions', 'aria-label': 'Search captions and file names', oninput: () => { grid.filter({text: search.value}); count(); }});
const states = [['all', 'All'], ['missing', 'Without caption'], ['selected', 'Selected'], ['look', 'Needs a look'], ['broken', 'Left out']];
const stateButtons = states.map(([name, label]) => cs.el('button.cs-segment', {type: 'button', 'data-name': name, 'aria-pressed': name === 'all', onclick: () => {
  stateButtons.forEach((button) => button.setAttribute('aria-pressed', button.dataset.name === name));
  grid.filter({state: name}); count();
}}, label));
const size = cs.el('input', {type: 'range', min: 150, max: 360, value: 220, 'aria-label': 'Size of the pictures', oninput: () => grid.size(Number(size.value))});
const pickAll = cs.el('button.cs-button.cs-quiet', {type: 'button', onclick: () => (grid.counts().selected ? grid.clearSelection() : grid.selectShown())}, 'Select all');
const more = cs.el('button.cs-button', {type: 'button', title: 'Add pictures to this dataset', onclick: () => moreInput.click()}, icon('plus', 14), 'Add pictures');
const train = cs.el('button.cs-button', {type: 'button', onclick: () => cs.go('train', {dataset})}, 'Train with these', icon('right', 14));

const offer = cs.el('div.cs-empty', {},
  cs.el('p.cs-empty-title', {}, 'Start with a few pictures'),
  cs.el('p', {}, 'Ten to thirty pictures of one subject or one style are enough. Drop them or a whole folder here, open a folder of this machine, or look at one of the samples on the left.'),
  cs.el('div.cs-toolbar', {style: {'justify-content': 'center'}}, cs.el('button.cs-button.cs-primary', {type: 'button', onclick: () => filesInput.click()}, 'Choose pictures…'),
    cs.el('button.cs-button', {type: 'button', onclick: () => folderInput.click()}, 'Choose a folder…')));
const sample = cs.el('div.cs-notice.cs-hidden', {'data-kind': 'info'}, cs.el('div', {}, cs.el('b', {}, 'A sample that ships with the studio'),
  cs.el('p', {}, 'Train with it as it is, or make a copy and change its captions.')),
  cs.el('button.cs-button', {type: 'button', onclick: (event) => cs.attempt(async () => {
    const id = await cs.call(server.copy_sample({dataset}));
    await showList();
    await open(id);
  }, event.currentTarget)}, icon('copy', 14), 'Make my own copy'));
const work = cs.el('div.cs-stack.cs-hidden', {},
  cs.el('div.cs-caption-head', {}, cs.el('div', {}, title, chips), cs.el('span.cs-spacer'), more, moreInput, train),
  sample, problems,
  cs.el('div.cs-toolbar', {}, cs.el('div.cs-segments', {role: 'group', 'aria-label': 'Which pictures'}, stateButtons), search, cs.el('span.cs-spacer'), pickAll, size),
  grid.node,
  cs.el('p.cs-small.cs-muted', {style: {margin: '0'}}, 'Captions are saved as you type, in a text file beside each picture. Ctrl+Enter goes to the next one.'));
const arriving = captionImport({
  plan: (argument) => cs.call(server.plan_import(argument)), send: (file) => upload(file), add: (argument) => cs.call(server.add_files(argument)),
  done: async (id) => { await showList(); await open(id); },
});
const main = cs.el('div.cs-caption-main.cs-stack', {}, arriving.progress, arriving.account, offer, work);
const sideWork = cs.el('div.cs-stack.cs-hidden', {}, auto.node, many.node);
const side = cs.el('div.cs-stack', {},
  cs.el('section.cs-card.cs-stack', {style: {gap: '10px'}},
    cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Datasets'), list,
    cs.el('form.cs-path', {onsubmit: (event) => { event.preventDefault(); openFolder(); }}, pathInput, cs.el('button.cs-button', {type: 'submit'}, 'Open')),
    cs.el('div.cs-toolbar', {}, cs.el('button.cs-button', {type: 'button', onclick: () => filesInput.click()}, icon('plus', 14), 'Pictures'),
      cs.el('button.cs-button', {type: 'button', onclick: () => folderInput.click()}, icon('plus', 14), 'Folder'), filesInput, folderInput)),
  sideWork);
root.append(side, main);

function card(info) {
  const cover = cs.el('span.cs-dataset-cover.cs-skeleton');
  if (info.cover) cs.call(server.thumbnails({dataset: info.id, files: [info.cover]})).then((answer) => {
    const found = answer[info.cover];
    cover.classList.remove('cs-skeleton');
    if (found?.path) cover.append(cs.el('img', {src: cs.file(found.path), alt: ''}));
  }, () => {});
  else cover.classList.remove('cs-skeleton');
  const share = info.pictures ? info.captioned / info.pictures : 0;
  return cs.el('button.cs-dataset', {type: 'button', role: 'option', 'aria-selected': info.id === dataset, 'data-id': info.id, title: info.id, onclick: () => open(info.id)},
    cover, cs.el('span.cs-dataset-words', {}, cs.el('span.cs-dataset-name', {}, cs.el('b', {}, info.name), info.sample && cs.el('span.cs-chip', {}, 'sample')),
      cs.el('span.cs-small.cs-muted.cs-number', {}, info.problem || `${info.pictures} pictures · ${info.captioned === info.pictures ? 'all captioned' : `${info.captioned} captioned`}`),
      cs.el('span.cs-progress', {}, cs.el('i', {style: {width: `${share * 100}%`}}))));
}
async function showList() {
  const found = await cs.call(server.datasets(null));
  if (!found.length) { list.replaceChildren(cs.el('p.cs-small.cs-muted', {style: {margin: '0'}}, 'None yet. Open a folder by its path, or add pictures.')); return; }
  list.replaceChildren(...found.map(card));
}
async function open(id) {
  await cs.attempt(async () => {
    const data = await cs.call(server.open_dataset({dataset: id}));
    grid.flush();
    dataset = data.id; facts = data;
    try { sessionStorage.setItem('cs-dataset', dataset); } catch (error) { /* private window */ }
    title.textContent = data.name; title.title = data.path;
    problems.replaceChildren(...(data.problems.length ? [cs.message({what: `${data.problems.length} ${data.problems.length === 1 ? 'thing' : 'things'} to know`, why: data.problems.slice(0, 4).join(' ')}, 'warning')] : []));
    offer.classList.add('cs-hidden'); work.classList.remove('cs-hidden'); sideWork.classList.remove('cs-hidden');
    grid.open(data.items.map((item) => ({...item, look: data.looks[item.file] || ''})), data.sample);
    sideWork.classList.toggle('cs-hidden', data.sample); sample.classList.toggle('cs-hidden', !data.sample);
    more.classList.toggle('cs-hidden', data.sample);
    auto.opened(data); many.opened(data);
    count();
    list.querySelectorAll('.cs-dataset').forEach((node) => node.setAttribute('aria-selected', node.dataset.id === dataset));
  });
}
let countedSelection = '';
function count() {
  if (!facts) return;
  const n = grid.counts(), good = n.all - n.broken;
  chips.replaceChildren(
    cs.el('span.cs-chip.cs-number', {}, `${n.captioned} of ${good} captioned`),
    facts.trigger ? cs.el('span.cs-chip', {}, 'trigger ', cs.el('b', {}, facts.trigger)) : cs.el('span.cs-chip', {title: 'A dataset.toml in the folder can name one'}, 'no trigger word'),
    facts.class_word && cs.el('span.cs-chip', {}, 'class ', cs.el('b', {}, facts.class_word)),
    cs.el('span.cs-chip', {}, facts.kind),
    n.looks ? cs.el('span.cs-chip.is-warn', {}, `${n.looks} to look at`) : '',
    n.broken ? cs.el('span.cs-chip.is-warn', {}, `${n.broken} left out`) : '',
    n.selected ? cs.el('span.cs-chip', {}, `${n.selected} selected`) : '');
  pickAll.textContent = n.selected ? 'Clear selection' : 'Select all';
  for (const [name, some] of [['look', n.looks], ['broken', n.broken]]) stateButtons.find((button) => button.dataset.name === name).classList.toggle('cs-hidden', !some);
  const own = list.querySelector(`[data-id="${CSS.escape(dataset)}"]`);
  if (own) {
    own.querySelector('.cs-small').textContent = `${good} pictures · ${n.captioned === good ? 'all captioned' : `${n.captioned} captioned`}`;
    own.querySelector('.cs-progress > i').style.width = `${good ? 100 * n.captioned / good : 0}%`;
  }
  const chosen = [...grid.selected].join('|');
  if (chosen !== countedSelection) { countedSelection = chosen; many.look(); }
}
async function refresh() {
  if (!dataset) return;
  const mine = dataset;
  try {
    const answer = await cs.call(server.captions({dataset}));
    if (mine !== dataset) return; // another dataset was opened meanwhile
    grid.update(answer.captions, answer.looks);
    auto.changes(answer.undo);
  } catch (error) { /* shown by the next action */ }
}
async function openFolder() {
  await cs.attempt(async () => {
    const id = await cs.call(server.open_folder({folder: pathInput.value}));
    pathInput.value = '';
    await showList();
    await open(id);
  });
}

const bring = (read, into = null) => cs.attempt(async () => arriving.bring(await read, into));
filesInput.addEventListener('change', () => { bring(arriving.chosen(filesInput)); filesInput.value = ''; });
folderInput.addEventListener('change', () => { bring(arriving.chosen(folderInput)); folderInput.value = ''; });
moreInput.addEventListener('change', () => { bring(arriving.chosen(moreInput), dataset); moreInput.value = ''; });
let over = 0;
const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes('Files');
root.addEventListener('dragenter', (event) => { if (hasFiles(event)) { over += 1; root.classList.add('is-over'); } });
root.addEventListener('dragleave', (event) => { if (hasFiles(event) && --over <= 0) { over = 0; root.classList.remove('is-over'); } });
root.addEventListener('dragover', (event) => { if (hasFiles(event)) { event.preventDefault(); event.dataTransfer.dropEffect = 'copy'; } });
root.addEventListener('drop', (event) => {
  over = 0; root.classList.remove('is-over');
  if (!hasFiles(event)) return;
  event.preventDefault();
  bring(arriving.dropped(event.dataTransfer));
});

cs.attempt(async () => {
  await showList();
  let last = null;
  try { last = sessionStorage.getItem('cs-dataset'); } catch (error) { /* private window */ }
  if (last && list.querySelector(`[data-id="${CSS.escape(last)}"]`)) await open(last);
});
cs.receive('caption', (payload) => payload.dataset && open(payload.dataset));
