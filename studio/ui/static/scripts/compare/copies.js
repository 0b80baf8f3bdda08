// Small copies of a comparison's images: the server makes them, in batches, for what is in view. Owns: which
// are known. Refuses to know: where they are shown.
import {fileUrl} from '../core/address.js';
import {debounce} from '../core/timing.js';

const AT_ONCE = 24; // copies that are asked for together
const WAIT = 30; // milliseconds

export class Copies {
  /** `ask(id, files)` → {file: {path} or {problem}}; `arrived()` is called when some are new. */
  constructor(ask, arrived) {
    Object.assign(this, {ask, arrived, id: '', folder: ''});
    this.known = new Map();
    this.asked = new Set();
    this.waiting = new Set();
    this.fetch = debounce(() => this.go(), WAIT);
  }

  open(id, folder) {
    if (id === this.id && folder === this.folder) return;
    Object.assign(this, {id, folder});
    for (const one of [this.known, this.asked, this.waiting]) one.clear();
  }
  /** {src}, {problem} or null while it is not known; it is asked for then. `full` is the image itself. */
  of(file, full = false) {
    if (full) return {src: this.full(file)};
    const found = this.known.get(file);
    if (found) return found.path ? {src: fileUrl(found.path)} : found;
    if (!this.asked.has(file)) {
      this.waiting.add(file);
      this.fetch();
    }
    return null;
  }
  full(file) {
    return fileUrl(`${this.folder}/${file}`);
  }
  async go() {
    const wanted = [...this.waiting];
    this.waiting.clear();
    const {id} = this;
    for (const file of wanted) this.asked.add(file);
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const files = wanted.slice(at, at + AT_ONCE);
      try {
        const found = await this.ask(id, files);
        if (id !== this.id) return; // another comparison is open by now
        for (const [file, copy] of Object.entries(found)) this.known.set(file, copy);
        this.arrived();
      } catch {
        for (const file of files) this.asked.delete(file); // asked again when they are in view again
      }
    }
  }
}
