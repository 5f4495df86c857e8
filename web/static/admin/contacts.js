// The list of contacts, newest first, a page at a time.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { clock, moment, shortId } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { STATE_ORDER, listStyles, pageStyles } from "./styles.js";

const LIMIT = 50;

/**
 * @typedef {object} ContactRow
 * @property {string} contact_id
 * @property {string} site
 * @property {string} state
 * @property {string | null} end_reason
 * @property {string | null} queue
 * @property {string | null} agent_id
 * @property {string | null} agent_name
 * @property {string} started_at
 * @property {string | null} ended_at
 * @property {number | null} talk_s
 * @property {number | null} wait_s
 * @property {string | null} disposition
 * @property {{recording_id: string, state: string} | null} recording
 */

/** How a contact stands, in one text. @param {ContactRow} contact */
export function outcome(contact) {
  return contact.end_reason === null ? t(`state.${contact.state}`) : codeText("reason_ended", contact.end_reason);
}

/** @param {ContactRow} contact */
export function outcomeTone(contact) {
  if (contact.end_reason === null) return "accent";
  if (contact.end_reason === "completed" || contact.end_reason === "self_served") return "good";
  return contact.end_reason.startsWith("abandoned") || contact.end_reason === "overflowed" ? "warn" : "bad";
}

/** Event: `ask` (detail: what it shall ask for from now on). */
class Contacts extends LitElement {
  static properties = { _rows: { state: true }, _next: { state: true }, asked: { attribute: false } };

  static styles = [
    base,
    pageStyles,
    listStyles,
    css`
      :host {
        --columns: 11rem minmax(0, 1.3fr) minmax(0, 1fr) 5rem 6rem 2rem 1.4rem;
      }
      @media (max-width: 1120px) {
        :host {
          --columns: 9.5rem minmax(0, 1.2fr) minmax(0, 1fr) 4rem 5.5rem 1.5rem 1.4rem;
        }
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        gap: 12px;
        justify-content: space-between;
        align-items: center;
      }
      .head select {
        width: auto;
        min-width: 0;
      }
      .rec {
        display: grid;
      }
      @media (max-width: 560px) {
        .head,
        .head > .row {
          min-width: 0;
        }
        .head > .row {
          flex: 1 1 100%;
          flex-wrap: nowrap;
        }
        .head select {
          flex: 1 1 0;
        }
        .head .word {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    /** @type {ContactRow[] | null} */
    this._rows = null;
    /** @type {string | null} */
    this._next = null;
    /** See Lists. */
    this.asked = "";
  }

  /** @param {Map<PropertyKey, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("asked")) void this.#load(false);
  }

  /** @param {boolean} more */
  async #load(more) {
    const { asked } = this;
    const query = new URLSearchParams(asked);
    query.set("limit", String(LIMIT));
    if (more && this._next !== null) query.set("before", this._next);
    await this.#asking.run(async () => {
      const page = await request("GET", `/api/v1/contacts?${query}`);
      if (asked !== this.asked) return; // another filter was chosen meanwhile
      this._rows = more ? [...(this._rows ?? []), ...page.contacts] : page.contacts;
      this._next = page.next_before ?? null;
    });
  }

  render() {
    const asked = new URLSearchParams(this.asked).get("state") ?? "";
    return html`<div class="stack">
      <div class="head">
        <h1>${t("admin.contacts")}</h1>
        <div class="row">
          <select aria-label=${t("contacts.filter")} @change=${this.#filter}>
            <option value="" .selected=${asked === ""}>${t("contacts.all")}</option>
            ${STATE_ORDER.map((state) => html`<option value=${state} .selected=${state === asked}>${t(`state.${state}`)}</option>`)}
          </select>
          <button title=${t("contacts.refresh")} ?disabled=${this.#asking.busy} @click=${() => this.#load(false)}>${icon("refresh")} <span class="word">${t("contacts.refresh")}</span></button>
        </div>
      </div>
      ${refusal(this.#asking.code)}
      ${this._rows === null ? html`<p class="hint">${t("working.text")}</p>` : this.#rows(this._rows)}
      ${this._next !== null ? html`<div><button ?disabled=${this.#asking.busy} @click=${() => this.#load(true)}>${t("contacts.more")}</button></div>` : nothing}
    </div>`;
  }

  /** @param {ContactRow[]} rows */
  #rows(rows) {
    if (rows.length === 0) return html`<p class="card">${t("contacts.none")}</p>`;
    return html`<div class="card rows">
      <div class="names" aria-hidden="true">
        <span>${t("recordings.begun")}</span><span>${t("list.state")}</span><span>${t("contact.agent")}</span><span>${t("contact.wait")}</span><span>${t("contact.talk")}</span>
      </div>
      <ul>${rows.map(
        (contact) => html`<li>
          <a href="#/contacts/${contact.contact_id}">
            <span class="pair"><span>${moment(contact.started_at, locale(), new Date())}</span><span class="mono small hint">${shortId(contact.contact_id)}</span></span>
            <span class="state"><span class="pill ${outcomeTone(contact)}">${outcome(contact)}</span></span>
            <span class="pair wide"><span>${contact.agent_name ?? "–"}</span><span class="hint small">${contact.queue ?? contact.site}</span></span>
            <span class="number wide"><span class="visually-hidden">${t("contact.wait")}: </span>${contact.wait_s === null ? "–" : clock(contact.wait_s)}</span>
            <span class="number"><span class="visually-hidden">${t("contact.talk")}: </span>${contact.talk_s ? clock(contact.talk_s) : "–"}</span>
            <span class="rec wide" title=${contact.recording === null ? nothing : t("contact.recording")}>
              ${contact.recording === null ? nothing : html`${icon("play")}<span class="visually-hidden">${t("contact.recording")}</span>`}
            </span>
            ${icon("forward")}
          </a>
        </li>`,
      )}</ul>
    </div>`;
  }

  /** @param {Event} event */
  #filter = (event) => {
    const state = /** @type {HTMLSelectElement} */ (event.target).value;
    const detail = state === "" ? "" : String(new URLSearchParams({ state }));
    this.dispatchEvent(new CustomEvent("ask", { detail }));
  };
}

customElements.define("vv-contacts", Contacts);
