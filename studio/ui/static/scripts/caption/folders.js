// Files with the folders they lie in, as the browser gives them when they are chosen or dropped.

/** The folder that was dropped alone is the dataset, and leaves the names; several keep theirs.
 *  `files` are [{name, file}]; returns {files, title}. Pure. */
export function withoutTop(files) {
  const tops = [...new Set(files.map(({name}) => (name.includes('/') ? name.split('/')[0] : '')))];
  const [top] = tops;
  if (tops.length !== 1 || !top) return {files, title: tops.find(Boolean) || ''};
  return {files: files.map(({name, file}) => ({name: name.slice(top.length + 1), file})), title: top};
}

/** Tables are known by their name; of all others the server needs no more than the content. Pure. */
export const sentName = (name) => (/\.(jsonl|json|csv|toml|ya?ml)$/i.test(name) ? name.split('/').pop() : 'file');

async function walk(entry, prefix, found, unreadable) {
  const name = prefix + entry.name;
  try {
    if (entry.isFile) {
      found.push({name, file: await new Promise((resolve, reject) => entry.file(resolve, reject))});
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // a folder is read a hundred entries at a time
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const inner of some) await walk(inner, `${name}/`, found, unreadable);
    }
  } catch (error) {
    unreadable.push([name, `the browser cannot read it: ${error.message || error}`]);
  }
}

/** What a drop holds: {files, unreadable: [[name, why]], title}. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const loose = [...transfer.files].map((file) => ({name: file.name, file}));
  if (!entries.length) return {files: loose, unreadable: [], title: ''};
  const files = [];
  const unreadable = [];
  for (const entry of entries) await walk(entry, '', files, unreadable);
  return {...withoutTop(files), unreadable};
}

/** What was chosen in a file input, in the same form. */
export function chosen(input) {
  const files = [...input.files].map((file) => ({name: file.webkitRelativePath || file.name, file}));
  return {...withoutTop(files), unreadable: []};
}
