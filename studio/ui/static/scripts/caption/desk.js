// Seeing and editing the images of the dataset that is open: grid, big view, filter, tags, tokens. Owns: how
// these work together. Refuses to know: which datasets there are, captioners, checks.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {BigView, keyTable} from './big_view.js';
import {onlyPanel} from './check.js';
import {Completion} from './completion.js';
import {DiskWatch} from './disk_watch.js';
import {FilterBar} from './filter_bar.js';
import {FilterError, quote} from './filter_words.js';
import {CaptionGrid} from './grid.js';
import {GRID_KEYS} from './grid_keys.js';
import {button} from './panels.js';
import {QuickTags} from './quick_tags.js';
import {Saving} from './saving.js';
import {TagIndex, toggleTag} from './tag_index.js';
import {TagList} from './tag_list.js';
import {TokenCounts, tokenWords} from './tokens.js';
import {hasTrigger} from './trigger.js';

const SLICE = 400; // captions whose tags are counted before the page may do something else
const NO_WORD = 'This dataset names no trigger word';

export class Desk {
  /** `around`: dataset() id, trigger() of it, changed() counts anew, saved() a caption is on disk, refresh()
   *  the captions, reopen() the dataset. `root` is the part of the page with all of it. */
  constructor(server, around, root) {
    Object.assign(this, {server, around});
    this.index = new TagIndex();
    this.only = el('div');
    this.fresh = el('div');
    this.tokens = new TokenCounts(server, (all) => this.counted(all));
    this.saving = new Saving({
      save: ({dataset, file}, text, before) => call(server.save_caption({dataset, file, text, before})),
      said: (item) => this.sync(item),
      stored: (item) => this.stored(item),
    });
    this.grid = new CaptionGrid({
      saving: this.saving,
      thumbnails: (files) => call(server.thumbnails({dataset: around.dataset(), files})),
      changed: () => this.changed(),
      open: (item) => this.big.show(item),
      facts: (item) => this.marks(item),
      seen: (items) => this.tokens.want(items.map(({caption}) => caption)),
    });
    this.quick = new QuickTags({
      keep: (tags) => call(server.pin_tags({dataset: around.dataset(), tags})),
      toggle: (tag) => this.big.write(toggleTag(this.big.item.caption, tag)),
      changed: () => this.pinned(),
    });
    this.big = new BigView({
      grid: this.grid,
      saving: this.saving,
      large: (file) => call(server.large_copy({dataset: around.dataset(), file})),
      facts: (item) => this.marks(item),
      quick: this.quick,
      host: root,
    });
    this.tags = new TagList(this.index, this.quick, {
      use: (tag) => this.filter.write(`tag:${quote(tag)}`),
      edit: (step) => this.edit(step),
    });
    this.filter = new FilterBar(server, {
      filter: (conditions) => this.choose(conditions),
      ready: (filter) => this.ready(filter),
      facts: (item) => this.facts(item),
    });
    this.watch = new DiskWatch({
      node: this.grid.node,
      look: (seen) => call(server.look_again({dataset: around.dataset(), seen})),
      inView: () => [...new Set([...this.grid.cells.values()].map(({item}) => item).concat(this.big.item || []))],
      saving: this.saving,
      grid: this.grid,
      all: () => around.refresh(),
    });
    this.completion = new Completion(root, () => this.index.all());
    this.node = el(
      'div.cs-stack.cs-desk',
      {},
      this.toolbar(),
      this.filter.below,
      this.only,
      this.fresh,
      this.grid.node,
      this.keys(),
    );
  }

  toolbar() {
    const {grid} = this;
    const limits = {type: 'range', min: 150, max: 360, value: grid.width, 'aria-label': 'Size of the images'};
    const size = el('input', {...limits, oninput: () => grid.size(Number(size.value))});
    const pick = () => (grid.selected.size ? grid.clearSelection() : grid.selectShown());
    this.pickAll = button('Select all', pick, {kind: '.cs-quiet'});
    const first = el(
      'div.cs-toolbar',
      {},
      this.filter.segments,
      el('span.cs-spacer'),
      this.tokens.node,
      this.pickAll,
      size,
    );
    return el(
      'div.cs-stack',
      {style: {gap: '8px'}},
      first,
      el('div.cs-filter-line', {}, this.filter.input, this.filter.help),
    );
  }
  keys() {
    this.keyList = el('details.cs-fold.cs-small', {}, el('summary.cs-muted', {}, 'Keys'), keyTable(GRID_KEYS));
    this.grid.node.addEventListener('keydown', (event) => {
      if (event.key === '?' && event.target.tagName !== 'TEXTAREA') this.keyList.open = !this.keyList.open;
    });
    return this.keyList;
  }

  /** Shows a dataset as the server tells of it. */
  open(data) {
    this.big.dialog?.close();
    this.showOnly(null);
    this.fresh.replaceChildren();
    this.index.clear();
    const items = data.items.map((item) => ({
      ...item,
      dataset: data.id,
      seen: item.caption,
      look: data.to_review[item.file] || '',
      by: data.writers[item.file],
    }));
    this.grid.conditions = {state: 'all'};
    this.filter.state('all');
    this.grid.show(items, data.sample);
    this.tags.opened(data.sample);
    this.readTags(items);
    attempt(() => this.tokens.begin().then(() => this.grid.render()));
    attempt(async () => this.quick.opened(await this.filter.opened(data.id)));
  }
  /** Counts the tags of thousands of captions a little at a time. */
  readTags(items, from = 0) {
    if (items !== this.grid.items) return; // another dataset is open
    for (const item of items.slice(from, from + SLICE)) this.index.sync(item);
    if (from + SLICE < items.length) setTimeout(() => this.readTags(items, from + SLICE));
    else this.tags.changed();
  }
  /** New captions from the server, except for what is being typed, and which need a look. */
  update({captions, to_review: looks, writers}) {
    const known = new Set();
    for (const item of this.grid.items) {
      known.add(item.file);
      item.gone = !(item.file in captions) && !item.problem;
      if (!(item.file in captions) || this.saving.busy(item)) continue;
      const caption = captions[item.file];
      Object.assign(item, {caption, seen: caption, look: looks[item.file] || '', by: writers[item.file]});
    }
    this.readTags(this.grid.items);
    this.grid.refilter();
    this.sync();
    this.changed();
    this.arrived(Object.keys(captions).filter((file) => !known.has(file)).length);
  }
  arrived(number) {
    const words = el('span', {}, `${count(number, 'image')} more in the folder now`);
    const show = button('Show', () => this.around.reopen(), {kind: '.cs-quiet'});
    this.fresh.replaceChildren(...(number ? [el('div.cs-only', {role: 'status'}, words, show)] : []));
  }

  /** The trigger word of an item; empty where none is named. */
  word(item) {
    return item.word || this.around.trigger();
  }
  facts(item) {
    const {file, caption} = item;
    const word = this.word(item);
    return {file, caption, tokens: this.tokens.of(caption), trigger: Boolean(word) && hasTrigger(caption, word)};
  }
  /** What cell and big view show beside a caption. */
  marks(item) {
    const word = this.word(item);
    const lacks = word && item.caption.trim() && !hasTrigger(item.caption, word) ? word : '';
    const tokens = this.tokens.of(item.caption);
    if (tokens === undefined) this.tokens.want([item.caption]);
    return [tokenWords(tokens, this.tokens.room), lacks];
  }
  /** Before a filter chooses: what it needs is known. */
  async ready({needs}) {
    if (needs.trigger && !this.grid.items.some((item) => this.word(item))) {
      throw new FilterError(NO_WORD, ...needs.trigger, 'Name one with “Change” above.');
    }
    if (!needs.tokens) return;
    const known = await this.tokens.count(this.grid.items.map(({caption}) => caption));
    if (!known) throw new FilterError(this.tokens.problem || 'Another base was chosen', ...needs.tokens);
  }
  choose(conditions) {
    this.grid.filter(conditions);
    this.around.changed();
  }
  counted(all = false) {
    this.grid.sync();
    this.big.sync();
    this.grid.render();
    if (all && this.filter.input.value.includes('tokens:')) this.filter.apply();
  }
  /** Only these images, for a reason; null shows all again. */
  showOnly(files, title = '') {
    const all = () => this.showOnly(null);
    this.only.replaceChildren(...(files ? [onlyPanel(files.length, title, all)] : []));
    if (files) this.filter.state('all');
    this.choose({only: files && new Set(files)});
    if (files) this.only.scrollIntoView({block: 'nearest'});
  }

  sync(item = null) {
    this.grid.sync(item);
    this.big.sync(item);
  }
  stored(item) {
    if (item.dataset !== this.around.dataset()) return; // another one is open by now
    this.index.sync(item);
    this.tags.changed();
    this.sync(item);
    this.around.changed();
    this.around.saved();
  }
  pinned() {
    this.quick.show(this.big.item?.caption || '');
    this.tags.show();
  }
  changed() {
    this.around.changed();
  }
  /** Makes one edit of all captions. */
  async edit(step) {
    this.saving.flush();
    const asked = {dataset: this.around.dataset(), action: 'apply', steps: [step], files: []};
    const done = await call(this.server.edit_captions(asked));
    await this.around.refresh();
    return done;
  }
}
