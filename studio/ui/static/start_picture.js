// A picture to start from. Owns: the drop field. Refuses to know: what is drawn from it. Value: its path, or ''.
const q = (selector) => element.querySelector(selector);
let shown = null, trouble = null, reading = false;

function set(picture) {
  shown = picture;
  props.value = picture ? picture.path : '';
  trigger('input');
  draw();
}

async function take(ask) {
  trouble = null;
  reading = true;
  draw();
  try { set(await ask()); } catch (error) {
    trouble = error.parts || {what: 'This picture could not be sent', why: String(error.message || error).slice(0, 300)};
  }
  reading = false;
  draw();
}
const send = (file) => take(async () => cs.call(server.take_file({path: (await upload(file)).path, name: file.name})));

function draw() {
  const browse = labelled('plus', shown ? 'Another picture' : 'Choose a picture', () => q('.sp-picker').click());
  const text = reading ? 'Reading the picture …' : shown ? shown.name : 'Drop a picture here: drawing then begins at it instead of at noise.';
  q('.sp-zone').classList.toggle('is-empty', !shown);
  q('.sp-zone').replaceChildren(...[shown && cs.el('img.sp-thumb', {src: cs.file(shown.thumb), alt: 'the picture to start from'}),
    cs.el('div.sp-side', {}, cs.el('p.cs-small' + (shown ? '' : '.cs-muted'), {role: 'status'}, text),
      cs.el('div.sp-buttons', {}, browse, shown && labelled('close', 'Remove', () => set(null), '.cs-quiet.sp-remove')))].filter(Boolean));
  q('.sp-trouble').replaceChildren(...(trouble ? [cs.message(trouble, 'error')] : []));
}

const zone = q('.sp-zone');
const files = (event) => [...event.dataTransfer.types].includes('Files');
zone.addEventListener('dragover', (event) => {
  if (!files(event)) return;
  event.preventDefault(); // and so the stack, which takes files from everywhere else on the tab, lets it be
  zone.classList.add('is-over');
});
zone.addEventListener('dragleave', (event) => { if (!zone.contains(event.relatedTarget)) zone.classList.remove('is-over'); });
zone.addEventListener('drop', (event) => {
  zone.classList.remove('is-over');
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  send(event.dataTransfer.files[0]);
});
q('.sp-picker').addEventListener('change', (event) => { const [file] = event.target.files; event.target.value = ''; if (file) send(file); });
// A generated picture was chosen elsewhere on the page.
async function fromPython() {
  if ((shown?.path || '') === (props.value || '')) return;
  trouble = null;
  shown = null;
  try { if (props.value) shown = await cs.call(server.describe({path: props.value})); } catch (error) { trouble = error.parts; }
  draw();
}
watch('value', fromPython);
draw();
fromPython();
