// Where on the page somebody is, as the page's address says it: `#train`, `#train/<run>`,
// `#compare/<comparison>/<part>`. Pure.

/** '#train/a%20run' → {tab: 'train', inside: 'a run'}; both '' where it says nothing. */
export function placeOf(hash) {
  const [, tab, inside] = /^#?(\w*)(?:\/(.*))?$/s.exec(hash) || [];
  try {
    return {tab: tab || '', inside: decodeURIComponent(inside || '')};
  } catch {
    return {tab, inside: ''}; // half a percent sign
  }
}

const written = (inside) => inside.split('/').map(encodeURIComponent).join('/');

export const placeText = (tab, inside) => `#${tab}${inside ? `/${written(inside)}` : ''}`;
