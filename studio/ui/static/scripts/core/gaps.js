// Where something dropped on a list of rows goes: the gap between two of them.

/** Before which row, counted from 0, something at the pointer's height goes. */
export function gapAt(list, event) {
  const at = [...list.children].findIndex((row) => {
    const box = row.getBoundingClientRect();
    return event.clientY < box.top + box.height / 2;
  });
  return at < 0 ? list.children.length : at;
}

/** Marks that gap; -1 marks none. */
export function markGap(list, at) {
  const rows = [...list.children];
  for (const [k, row] of rows.entries()) {
    row.classList.toggle('is-before', k === at);
    row.classList.toggle('is-after', at === rows.length && k === rows.length - 1);
  }
}
