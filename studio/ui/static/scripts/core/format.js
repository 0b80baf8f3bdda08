// Numbers, sizes, times and file names as people read them. Pure.

export function formatBytes(count) {
  if (count === null || count === undefined) return '–';
  if (count < 1e3) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(0)} kB`;
  if (count < 1e9) return `${(count / 1e6).toFixed(1)} MB`;
  return `${(count / 1e9).toFixed(2)} GB`;
}

const twoDigits = (count) => String(count).padStart(2, '0');

/** 59 → 59 s, 61 → 1 min 01 s, 3700 → 1 h 01 min. */
export function formatDuration(given) {
  if (given === null || given === undefined || !Number.isFinite(given)) return '–';
  const seconds = Math.max(0, Math.round(given));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${twoDigits(Math.floor((seconds % 3600) / 60))} min`;
}

const CLOCK = {hour: '2-digit', minute: '2-digit'};

/** A moment (seconds since 1970): the time if it is today, else the day too. */
export function formatTime(unix, now = new Date()) {
  if (!unix) return '–';
  const date = new Date(unix * 1000);
  const today = now.toDateString() === date.toDateString();
  return date.toLocaleString(undefined, today ? CLOCK : {month: 'short', day: 'numeric', ...CLOCK});
}

/** A moment (seconds since 1970) by its day; the year where it is another one. */
export function formatDay(unix, now = new Date()) {
  const date = new Date(unix * 1000);
  const year = date.getFullYear() === now.getFullYear() ? {} : {year: 'numeric'};
  return date.toLocaleDateString(undefined, {month: 'short', day: 'numeric', ...year});
}

/** count(1, 'file') → 1 file; count(2, 'file') → 2 files; count(2, 'is', 'are') → 2 are. */
export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** A share of one as the cards say it. */
export const formatShare = (share) => (share < 0.0005 ? 'less than 0.1 %' : `${(share * 100).toFixed(1)} %`);

/** Few digits: for axes and read-outs. */
export function shortNumber(value) {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size < 0.001 || size >= 1e5 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

const collator = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'});
/** Orders names as people do: 2 before 10, without regard to case. */
export const compareNames = collator.compare;

/** The last part of a path of either kind. */
export const fileName = (path) => path.split(/[\\/]/).pop();

/** What is too long loses its beginning: names that are alike differ at the end. */
export const shownEnd = (text, most) => (text.length > most ? `…${text.slice(1 - most)}` : text);

/** The words that somebody searches for, in lower case. */
export const searchWords = (text) => text.trim().toLowerCase().split(/\s+/).filter(Boolean);
