// Bringing files into a dataset: chosen or dropped, with the folders they lie in.
// Owns: the relative path of every file, uploading, and the account of what became of them.
// Refuses to know: which files a dataset uses and what they are called there; Python says so.
function captionImport({plan, send, add, done}) {
  const progress = cs.el('div.cs-upload.cs-hidden', {role: 'status'}), account = cs.el('div', {'aria-live': 'polite'});

  /** [{name: path below what was dropped, file}] and [[name, why]] of what the browser cannot read. */
  async function walk(entry, prefix, found, unread) {
    const name = prefix + entry.name;
    try {
      if (entry.isFile) { found.push({name, file: await new Promise((resolve, reject) => entry.file(resolve, reject))}); return; }
      const reader = entry.createReader();
      for (;;) { // a folder is read a hundred entries at a time
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) return;
        for (const inner of some) await walk(inner, `${name}/`, found, unread);
      }
    } catch (error) { unread.push([name, `the browser cannot read it: ${error.message || error}`]); }
  }

  /** What a drop holds. The folder that was dropped alone is the dataset; several keep their names. */
  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const loose = [...transfer.files].map((file) => ({name: file.name, file}));
    if (!entries.length) return {files: loose, unread: [], title: ''};
    const files = [], unread = [];
    for (const entry of entries) await walk(entry, '', files, unread);
    return strip(files, unread);
  }
  function chosen(input) {
    const files = [...input.files].map((file) => ({name: file.webkitRelativePath || file.name, file}));
    return strip(files, []);
  }
  function strip(files, unread) {
    const tops = new Set(files.map(({name}) => name.includes('/') ? name.split('/')[0] : ''));
    const [top] = tops;
    if (tops.size !== 1 || !top) return {files, unread, title: top || [...tops].find(Boolean) || ''};
    return {files: files.map(({name, file}) => ({name: name.slice(top.length + 1), file})), unread, title: top};
  }

  async function bring({files, unread, title}, into = null) {
    const planned = await plan({names: files.map(({name}) => name)});
    const leftOut = [...unread, ...planned.left_out];
    if (!planned.images && !into) {
      cs.notice({what: 'There are no pictures among these files', why: leftOut.length ? `${leftOut[0][0]}: ${leftOut[0][1]}.` : '',
        remedy: 'PNG, JPEG, WebP and BMP are understood.'});
      return;
    }
    const bar = cs.el('i'), words = cs.el('span.cs-small.cs-muted.cs-number'), sent = [];
    progress.replaceChildren(cs.el('div.cs-progress', {}, bar), words);
    progress.classList.remove('cs-hidden');
    try {
      for (const [index, place] of planned.take.entries()) {
        const {name, file} = files[place];
        words.textContent = `Adding ${index + 1} of ${planned.take.length} files`;
        bar.style.width = `${100 * index / planned.take.length}%`;
        // Tables are known by their name; of all others the server needs no more than the content.
        const plain = /\.(jsonl|json|csv|toml|ya?ml)$/i.test(name) ? name.split('/').pop() : 'file';
        try { sent.push({name, path: (await send(new File([file], plain))).path}); } catch (error) {
          leftOut.push([name, `it could not be sent: ${String(error.message || error).slice(0, 200)}`]);
        }
      }
      const answer = await add({name: title || 'my pictures', files: sent, into: into || ''});
      await done(answer.id);
      tell(answer, [...leftOut, ...answer.left_out]);
    } finally { progress.classList.add('cs-hidden'); }
  }

  const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
  function tell(answer, leftOut) {
    const parts = [
      answer.renamed.length && `${count(answer.renamed.length, 'file')} got a new name, because another file has theirs.`,
      answer.same && `${count(answer.same, 'file was', 'files were')} here already, with the same content.`,
      leftOut.length && `${count(leftOut.length, 'file is', 'files are')} left out.`,
    ].filter(Boolean);
    const notice = cs.message({what: `${count(answer.images, 'picture')} added, ${count(answer.copied, 'file')} in all`, why: parts.join(' ')},
      leftOut.length ? 'warning' : 'good', () => account.replaceChildren());
    const rows = [...answer.renamed.map(([from, to]) => [from, `is now ${to}`]), ...leftOut];
    if (rows.length) notice.firstChild.append(cs.el('details.cs-import-list', {open: rows.length <= 8}, cs.el('summary', {}, 'Which ones'),
      cs.el('ul', {}, rows.map(([name, what]) => cs.el('li', {}, cs.el('b', {}, name), `: ${what}`)))));
    account.replaceChildren(notice);
  }
  return {progress, account, dropped, chosen, bring};
}
