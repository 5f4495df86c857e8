// The frame's side of the talk with the page that embeds it: postMessage, one origin, one shape, everything bounded.
//
// Which pages may embed the frame is said by its `frame-ancestors`; in here the first well-formed hello of the parent
// window fixes the origin, and nothing of any other origin or window is heard afterwards.

const MARK = "visavis";
const VERSION = 1;
const FIELD_LIMIT = 20;
const IDENTITY_LENGTH = 4000;

/**
 * @typedef {object} PageContext
 * @property {string} language
 * @property {string} page_url
 * @property {string} page_title
 * @property {string} name what the page knows as the customer's name; empty when nothing
 * @property {Record<string, string>} form
 * @property {string} identity what the site's server signed of who this is; empty when nothing
 */
/** @typedef {{type: "hello" | "opened", payment: boolean} & PageContext} PageHello */
/** @typedef {PageHello | {type: "payment", open: boolean}} PageMessage */
/**
 * @typedef {{type: "availability", offered: boolean, label: string, closed: string}
 *   | {type: "status", live: boolean, label: string} | {type: "open"} | {type: "minimise"}
 *   | {type: "size", wide: boolean} | {type: "recording", state: string}} FrameMessage
 */

/** @param {unknown} value @param {number} length */
const isText = (value, length) => typeof value === "string" && value.length <= length;

/**
 * What a page may say, checked; null for anything else: wrong mark, unknown type, too long, too many, not text.
 * @param {any} data
 * @returns {PageMessage | null}
 */
export function readPageMessage(data) {
  if (typeof data !== "object" || data === null || data[MARK] !== VERSION) return null;
  const { type, language, page, form, name = "", identity = "", payment = false } = data;
  if (type === "payment") return typeof data.open === "boolean" ? { type, open: data.open } : null;
  if (typeof payment !== "boolean") return null;
  if (type !== "hello" && type !== "opened") return null;
  if (!isText(identity, IDENTITY_LENGTH)) return null;
  if (!isText(language, 20) || !isText(name, 40) || typeof page !== "object" || page === null) return null;
  if (!isText(page.url, 2000) || !/^https?:\/\//.test(page.url) || !isText(page.title, 200)) return null;
  if (typeof form !== "object" || form === null) return null;
  const entries = Object.entries(form);
  if (entries.length > FIELD_LIMIT) return null;
  if (!entries.every(([name, value]) => isText(name, 40) && isText(value, 200))) return null;
  return { type, language, page_url: page.url, page_title: page.title, name, identity, payment, form: Object.fromEntries(/** @type {[string, string][]} */ (entries)) };
}

/** Event: `page` (detail PageMessage). Alone in a window of its own, it never says anything. */
export class Bridge extends EventTarget {
  /** @type {string | null} */
  #origin = null;
  #window;

  /** @param {Window} [own] */
  constructor(own = window) {
    super();
    this.#window = own;
    if (this.embedded) own.addEventListener("message", (event) => this.#receive(event));
  }

  get embedded() {
    return this.#window.parent !== this.#window;
  }

  /** @param {FrameMessage} message */
  tell(message) {
    if (this.#origin !== null) this.#window.parent.postMessage({ [MARK]: VERSION, ...message }, this.#origin);
  }

  /** @param {MessageEvent} event */
  #receive(event) {
    if (event.source !== this.#window.parent) return;
    if (this.#origin !== null && event.origin !== this.#origin) return;
    const message = readPageMessage(event.data);
    if (message === null || (this.#origin === null && (message.type !== "hello" || event.origin === "null"))) return;
    this.#origin = event.origin;
    this.dispatchEvent(new CustomEvent("page", { detail: message }));
  }
}
