// What a task's progress says in words. Pure.
import {formatDuration} from './format.js';

/** `task` is what Python says of it, or null; `summary()` says what there is when it has ended. */
export function progressText(task, summary) {
  if (task?.state === 'running') {
    if (!task.total) return 'Preparing: the first time, the base is loaded …';
    return (task.text || `${task.done} of ${task.total}`) + timeLeft(task);
  }
  if (task?.state === 'finished') return `${summary()} in ${formatDuration(task.result?.seconds ?? task.seconds)}`;
  if (task?.state !== 'cancelled') return '';
  if (task.result?.images) return `Interrupted: ${summary()} finished before are kept.`;
  return 'Interrupted. What was finished before is kept.';
}

function timeLeft({done, total, seconds}) {
  const share = done / total;
  if (share <= 0.1 || seconds <= 2) return '';
  return ` · about ${formatDuration((seconds / share) * (1 - share))} left`;
}
