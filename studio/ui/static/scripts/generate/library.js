// The library of adapters. Owns: search, filters, order, rows that can be added or dragged. Only
// rows in view exist. Refuses to know: the stack; it only hands over what was chosen.
import {kindTitle} from '../core/adapters.js';
import {attempt, call} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {fillOptions, flip, isOn} from '../core/dom.js';
import {searchWords} from '../core/format.js';
import {hand, openTab} from '../core/handover.js';
import {iconButton} from '../core/icons.js';
import {notice} from '../core/notices.js';
import {tables} from '../core/tables.js';
import {debounce, pause} from '../core/timing.js';
import {showEntry} from './library_entry.js';
import {cardOf, filtered, foldersOf, kindCounts, ordered, rowsInView, sharedTitles} from './library_list.js';
import {libraryRow} from './library_row.js';
import {showTrash} from './library_trash.js';

const HEIGHT = 52; // pixels of a row, as in the style sheet
const EMPTY =
  'Adapters come from the Train tab: every finished run appears here. ' +
  'Files from elsewhere: drop them on the stack above.';
const NO_HIT = 'Nothing fits this search. Clear it, or change the filters.';

class Library {
  constructor(part) {
    Object.assign(this, {part, element: part.element, props: part.props, server: part.server});
    this.cards = new Map(); // path → card
    this.nodes = new Map(); // path → row, of those in view
    this.previews = new Map(); // path → small image
    this.list = []; // what is shown now
    this.sorted = null; // all cards in order; sorted anew when it is shown, not at every letter typed
    this.epoch = '';
    this.version = 0;
    this.family = '';
    this.heard = false; // whether the server has told of its files at all
    this.busy = false;
    this.again = false;
    this.held = false; // rows stay as they are under a pressed mouse
    this.fetchPreviews = debounce((paths) => this.preview(paths), 120);
    this.view = this.q('.sh-view');
    this.told = false; // whether something changed since other parts were told
    this.shared = new Set(); // titles that several entries have
    this.onlyStars = iconButton('star', 'Only favourites', () => this.toggleStars(), '.sh-star');
    this.onlyStars.setAttribute('aria-pressed', false);
  }

  toggleStars() {
    const on = this.onlyStars.getAttribute('aria-pressed') !== 'true';
    this.onlyStars.setAttribute('aria-pressed', on);
    this.restart();
  }

  q(selector) {
    return this.element.querySelector(selector);
  }

  filtered() {
    this.sorted ||= ordered(this.cards.values(), this.q('.sh-sort').value);
    return filtered(this.sorted, {
      words: searchWords(this.q('.sh-search').value),
      kind: this.q('.sh-kind').value,
      folder: this.q('.sh-folder').value,
      favourites: this.onlyStars.getAttribute('aria-pressed') === 'true',
      fits: isOn(this.q('.cs-switch')),
      family: this.family,
    });
  }

  choose(card) {
    hand(`${this.props.target}:add`, {paths: [card.path]});
  }
  openRun({path}) {
    const open = async () => {
      const {run} = await call(this.server.about({path}));
      if (run) openTab('train:run', {run: run.id});
      else notice('The run of this file is not in the workspace any more', 'warning');
    };
    attempt(open);
  }
  open(card) {
    showEntry(card.path, this);
  }
  star(card) {
    const change = async () => {
      await call(this.server.favourite({path: card.path, value: !card.favourite}));
      await this.load(false);
      this.nodes.get(card.path)?.querySelector('.sh-star').focus(); // the row was made anew
    };
    attempt(change);
  }
  discard(card) {
    const remove = async () => {
      await call(this.server.discard({path: card.path}));
      notice({what: `${card.title} is in the workspace’s trash`, why: 'The library’s trash brings it back.'}, 'good');
      await this.load(false);
    };
    attempt(remove);
  }
  /** A file has another name or place: every part of the page that holds it is told. */
  async renamed(from, to) {
    if (from !== to) tell('studio:renamed', {from, to});
    await this.load(false);
  }

  /** Its row is made anew when it comes into view. */
  forget(path) {
    this.nodes.get(path)?.remove();
    this.nodes.delete(path);
  }

  /** Rows in view and a few around them; the others are only the height of the list. */
  paint() {
    const {scrollTop: top, clientHeight: height} = this.view;
    const [first, last] = rowsInView({top, height, row: HEIGHT, length: this.list.length});
    const seen = this.list.slice(first, last);
    const wanted = new Set(seen.map((card) => card.path));
    for (const [path, node] of this.nodes) {
      if (!wanted.has(path) && !node.matches(':active, :focus-within')) this.forget(path);
    }
    const host = this.q('.sh-list');
    let before = null;
    for (const [k, card] of seen.entries()) {
      if (!this.nodes.has(card.path)) this.nodes.set(card.path, libraryRow(card, this));
      const node = this.nodes.get(card.path);
      node.style.transform = `translateY(${(first + k) * HEIGHT}px)`;
      node.setAttribute('aria-posinset', first + k + 1);
      node.setAttribute('aria-setsize', this.list.length);
      const next = before ? before.nextSibling : host.firstChild;
      if (next !== node) host.insertBefore(node, next);
      before = node;
    }
    this.fetchPreviews(seen.filter((card) => card.has_image && !this.previews.has(card.path)).map((card) => card.path));
  }

  async preview(paths) {
    if (!paths.length) return;
    let found;
    try {
      found = await call(this.server.previews({paths}));
    } catch {
      return; // asked again when they come into view again
    }
    await this.released();
    for (const [path, preview] of Object.entries(found)) {
      this.previews.set(path, preview);
      this.forget(path);
    }
    this.paint();
  }

  render() {
    this.list = this.filtered();
    const {list, cards} = this;
    const count = list.length === cards.size ? String(list.length) : `${list.length} of ${cards.size}`;
    this.q('.sh-count').textContent = this.heard ? count : '';
    this.q('.sh-list').style.height = `${list.length * HEIGHT}px`;
    this.view.hidden = !list.length;
    this.q('.sh-empty').hidden = !this.heard || list.length > 0;
    this.q('.sh-empty').textContent = cards.size ? NO_HIT : EMPTY;
    this.paint();
  }

  learn(answer) {
    if (answer.epoch !== this.epoch) this.cards.clear();
    const otherFamily = answer.family !== this.family;
    const changed = answer.rows.length || answer.gone.length || otherFamily || !this.heard;
    for (const values of answer.rows) {
      const card = cardOf(values, tables.library_fields);
      this.cards.set(card.path, card);
      this.previews.delete(card.path);
      this.forget(card.path);
    }
    for (const path of answer.gone) {
      this.cards.delete(path);
      this.forget(path);
    }
    if (otherFamily) for (const path of [...this.nodes.keys()]) this.forget(path);
    Object.assign(this, {epoch: answer.epoch, version: answer.version, family: answer.family});
    this.heard = !answer.looking || this.cards.size > 0;
    this.progress(answer);
    if (!changed) return;
    this.told = true;
    this.sorted = null;
    this.share();
    this.offerFilters();
    this.render();
  }

  /** Rows whose title became shared, or is so no longer, are made anew. */
  share() {
    const shared = sharedTitles(this.cards.values());
    for (const path of [...this.nodes.keys()]) {
      const key = this.cards.get(path)?.title.toLowerCase();
      if (shared.has(key) !== this.shared.has(key)) this.forget(path);
    }
    this.shared = shared;
  }

  progress({looking, done, total}) {
    this.q('.sh-look').hidden = !looking || done >= total;
    this.q('.sh-look span').textContent = `Reading headers: ${done} of ${total}`;
    this.q('.sh-look i').style.width = `${total ? (done / total) * 100 : 0}%`;
  }

  offerFilters() {
    const kinds = kindCounts(this.cards.values());
    const titles = kinds.map(([kind, count]) => [kind, `${kindTitle(kind)} (${count})`]);
    const refill = (select, all, pairs) => fillOptions(select, [['', all], ...pairs], select.value);
    refill(this.q('.sh-kind'), 'All kinds', titles);
    const folders = foldersOf(this.cards.values()).map((folder) => [folder, folder]);
    refill(this.q('.sh-folder'), 'All folders', folders);
    this.q('.sh-folder').hidden = !folders.length;
  }

  /** Resolves when no row is pressed and no row's menu is open: a row made anew would close it. */
  async released() {
    while (this.held || this.q('.cs-menu:popover-open')) await pause(50);
  }

  /** Asks until everything that changed has been told; one question at a time. Unless `look`, only
   *  for what the studio has changed itself. */
  async load(look = true) {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    await attempt(() => this.asked(look));
    this.busy = false;
    if (this.told) tell('studio:labels', {});
    this.told = false;
  }
  async asked(first) {
    let answer = null;
    do {
      const look = this.again || (first && !answer);
      this.again = false;
      const {epoch, version} = this;
      answer = await call(this.server.library({base: this.props.base, epoch, since: version, look}));
      await this.released();
      this.learn(answer);
      if (answer.looking && !answer.more) await pause(250);
    } while (this.element.isConnected && (answer.more || answer.looking || this.again));
  }

  /** Another search, filter or order: the list begins at its top. */
  restart() {
    this.view.scrollTop = 0;
    this.render();
  }

  listen() {
    this.q('.sh-buttons').append(
      this.onlyStars,
      iconButton('trash', 'Trash of the library', () => showTrash(this)),
      iconButton('refresh', 'Look again', () => this.load()),
    );
    this.q('.sh-search').addEventListener('input', () => this.restart());
    for (const name of ['.sh-kind', '.sh-sort', '.sh-folder']) {
      this.q(name).addEventListener('change', () => {
        this.sorted = null;
        this.restart();
      });
    }
    this.q('.cs-switch').addEventListener('click', (event) => {
      flip(event.currentTarget);
      this.restart();
    });
    const paint = () => this.paint();
    this.view.addEventListener('scroll', () => requestAnimationFrame(paint), {passive: true});
    new ResizeObserver(paint).observe(this.view);
    this.view.addEventListener('pointerdown', (event) => {
      this.held = event.pointerType === 'mouse';
    });
    const release = (event) => {
      if (!event.buttons) this.held = false;
    };
    for (const name of ['pointerup', 'pointermove', 'dragend']) {
      document.addEventListener(name, release, {passive: true});
    }
    hear(this.element, 'studio:library', () => this.load());
    this.part.watch('base', () => this.load());
    new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.part.trigger('shown');
      this.load();
    }).observe(this.element);
  }
}

export function mount(part) {
  new Library(part).listen();
}
