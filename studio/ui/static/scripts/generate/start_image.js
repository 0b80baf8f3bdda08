// An image to start from. Owns: the drop field. Refuses to know: what is generated from it.
// Value: its path, or ''.
import {fileUrl} from '../core/address.js';
import {call, partsOf} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {bringsFiles, el} from '../core/dom.js';
import {labelled} from '../core/icons.js';
import {message} from '../core/notices.js';

const EMPTY = 'Drop an image here: generating then begins at it instead of at noise.';

class StartImage {
  constructor({element, trigger, props, server, upload}) {
    Object.assign(this, {element, trigger, props, server, upload});
    this.shown = null; // {path, name, thumb, large, width, height}
    this.trouble = null;
    this.reading = false;
  }

  q(selector) {
    return this.element.querySelector(selector);
  }

  set(image) {
    this.shown = image;
    this.props.value = image ? image.path : '';
    this.trigger('input');
    this.render();
  }

  async take(file) {
    this.trouble = null;
    this.reading = true;
    this.render();
    try {
      const sent = await this.upload(file);
      this.set(await call(this.server.take_file({path: sent.path, name: file.name})));
    } catch (error) {
      this.trouble = partsOf(error, 'This image could not be sent');
    }
    this.reading = false;
    this.render();
  }

  /** A generated image was chosen elsewhere on the page. */
  async fromPython() {
    if ((this.shown?.path || '') === (this.props.value || '')) return;
    this.trouble = null;
    this.shown = null;
    const path = this.props.value;
    try {
      const found = path && (await call(this.server.describe({path})));
      if (path !== this.props.value) return; // another one was chosen meanwhile
      this.shown = found || null;
    } catch (error) {
      if (path !== this.props.value) return;
      this.trouble = error.parts;
    }
    this.render();
  }

  words() {
    if (this.reading) return 'Reading the image …';
    return this.shown ? this.shown.name : EMPTY;
  }

  render() {
    const {shown} = this;
    const choose = () => this.q('.sp-picker').click();
    const browse = labelled('plus', shown ? 'Another image' : 'Choose an image', choose);
    const remove = shown && labelled('close', 'Remove', () => this.set(null), '.cs-quiet.sp-remove');
    const line = el(`p.cs-small${shown ? '' : '.cs-muted'}`, {role: 'status'}, this.words());
    const side = el('div.sp-side', {}, line, el('div.sp-buttons', {}, browse, remove));
    const thumb = shown && el('img.sp-thumb', {src: fileUrl(shown.thumb), alt: 'the image to start from'});
    this.q('.sp-zone').classList.toggle('is-empty', !shown);
    this.q('.sp-zone').replaceChildren(...(thumb ? [thumb, side] : [side]));
    tell('studio:start-image', shown);
    this.q('.sp-trouble').replaceChildren(...(this.trouble ? [message(this.trouble, 'error')] : []));
  }

  listen() {
    hear(this.element, 'studio:start-image?', (answer) => answer(this.shown));
    const zone = this.q('.sp-zone');
    zone.addEventListener('dragover', (event) => {
      if (!bringsFiles(event)) return;
      event.preventDefault(); // and so the stack, which takes files from everywhere else on the tab, lets it be
      zone.classList.add('is-over');
    });
    zone.addEventListener('dragleave', (event) => {
      if (!zone.contains(event.relatedTarget)) zone.classList.remove('is-over');
    });
    zone.addEventListener('drop', (event) => {
      zone.classList.remove('is-over');
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      this.take(event.dataTransfer.files[0]);
    });
    this.q('.sp-picker').addEventListener('change', (event) => {
      const [file] = event.target.files;
      event.target.value = '';
      if (file) this.take(file);
    });
  }
}

export function mount(part) {
  const field = new StartImage(part);
  field.listen();
  part.watch('value', () => field.fromPython());
  field.render();
  field.fromPython();
}
