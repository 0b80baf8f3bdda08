// Lists of generated images as values. Pure.

/** [[day, images], …] in the order in which the days come. */
export function byDay(images) {
  const days = new Map();
  for (const image of images) {
    if (!days.has(image.day)) days.set(image.day, []);
    days.get(image.day).push(image);
  }
  return [...days];
}

/** Images come lane after lane, cells of the table row after row: the cell of the image at `place`. */
export const cellOfPreview = (place, perLane, lanes) => (place % perLane) * lanes + Math.floor(place / perLane);
