// The list of contacts, newest first, a page at a time.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { clock, moment, shortId } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { STATE_ORDER, pageStyles } from "./styles.js";

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
    css`
      .head {
        display: flex;
        flex-wrap: wrap;
        gap: 12px;
        justify-content: space-between;
        align-items: end;
      }
      .head select {
        width: auto;
      }
      .rows a {
        display: grid;
        grid-template-columns: 9rem minmax(0, 1.3fr) minmax(0, 1fr) 5rem 5rem 2rem 1.4rem;
        gap: 4px 12px;
        align-items: center;
        min-height: 56px;
        padding: 8px 16px;
        color: inherit;
        text-decoration: none;
        border-top: 1px solid var(--line);
      }
      .rows a:hover {
        background: var(--surface-2);
      }
      .rows a svg {
        color: var(--ink-2);
      }
      .rows {
        padding: 0;
        overflow: hidden;
      }
      .rows li:first-child a {
        border-top: 0;
      }
      .pair {
        min-width: 0;
      }
      .pair > * {
        display: block;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      @media (max-width: 900px) {
        .rows a {
          grid-template-columns: minmax(0, 1fr) auto 1.4rem;
        }
        .rows a > .outcome {
          grid-column: 1;
        }
        .rows a > .agent,
        .rows a > .wait,
        .rows a > .rec {
          display: none;
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
          <button ?disabled=${this.#asking.busy} @click=${() => this.#load(false)}>${icon("refresh")} ${t("contacts.refresh")}</button>
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
    return html`<ul class="card rows">
      ${rows.map(
        (contact) => html`<li>
          <a href="#/contacts/${contact.contact_id}">
            <span class="pair"><span>${moment(contact.started_at, locale(), new Date())}</span><span class="mono small hint">${shortId(contact.contact_id)}</span></span>
            <span class="outcome"><span class="pill ${outcomeTone(contact)}">${outcome(contact)}</span></span>
            <span class="pair agent"><span>${contact.agent_name ?? "–"}</span><span class="hint small">${contact.queue ?? contact.site}</span></span>
            <span class="number wait" title=${t("contact.wait")}>${contact.wait_s === null ? "–" : clock(contact.wait_s)}</span>
            <span class="number" title=${t("contact.talk")}>${contact.talk_s ? clock(contact.talk_s) : "–"}</span>
            <span class="rec">${contact.recording === null ? nothing : html`<span title=${t("contact.recording")}>${icon("play")}</span>`}</span>
            ${icon("forward")}
          </a>
        </li>`,
      )}
    </ul>`;
  }

  /** @param {Event} event */
  #filter = (event) => {
    const state = /** @type {HTMLSelectElement} */ (event.target).value;
    const detail = state === "" ? "" : String(new URLSearchParams({ state }));
    this.dispatchEvent(new CustomEvent("ask", { detail }));
  };
}

customElements.define("vv-contacts", Contacts);
