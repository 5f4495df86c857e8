// What each list of the console was last asked for, so that coming back to it shows the same. No DOM.
//
// It stands with the list's entry of the history, not in the address: a customer's name or number is nothing for a bookmark.

import { historyStore } from "../lib/dom.js";

const KEY = "asked";

/** Asked for is what a form of a list says, as a query: `state=failed&queue=sales`; everything: an empty one. */
export class Lists {
  /** @type {Map<string, string>} */
  #last = new Map();
  #entry;

  /** @param {import("../lib/dom.js").Store} [entry] of the history, the one that shows */
  constructor(entry = historyStore()) {
    this.#entry = entry;
  }

  /**
   * A list comes to show: again by Back or a reload, anew by a link. A link from one of its own items leads back to it as it was.
   * @param {string} page
   * @param {string} from the page before
   * @returns {string} what it asks for
   */
  arrive(page, from) {
    const asked = this.#entry.getItem(KEY) ?? (from === page ? this.#last.get(page) : undefined) ?? "";
    this.ask(page, asked);
    return asked;
  }

  /** @param {string} page @param {string} asked */
  ask(page, asked) {
    this.#last.set(page, asked);
    this.#entry.setItem(KEY, asked);
  }
}
