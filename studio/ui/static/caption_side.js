// The side column of the Caption tab: automatic captions and edits over many captions.
// Owns: these two cards. Refuses to know: how pictures are shown.
function autoCaptionCard({start, latest, cancel, current, selection, progressed, selectable, replaces, undo, before}) {
  const which = cs.el('select.cs-input', {'aria-label': 'Which pictures'},
    cs.el('option', {value: 'missing'}, 'Pictures without a caption'),
    cs.el('option', {value: 'all'}, 'All pictures (replaces captions)'),
    selectable && cs.el('option', {value: 'selected'}, 'Selected pictures (replaces captions)'));
  const prefix = cs.el('input.cs-input', {placeholder: 'e.g. the trigger word', 'aria-label': 'Text in front of every caption'});
  const bar = cs.el('i'), words = cs.el('span.cs-small.cs-muted.cs-number');
  const run = cs.el('button.cs-button.cs-primary', {type: 'button'}, 'Describe pictures');
  const stop = cs.el('button.cs-button', {type: 'button'}, 'Cancel');
  const progress = cs.el('div.cs-stack.cs-hidden', {style: {gap: '6px'}},
    cs.el('div.cs-progress', {role: 'progressbar', 'aria-label': 'Captioning'}, bar), words);
  const outcome = cs.el('div', {'aria-live': 'polite'});
  let last = null, refreshed = 0;

  run.addEventListener('click', () => cs.attempt(async () => {
    const names = [...selection()];
    if (which.value === 'selected' && !names.length) throw {parts: {what: 'No picture is selected', remedy: 'Click the pictures you mean, or choose another group.'}};
    await before();
    const count = which.value === 'missing' ? 0 : await replaces(which.value === 'selected' ? names : []);
    if (count && !window.confirm(`Replace ${count} caption${count === 1 ? '' : 's'}? The ${count === 1 ? 'one' : 'ones'} there now can be brought back.`)) return;
    outcome.replaceChildren();
    last = null;
    show(await start({dataset: current(), which: which.value, prefix: prefix.value, files: names}));
  }, run));
  stop.addEventListener('click', () => cs.attempt(async () => { await cancel(); stop.disabled = true; words.textContent = 'Stopping after this batch…'; }));

  function show(task) {
    const running = task?.state === 'running' && task.about.dataset === current();
    progress.classList.toggle('cs-hidden', !running);
    run.disabled = task?.state === 'running';
    stop.classList.toggle('cs-hidden', !running);
    if (!running) stop.disabled = false;
    if (running) {
      bar.style.width = `${task.total ? 100 * task.done / task.total : 3}%`;
      if (!stop.disabled) words.textContent = task.total ? `${task.done} of ${task.total}` : 'Loading the captioner…';
      if (Date.now() - refreshed > 1500 && task.done) { refreshed = Date.now(); progressed(); }
    }
    if (last && last.id === task?.id && last.state === 'running' && task.state !== 'running') end(task);
    last = task;
  }
  function end(task) {
    progressed();
    if (task.state === 'failed') { outcome.replaceChildren(cs.message(task.error, 'error')); return; }
    const report = task.result || {}, count = (part) => Object.keys(report[part] || {}).length;
    const written = count('written'), marked = count('marked'), broken = count('broken');
    const counts = [`${written} captions written`, count('kept') && `${count('kept')} kept`, marked && `${marked} need${marked === 1 ? 's' : ''} a look`].filter(Boolean).join(', ');
    const why = [
      report.replaced && `${report.replaced} earlier captions are kept and can be brought back.`,
      marked && 'What the model said of them was no caption, so nothing was written: the filter “Needs a look” shows them.',
      broken && `${broken} pictures could not be read and were left out.`,
      !written && !marked && !broken && 'Every picture has a caption already.',
    ].filter(Boolean).join(' ');
    outcome.replaceChildren(cs.message({
      what: task.state === 'cancelled' ? `Stopped: ${counts}` : written || marked ? counts : 'Nothing to do', why,
    }, task.state === 'cancelled' || broken || marked ? 'warning' : 'good', () => outcome.replaceChildren()));
  }
  // What can be taken back, also after a restart: the record lies in the workspace.
  const backWords = cs.el('span.cs-small.cs-muted');
  const backButton = labelled('undo', 'Bring the earlier captions back', () => cs.attempt(async () => {
    await before();
    const answer = await undo();
    cs.notice({what: `${answer.changed} captions are back as they were`, why: answer.kept ? `${answer.kept} were changed since and stay.` : ''}, 'good');
    outcome.replaceChildren();
    await progressed();
  }, backButton), '.cs-quiet.cs-undo');
  const back = cs.el('div.cs-stack.cs-hidden', {style: {gap: '4px'}}, backWords, backButton);
  function changes(entry) {
    back.classList.toggle('cs-hidden', !entry);
    if (!entry) return;
    const all = entry.replaced + entry.added;
    backWords.textContent = `${cs.when(entry.time)}: ${all} caption${all === 1 ? '' : 's'} ${entry.what}${entry.replaced ? `, ${entry.replaced} of them replaced` : ''}`;
  }
  const node = cs.el('section.cs-card.cs-stack', {style: {gap: '10px'}, 'aria-label': 'Describe automatically'},
    cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Describe automatically'),
    which, cs.el('label.cs-label', {}, 'Put in front of each caption', prefix),
    cs.el('div.cs-toolbar', {}, run, stop), progress, outcome, back);
  stop.classList.add('cs-hidden');
  cs.poll(node, async () => show(await latest()), 700);
  return {node, changes, opened(data) { outcome.replaceChildren(); prefix.value = data.trigger; changes(data.undo); }};
}

function bulkCard({bulk, takeBack, current, selection, done, before}) {
  const input = (placeholder) => cs.el('input.cs-input', {placeholder});
  const field = (label, node) => cs.el('label.cs-label', {}, label, node);
  const f = {prefix: input('photo of …'), find: input('text'), replace: input('nothing'), remove: input('tag, another tag')};
  const trigger = cs.el('input', {type: 'checkbox'}), dedupe = cs.el('input', {type: 'checkbox'});
  const triggerLabel = cs.el('span', {}, 'Add the trigger word where it is missing');
  const preview = cs.el('div.cs-stack', {style: {gap: '6px'}, 'aria-live': 'polite'});
  const apply = cs.el('button.cs-button.cs-primary', {type: 'button', disabled: true}, 'Apply');
  const undo = cs.el('button.cs-button.cs-quiet.cs-hidden', {type: 'button'}, 'Undo');
  let facts = {};
  const edit = () => ({
    prefix: f.prefix.value, find: f.find.value, replace: f.replace.value, whole_words: true, dedupe: dedupe.checked,
    remove: f.remove.value.split(',').map((tag) => tag.trim()).filter(Boolean),
    trigger: trigger.checked ? facts.trigger : '', class_word: trigger.checked ? facts.class_word : '',
  });
  const ask = (action) => bulk({dataset: current(), action, edit: edit(), files: [...selection()]});
  const idle = () => { const e = edit(); return !e.prefix.trim() && !e.find && !e.dedupe && !e.trigger && !e.remove.length; };
  const look = cs.debounce(async () => {
    if (idle() || !current()) { preview.replaceChildren(); apply.disabled = true; apply.textContent = 'Apply'; return; }
    await cs.attempt(async () => {
      await before();
      const answer = await ask('preview');
      apply.disabled = !answer.changes;
      apply.textContent = answer.changes ? `Change ${answer.changes} caption${answer.changes === 1 ? '' : 's'}` : 'Nothing would change';
      preview.replaceChildren(...answer.examples.map((example) => cs.el('div.cs-change.cs-small', {},
        cs.el('del', {}, example.before || 'no caption'), cs.el('ins', {}, example.after || 'no caption'))));
    });
  }, 350);
  for (const node of [...Object.values(f), trigger, dedupe]) node.addEventListener('input', look);
  apply.addEventListener('click', () => cs.attempt(async () => {
    const answer = await ask('apply');
    cs.notice({what: `${answer.changed} captions changed`, why: answer.kept ? `${answer.kept} had been edited meanwhile and were left alone.` : ''}, 'good');
    undo.classList.remove('cs-hidden');
    Object.values(f).forEach((node) => { node.value = ''; });
    trigger.checked = dedupe.checked = false;
    look(); done();
  }, null));
  undo.addEventListener('click', () => cs.attempt(async () => {
    const answer = await takeBack();
    cs.notice({what: `${answer.changed} captions are back as they were`, why: answer.kept ? `${answer.kept} were changed since and stay.` : ''}, 'good');
    undo.classList.add('cs-hidden');
    done();
  }, undo));
  const node = cs.el('details.cs-card.cs-fold', {}, cs.el('summary', {}, 'Edit many at once'),
    cs.el('div.cs-stack', {style: {gap: '10px'}},
      cs.el('p.cs-small.cs-muted', {style: {margin: '0'}}, 'Applies to the selected pictures, or to all when none is selected.'),
      field('Put in front', f.prefix),
      cs.el('div.cs-pair', {}, field('Find', f.find), field('Replace by', f.replace)),
      field('Remove tags', f.remove),
      cs.el('label.cs-check', {}, trigger, triggerLabel),
      cs.el('label.cs-check', {}, dedupe, cs.el('span', {}, 'Remove repeated tags')),
      preview, cs.el('div.cs-toolbar', {}, apply, undo)));
  return {node, look, opened(data) {
    facts = data;
    trigger.checked = false;
    trigger.disabled = !data.trigger;
    triggerLabel.textContent = data.trigger ? `Add “${data.trigger}” where it is missing` : 'This dataset names no trigger word';
    look();
  }};
}
