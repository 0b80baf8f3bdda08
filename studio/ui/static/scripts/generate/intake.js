// Files that are dropped on the stack or chosen for it: adapters, saved stacks, images with settings.
// Owns: sending them, and saying what could not be taken.
import {call, partsOf, refusal} from '../core/calls.js';
import {tell} from '../core/channel.js';
import {bringsFiles} from '../core/dom.js';
import {count} from '../core/format.js';
import {message, notice} from '../core/notices.js';

const MOST_TROUBLES = 6;

export class Intake {
  constructor(stack) {
    this.stack = stack;
    this.troubles = []; // files that could not be taken, newest first
    this.pending = 0;
  }

  render() {
    const trouble = (parts) =>
      message(parts, 'error', () => {
        this.troubles = this.troubles.filter((other) => other !== parts);
        this.render();
      });
    this.stack.q('.st-troubles').replaceChildren(...this.troubles.map(trouble));
    const line = this.stack.q('.st-pending');
    line.hidden = !this.pending;
    line.textContent = this.pending === 1 ? 'Reading a file …' : `Reading ${count(this.pending, 'file')} …`;
  }

  async take(files, at = this.stack.current, index = this.stack.lanes[at].stack.length) {
    let place = index;
    for (const file of files) {
      this.pending += 1;
      this.render();
      try {
        place += await this.taken(file, at, place);
      } catch (error) {
        this.troubles = [troubleOf(error, file), ...this.troubles].slice(0, MOST_TROUBLES);
      }
      this.pending -= 1;
      this.render();
    }
  }

  /** How many cards the file became. */
  async taken(file, at, index) {
    const {stack} = this;
    const sent = await stack.part.upload(file);
    const answer = await call(stack.server.take_file({path: sent.path, name: file.name, base: stack.props.base}));
    if (answer.settings) {
      // as text: a “path” in event data counts as an upload
      stack.part.trigger('settings', {json: JSON.stringify(answer.settings), lane: at});
      const where = stack.lanes.length > 1 ? ` in ${stack.laneName(at)}` : '';
      notice(`Settings of ${file.name} restored${where}`, 'good');
    }
    if (answer.stack) stack.load(answer.stack, at);
    if (!answer.card) return 0;
    stack.known.set(answer.card.path, answer.card);
    tell('studio:library', {});
    if (answer.card.problem) throw misfit(answer.card);
    stack.add(answer.card.path, Math.min(at, stack.lanes.length - 1), index);
    return 1;
  }
}

const misfit = (card) =>
  refusal({
    what: `${card.name} does not fit this base`,
    why: card.problem,
    remedy: 'It is in your library now: choose a base it was made for.',
  });

const troubleOf = (error, file) =>
  error.parts || {
    ...partsOf(error, 'This file could not be sent'),
    where: file.name,
    remedy: 'Very large files are better copied into the workspace’s adapters folder.',
  };

/** A file dropped anywhere on the tab lands in the lane that was used last. */
export function catchFiles(stack) {
  const tab = stack.element.closest('[role=tabpanel]') || document.body;
  const leave = () => {
    for (const view of stack.views) view.over(false);
  };
  tab.addEventListener('dragover', (event) => {
    if (event.defaultPrevented || !bringsFiles(event)) return;
    event.preventDefault();
    stack.views[stack.current].over(true);
  });
  tab.addEventListener('dragleave', (event) => {
    if (!tab.contains(event.relatedTarget)) leave();
  });
  tab.addEventListener('drop', (event) => {
    leave();
    if (event.defaultPrevented || !event.dataTransfer.files.length) return;
    event.preventDefault();
    stack.intake.take([...event.dataTransfer.files]);
  });
}
