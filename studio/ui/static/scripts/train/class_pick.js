// Beside “Own class images”: the datasets that are class images, of which one fills the setting.
// Owns: the list. Refuses to know: what else is filled with it.
import {el, fillOptions} from '../core/dom.js';
import {count} from '../core/format.js';

const FIELD = 'cs-field-prior-folder';

export class ClassPick {
  /** `use(id)` takes one of them. */
  constructor(use) {
    const onchange = () => {
      if (this.node.value) use(this.node.value);
      this.node.value = '';
    };
    this.node = el('select.cs-input', {'aria-label': 'Datasets of class images', onchange});
    this.any = false;
  }
  show(datasets) {
    const found = datasets.filter((one) => typeof one.class_images === 'string');
    this.any = found.length > 0;
    const label = ({name, images}) => `${name} · ${count(images, 'image')}`;
    fillOptions(this.node, [['', 'Take a dataset …'], ...found.map((one) => [one.id, label(one)])], '');
    this.attach();
  }
  /** Puts it where it belongs, once the field is on the page. */
  attach() {
    const field = document.getElementById(FIELD);
    if (this.any && field && !field.contains(this.node)) field.append(this.node);
    if (!this.any) this.node.remove();
  }
}
