// Finding out soon that the way up has room again.
//
// A browser that was slowed down climbs by eight percent a second: a minute for a picture. It looks for more at once only
// when the ceiling in the far end's description is raised, with a short burst at the new ceiling. So while the picture is
// held back, the description is applied again with a ceiling of a few times what is sent; nothing is sent to anybody but
// that burst. `UplinkSearch` decides, `setCeiling` does it. Browsers that don't tell what they believe are left alone.

/** The picture is held back below this share of what the far end takes. */
const ENOUGH = 0.6;
/** A burst this many times over what is believed: high enough to arrive in few steps, short enough to fill no queue. */
const STEP = 3;
/** A ceiling is reached at this share of it. */
const REACHED = 0.75;
/** Seconds held back before the first search, between searches that found nothing at first, and at most. */
const PATIENCE_S = 3;
const MAX_PATIENCE_S = 7;

/** When to search, and how high. One step a second; no time of its own. */
export class UplinkSearch {
  /** The ceiling that the far end's description states. @type {number} */
  #most_bps;
  /** @type {number} */
  #ceiling_bps;
  #patience_s = PATIENCE_S;
  #held_s = 0;
  /** What was believed before the last search, and that search's ceiling; 0: none is under way. */
  #before_bps = 0;

  /** @param {number} most_bps */
  constructor(most_bps) {
    this.#most_bps = this.#ceiling_bps = most_bps;
  }

  /**
   * A second has passed.
   * @param {number | undefined} believed_bps what the browser believes to be able to send
   * @param {boolean} held_back whether it sends a smaller picture for want of bandwidth
   * @returns {number | null} the ceiling to be set now, if any
   */
  step(believed_bps, held_back) {
    if (believed_bps === undefined) return null;
    const lifted = this.#ceiling_bps < this.#most_bps;
    if (lifted && believed_bps >= REACHED * this.#ceiling_bps) return this.#search(believed_bps);
    if (!held_back || believed_bps >= ENOUGH * this.#most_bps) {
      this.#held_s = 0;
      this.#patience_s = PATIENCE_S;
      return lifted ? (this.#ceiling_bps = this.#most_bps) : null;
    }
    this.#held_s += 1;
    if (this.#held_s < this.#patience_s) return null;
    this.#patience_s = Math.min(MAX_PATIENCE_S, this.#patience_s + 2);
    return this.#search(believed_bps);
  }

  /** @param {number} believed_bps */
  #search(believed_bps) {
    if (believed_bps > 2 * this.#before_bps) this.#patience_s = PATIENCE_S;
    this.#before_bps = believed_bps;
    this.#held_s = 0;
    this.#ceiling_bps = Math.min(this.#most_bps, Math.round(STEP * believed_bps));
    return this.#ceiling_bps;
  }
}

/**
 * The ceiling that a description states for pictures, in bit/s; null when it states none.
 * @param {string} sdp
 */
export function ceilingOf(sdp) {
  const stated = /^b=TIAS:(\d+)/m.exec(sdp);
  return stated === null ? null : Number(stated[1]);
}

/**
 * The same description with another ceiling.
 * @param {string} sdp
 * @param {number} bps
 */
export function withCeiling(sdp, bps) {
  return sdp.replace(/^b=TIAS:\d+/gm, `b=TIAS:${bps}`).replace(/^b=AS:\d+/gm, `b=AS:${Math.round(bps / 1000)}`);
}

/**
 * Apply the far end's answer again with another ceiling: just below it first, because only a higher one is looked into.
 * Nothing is negotiated: both descriptions say what they said. Raises what the browser raises.
 * @param {Pick<RTCPeerConnection, "signalingState" | "setLocalDescription" | "setRemoteDescription">} connection
 * @param {string} answer
 * @param {number} bps
 */
export async function setCeiling(connection, answer, bps) {
  for (const ceiling_bps of [Math.round(0.9 * bps), bps]) {
    if (connection.signalingState !== "stable") return;
    await connection.setLocalDescription();
    await connection.setRemoteDescription({ type: "answer", sdp: withCeiling(answer, ceiling_bps) });
  }
}
