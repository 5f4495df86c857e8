// The numbers of a session's messages in both directions, and what was sent and is not acknowledged yet. No socket, no time.

/** @typedef {import("./messages.js").ClientMessage} ClientMessage */
/** @typedef {{seq: number, message: ClientMessage}} Sent */

const ACK_EVERY = 16;
/** More unacknowledged messages than this: they are dropped, and the next hello asks for a full view. */
const OUTBOX_LIMIT = 256;

export class Numbering {
  /** Whether this page has seen the session from its beginning, and so can go on where it was. */
  whole = false;
  /** The highest number that came. */
  last_in = 0;

  #acked_in = 0;
  #next_seq = 1;
  /** @type {Sent[]} */
  #outbox = [];

  /** Nothing is known of the session yet. */
  reset() {
    this.whole = false;
    this.#begin();
  }

  #begin() {
    this.last_in = this.#acked_in = 0;
    this.#next_seq = 1;
    this.#outbox = [];
  }

  /**
   * The gateway has welcomed this page, and has had what it sent up to `ack`, when it went on where it was.
   * @param {boolean} resumed
   * @param {number} ack
   */
  welcomed(resumed, ack) {
    if (resumed) {
      this.acknowledged(ack);
      this.#next_seq = Math.max(this.#next_seq, ack + 1);
    } else {
      this.#begin();
    }
    this.whole = true;
  }

  /** Number a message and keep it until it is acknowledged. @param {ClientMessage} message @returns {number} */
  keep(message) {
    const seq = this.#next_seq++;
    this.#outbox.push({ seq, message });
    if (this.#outbox.length > OUTBOX_LIMIT) {
      this.#outbox = [];
      this.whole = false;
    }
    return seq;
  }

  /** What is to be sent again. */
  get unacknowledged() {
    return this.#outbox;
  }

  /** @param {number} ack the other side has had everything up to it */
  acknowledged(ack) {
    this.#outbox = this.#outbox.filter(({ seq }) => seq > ack);
  }

  /** A message came. @param {number} seq @returns {boolean} false: it was sent again, and seen before */
  take(seq) {
    if (seq <= this.last_in) return false;
    this.last_in = seq;
    return true;
  }

  /** The other side is told now what came up to `last_in`. */
  told() {
    this.#acked_in = this.last_in;
  }

  /** So much came that it is told at once. */
  get ack_due() {
    return this.last_in - this.#acked_in >= ACK_EVERY;
  }
}
