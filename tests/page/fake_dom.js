// As much of a document as the page's own elements need, for tests of what is shown without a browser.

class Node {}

class Text extends Node {
  constructor(text) {
    super();
    this.textContent = text;
  }
}

class Element extends Node {
  constructor(tag) {
    super();
    Object.assign(this, {tag, className: '', children: [], attributes: {}, heard: {}, parent: null, dataset: {}});
    this.style = {setProperty: (name, value) => (this.style[name] = value)};
  }
  get textContent() {
    return this.children.map((child) => child.textContent).join('');
  }
  set textContent(text) {
    this.replaceChildren(new Text(String(text)));
  }
  get classList() {
    return {add: (name) => (this.className += ` ${name}`)};
  }
  append(...children) {
    for (const child of children) child.parent = this;
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = [];
    this.append(...children);
  }
  remove() {
    this.parent.children = this.parent.children.filter((child) => child !== this);
  }
  setAttribute(name, value) {
    this.attributes[name] = String(value);
  }
  getAttribute(name) {
    return this.attributes[name] ?? null;
  }
  addEventListener(name, action) {
    this.heard[name] = action;
  }
  /** The first below it for which `fits` holds. */
  find(fits) {
    for (const child of this.children.filter((one) => one instanceof Element)) {
      const found = fits(child) ? child : child.find(fits);
      if (found) return found;
    }
    return null;
  }
}

const TABLES = {
  run_states: {},
  methods: {lora: 'LoRA'},
  kinds: {lora: {title: 'LoRA', colour: 'lora', glyph: 'cube'}},
};

globalThis.Node = Node;
globalThis.document = {
  body: new Element('body'),
  createElement: (tag) => new Element(tag),
  createElementNS: (_, tag) => new Element(tag),
  createTextNode: (text) => new Text(text),
  getElementById: () => ({textContent: JSON.stringify(TABLES)}),
  querySelector: () => null,
  querySelectorAll: () => [],
  addEventListener: () => {},
};
