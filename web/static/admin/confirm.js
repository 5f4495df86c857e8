// A question before something is done that hurts: <vv-confirm>.

import { LitElement, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base, dialogStyles } from "../elements/styles.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text what will be done
 * @property {string} yes
 * @property {string} no
 * @property {import("../elements/icons.js").IconName} icon of yes
 */

export class Confirm extends LitElement {
  static properties = { _question: { state: true } };

  static styles = [base, dialogStyles];

  constructor() {
    super();
    /** @type {Question | null} */
    this._question = null;
  }

  /** @type {(sure: boolean) => void} */
  #answered = () => {};

  /** @param {Question} question @returns {Promise<boolean>} whether they are sure; Escape says no */
  async ask(question) {
    this._question = question;
    await this.updateComplete;
    const answer = new Promise((/** @type {(sure: boolean) => void} */ resolve) => (this.#answered = resolve));
    this.#dialog.showModal();
    return answer;
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }

  #sure = () => {
    this.#answered(true);
    this.#dialog.close();
  };

  #closed = () => {
    this.#answered(false);
    this._question = null;
  };

  render() {
    const question = this._question;
    return html`<dialog aria-labelledby="title" aria-describedby="text" @close=${this.#closed}>
      ${question === null
        ? nothing
        : html`<div class="stack">
            <h2 id="title">${question.title}</h2>
            <p id="text">${question.text}</p>
            <div class="row">
              <button class="danger" data-action="confirm" @click=${this.#sure}>${icon(question.icon)} ${question.yes}</button>
              <button @click=${() => this.#dialog.close()}>${question.no}</button>
            </div>
          </div>`}
    </dialog>`;
  }
}

customElements.define("vv-confirm", Confirm);
