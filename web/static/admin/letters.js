// Commands that could not be told to an ACD: what, why, and whether to send them again or let them go.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { moment, shortId } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { pageStyles } from "./styles.js";

const LIMIT = 200;

/**
 * @typedef {object} Letter
 * @property {string} id
 * @property {string} acd
 * @property {string | null} contact_id
 * @property {string} command
 * @property {string} cause
 * @property {number} tries
 * @property {string} created_at
 * @property {string} dead_at
 */

class Letters extends LitElement {
  static properties = { _letters: { state: true }, _code: { state: true }, _busy: { state: true }, _said: { state: true }, _dropping: { state: true } };

  static styles = [
    base,
    pageStyles,
    css`
      :host {
        display: block;
        margin-top: 32px;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        gap: 12px;
        align-items: center;
        justify-content: space-between;
      }
      td,
      tbody th {
        vertical-align: top;
      }
      tbody th {
        font-weight: 400;
      }
      td .hint,
      th .hint {
        display: block;
      }
      table {
        min-width: 900px;
      }
      td .row {
        flex-wrap: nowrap;
      }
      td a {
        display: inline-grid;
        align-content: center;
        min-height: 44px;
        margin-block: -10px;
      }
      dialog {
        border: 1px solid var(--line);
        border-radius: var(--radius);
        padding: 24px;
        max-width: min(440px, calc(100vw - 32px));
        background: var(--surface);
        color: var(--ink);
        box-shadow: var(--shadow);
      }
      dialog::backdrop {
        background: rgb(8 14 15 / 60%);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Letter[] | null} */
    this._letters = null;
    /** @type {string | null} */
    this._code = null;
    this._busy = false;
    /** What was done last, for the screen reader. @type {string} */
    this._said = "";
    /** @type {Letter | null} */
    this._dropping = null;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  #load = async () => {
    this._busy = true;
    this._code = null;
    try {
      this._letters = (await request("GET", `/api/v1/dead-letters?limit=${LIMIT}`)).letters;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._code = error.code;
    } finally {
      this._busy = false;
    }
  };

  /** @param {"POST" | "DELETE"} method @param {string} path @param {string} said */
  async #act(method, path, said) {
    this._busy = true;
    this._code = null;
    try {
      await request(method, path);
      this._said = said;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._code = error.code;
    } finally {
      this._busy = false;
    }
    if (this._code === null) await this.#load();
  }

  /** @param {Letter} letter */
  #retry(letter) {
    void this.#act("POST", `/api/v1/dead-letters/${letter.id}/retry`, t("letters.retried"));
  }

  /** @param {Letter} letter */
  async #askDrop(letter) {
    this._dropping = letter;
    await this.updateComplete;
    this.#dialog().showModal();
  }

  #drop = () => {
    const letter = this._dropping;
    this.#dialog().close();
    if (letter !== null) void this.#act("DELETE", `/api/v1/dead-letters/${letter.id}`, t("letters.dropped"));
  };

  #dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }

  render() {
    return html`<section class="stack" aria-labelledby="letters-title">
      <div class="head">
        <h2 id="letters-title">${t("letters.title")}</h2>
        <button ?disabled=${this._busy} @click=${this.#load}>${icon("refresh")} ${t("acd.look_again")}</button>
      </div>
      <p class="hint">${t("letters.about")}</p>
      ${this._code !== null ? html`<p class="note bad" role="alert">${icon("warning")} ${codeText("error", this._code)}</p>` : nothing}
      <div role="status">
        <span class="visually-hidden">${this._said}</span>
        ${this._letters?.length === 0 ? html`<p class="card">${t("letters.none")}</p>` : nothing}
      </div>
      ${this._letters !== null && this._letters.length > 0 ? this.#table(this._letters) : nothing}
      <dialog aria-labelledby="drop-title" @close=${() => (this._dropping = null)}>
        <div class="stack">
          <h2 id="drop-title">${t("letters.drop_title")}</h2>
          <p>${t("letters.drop_text")}</p>
          <div class="row">
            <button class="danger" data-action="confirm-drop" @click=${this.#drop}>${icon("cross")} ${t("letters.drop")}</button>
            <button @click=${() => this.#dialog().close()}>${t("letters.keep")}</button>
          </div>
        </div>
      </dialog>
    </section>`;
  }

  /** @param {Letter[]} letters */
  #table(letters) {
    const tag = locale();
    return html`<div class="card scroll" tabindex="0" role="region" aria-label=${t("letters.title")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("acd.when")}</th>
            <th scope="col">${t("acd.contact")}</th>
            <th scope="col">${t("letters.command")}</th>
            <th scope="col">${t("acd.cause")}</th>
            <th scope="col">${t("letters.actions")}</th>
          </tr>
        </thead>
        <tbody>
          ${letters.map(
            (letter) => html`<tr>
              <th scope="row">${moment(letter.dead_at, tag, new Date())}<span class="hint">${letter.acd}</span></th>
              <td>${letter.contact_id === null ? "–" : html`<a class="mono" href="#/contacts/${letter.contact_id}">${shortId(letter.contact_id)}</a>`}</td>
              <td>${codeText("acd_command", letter.command)}</td>
              <td><span class="mono">${letter.cause}</span><span class="hint">${t("letters.tries", { count: letter.tries + 1 })}</span></td>
              <td>
                <div class="row">
                  <button data-action="retry" ?disabled=${this._busy} @click=${() => this.#retry(letter)}>${icon("refresh")} ${t("letters.retry")}</button>
                  <button data-action="drop" ?disabled=${this._busy} @click=${() => void this.#askDrop(letter)}>${icon("cross")} ${t("letters.drop")}</button>
                </div>
              </td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

customElements.define("vv-letters", Letters);
