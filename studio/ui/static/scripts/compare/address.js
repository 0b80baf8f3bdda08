// Where in the Compare tab somebody is: `<comparison>/<part>`. Pure.

/** '20260131-shapes/vote' → {id: '20260131-shapes', part: 'vote'}; '' where nothing is said. */
export function insideParts(inside) {
  const [id = '', part = ''] = inside.split('/');
  return {id, part};
}

/** The part that is usual is not said. */
export const insideText = (id, part, usual) => (id && part !== usual ? `${id}/${part}` : id);
