// A contact's journal drawn to time scale: which state it was in from when to when, and what happened. Pure geometry.

/**
 * @typedef {object} JournalRow
 * @property {number} seq
 * @property {string} at ISO 8601
 * @property {string} name
 * @property {string} source
 * @property {string} state the contact's, after the event
 * @property {string | null} reason
 * @property {Record<string, unknown>} data
 */
/**
 * @typedef {object} Segment
 * @property {string} state
 * @property {number} from_s since the first event
 * @property {number} to_s
 */

/** @param {JournalRow} row */
const millis = (row) => new Date(row.at).getTime();

/**
 * The states in order, each from when to when. A contact still open goes on until now.
 * @param {JournalRow[]} journal in order of seq
 * @param {number} now_ms
 * @returns {{segments: Segment[], length_s: number}}
 */
export function segmentsOf(journal, now_ms) {
  if (journal.length === 0) return { segments: [], length_s: 0 };
  const start_ms = millis(journal[0]);
  const last = journal[journal.length - 1];
  const end_ms = last.state === "closed" ? millis(last) : Math.max(now_ms, millis(last));
  /** @type {Segment[]} */
  const segments = [];
  for (const row of journal) {
    const at_s = (millis(row) - start_ms) / 1000;
    const open = segments[segments.length - 1];
    if (open !== undefined && open.state === row.state) continue;
    if (open !== undefined) open.to_s = at_s;
    if (row.state !== "closed") segments.push({ state: row.state, from_s: at_s, to_s: at_s });
  }
  const length_s = (end_ms - start_ms) / 1000;
  const open = segments[segments.length - 1];
  if (open !== undefined && last.state !== "closed") open.to_s = length_s;
  return { segments, length_s };
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

/**
 * Round moments for the axis, at most `most` of them beside zero.
 * @param {number} length_s
 * @param {number} [most]
 */
export function ticks(length_s, most = 6) {
  const step = STEPS_S.find((each) => length_s / each <= most) ?? STEPS_S[STEPS_S.length - 1];
  const found = [];
  for (let at_s = 0; at_s <= length_s; at_s += step) found.push(at_s);
  return found;
}

/** Seconds of an event after the first one. @param {JournalRow[]} journal @param {JournalRow} row */
export function offset_s(journal, row) {
  return (millis(row) - millis(journal[0])) / 1000;
}
