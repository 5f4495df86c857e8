// After the call: how it ended, in one code, and notes. What is written stays when the page is reloaded.

import { LitElement, css, html } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { tabStore } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { has, t } from "../lib/i18n.js";

/** The last seconds are said aloud and shown, so that nobody loses what they write. */
const WARN_S = 20;

/** Event: `wrap-up` (detail `{disposition, notes}`). */
export class WrapUp extends LitElement {
  static properties = {
    contact_id: { type: String },
    dispositions: { attribute: false },
    left_s: { attribute: false },
    customer: { type: String },
    next: { type: String },
    hint: { type: String },
    _sent: { state: true },
    _missing: { state: true },
  };

  static styles = [
    base,
    css`
      :host {
        display: block;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
      }
      legend {
        padding: 0;
        margin-bottom: 8px;
        font-weight: 600;
      }
      .choices {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(140px, 1fr));
        gap: 8px;
      }
      .choices label {
        display: flex;
        gap: 10px;
        align-items: center;
        min-height: 48px;
        padding: 8px 14px;
        border: 1px solid var(--edge);
        border-radius: var(--radius-s);
        cursor: pointer;
        font-weight: 500;
      }
      .choices label:has(:checked) {
        border-color: var(--accent);
        background: var(--accent-soft);
        font-weight: 650;
      }
      .choices label:has(:focus-visible) {
        outline: 3px solid var(--accent);
        outline-offset: 2px;
      }
      .head {
        display: flex;
        gap: 12px;
        justify-content: space-between;
        align-items: baseline;
        flex-wrap: wrap;
      }
      textarea {
        margin-top: 4px;
      }
    `,
  ];

  constructor() {
    super();
    this.contact_id = "";
    /** @type {string[]} */
    this.dispositions = [];
    this.left_s = 0;
    this.customer = "";
    /** Why the agent is not ready afterwards; empty: ready. */
    this.next = "";
    /** What comes after it, in place of the usual words. */
    this.hint = "";
    this._sent = false;
    this._missing = false;
  }

  get #key() {
    return `visavis.notes.${this.contact_id}`;
  }

  render() {
    const hurry = this.left_s <= WARN_S;
    return html`<form class="card stack" @submit=${this.#submit}>
      <div class="head">
        <h1 tabindex="-1">${t("wrap_up.title", { name: this.customer })}</h1>
        <span class="pill number ${hurry ? "warn" : ""}">${icon("clock")} ${clock(this.left_s)}</span>
      </div>
      <p class="hint">${this.hint !== "" ? this.hint : this.next === "" ? t("wrap_up.text") : t("wrap_up.text_next", { reason: this.next })}</p>
      <fieldset>
        <legend>${t("wrap_up.disposition")}</legend>
        <div class="choices">
          ${this.dispositions.map(
            (code) => html`<label>
              <input type="radio" name="disposition" value=${code} @change=${() => (this._missing = false)} />
              ${has(`disposition.${code}`) ? t(`disposition.${code}`) : code.replaceAll("_", " ")}
            </label>`,
          )}
        </div>
      </fieldset>
      ${this._missing ? html`<p class="note bad" role="alert">${icon("warning")} ${t("wrap_up.missing")}</p>` : ""}
      <div>
        <label for="notes">${t("wrap_up.notes")} <span class="hint">${t("start.optional")}</span></label>
        <textarea
          id="notes"
          name="notes"
          maxlength="4000"
          .value=${tabStore().getItem(this.#key) ?? ""}
          @input=${(/** @type {Event} */ event) =>
            tabStore().setItem(this.#key, /** @type {HTMLTextAreaElement} */ (event.target).value)}
        ></textarea>
      </div>
      <p class="visually-hidden" role="status">${hurry ? t("wrap_up.hurry", { count: WARN_S }) : ""}</p>
      <button class="primary big" type="submit" ?disabled=${this._sent}>${icon("check")} ${t("wrap_up.done")}</button>
    </form>`;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    if (this._sent) tabStore().removeItem(this.#key); // it was taken; until then it may be refused, or the page reloaded
  }

  /** Where the form begins. */
  async takeFocus() {
    await this.updateComplete;
    this.renderRoot.querySelector("h1")?.focus();
  }

  /** Another contact, or the answer was refused: it can be sent (again). */
  unlock() {
    this._sent = false;
  }

  /** @param {SubmitEvent} event */
  #submit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const disposition = form.get("disposition");
    if (disposition === null) {
      this._missing = true;
      /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("input[type=radio]"))?.focus();
      return;
    }
    this._sent = true;
    const detail = { disposition: String(disposition), notes: String(form.get("notes") ?? "") };
    this.dispatchEvent(new CustomEvent("wrap-up", { detail }));
  };
}

customElements.define("vv-wrap-up", WrapUp);
