// Generated images. Owns: the run bar, the newest batch, earlier images.
// Refuses to know: settings; it names an image, and Python reads what is written in its file.
import {laneTitle} from '../core/adapters.js';
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {lanesNow} from '../core/channel.js';
import {copyText} from '../core/clipboard.js';
import {el, sharpen} from '../core/dom.js';
import {count, fileName} from '../core/format.js';
import {hand} from '../core/handover.js';
import {icon, iconButton, labelled} from '../core/icons.js';
import {runBar} from '../core/run_bar.js';
import {poll} from '../core/timing.js';
import {byDay, cellOfPreview} from './image_list.js';
import {jobQueue} from './job_queue.js';
import {laneGrid} from './lane_grid.js';
import {enlargeImage} from './large_view.js';

const LOOK_EVERY = 500; // milliseconds
const IDLE_LOOKS = 8; // while nothing runs, every eighth time
const ENDED = ['finished', 'cancelled'];

class Images {
  constructor({element, trigger, server}) {
    Object.assign(this, {element, trigger, server});
    this.task = null;
    this.lanes = []; // names, of the newest batch
    this.results = []; // the newest batch
    this.earlier = [];
    this.more = false; // whether there are earlier ones still
    this.finished = null; // the task whose images are shown
    this.loaded = false; // whether the server has been asked at all
    this.idle = 0;
    const forever = labelled('reuse', 'Forever', () => this.bar.press(() => trigger('generate', {repeats: true})));
    forever.title = 'Generate again and again, with another seed each time, until you stop it';
    const see = iconButton('image', 'To the images', () => this.q('.pg-results').scrollIntoView(), '.pg-see');
    this.bar = runBar(this.q('.pg-run'), {
      label: 'Generate',
      queues: true,
      more: [forever, see],
      start: () => trigger('generate', {repeats: false}),
      cancel: () => server.interrupt({}),
      look: () => this.look(),
    });
    const change = async (action) => {
      await call(server.queue_change({action}));
      await this.look();
    };
    this.queue = jobQueue(this.q('.jq'), {
      remove: async (id) => {
        await call(server.queue_remove({id}));
        await this.look();
      },
      clear: () => change('clear'),
      resume: () => change('resume'),
      stopRepeating: () => change('once'),
    });
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  get running() {
    return this.task?.state === 'running';
  }

  /** A lane's image gives its settings back to that lane, any other to the lane used last. */
  reuse(image) {
    const {lanes, current} = lanesNow();
    const lane = image.lane ? lanes.findIndex((one, k) => laneTitle(one, k) === image.lane) : current;
    this.trigger('reuse', {id: image.id, lane: Math.max(lane, 0), stack: true});
  }
  enlarge(list, image) {
    enlargeImage(list, image, {
      ask: (id) => call(this.server.image({id})),
      reuse: (one) => this.reuse(one),
      begin: (one, inpaint = false) => this.trigger('begin', {id: one.id, inpaint}),
    });
  }

  cell(image) {
    const src = fileUrl(image.path);
    const onload = (event) => sharpen(event.currentTarget);
    const alt = image.prompt || 'generated image';
    const open = {
      type: 'button',
      'aria-label': `Enlarge the image with seed ${image.seed}`,
      onclick: () => this.enlarge(this.results, image),
    };
    const copy = () => copyText(image.parameters || '', 'Parameters copied');
    const save = {href: src, download: fileName(image.id), title: 'Download', 'aria-label': 'Download'};
    return el(
      'figure.cs-cell.pg-cell',
      {'data-id': image.id},
      el('button.pg-open', open, el('img', {src, alt, loading: 'lazy', draggable: 'true', onload})),
      el(
        'figcaption',
        {},
        el('span.cs-number.cs-small.cs-muted', {}, `seed ${image.seed ?? '–'}`),
        el('span.cs-spacer'),
        iconButton('reuse', 'Use these settings again', () => this.reuse(image)),
        iconButton('copy', 'Copy the parameters', copy),
        el('a.cs-button.cs-quiet.cs-icon', save, icon('download')),
      ),
    );
  }

  newest() {
    const {running, results} = this;
    const lanes = running ? this.task.about.lanes : this.lanes;
    const host = this.q('.pg-results');
    host.classList.toggle('is-waiting', running);
    host.classList.toggle('is-lanes', lanes.length > 1);
    if (lanes.length > 1) {
      const seeds = this.task?.about.seeds || [];
      host.replaceChildren(laneGrid({lanes, images: results, running, seeds}, (image) => this.cell(image)));
    } else if (running) {
      const blank = () => el('div.cs-cell', {}, el('div.cs-skeleton.pg-blank'));
      host.replaceChildren(...Array.from({length: this.task.about.count || 0}, blank));
    } else host.replaceChildren(...results.map((image) => this.cell(image)));
  }

  render() {
    this.newest();
    const {results, earlier} = this;
    this.q('.pg-empty').hidden = this.running || results.length > 0 || earlier.length > 0;
    const old = earlier.filter((image) => !results.some((other) => other.id === image.id));
    const thumb = (image) => {
      const label = `Enlarge ${fileName(image.id)}`;
      const attributes = {type: 'button', 'aria-label': label, onclick: () => this.enlarge(old, image)};
      return el('button.pg-thumb', attributes, el('img', {src: fileUrl(image.path), alt: '', loading: 'lazy'}));
    };
    const today = new Date().toLocaleDateString('sv');
    const days = byDay(old).flatMap(([day, images]) => [
      el('h4.cs-small.cs-muted', {}, day === today ? 'Today' : day),
      el('div.pg-strip', {}, images.map(thumb)),
    ]);
    this.q('.pg-earlier').hidden = !old.length;
    this.q('.pg-days').replaceChildren(...days);
    this.q('.pg-more').hidden = !this.more;
  }

  /** What the images being generated look like so far, in the places that wait for them. */
  previews() {
    const {lanes, count: perLane} = this.task.about;
    const results = this.q('.pg-results');
    const many = lanes.length > 1;
    const cells = many ? results.querySelectorAll('.lg-cell > .cs-cell') : results.children;
    for (const [place, url] of Object.entries(this.task.previews || {})) {
      const host = cells[many ? cellOfPreview(place, perLane, lanes.length) : place];
      if (!host) continue;
      let image = host.querySelector('img');
      if (!image) {
        image = el('img.pg-preview', {alt: 'an image being generated'});
        host.replaceChildren(image);
      }
      if (image.src !== url) image.src = url;
    }
  }

  /** Earlier images: more of them, or as many as are shown now. */
  async history(offset = 0) {
    await attempt(async () => {
      const count = offset ? 0 : this.earlier.length;
      const answer = await call(this.server.history({offset, count}));
      this.earlier = offset ? [...this.earlier, ...answer.images] : answer.images;
      this.more = answer.more;
    });
    this.render();
  }

  async look() {
    let answer;
    try {
      answer = await call(this.server.status({known: this.finished || ''}));
    } catch {
      return; // the next look tells
    }
    const before = this.task;
    this.task = answer.task;
    if (this.task && (this.task.id !== before?.id || this.task.state !== before.state)) await this.changed(before);
    if (this.running && this.task.result && this.task.result.images.length !== this.results.length) {
      this.results = this.task.result.images; // a lane is ready
      this.render();
    }
    this.loaded = true;
    if (this.running) this.previews();
    this.queue.paint(answer.queue);
    this.bar.paint(this.task, answer.training, () => count(this.results.length, 'image'));
  }

  async changed(before) {
    const {task} = this;
    if (task.state === 'failed' && task.error.kind === 'MismatchError') this.trigger('finished', {id: task.id});
    if (this.running) this.results = [];
    if (ENDED.includes(task.state) && task.result) {
      this.finished = task.id;
      this.results = task.result.images;
      this.lanes = task.about.lanes;
      this.trigger('finished', {id: task.id});
      if (!this.loaded && this.results.length) hand('generate:lanes', task.result.lanes);
    }
    const next = before?.state === 'running' && before.id !== task.id; // the one before ended unseen
    if (!this.running || next) await this.history();
    this.render();
  }

  async tick() {
    this.idle += 1;
    if (this.running || this.bar.starting || this.idle % IDLE_LOOKS === 1) await this.look();
  }
  answered() {
    this.bar.answered();
    this.look();
  }
}

export function mount(part) {
  const images = new Images(part);
  images.bar.shortcut(document.querySelector('.gen-layout') || document.body);
  images.q('.pg-more').addEventListener('click', () => images.history(images.earlier.length));
  part.watch('started', () => images.answered());
  part.watch('refused', () => images.answered());
  images.history();
  poll(part.element, () => images.tick(), LOOK_EVERY);
}
