// A slider whose filled part follows its thumb.
import {el} from './dom.js';

/** {node, set(value)}: `input(value)` hears of a person's change; `attributes` are min, max, step and more. */
export function range(label, attributes, value, input) {
  const node = el('input.st-slider', {type: 'range', ...attributes, value, 'aria-label': label});
  const fill = () => {
    const whole = attributes.max - attributes.min || 1;
    node.style.setProperty('--fill', `${((node.value - attributes.min) / whole) * 100}%`);
  };
  node.addEventListener('input', () => {
    fill();
    input(Number(node.value));
  });
  fill();
  return {
    node,
    set(to) {
      node.value = to;
      fill();
    },
  };
}
