// Draws an element again whenever the Call it shows changes: the object stays the same, so lit can't see it.

/** @typedef {import("../lib/call.js").Call} Call */

/** A lit reactive controller for elements with a property `call`. */
export class CallWatcher {
  /** @type {import("../vendor/lit.js").LitElement & {call: Call | null}} */
  #host;
  /** @type {Call | null} */
  #call = null;
  #draw = () => this.#host.requestUpdate();

  /** @param {import("../vendor/lit.js").LitElement & {call: Call | null}} host */
  constructor(host) {
    this.#host = host;
    host.addController(this);
  }

  hostUpdate() {
    if (this.#host.call === this.#call) return;
    this.#call?.removeEventListener("change", this.#draw);
    this.#call = this.#host.call;
    this.#call?.addEventListener("change", this.#draw);
  }

  hostDisconnected() {
    this.#call?.removeEventListener("change", this.#draw);
    this.#call = null;
  }
}
