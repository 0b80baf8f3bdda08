// The modules of tabs that are not open yet: fetched when the first part is on the screen, so that opening
// a tab waits for nothing, and nothing waits for them. Owns: when. Refuses to know: which they are.
let asked = false;

/** Asks for them, once. */
export function fetchLater() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => setTimeout(fetchAll)); // behind the frame that shows the part
}

function fetchAll() {
  for (const name of document.querySelector('meta[name=cs-later]')?.content.split(' ') ?? []) {
    const link = document.createElement('link');
    link.rel = 'modulepreload';
    link.fetchPriority = 'low';
    link.href = new URL(`../${name}`, import.meta.url);
    document.head.append(link);
  }
}
