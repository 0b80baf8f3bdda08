// What leaves the page while somebody votes: everything beside the vote may name columns. It goes into a document
// of its own, where nobody sees it and its scripts wait, and comes back as it was, with what is typed and chosen.
// Owns: where it is meanwhile. Refuses to know: when that is (`comparison.js`).

/** All children on the way from `top` to what stays, that neither are nor hold any of it. */
function beside(top, stays) {
  return [...top.children].flatMap((child) => {
    if (stays.includes(child)) return [];
    return stays.some((one) => child.contains(one)) ? beside(child, stays) : [child];
  });
}

/** `close(true)` takes everything of `top` but `stays` out of the page, `close(false)` brings it back. What begins
 *  only behind the curtain finds a stand-in for `top` around it. */
export function curtain(top, stays) {
  const behind = document.implementation.createHTMLDocument('').body.appendChild(top.cloneNode(false));
  let places = []; // [a mark in the page, what was there]
  return (closed) => {
    if (closed === places.length > 0) return;
    if (!closed) {
      for (const [mark, node] of places) mark.replaceWith(node);
      Object.assign(top.dataset, behind.dataset); // a mode may have been chosen there
      places = [];
      return;
    }
    Object.assign(behind.dataset, top.dataset);
    places = beside(top, stays).map((node) => {
      const mark = document.createComment('');
      node.replaceWith(mark);
      behind.append(node);
      return [mark, node];
    });
  };
}
