// Line icons, and the buttons that carry them.
import {el, svg} from './dom.js';

const ICONS = {
  up: 'M12 19V5M5 12l7-7 7 7',
  down: 'M12 5v14M5 12l7 7 7-7',
  close: 'M6 6l12 12M18 6L6 18',
  grip: 'M9 5h.01M15 5h.01M9 12h.01M15 12h.01M9 19h.01M15 19h.01',
  plus: 'M12 5v14M5 12h14',
  undo: 'M4 9h10a6 6 0 010 12h-3M4 9l5-5M4 9l5 5',
  refresh: 'M20 11a8 8 0 10-2.3 6.3M20 5v6h-6',
  check: 'M5 13l5 5L20 7',
  warn: 'M12 4l9 16H3L12 4zM12 10v4M12 17h.01',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  reuse: 'M4 12a8 8 0 0114-5l2 2M20 4v5h-5M20 12a8 8 0 01-14 5l-2-2M4 20v-5h5',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  stop: 'M7 7h10v10H7z',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  text: 'M4 6h16M4 12h16M4 18h9',
  cube: 'M12 3l8 4.5v9L12 21l-8-4.5v-9L12 3zM4 7.5l8 4.5 8-4.5M12 12v9',
  star: 'M12 3.5l2.6 5.4 5.9.8-4.300 4.100 1.100 5.900L12 16.900l-5.300 2.800 1.100-5.900L3.500 9.700l5.900-.800z',
  save: 'M5 4h11l3 3v13H5V4zM8 4v5h7V4M8 20v-6h8v6',
  brush: 'M20 4l-9 9M8 13l3 3c0 3-3 4-7 4 2-1 1-3 1-4a3 3 0 013-3z',
  folder: 'M3 6h6l2 2h10v11H3V6z',
  crop: 'M6 2v16h16M2 6h16v16',
  pin: 'M9 4h6l-1 6 4 4H6l4-4-1-6zM12 14v6',
};
const HEAVY = ['grip', 'more'];

export function icon(name, size = 16) {
  const stroke = {
    stroke: 'currentColor',
    'stroke-width': HEAVY.includes(name) ? 3 : 2,
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
  };
  return svg(
    'svg',
    {viewBox: '0 0 24 24', width: size, height: size, fill: 'none', ...stroke, 'aria-hidden': 'true'},
    svg('path', {d: ICONS[name]}),
  );
}

export function iconButton(name, label, onclick, extra = '') {
  const attributes = {type: 'button', title: label, 'aria-label': label, onclick};
  return el(`button.cs-button.cs-quiet.cs-icon${extra}`, attributes, icon(name));
}

/** A button with words, and an icon in front of them unless `name` is null. */
export function labelled(name, label, onclick, extra = '') {
  return el(`button.cs-button${extra}`, {type: 'button', onclick}, name && icon(name, 15), label);
}
