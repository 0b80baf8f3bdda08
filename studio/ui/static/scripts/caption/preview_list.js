// What a preview would write: caption now and then, image by image. Owns: how it looks.
import {el} from '../core/dom.js';

const NOTHING = 'Nothing was written.';

/** `report` is that of a captioning that wrote nothing. */
export function previewList({would = {}, marked = {}, broken = {}}) {
  const one = (file, before, after, why) =>
    el(
      'div.cs-change.cs-small',
      {'data-file': file},
      el('b', {}, file),
      before && el('del', {}, before),
      after && el('ins', {}, after),
      why && el('span.cs-muted', {}, why),
    );
  const rows = [
    ...Object.entries(would).map(([file, {before, after}]) => one(file, before, after)),
    ...Object.entries(marked).map(([file, {text, why}]) => one(file, text, '', `${why}: it would be marked.`)),
    ...Object.entries(broken).map(([file, why]) => one(file, '', '', why)),
  ];
  const none = 'Every image has a caption already; choose another group.';
  const said = el('p.cs-small.cs-muted', {style: {margin: '0'}}, rows.length ? NOTHING : none);
  return el('div.cs-stack.cs-preview', {style: {gap: '6px'}}, el('b', {}, 'Preview'), rows, said);
}
