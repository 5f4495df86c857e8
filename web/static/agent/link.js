// A link for a customer, on the telephone now or at another time: made, shown to be read aloud, copied, scanned or
// put into a calendar, and taken back.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { calendarOf, request, save } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { language, locale, t } from "../lib/i18n.js";

/**
 * @typedef {object} MadeLink
 * @property {string} link_id
 * @property {string} url
 * @property {string | null} pin
 * @property {string} qr a picture, as an address
 * @property {string} opens_at
 * @property {string} closes_at
 */

const LENGTHS_MIN = [15, 30, 45, 60, 120];

export class VideoLink extends LitElement {
  static properties = {
    queues: { attribute: false },
    _made: { state: true },
    _later: { state: true },
    _copied: { state: true },
  };

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
      fieldset {
        display: grid;
        gap: 4px;
        border: 0;
        padding: 0;
        margin: 0;
      }
      .time {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 12px;
      }
      .time input,
      .time select {
        width: 100%;
        box-sizing: border-box;
      }
      @media (max-width: 480px) {
        .time {
          grid-template-columns: minmax(0, 1fr);
        }
        .made {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    /** Those of the agent. @type {string[]} */
    this.queues = [];
    this._later = false;
    /** @type {MadeLink | null} */
    this._made = null;
    this._copied = false;
  }

  /** @param {SubmitEvent} event */
  #make = (event) => {
    event.preventDefault();
    const asked = this.#asked(new FormData(/** @type {HTMLFormElement} */ (event.target)));
    void this.#asking.run(async () => {
      this._made = await request("POST", "/api/v1/links", asked);
      this._copied = false;
      await this.updateComplete;
      /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[data-action=copy]"))?.focus();
    });
  };

  /** @param {FormData} form */
  #asked(form) {
    const pin = form.get("pin") !== null;
    if (!this._later) return { pin };
    const opens = new Date(`${form.get("date")}T${form.get("time")}`); // in the agent's own zone
    const closes = new Date(opens.getTime() + Number(form.get("length")) * 60_000);
    const queue = form.get("whom");
    const whom = queue === "" ? {} : { queue };
    return { pin, opens_at: opens.toISOString(), closes_at: closes.toISOString(), ...whom };
  }

  /** @param {Event} event */
  #when = (event) => {
    this._later = /** @type {HTMLInputElement} */ (event.target).value === "later";
  };

  #calendar = () => {
    const made = this._made;
    if (made === null) return;
    const token = new URL(made.url).hash.replace("#link=", "");
    void this.#asking.run(async () => save(await calendarOf(made.link_id, token, language()), "video-call.ics"));
  };

  #copy = async () => {
    if (this._made === null) return;
    await navigator.clipboard.writeText(this._made.url);
    this._copied = true;
  };

  #revoke = () => {
    const made = this._made;
    if (made === null) return;
    void this.#asking.run(async () => {
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
      ${refusal(this.#asking.code, "warn")}
    </details>`;
  }

  #form() {
    return html`<form @submit=${this.#make} class="stack">
      <p class="hint small">${t("link.hint")}</p>
      <fieldset @change=${this.#when}>
        <legend class="label">${t("link.when")}</legend>
        <label class="check"><input type="radio" name="when" value="now" .checked=${!this._later} /> <span>${t("link.now")}</span></label>
        <label class="check"><input type="radio" name="when" value="later" .checked=${this._later} /> <span>${t("link.later")}</span></label>
      </fieldset>
      ${this._later ? this.#time() : nothing}
      <label class="check"><input type="checkbox" name="pin" /> <span>${t("link.with_pin")}</span></label>
      <button class="primary" data-action="make-link" ?disabled=${this.#asking.busy}>${t("link.make")}</button>
    </form>`;
  }

  #time() {
    const now = new Date();
    const today = new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
    return html`<div class="time">
      <div><label for="date">${t("link.date")}</label><input id="date" name="date" type="date" min=${today} required /></div>
      <div><label for="time">${t("link.time")}</label><input id="time" name="time" type="time" required /></div>
      <div>
        <label for="length">${t("link.length")}</label>
        <select id="length" name="length">
          ${LENGTHS_MIN.map((count) => html`<option value=${count} ?selected=${count === 30}>${t("link.minutes", { count })}</option>`)}
        </select>
      </div>
      <div>
        <label for="whom">${t("link.whom")}</label>
        <select id="whom" name="whom">
          <option value="">${t("link.me")}</option>
          ${this.queues.map((queue) => html`<option value=${queue}>${t("link.queue", { queue })}</option>`)}
        </select>
      </div>
    </div>`;
  }

  /** @param {MadeLink} made */
  #result(made) {
    const opens = new Date(made.opens_at);
    const later = opens.getTime() > Date.now() + 60_000;
    const from = new Intl.DateTimeFormat(locale(), { dateStyle: "full", timeStyle: "short" }).format(opens);
    const until = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(new Date(made.closes_at));
    return html`<div class="made" role="group" aria-label=${t("link.ready")}>
      <img src=${made.qr} alt=${t("link.qr")} width="148" height="148" />
      <div class="stack">
        <p role="status">${t("link.ready")} ${later ? t("link.from_until", { from, time: until }) : t("link.until", { time: until })}</p>
        <code data-link>${made.url}</code>
        ${made.pin === null ? nothing : html`<p>${t("link.pin")} <span class="pin" data-pin>${made.pin}</span></p>`}
      </div>
      <div class="row">
        <button class="primary" data-action="copy" @click=${this.#copy}>${t(this._copied ? "link.copied" : "link.copy")}</button>
        ${later ? html`<button data-action="calendar" @click=${this.#calendar}>${t("link.calendar")}</button>` : nothing}
        <button data-action="revoke" ?disabled=${this.#asking.busy} @click=${this.#revoke}>${t("link.revoke")}</button>
        <button class="plain" @click=${this.#again}>${t("link.another")}</button>
      </div>
    </div>`;
  }
}

customElements.define("vv-video-link", VideoLink);
