// What the panel of one call tells the desktop that shows it: postMessage, to allowed origins only. It listens to nothing.

/** @typedef {"ready" | "connected" | "held" | "resumed" | "ended" | "wrapped_up" | "failed"} Told */

const MARK = "visavis";
const VERSION = 1;

/** The window that frames this page, or opened it as a popup; null when it stands alone. @param {Window} own */
function desktopOf(own) {
  if (own.parent !== own) return own.parent;
  return own.opener;
}

/**
 * To whom it may be said: the allowed origins, or the one of them that the browser says is around this page.
 * @param {string[]} allowed
 * @param {string | undefined} around
 */
export function targets(allowed, around) {
  if (around === undefined) return allowed;
  return allowed.filter((origin) => origin === around);
}

export class Desktop {
  #window;
  /** @type {string[]} */
  #targets = [];
  /** @type {Told | ""} */
  #last = "";

  /** @param {Window} [own] */
  constructor(own = window) {
    this.#window = own;
  }

  /** @param {string[]} origins the allowed ones */
  allow(origins) {
    const framed = this.#window.parent !== this.#window;
    this.#targets = targets(origins, framed ? this.#window.location.ancestorOrigins?.[0] : undefined);
  }

  /**
   * Say what happened; the same thing is not said twice in a row. A window of another origin than the one named never
   * gets it: that is the browser's to keep.
   * @param {Told} event
   * @param {string} [code] why it failed
   */
  tell(event, code) {
    if (event === this.#last) return;
    this.#last = event;
    const message = { [MARK]: VERSION, type: "panel", event, ...(code === undefined ? {} : { code }) };
    for (const origin of this.#targets) desktopOf(this.#window)?.postMessage(message, origin);
  }
}
