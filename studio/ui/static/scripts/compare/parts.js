// The parts of an opened comparison as tabs: images, measures, vote, report. Owns: which one is in view.
// Refuses to know: what they show. Each is an element `.cmp-part-<name>` of the tab.
import {el} from '../core/dom.js';
import {turned} from '../core/turning.js';

/** `parts` are [name, title] pairs; `chosen(name)` hears of a choice. {node, part, show(name), leaveOut(names)};
 *  the first part is never left out. */
export function partTabs(area, parts, chosen) {
  const panels = new Map(parts.map(([name]) => [name, area.querySelector(`.cmp-part-${name}`)]));
  let part = parts[0][0];
  const choose = (name) => {
    show(name);
    chosen(name);
  };
  const tab = ([name, title]) => {
    const id = `cs-compare-part-${name}`;
    const attributes = {type: 'button', role: 'tab', id, 'data-part': name, onclick: () => choose(name)};
    return el('button.cm-part', attributes, title);
  };
  const tabs = parts.map(tab);
  let left = [];
  const node = el('div.cm-parts', {role: 'tablist', 'aria-label': 'Parts of the comparison'}, tabs);

  function show(name) {
    part = panels.has(name) && !left.includes(name) ? name : parts[0][0];
    area.dataset.part = part;
    for (const one of tabs) {
      const on = one.dataset.part === part;
      one.setAttribute('aria-selected', String(on));
      one.tabIndex = on ? 0 : -1;
    }
  }
  for (const [name, panel] of panels) {
    panel.id ||= `cs-compare-panel-${name}`;
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', `cs-compare-part-${name}`);
    tabs.find((one) => one.dataset.part === name).setAttribute('aria-controls', panel.id);
  }
  /** Parts that have nothing to show of the comparison that is open. */
  function leaveOut(names) {
    left = names;
    for (const one of tabs) one.hidden = left.includes(one.dataset.part);
    if (left.includes(part)) show('');
  }
  const offered = () => tabs.filter((one) => !one.hidden);
  turned(node, offered, (next) => choose(next.dataset.part));
  show(part);
  return {
    node,
    show,
    leaveOut,
    get part() {
      return part;
    },
  };
}
