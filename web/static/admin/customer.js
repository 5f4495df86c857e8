// One customer: what was done for them, newest first, with what they came with; and the end of it, with a receipt.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base, dialogStyles } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { dispositionText, knownBy } from "../lib/customer-text.js";
import { clock, moment, place } from "../lib/format.js";
import { locale, t } from "../lib/i18n.js";
import { chat, chatStyles } from "./chat.js";
import { customerName } from "./customers.js";
import { pageStyles } from "./styles.js";

const LIMIT = 50;
const REASON_LENGTH = 200;

/**
 * @typedef {object} Entry
 * @property {string} interaction_id
 * @property {string} contact_id
 * @property {number} segment
 * @property {string} site
 * @property {string | null} queue_name
 * @property {string | null} agent_name
 * @property {string} started_at
 * @property {string | null} end_reason
 * @property {number} talk_s
 * @property {string | null} disposition
 * @property {string} notes
 * @property {import("./chat.js").Line[]} chat
 * @property {string[]} menu_path
 * @property {string} page_url
 * @property {string} page_title
 * @property {Record<string, string>} form
 * @property {{recording_id: string, state: string} | null} recording
 * @property {string} delivery
 * @property {string | null} delivery_error
 */

class Customer extends LitElement {
  static properties = {
    customer_id: { type: String },
    _customer: { state: true },
    _entries: { state: true },
    _next: { state: true },
    _receipt: { state: true },
    _told: { state: true },
  };

  static styles = [
    base,
    pageStyles,
    chatStyles,
    dialogStyles,
    css`
      .back {
        justify-self: start;
        display: inline-flex;
        align-items: center;
        min-height: var(--target);
        gap: 6px;
        text-decoration: none;
        font-weight: 600;
      }
      .title,
      .line {
        display: flex;
        flex-wrap: wrap;
        gap: 8px 12px;
        align-items: center;
      }
      .line > .end {
        margin-inline-start: auto;
      }
      ol.timeline {
        display: grid;
        gap: 12px;
      }
      .timeline article {
        display: grid;
        gap: 8px;
        overflow-wrap: anywhere;
      }
      .timeline h2 {
        font-size: 1rem;
      }
      .timeline .notes {
        white-space: pre-line;
        padding: 8px 12px;
        border-radius: var(--radius-s);
        background: var(--surface-2);
      }
      .timeline a {
        display: inline-flex;
        gap: 6px;
        align-items: center;
        min-height: var(--target);
      }
      dl.form {
        display: grid;
        grid-template-columns: fit-content(42%) minmax(0, 1fr);
        gap: 2px 12px;
      }
      dl.form dt {
        color: var(--ink-2);
      }
      @media (max-width: 480px) {
        dl.form {
          grid-template-columns: minmax(0, 1fr);
        }
        dl.form dd:not(:last-child) {
          margin-bottom: 6px;
        }
      }
      dialog label {
        display: grid;
        gap: 6px;
      }
      pre {
        overflow-x: auto;
        padding: 12px;
        border-radius: var(--radius-s);
        background: var(--surface-2);
        font-family: var(--mono);
        font-size: 0.875rem;
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    this.customer_id = "";
    /** @type {import("./customers.js").CustomerRow | null} */
    this._customer = null;
    /** @type {Entry[]} */
    this._entries = [];
    /** @type {string | null} */
    this._next = null;
    /** @type {unknown} */
    this._receipt = null;
    /** @type {number | null} */
    this._told = null;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#load(false);
  }

  get #path() {
    return `/api/v1/customers/${encodeURIComponent(this.customer_id)}`;
  }

  /** @param {boolean} more */
  #load = (more) =>
    this.#asking.run(async () => {
      const query = new URLSearchParams({ limit: String(LIMIT) });
      if (more && this._next !== null) query.set("before", this._next);
      const page = await request("GET", `${this.#path}/timeline?${query}`);
      this._customer = page.customer;
      this._entries = more ? [...this._entries, ...page.timeline] : page.timeline;
      this._next = page.next_before ?? null;
    });

  render() {
    const customer = this._customer;
    return html`<div class="stack narrow">
      <a class="back" href="#/customers">${icon("back")} ${t("admin.customers")}</a>
      ${refusal(this.#asking.code)}
      ${this._receipt !== null ? this.#erased() : customer === null ? (this.#asking.code === null ? html`<p class="hint">${t("working.text")}</p>` : nothing) : this.#shown(customer)}
      ${this.#dialogs()}
    </div>`;
  }

  /** @param {import("./customers.js").CustomerRow} customer */
  #shown(customer) {
    const given_up = this._entries.some((entry) => entry.delivery === "given_up");
    return html`<div class="title">
        <h1>${customerName(customer)}</h1>
        <span class="pill ${customer.known_by === "identity" ? "good" : ""}">${knownBy(customer.known_by)}</span>
      </div>
      <p class="hint">
        ${t("customers.contacts", { count: customer.contacts })} · ${t("customers.since", { date: moment(customer.first_at, locale(), new Date()) })} ·
        <span class="mono small">${customer.customer_id}</span>
      </p>
      <div class="row">
        ${given_up ? html`<button ?disabled=${this.#asking.busy} @click=${this.#redeliver}>${icon("refresh")} ${t("customers.tell_again")}</button>` : nothing}
        <button class="danger" data-action="erase" ?disabled=${this.#asking.busy} @click=${() => this.#dialog().showModal()}>${icon("cross")} ${t("customers.erase")}</button>
      </div>
      <p role="status">${this._told === null ? nothing : t("customers.told_again", { count: this._told })}</p>
      ${this._entries.length === 0 ? html`<p class="card">${t("customers.nothing_yet")}</p>` : nothing}
      <ol class="timeline">
        ${this._entries.map((entry) => html`<li>${this.#entry(entry)}</li>`)}
      </ol>
      ${this._next !== null ? html`<div><button ?disabled=${this.#asking.busy} @click=${() => this.#load(true)}>${t("contacts.more")}</button></div>` : nothing}`;
  }

  /** @param {Entry} entry */
  #entry(entry) {
    /** @type {[string, string][]} */
    const facts = Object.entries(entry.form);
    if (entry.page_url !== "" || entry.page_title !== "") {
      facts.unshift([t("context.page"), [entry.page_title, place(entry.page_url)].filter((text) => text !== "").join(" · ")]);
    }
    if (entry.menu_path.length > 0) facts.unshift([t("context.menu"), entry.menu_path.join(" › ")]);
    return html`<article class="card">
      <div class="line">
        <h2><time datetime=${entry.started_at}>${moment(entry.started_at, locale(), new Date())}</time></h2>
        <span>${entry.queue_name ?? entry.site}</span>
        <span class="hint">${entry.agent_name ?? t("history.no_agent")}</span>
        ${entry.disposition === null ? nothing : html`<span class="pill accent">${dispositionText(entry.disposition)}</span>`}
        ${entry.talk_s > 0 ? html`<span class="number end" title=${t("contact.talk")}>${clock(entry.talk_s)}</span>` : nothing}
      </div>
      ${entry.notes === "" ? nothing : html`<p class="notes">${entry.notes}</p>`}
      ${chat(entry.chat ?? [])}
      ${facts.length === 0
        ? nothing
        : html`<dl class="form">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value === "" ? html`<span class="hint">${t("context.empty")}</span>` : value}</dd>`)}</dl>`}
      <div class="line">
        <a href="#/contacts/${entry.contact_id}">${icon("page")} ${t("customers.contact")}</a>
        ${entry.recording === null ? nothing : html`<a href="#/recordings/${entry.recording.recording_id}">${icon("play")} ${t("contact.recording")}</a>`}
        ${entry.delivery === "waiting" ? html`<span class="pill warn end">${t("customers.waiting")}</span>` : nothing}
        ${entry.delivery === "given_up" ? html`<span class="pill bad end" title=${entry.delivery_error ?? ""}>${t("customers.given_up")}</span>` : nothing}
      </div>
    </article>`;
  }

  #erased() {
    return html`<section class="stack">
      <h1 tabindex="-1">${t("customers.erased")}</h1>
      <p>${t("customers.receipt")}</p>
      <pre>${JSON.stringify(this._receipt, null, 2)}</pre>
    </section>`;
  }

  #dialogs() {
    return html`<dialog aria-labelledby="erase-title">
      <form class="stack" method="dialog" @submit=${this.#erase}>
        <h2 id="erase-title">${t("customers.erase_title")}</h2>
        <p>${t("customers.erase_text")}</p>
        <label>
          <span>${t("customers.reason")}</span>
          <input name="reason" required maxlength=${REASON_LENGTH} autocomplete="off" />
        </label>
        <div class="row">
          <button class="danger">${t("customers.erase")}</button>
          <button type="button" @click=${() => this.#dialog().close()}>${t("customers.keep")}</button>
        </div>
      </form>
    </dialog>`;
  }

  #dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }

  /** @param {SubmitEvent} event */
  #erase = (event) => {
    const reason = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("reason") ?? "").trim();
    if (reason === "") {
      event.preventDefault();
      return;
    }
    void this.#asking.run(async () => {
      this._receipt = await request("DELETE", this.#path, { reason });
      await this.updateComplete;
      /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("h1"))?.focus();
    });
  };

  #redeliver = () =>
    this.#asking.run(async () => {
      this._told = (await request("POST", "/api/v1/crm/redeliveries", {})).interactions;
    });
}

customElements.define("vv-customer", Customer);
