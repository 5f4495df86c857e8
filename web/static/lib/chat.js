// The chat of one contact on one page: the lines there are, those on their way, and what has not been read yet.
//
// No DOM. A line that is on its way is known by an id of its own and sent again, under the same id, until the gateway
// has told it back; so it is there once, however often the connection breaks.

import { randomKey } from "./dom.js";

/** @typedef {import("./messages.js").ChatEntry} ChatEntry */
/** @typedef {import("./messages.js").ServerMessage} ServerMessage */
/** @typedef {{client_id: string, text: string, seq: number, code: string | null}} Pending `code`: why it was refused */
/**
 * @typedef {object} BookOptions
 * @property {string} contact_id
 * @property {(message: import("./messages.js").Chat) => number} send returns the number of the message
 * @property {Pick<Storage, "getItem" | "setItem">} store remembers what was read
 * @property {() => string} [new_id]
 */

/** The longest line, in characters. */
export const TEXT_LIMIT = 1000;

/** Whether a line can be written in this state of the contact: an agent has it. */
export const CHATS = new Set(["bridging", "active", "held", "transferring", "consult_ringing", "consulting"]);

/** Event: `change`. */
export class ChatBook extends EventTarget {
  /** @type {ChatEntry[]} by number */
  lines = [];
  /** Lines before the first of `lines` that the page was not told again. */
  earlier = 0;
  /** @type {Pending[]} */
  pending = [];
  /** How many lines of the other side were not on the screen yet. */
  unread = 0;
  /** What is being written: it is still there when the chat was closed in between. */
  draft = "";

  #options;
  #open = false;
  #seen;

  /** @param {BookOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#seen = Number(options.store.getItem(this.#key)) || 0;
  }

  get contact_id() {
    return this.#options.contact_id;
  }

  get #key() {
    return `visavis.chat.${this.#options.contact_id}`;
  }

  /** Whether the lines are on the screen. */
  get open() {
    return this.#open;
  }

  set open(open) {
    this.#open = open;
    this.#changed();
  }

  /** @param {string} written @returns {boolean} whether there was something to send */
  write(written) {
    const text = written.trim();
    if (text === "") return false;
    this.draft = "";
    const client_id = (this.#options.new_id ?? randomKey)();
    this.pending = [...this.pending, { client_id, text, seq: this.#send(client_id, text), code: null }];
    this.#changed();
    return true;
  }

  /** Send a refused line again. @param {string} client_id */
  again(client_id) {
    this.pending = this.pending.map((line) =>
      line.client_id === client_id && line.code !== null ? { ...line, seq: this.#send(client_id, line.text), code: null } : line,
    );
    this.#changed();
  }

  /** Give a refused line up. @param {string} client_id */
  drop(client_id) {
    this.pending = this.pending.filter((line) => line.client_id !== client_id || line.code === null);
    this.#changed();
  }

  /** The gateway tells everything anew, and has forgotten what this page had sent and was not taken yet. */
  renewed() {
    this.lines = [];
    this.earlier = 0;
    this.pending = this.pending.map((line) => (line.code === null ? { ...line, seq: this.#send(line.client_id, line.text) } : line));
    this.#changed();
  }

  /**
   * @param {ServerMessage} message
   * @returns {boolean} whether it was for the chat
   */
  receive(message) {
    switch (message.type) {
      case "chat_history":
        this.lines = [...message.lines];
        this.earlier = message.earlier;
        break;
      case "chat_line": {
        const { number, by, name, at, text, client_id } = message;
        const others = this.lines.filter((line) => line.number !== number);
        this.lines = [...others, { number, by, name, at, text, client_id }].sort((a, b) => a.number - b.number);
        break;
      }
      case "error": {
        const { re_seq, code } = message;
        if (re_seq == null || !this.pending.some((line) => line.seq === re_seq)) return false;
        this.pending = this.pending.map((line) => (line.seq === re_seq ? { ...line, code } : line));
        this.#changed();
        return true;
      }
      default:
        return false;
    }
    const told = new Set(this.lines.map((line) => line.client_id));
    this.pending = this.pending.filter((line) => !told.has(line.client_id));
    this.#changed();
    return true;
  }

  /** @param {string} client_id @param {string} text */
  #send(client_id, text) {
    return this.#options.send({ type: "chat", client_id, text });
  }

  #changed() {
    const last = this.lines.at(-1)?.number ?? 0;
    if (this.#open && last > this.#seen) {
      this.#seen = last;
      this.#options.store.setItem(this.#key, String(last));
    }
    this.unread = this.lines.filter((line) => line.number > this.#seen && line.client_id == null).length;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * A text in parts: plain ones, and addresses that may be pressed. Only `https` with a plain host is one: no name and
 * password before it, no letters of other alphabets that look like ours.
 * @param {string} text
 * @returns {{text: string, href: string | null}[]}
 */
export function parts(text) {
  /** @type {{text: string, href: string | null}[]} */
  const found = [];
  let from = 0;
  for (const match of text.matchAll(/https:\/\/[^\s<>"'`{}|\\^]+/g)) {
    const shown = match[0].replace(/[.,;:!?)\]]+$/, "");
    if (!isPlainAddress(shown)) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index), href: null });
    found.push({ text: shown, href: shown });
    from = match.index + shown.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), href: null });
  return found;
}

/** @param {string} address */
function isPlainAddress(address) {
  const written = /^https:\/\/([A-Za-z0-9.-]+)(?::\d+)?(?:[/?#]|$)/.exec(address)?.[1];
  if (written === undefined || !URL.canParse(address)) return false;
  const { hostname, username, password } = new URL(address);
  return username === "" && password === "" && hostname === written.toLowerCase() && !/(?:^|\.)xn--/.test(hostname);
}
