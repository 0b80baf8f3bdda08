// The Caption tab: datasets on the left, images on the right.
// Owns: what is open, and how it is laid out. What is done with its images (`desk.js`), arriving files and
// the side cards are in their own files.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {openTab, receive} from '../core/handover.js';
import {icon} from '../core/icons.js';
import {notice} from '../core/notices.js';
import {insideOf, setInside} from '../core/place.js';
import {AboutCard} from './about.js';
import {Arrivals} from './arrivals.js';
import {AutoCard} from './auto.js';
import {BulkCard} from './bulk.js';
import {CheckCard} from './check.js';
import {classImagesButton, useInTrain} from './class_images.js';
import {DatasetList} from './dataset_list.js';
import {Desk} from './desk.js';
import {exportButton} from './export.js';
import {takesFiles, takesPasted} from './file_drops.js';
import {FirstLook, isLarge} from './first_look.js';
import {chosen, dropped} from './folders.js';
import {learntCard} from './learnt.js';
import {button, datasetChips, datasetPanel, fileInput, problemsPanel, samplePanel, startPanel} from './panels.js';
import {PrepareCard} from './prepare_card.js';

const SAVED = 'Captions are saved as you type, in a text file beside each image. Ctrl+Enter goes to the next one.';

class Caption {
  constructor({element, props, server, upload}) {
    Object.assign(this, {server, props, root: element.querySelector('.cs-caption')});
    this.dataset = null; // id of the one that is open
    this.facts = null; // what the server says of it
    this.countedSelection = '';
    this.turn = 0; // which question an answer has to belong to
    this.list = new DatasetList({
      open: (id) => this.open(id),
      forget: (id) => attempt(() => call(server.forget_folder({dataset: id})).then(() => this.showList())),
      cover: async ({id, cover}) => (await call(server.thumbnails({dataset: id, files: [cover]})))[cover],
    });
    const around = {
      dataset: () => this.dataset,
      trigger: () => this.facts.trigger,
      changed: () => this.count(),
      saved: () => this.check.outdated(),
      refresh: () => this.refresh(),
      reopen: () => this.open(this.dataset),
    };
    this.desk = new Desk(server, around, this.root);
    this.grid = this.desk.grid;
    this.cards(server, props);
    this.arrivals = new Arrivals({
      plan: (argument) => call(server.plan_import(argument)),
      send: (file) => upload(file),
      add: (argument) => call(server.add_files(argument)),
      done: (id) => this.showAndOpen(id),
    });
    this.lay();
  }

  cards(server, props) {
    const around = {
      dataset: () => this.dataset,
      selection: () => this.grid.selected,
      save: () => this.desk.saving.flush(),
      refresh: () => this.refresh(),
    };
    const undo = () => call(server.undo({dataset: this.dataset}));
    const asks = {
      start: (argument) => call(server.auto_caption(argument)),
      latest: () => call(server.caption_task(null)),
      cancel: () => call(server.cancel_caption(null)),
      replaces: (files) => call(server.replaces({dataset: this.dataset, files})),
      host: (address) => call(server.endpoint_host({address})),
      undo,
    };
    this.auto = new AutoCard(asks, around, props.describe);
    this.many = new BulkCard(server, around, props.edits);
    this.prepare = new PrepareCard(server, {...around, grid: this.grid, opened: (id) => this.showAndOpen(id)});
    const showOnly = (files, title) => this.desk.showOnly(files, title);
    this.check = new CheckCard(server, {...around, showOnly});
    this.learnt = learntCard(server, {grid: this.grid, showOnly});
    this.about = new AboutCard(async (said) => {
      const mine = this.dataset;
      const facts = await call(server.about({dataset: mine, ...said}));
      if (mine !== this.dataset) return;
      this.auto.triggerChanged(this.facts.trigger, facts.trigger);
      if (facts.lines !== this.facts.lines) return this.open(mine); // what a caption is has changed
      Object.assign(this.facts, facts);
      this.about.opened(this.facts, false);
      this.many.opened(this.facts);
      this.check.outdated();
      this.desk.sync();
      this.count();
    });
  }

  lay() {
    const {accept} = this.props;
    const several = {multiple: true, accept};
    const take = (into) => (input) => this.bring(chosen(input), into());
    const nowhere = () => null;
    this.filesInput = fileInput('Images to add', several, take(nowhere));
    this.folderInput = fileInput('Folder to add', {webkitdirectory: true}, take(nowhere));
    this.moreInput = fileInput(
      'Images to add to this dataset',
      several,
      take(() => this.dataset),
    );
    const choose = {files: () => this.filesInput.click(), folder: () => this.folderInput.click()};
    const copy = async () => this.showAndOpen(await call(this.server.copy_sample({dataset: this.dataset})));
    const openFolder = (folder) => this.openFolder(folder);
    this.offer = startPanel(choose);
    this.sample = samplePanel((event) => attempt(copy, event.currentTarget));
    this.work = this.workPanel();
    this.firstLook = new FirstLook();
    this.sideWork = el('div.cs-stack.cs-hidden', {}, this.auto.node, this.prepare.node, this.many.node);
    const inputs = [this.filesInput, this.folderInput];
    const host = () => this.root;
    const opened = (id) => this.showAndOpen(id);
    const classes = classImagesButton(this.server, () => this.dataset, opened, host);
    const datasets = datasetPanel(this.list.node, choose, openFolder, classes, inputs);
    const side = [datasets, this.desk.tags.node, this.check.node, this.learnt.node, this.sideWork];
    const main = [this.arrivals.progress, this.arrivals.account, this.offer, this.firstLook.node, this.work];
    this.root.append(el('div.cs-stack', {}, side), el('div.cs-caption-main.cs-stack', {}, main));
  }
  workPanel() {
    this.title = el('h2.cs-caption-title');
    this.chips = el('div.cs-toolbar', {style: {gap: '6px'}});
    this.problems = el('div');
    const plus = {glyph: icon('plus', 14), title: 'Add images to this dataset'};
    this.more = button('Add images', () => this.moreInput.click(), plus);
    const onTrain = () => (this.classes ? useInTrain(this.dataset) : openTab('train', {dataset: this.dataset}));
    this.trainWords = el('span');
    const train = el('button.cs-button', {type: 'button', onclick: onTrain}, this.trainWords, icon('right', 14));
    const out = exportButton(
      this.server,
      () => this.dataset,
      () => this.root,
    );
    const head = [el('div', {}, this.title, this.chips), el('span.cs-spacer'), this.more, this.moreInput, out, train];
    return el(
      'div.cs-stack.cs-hidden',
      {},
      el('div.cs-caption-head', {}, head),
      this.sample,
      this.about.node,
      this.problems,
      this.desk.node,
      el('p.cs-small.cs-muted', {style: {margin: '0'}}, SAVED),
    );
  }
  async showList() {
    this.list.show(await call(this.server.datasets(null)), this.dataset);
  }
  async showAndOpen(id) {
    await this.showList();
    await this.open(id);
  }
  async openFolder(folder) {
    await this.showAndOpen(await call(this.server.open_folder({folder})));
  }
  async open(id) {
    this.turn += 1;
    const {turn} = this;
    await attempt(async () => {
      const data = await this.read(id, turn);
      if (turn !== this.turn) return;
      this.desk.saving.flush();
      this.dataset = data.id;
      this.facts = data;
      setInside('caption', data.id);
      this.showHead(data);
      this.desk.open(data);
      this.auto.opened(data);
      this.many.opened(data);
      this.count();
      this.list.select(data.id);
      this.check.opened();
      this.prepare.opened(data.id, data.sample);
      this.learnt.opened(data.id);
    });
  }
  /** All of a dataset; of a large one the first images are looked at meanwhile. */
  async read(id, turn) {
    const {name, images} = this.list.infos.get(id) ?? {};
    if (id !== this.dataset && isLarge(images)) {
      for (const node of [this.offer, this.work]) node.classList.add('cs-hidden');
      const ask = (most) => call(this.server.first_images({dataset: id, most}));
      await this.firstLook.show(name, images, this.grid.width, ask).catch(() => null); // what is wrong is said next
    }
    if (turn !== this.turn) return null; // another one was asked for since
    try {
      return await call(this.server.open_dataset({dataset: id}));
    } finally {
      if (turn === this.turn) {
        this.firstLook.hide();
        (this.dataset ? this.work : this.offer).classList.remove('cs-hidden');
      }
    }
  }
  showHead({name, path, problems, strays, sample, class_images: base}) {
    this.classes = typeof base === 'string';
    this.trainWords.textContent = this.classes ? 'Use in Train' : 'Train with these';
    this.title.textContent = name;
    this.title.title = path;
    const discard = (event) => attempt(() => this.discard(strays), event.currentTarget);
    this.problems.replaceChildren(...problemsPanel(problems, sample ? [] : strays, discard));
    this.offer.classList.add('cs-hidden');
    this.work.classList.remove('cs-hidden');
    this.sideWork.classList.toggle('cs-hidden', sample);
    this.more.classList.toggle('cs-hidden', sample);
    this.sample.classList.toggle('cs-hidden', !sample);
    this.about.opened(this.facts, !this.facts.trigger && !this.facts.class_word && !this.classes);
  }
  async discard(files) {
    await call(this.server.discard_strays({dataset: this.dataset, files}));
    notice('Moved to the workspace’s trash folder', 'good');
    await this.open(this.dataset);
  }
  count() {
    if (!this.facts) return;
    const counts = this.grid.counts();
    const good = counts.all - counts.broken;
    this.chips.replaceChildren(...datasetChips(this.facts, counts, good, this.about.edit));
    this.desk.pickAll.textContent = counts.selected ? 'Clear selection' : 'Select all';
    this.desk.filter.offer({look: counts.looks, broken: counts.broken});
    this.list.count(this.dataset, good, counts.captioned);
    const selection = [...this.grid.selected].join('|');
    if (selection === this.countedSelection) return;
    this.countedSelection = selection;
    this.many.look();
  }

  /** Captions and what can be undone, after the server has changed some. */
  async refresh() {
    const mine = this.dataset;
    if (!mine) return;
    try {
      const answer = await call(this.server.captions({dataset: mine}));
      if (mine !== this.dataset) return; // another dataset was opened meanwhile
      this.desk.update(answer);
      this.check.outdated();
      this.auto.changes(answer.undo, answer.unfinished);
      this.many.past.forget();
    } catch {
      /* shown by the next action */
    }
  }

  bring(read, into = null) {
    return attempt(async () => this.arrivals.bring(await read, into));
  }
  takeDrops() {
    takesFiles(this.root, (event) => this.bring(dropped(event.dataTransfer)));
    takesPasted(this.root, (event) => this.bring(dropped(event.clipboardData), this.dataset));
  }

  async begin() {
    await this.showList();
    const last = insideOf('caption');
    if (last && this.list.cardOf(last)) await this.open(last);
  }
}

export function mount(part) {
  const caption = new Caption(part);
  caption.takeDrops();
  attempt(() => caption.begin());
  receive('caption', async ({dataset, about}) => {
    if (dataset) await caption.open(dataset);
    if (dataset && about) caption.about.show(true);
  });
}
