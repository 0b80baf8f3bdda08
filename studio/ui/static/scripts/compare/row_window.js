// Which rows of a long grid exist: those in view, and a few beyond. Pure.

/** [first, last) of `count` rows of one height in a box of `seen` pixels that is scrolled to `top`. */
export function rowsInView({top, seen, height, count, beyond = 2}) {
  const first = Math.max(0, Math.floor(top / height) - beyond);
  const last = Math.min(count, Math.ceil((top + seen) / height) + beyond);
  return [Math.min(first, count), Math.max(last, 0)];
}

/** Where to scroll to so that a row is in view; `top` itself where it is already. */
export function scrolledTo(row, {top, seen, height}) {
  if (row * height < top) return row * height;
  if ((row + 1) * height > top + seen) return (row + 1) * height - seen;
  return top;
}
