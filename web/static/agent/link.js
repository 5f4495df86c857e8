// A link for a customer on the telephone: made, shown to be read aloud, copied or scanned, and taken back.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { codeText, locale, t } from "../lib/i18n.js";

/**
 * @typedef {object} MadeLink
 * @property {string} link_id
 * @property {string} url
 * @property {string | null} pin
 * @property {string} qr a picture, as an address
 * @property {string} closes_at
 */

export class VideoLink extends LitElement {
  static properties = { _made: { state: true }, _code: { state: true }, _busy: { state: true }, _copied: { state: true } };

  static styles = [
    base,
    css`
      summary {
        padding-block: 12px;
        cursor: pointer;
        font-weight: 600;
      }
      .made {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 12px 16px;
        align-items: start;
      }
      img {
        width: 148px;
        height: 148px;
        border-radius: 8px;
        background: #fff;
      }
      code {
        display: block;
        overflow-wrap: anywhere;
        font-size: 0.875rem;
        user-select: all;
      }
      .pin {
        font-size: 1.75rem;
        font-weight: 700;
        letter-spacing: 0.18em;
        font-variant-numeric: tabular-nums;
      }
      .row {
        grid-column: 1 / -1;
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      @media (max-width: 480px) {
        .made {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {MadeLink | null} */
    this._made = null;
    /** @type {string | null} */
    this._code = null;
    this._busy = false;
    this._copied = false;
  }

  /** @param {() => Promise<void>} work */
  async #try(work) {
    this._busy = true;
    this._code = null;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._code = error.code;
    } finally {
      this._busy = false;
    }
  }

  /** @param {SubmitEvent} event */
  #make = (event) => {
    event.preventDefault();
    const pin = /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("#with-pin")).checked;
    void this.#try(async () => {
      this._made = await request("POST", "/api/v1/links", { pin });
      this._copied = false;
      await this.updateComplete;
      /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[data-action=copy]"))?.focus();
    });
  };

  #copy = async () => {
    if (this._made === null) return;
    await navigator.clipboard.writeText(this._made.url);
    this._copied = true;
  };

  #revoke = () => {
    const made = this._made;
    if (made === null) return;
    void this.#try(async () => {
      await request("DELETE", `/api/v1/links/${made.link_id}`);
      this._made = null;
    });
  };

  #again = () => {
    this._made = null;
  };

  render() {
    return html`<details>
      <summary>${t("link.title")}</summary>
      ${this._made === null ? this.#form() : this.#result(this._made)}
      ${this._code === null ? nothing : html`<p class="note warn" role="alert">${icon("warning")} ${codeText("error", this._code)}</p>`}
    </details>`;
  }

  #form() {
    return html`<form @submit=${this.#make} class="stack">
      <p class="hint small">${t("link.hint")}</p>
      <label class="check"><input type="checkbox" id="with-pin" /> <span>${t("link.with_pin")}</span></label>
      <button class="primary" data-action="make-link" ?disabled=${this._busy}>${t("link.make")}</button>
    </form>`;
  }

  /** @param {MadeLink} made */
  #result(made) {
    const until = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(new Date(made.closes_at));
    return html`<div class="made" role="group" aria-label=${t("link.ready")}>
      <img src=${made.qr} alt=${t("link.qr")} width="148" height="148" />
      <div class="stack">
        <p role="status">${t("link.ready")} ${t("link.until", { time: until })}</p>
        <code data-link>${made.url}</code>
        ${made.pin === null ? nothing : html`<p>${t("link.pin")} <span class="pin" data-pin>${made.pin}</span></p>`}
      </div>
      <div class="row">
        <button class="primary" data-action="copy" @click=${this.#copy}>${t(this._copied ? "link.copied" : "link.copy")}</button>
        <button data-action="revoke" ?disabled=${this._busy} @click=${this.#revoke}>${t("link.revoke")}</button>
        <button class="plain" @click=${this.#again}>${t("link.another")}</button>
      </div>
    </div>`;
  }
}

customElements.define("vv-video-link", VideoLink);
