// What of a session survives a reload of the page, in the tab's storage.

/**
 * @typedef {object} Saved
 * @property {string} session_id
 * @property {string} secret
 * @property {string | null} contact_id
 * @property {number} grace_s
 * @property {number} seen_at_ms when the session was last known to live
 */

export class SavedSession {
  #store;
  #key;
  #now;

  /**
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} store
   * @param {string} key name in the store
   * @param {() => number} now milliseconds
   */
  constructor(store, key, now) {
    this.#store = store;
    this.#key = key;
    this.#now = now;
  }

  /** What a page before this one left, if it may still live: younger than the grace time. @returns {Saved | null} */
  read() {
    const text = this.#store.getItem(this.#key);
    if (text === null) return null;
    try {
      const saved = JSON.parse(text);
      const usable = typeof saved?.session_id === "string" && typeof saved.secret === "string" && typeof saved.seen_at_ms === "number";
      if (usable && this.#now() - saved.seen_at_ms <= saved.grace_s * 1000) return saved;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    this.forget();
    return null;
  }

  /** @param {Saved} saved */
  write(saved) {
    this.#store.setItem(this.#key, JSON.stringify(saved));
  }

  forget() {
    this.#store.removeItem(this.#key);
  }
}
