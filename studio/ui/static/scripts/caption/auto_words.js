// What automatic captions and their undoing say in words. Pure.
import {count, formatTime} from '../core/format.js';

const NEEDS_LOOK =
  'What the model said of them was no caption, so nothing was written: the filter “Needs a look” shows them.';

/** What became of a captioning that has ended: {kind, parts} of a message. */
export function outcomeOf(task) {
  const report = task.result || {};
  const size = (part) => Object.keys(report[part] || {}).length;
  const [written, kept, marked, broken] = ['written', 'kept', 'marked', 'broken'].map(size);
  const counts = [
    `${count(written, 'caption')} written`,
    kept && `${kept} kept`,
    marked && `${marked} need${marked === 1 ? 's' : ''} a look`,
  ];
  const why = [
    report.replaced &&
      `${count(report.replaced, 'earlier caption is', 'earlier captions are')} kept and can be brought back.`,
    marked && NEEDS_LOOK,
    broken && `${count(broken, 'image')} could not be read and ${broken === 1 ? 'was' : 'were'} left out.`,
    !written && !marked && !broken && 'Every image has a caption already.',
  ];
  const text = counts.filter(Boolean).join(', ');
  const cancelled = task.state === 'cancelled';
  const finished = written || marked ? text : 'Nothing to do';
  const what = cancelled ? `Stopped: ${text}` : finished;
  return {kind: cancelled || broken || marked ? 'warning' : 'good', parts: {what, why: why.filter(Boolean).join(' ')}};
}

/** The newest change of captions that can be taken back. */
export function changeText({time, replaced, added, what, by}) {
  const others = added ? `, ${replaced} of them in place of another one` : ', each in place of another one';
  const some = replaced ? others : '';
  return `${formatTime(time)}: ${count(replaced + added, 'caption')} ${what}${by ? ` by ${by}` : ''}${some}`;
}

/** What is asked before captions are replaced. */
export const replaceQuestion = (number) =>
  `Replace ${count(number, 'caption')}? The ${number === 1 ? 'one' : 'ones'} there now can be brought back.`;

/** What is asked before something is put behind captions. */
export const appendQuestion = (number) =>
  `Put more behind ${count(number, 'caption')}? The ${number === 1 ? 'one' : 'ones'} there now can be brought back.`;

/** The button that continues what was stopped; `by` is who was describing. */
export const continueText = (by) => `Continue where it stopped${by ? ` (${by})` : ''}`;

/** What bringing earlier captions back has done. */
export const undoneParts = ({changed, kept}) => ({
  what: `${count(changed, 'caption is', 'captions are')} back as ${changed === 1 ? 'it was' : 'they were'}`,
  why: kept ? `${count(kept, 'was', 'were')} changed since and ${kept === 1 ? 'stays' : 'stay'}.` : '',
});
