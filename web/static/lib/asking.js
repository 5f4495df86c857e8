// What an element asks of the gateway: whether it waits for an answer, and why it was refused. No DOM.

import { ApiError } from "./api.js";

export class Asking {
  /** Whether the answer is awaited. */
  busy = false;
  /** Why the last wish was refused; a stable code. @type {string | null} */
  code = null;

  #draw;

  /** @param {() => void} draw shows both again */
  constructor(draw) {
    this.#draw = draw;
  }

  /**
   * One wish after the other; another failure than a refusal is no answer, and is thrown.
   * @param {() => Promise<void>} work
   * @returns {Promise<boolean>} whether it was done
   */
  async run(work) {
    this.busy = true;
    this.code = null;
    this.#draw();
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.code = error.code;
      return false;
    } finally {
      this.busy = false;
      this.#draw();
    }
  }
}
