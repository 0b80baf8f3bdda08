// Cards to choose a method from: what it is, what it trains, what it costs here. A radio group.
// Owns: how the cards look and the keys. Refuses to know: where the facts come from.
import {el} from '../core/dom.js';
import {count, formatBytes, formatDuration} from '../core/format.js';
import {wrap} from '../core/values.js';

const KEYS = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1};

/** A drawing of our own; the page gets it as text so that it takes the page's colours. */
function drawing(text) {
  const parsed = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  const node = document.importNode(parsed, true);
  node.setAttribute('class', 'cs-method-drawing');
  node.setAttribute('aria-hidden', 'true');
  return node;
}

function cost(seen, base) {
  if (!seen) {
    const title = `No run with this method on ${base} has finished in this workspace`;
    return el('span.cs-method-cost', {title}, 'Not measured here yet');
  }
  const runs = count(seen.runs, 'finished run');
  const title = `Median of ${runs} on ${base} in this workspace, ${count(seen.steps, 'step')}`;
  const text = [seen.bytes && formatBytes(seen.bytes), `${formatDuration(seen.seconds)} here`];
  return el('span.cs-method-cost.cs-number', {title}, text.filter(Boolean).join(' · '));
}

/** {node, render(methods, chosen, family, base)}; `choose(name)` is a click or an arrow key. */
export function methodCards(choose) {
  const node = el('div.cs-methods', {role: 'radiogroup', 'aria-label': 'Method'});
  let before = '';

  function card(method, {chosen, stop, family, base}) {
    const reason = method.unsupported[family];
    const attributes = {
      type: 'button',
      role: 'radio',
      'aria-checked': method.name === chosen,
      disabled: Boolean(reason),
      'data-method': method.name,
      title: method.summary,
      tabindex: method.name === stop ? '0' : '-1',
      onclick: () => choose(method.name),
    };
    const last = reason ? el('span.cs-method-reason.cs-small', {}, reason) : cost(method.seen[base], base);
    const words = [el('b', {}, method.title), el('span.cs-small', {}, method.summary), last];
    return el('button.cs-method', attributes, drawing(method.drawing), el('span.cs-method-words', {}, words));
  }
  function render(methods, chosen, family, base) {
    const key = JSON.stringify([methods, chosen, family, base]);
    if (key === before) return;
    before = key;
    const focused = node.contains(document.activeElement);
    const free = methods.filter((method) => !method.unsupported[family]);
    const stop = (free.find((method) => method.name === chosen) || free[0])?.name;
    node.replaceChildren(...methods.map((method) => card(method, {chosen, stop, family, base})));
    if (focused) node.querySelector('[tabindex="0"]')?.focus();
  }
  node.addEventListener('keydown', (event) => {
    const by = KEYS[event.key];
    if (!by) return;
    event.preventDefault();
    const free = [...node.children].filter((one) => !one.disabled);
    const next = free[wrap(free.indexOf(document.activeElement) + by, free.length)];
    if (next) choose(next.dataset.method);
  });
  return {node, render};
}
