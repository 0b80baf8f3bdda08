// The list of datasets: a cover, a name, how many images have a caption.
import {fileUrl} from '../core/address.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {iconButton} from '../core/icons.js';

const NONE = 'None yet. Open a folder by its path, or add images.';

const stateText = (images, captioned) =>
  `${count(images, 'image')} · ${captioned === images ? 'all captioned' : `${captioned} captioned`}`;

export class DatasetList {
  /** `open(id)` is a click, `cover(info)` resolves with {path} of a small image, or nothing;
   *  `forget(id)` takes a folder off the list. */
  constructor({open, cover, forget}) {
    Object.assign(this, {open, cover, forget});
    this.infos = new Map(); // id → what the server says of it
    this.node = el('div.cs-datasets', {role: 'list', 'aria-label': 'Datasets'});
  }

  async fillCover(host, info) {
    let found = null;
    try {
      found = await this.cover(info);
    } catch {
      /* then there is none */
    }
    host.classList.remove('cs-skeleton');
    if (found?.path) host.append(el('img', {src: fileUrl(found.path), alt: ''}));
  }
  card(info, current) {
    const cover = el(`span.cs-dataset-cover${info.cover ? '.cs-skeleton' : ''}`);
    if (info.cover) this.fillCover(cover, info);
    const attributes = {
      type: 'button',
      'aria-current': info.id === current,
      'data-id': info.id,
      title: info.id,
      disabled: Boolean(info.problem && !info.images && info.opened),
      onclick: () => this.open(info.id),
    };
    const share = info.images ? info.captioned / info.images : 0;
    const word = info.sample ? 'sample' : typeof info.class_images === 'string' && 'class images';
    const words = [
      el('span.cs-dataset-name', {}, el('b', {}, info.name), word && el('span.cs-chip', {}, word)),
      el('span.cs-small.cs-muted.cs-number', {}, info.problem || stateText(info.images, info.captioned)),
      el('span.cs-progress', {}, el('i', {style: {width: `${share * 100}%`}})),
    ];
    const card = el('button.cs-dataset', attributes, cover, el('span.cs-dataset-words', {}, words));
    if (!info.opened) return el('div.cs-dataset-line', {role: 'listitem'}, card);
    const label = `Take ${info.name} off this list; its files stay`;
    return el(
      'div.cs-dataset-line',
      {role: 'listitem'},
      card,
      iconButton('close', label, () => this.forget(info.id)),
    );
  }

  show(datasets, current) {
    this.infos = new Map(datasets.map((info) => [info.id, info]));
    const none = () => el('p.cs-small.cs-muted', {style: {margin: '0'}}, NONE);
    this.node.replaceChildren(...(datasets.length ? datasets.map((info) => this.card(info, current)) : [none()]));
  }
  /** Marks the one that is open. */
  select(id) {
    for (const card of this.node.querySelectorAll('.cs-dataset')) {
      card.setAttribute('aria-current', card.dataset.id === id);
    }
  }
  cardOf(id) {
    return this.node.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }
  /** Counts anew what one of them has. */
  count(id, images, captioned) {
    const card = this.cardOf(id);
    if (!card) return;
    card.querySelector('.cs-small').textContent = stateText(images, captioned);
    card.querySelector('.cs-progress > i').style.width = `${images ? (100 * captioned) / images : 0}%`;
  }
}
