// Customers: looked up by the site's name of them, a number read aloud, or the beginning of their name; last seen first.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { knownBy } from "../lib/customer-text.js";
import { moment, shortId } from "../lib/format.js";
import { locale, t } from "../lib/i18n.js";
import { pageStyles } from "./styles.js";

const LIMIT = 50;
const KEY_LENGTH = 200;

/**
 * @typedef {object} CustomerRow
 * @property {string} customer_id
 * @property {string} name
 * @property {string} known_by
 * @property {number} contacts
 * @property {string} first_at
 * @property {string} last_at
 */

/** How a customer is called who may have no name. @param {CustomerRow} customer */
export function customerName(customer) {
  return customer.name || t("customers.nameless", { id: shortId(customer.customer_id) });
}

/** Event: `ask` (detail: what it shall ask for from now on). */
class Customers extends LitElement {
  static properties = { _rows: { state: true }, _next: { state: true }, asked: { attribute: false } };

  static styles = [
    base,
    pageStyles,
    css`
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        align-items: end;
      }
      form label {
        flex: 1 1 16rem;
        max-width: 32rem;
        display: grid;
        gap: 4px;
      }
      .rows {
        padding: 0;
        overflow: hidden;
      }
      .rows a {
        display: grid;
        grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr) 7rem minmax(0, 9rem) 1.4rem;
        gap: 4px 12px;
        align-items: center;
        min-height: 56px;
        padding: 8px 16px;
        color: inherit;
        text-decoration: none;
        border-top: 1px solid var(--line);
      }
      .rows li:first-child a {
        border-top: 0;
      }
      .rows a:hover {
        background: var(--surface-2);
      }
      .rows a svg {
        color: var(--ink-2);
      }
      .rows strong {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      @media (max-width: 760px) {
        .rows a {
          grid-template-columns: minmax(0, 1fr) auto 1.4rem;
        }
        .rows a > .seen,
        .rows a > .known {
          grid-column: 1;
        }
        .rows a > .count {
          grid-area: 1 / 2 / 4;
        }
        .rows a > svg {
          grid-area: 1 / 3 / 4;
        }
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    /** @type {CustomerRow[] | null} */
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
      const page = await request("GET", `/api/v1/customers?${query}`);
      if (asked !== this.asked) return; // something else was looked for meanwhile
      this._rows = more ? [...(this._rows ?? []), ...page.customers] : page.customers;
      this._next = page.next_before ?? null;
    });
  }

  render() {
    return html`<div class="stack">
      <h1>${t("admin.customers")}</h1>
      <form role="search" @submit=${this.#search}>
        <label>
          <span>${t("customers.key")}</span>
          <input type="search" name="key" maxlength=${KEY_LENGTH} .value=${new URLSearchParams(this.asked).get("key") ?? ""} autocomplete="off" spellcheck="false" aria-describedby="key-help" />
        </label>
        <button class="primary" ?disabled=${this.#asking.busy}>${icon("search")} ${t("customers.search")}</button>
      </form>
      <p class="hint small" id="key-help">${t("customers.key_help")}</p>
      ${refusal(this.#asking.code)}
      <div aria-live="polite" class="stack">${this._rows === null ? html`<p class="hint">${t("working.text")}</p>` : this.#rows(this._rows)}</div>
      ${this._next !== null ? html`<div><button ?disabled=${this.#asking.busy} @click=${() => this.#load(true)}>${t("contacts.more")}</button></div>` : nothing}
    </div>`;
  }

  /** @param {CustomerRow[]} rows */
  #rows(rows) {
    if (rows.length === 0) return html`<p class="card">${t(this.asked === "" ? "customers.none" : "customers.none_found")}</p>`;
    return html`<ul class="card rows">
      ${rows.map(
        (customer) => html`<li>
          <a href="#/customers/${customer.customer_id}">
            <strong>${customerName(customer)}</strong>
            <span class="known"><span class="pill ${customer.known_by === "identity" ? "good" : ""}">${knownBy(customer.known_by)}</span></span>
            <span class="count">${t("customers.contacts", { count: customer.contacts })}</span>
            <span class="seen hint small">${moment(customer.last_at, locale(), new Date())}</span>
            ${icon("forward")}
          </a>
        </li>`,
      )}
    </ul>`;
  }

  /** @param {SubmitEvent} event */
  #search = (event) => {
    event.preventDefault();
    const key = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("key") ?? "").trim();
    const detail = key === "" ? "" : String(new URLSearchParams({ key }));
    if (detail === this.asked) void this.#load(false);
    else this.dispatchEvent(new CustomEvent("ask", { detail }));
  };
}

customElements.define("vv-customers", Customers);
