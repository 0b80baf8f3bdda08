// An adapter file as lists and cards show it: small image, kind, base, size.
import {fileUrl} from './address.js';
import {el} from './dom.js';
import {formatBytes} from './format.js';
import {icon} from './icons.js';
import {tables} from './tables.js';

/** The type of what is dragged when an adapter is: {path, from, lane}. */
export const ADAPTER = 'application/x-studio-adapter';

export const kindTitle = (kind) => tables.kinds[kind]?.title || kind;

const kindColour = (kind) => ({'--st-kind': `var(--cs-${tables.kinds[kind]?.colour || 'muted'})`});

export const laneTitle = (lane, place) => lane.name || `Lane ${place + 1}`;

export function adapterThumb(facts, size = '') {
  if (facts.preview) {
    const attributes = {src: fileUrl(facts.preview), alt: '', draggable: 'false', loading: 'lazy'};
    return el(`img.st-thumb${size}`, attributes);
  }
  const letter = (facts.name || '?').trim().slice(0, 1).toUpperCase();
  const glyph = tables.kinds[facts.kind]?.glyph;
  const attributes = {'aria-hidden': 'true', style: kindColour(facts.kind)};
  return el(`span.st-thumb.st-glyph${size}`, attributes, glyph ? icon(glyph, 20) : letter);
}

export const kindMark = (kind) => el('span.st-kind', {style: kindColour(kind)}, kindTitle(kind));

export function adapterFacts(facts) {
  return el(
    'span.st-meta',
    {},
    facts.kind && kindMark(facts.kind),
    facts.family_title && el('span', {}, facts.family_title),
    facts.size ? el('span.cs-number', {}, formatBytes(facts.size)) : null,
  );
}
