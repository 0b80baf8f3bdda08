// What the trainings behind columns that are empty yet are doing, as their headings show it.
// Owns: the newest words, and putting them into headings. Refuses to know: who says them, what a heading is.

const words = new Map(); // id of a comparison → {name of a column: words}

/** What is done for a column; '' when nobody says. */
export const wordsOf = (comparison, name) => words.get(comparison.id)?.[name] || '';

/** Marks an element that shows the words of a column, also when they change. */
export const showsWords = (comparison, name) => ({'data-comparison': comparison.id, 'data-column-words': name});

/** `found` are the words of a comparison's columns by name. */
export function sayWords(id, found) {
  words.set(id, found);
  for (const node of document.querySelectorAll('[data-column-words]')) {
    if (node.dataset.comparison === id) node.textContent = found[node.dataset.columnWords] || '';
  }
}
