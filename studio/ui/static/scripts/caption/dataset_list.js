// The list of datasets: a cover, a name, how many images have a caption.
import {fileUrl} from '../core/address.js';
import {el} from '../core/dom.js';

const NONE = 'None yet. Open a folder by its path, or add pictures.';

const stateText = (images, captioned) =>
  `${images} pictures · ${captioned === images ? 'all captioned' : `${captioned} captioned`}`;

export class DatasetList {
  /** `open(id)` is a click, `cover(info)` resolves with {path} of a small image, or nothing. */
  constructor({open, cover}) {
    Object.assign(this, {open, cover});
    this.node = el('div.cs-datasets', {role: 'listbox', 'aria-label': 'Datasets'});
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
      role: 'option',
      'aria-selected': info.id === current,
      'data-id': info.id,
      title: info.id,
      onclick: () => this.open(info.id),
    };
    const share = info.pictures ? info.captioned / info.pictures : 0;
    const words = [
      el('span.cs-dataset-name', {}, el('b', {}, info.name), info.sample && el('span.cs-chip', {}, 'sample')),
      el('span.cs-small.cs-muted.cs-number', {}, info.problem || stateText(info.pictures, info.captioned)),
      el('span.cs-progress', {}, el('i', {style: {width: `${share * 100}%`}})),
    ];
    return el('button.cs-dataset', attributes, cover, el('span.cs-dataset-words', {}, words));
  }

  show(datasets, current) {
    const none = () => el('p.cs-small.cs-muted', {style: {margin: '0'}}, NONE);
    this.node.replaceChildren(...(datasets.length ? datasets.map((info) => this.card(info, current)) : [none()]));
  }
  /** Marks the one that is open. */
  select(id) {
    for (const card of this.node.querySelectorAll('.cs-dataset')) {
      card.setAttribute('aria-selected', card.dataset.id === id);
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
