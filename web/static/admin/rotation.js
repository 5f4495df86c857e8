// How far a picture of a recording is to be turned at a moment of it. Pure arithmetic over what the finaliser told.
//
// The file carries one rotation for its whole picture, and the browser turns by that. A phone turned during the call
// needs the rest here, for as long as it was held that way.

/**
 * @typedef {object} Track
 * @property {string} role `customer` or `agent`
 * @property {string} kind `audio`, `video` or `screen`
 * @property {number} [rotation_deg] what the file says, clockwise; recordings made before it was kept lack it
 * @property {[from_s: number, to_s: number, degrees: number][]} [rotations] the whole rotation, where it changed
 */

/** Times are told in thousandths of a second. */
const ROUNDING_S = 0.001;

/**
 * Degrees clockwise (0, 90, 180 or 270) on top of what the browser does by itself.
 * @param {Track | undefined} track
 * @param {number} at_s
 */
export function turnAt(track, at_s) {
  const time_s = at_s + ROUNDING_S;
  const now = track?.rotations?.find(([from_s, to_s]) => from_s <= time_s && time_s < to_s);
  return now === undefined ? 0 : (now[2] - (track?.rotation_deg ?? 0) + 360) % 360;
}
