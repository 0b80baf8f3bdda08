// The images of the open comparison. Owns: how they are shown, as a grid or side by side, with one zoom for
// all. Refuses to know: which comparison is open (`opened.js`).
import {el} from '../core/dom.js';
import {message} from '../core/notices.js';
import {tables} from '../core/tables.js';
import {comparisonGrid} from './cells.js';
import {missingReasons, rowsOf} from './measures.js';
import {follow} from './opened.js';
import {sideBySide} from './side_by_side.js';
import {Zoom} from './zoom.js';

class Images {
  constructor({element}) {
    this.host = element.querySelector('.cm-view');
    this.shown = null;
    this.mode = 'grid';
    this.baseline = -1; // the column that differences are shown to
    this.pair = {a: 0, b: 1, row: 0, split: 50};
    this.zoom = new Zoom(
      () => this.host,
      (zoom) => {
        const range = this.host.querySelector('.cm-zoom');
        if (range) range.value = Math.log2(zoom);
      },
    );
  }

  setMode(mode) {
    this.mode = mode;
    this.view();
  }
  /** A click on a cell shows it beside another column. */
  choose(column, row) {
    if (this.zoom.zoom > 1) return;
    const at = rowsOf(this.shown).findIndex((one) => one.prompt === row.prompt && one.seed === row.seed);
    Object.assign(this.pair, {row: at, a: 0, b: column || Math.min(1, this.shown.columns.length - 1)});
    this.setMode('ab');
  }

  toolbar() {
    const {shown, mode} = this;
    const tab = (name, label) => {
      const on = mode === name;
      const attributes = {type: 'button', 'aria-pressed': String(on), onclick: () => this.setMode(name)};
      return el(`button.cs-button${on ? '.is-on' : ''}`, attributes, label);
    };
    const tabs = [tab('grid', 'Grid'), shown.columns.length > 1 && tab('ab', 'Side by side')];
    const limits = {type: 'range', min: 0, max: 4, step: 0.05, value: Math.log2(this.zoom.zoom)};
    const range = el('input.cm-zoom.st-slider', {...limits, 'aria-label': 'Zoom of all images'});
    range.addEventListener('input', () => this.zoom.scale(2 ** Number(range.value)));
    return el(
      'div.cs-toolbar.cm-toolbar',
      {},
      el('div.cm-modes', {role: 'group', 'aria-label': 'View'}, tabs),
      el('label.cm-zoomer.cs-small.cs-muted', {}, 'Zoom', range),
      mode === 'grid' && this.against(),
    );
  }
  against() {
    const option = (value, text) => el('option', {value, selected: this.baseline === value}, text);
    const onchange = (event) => {
      this.baseline = Number(event.currentTarget.value);
      this.view();
    };
    const columns = this.shown.columns.map((column, at) => option(at, `difference to ${column.name}`));
    return el('select.cs-input', {'aria-label': 'Difference to', onchange}, option(-1, 'no difference'), columns);
  }

  notes() {
    const notes = (this.shown.notes || []).map((text) => message({what: text}, 'info'));
    if (notes.length) return notes;
    const line = ([why, titles]) => el('p.cs-small.cs-muted.cm-why', {}, `— ${titles.join(', ')}: ${why}`);
    return missingReasons(this.shown, tables.measures).map(line);
  }
  images() {
    const {shown, baseline} = this;
    if (this.mode === 'ab') return sideBySide(shown, this.pair, () => this.view());
    return comparisonGrid(shown, {baseline, choose: (column, row) => this.choose(column, row)});
  }

  view() {
    const {shown, host} = this;
    if (!shown) {
      host.replaceChildren();
      return;
    }
    const old = host.querySelector('.cm-grid');
    const scroll = [old?.scrollLeft || 0, old?.scrollTop || 0];
    const last = shown.columns.length - 1;
    Object.assign(this.pair, {a: Math.min(this.pair.a, last), b: Math.min(this.pair.b, last)});
    if (last < 1) this.mode = 'grid';
    const images = this.images();
    this.zoom.listen(images);
    host.replaceChildren(this.toolbar(), ...this.notes(), images);
    host.querySelector('.cm-grid')?.scrollTo(...scroll);
    this.zoom.place();
  }
  show(comparison) {
    if (comparison?.id !== this.shown?.id) {
      this.baseline = -1;
      this.zoom.reset();
    }
    this.shown = comparison;
    this.view();
  }
}

export function mount(part) {
  const images = new Images(part);
  follow(part.element, 'images', (comparison) => images.show(comparison));
}
