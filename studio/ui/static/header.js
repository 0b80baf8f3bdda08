cs.restoreTheme();
const dot = element.querySelector('.cs-dot'), text = element.querySelector('.cs-ready-text');
element.querySelector('.cs-theme').addEventListener('click', () =>
  cs.setTheme(document.body.classList.contains('dark') ? 'light' : 'dark'));
cs.poll(element, async () => {
  try {
    const answer = await cs.call(server.readiness(null));
    dot.dataset.ready = answer.state;
    text.textContent = answer.text;
  } catch (error) {
    dot.dataset.ready = 'no';
    text.textContent = 'the studio does not answer';
  }
}, 2000);
