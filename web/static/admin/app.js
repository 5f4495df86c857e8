// The admin console: <vv-admin>. Frame, navigation and the board's socket; each page is an element of its own.

import { LitElement, html, nothing } from "../vendor/lit.js";
import { icon, mark } from "../elements/icons.js";
import { languagePicker, startLanguage } from "../elements/language.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { memoryStore, socketUrl } from "../lib/dom.js";
import { codeText, t } from "../lib/i18n.js";
import { Session } from "../lib/session.js";
import { signInAddress } from "../lib/sign-in.js";
import "./acd.js";
import "./board.js";
import "./contact.js";
import "./contacts.js";
import "./customer.js";
import "./customers.js";
import "./letters.js";
import { Lists } from "./lists.js";
import "./pilot.js";
import "./recording.js";
import "./recordings.js";
import { frameStyles } from "./styles.js";

/** @typedef {"board" | "contacts" | "customers" | "recordings" | "pilot" | "acd"} Page */
/** `admin`: for that role only; supervisors see the others. @type {{page: Page, icon: import("../elements/icons.js").IconName, admin?: boolean}[]} */
const PAGES = [
  { page: "board", icon: "board" },
  { page: "contacts", icon: "page", admin: true },
  { page: "customers", icon: "users", admin: true },
  { page: "recordings", icon: "play" },
  { page: "pilot", icon: "power", admin: true },
  { page: "acd", icon: "phone", admin: true },
];
/** Waiting figures of the last minutes, for the small pictures of the board. */
const TREND_LIMIT = 150;
const TREND_EVERY_MS = 2_000;

/**
 * `#/contacts/ct_1` → contacts, ct_1.
 * @param {string} hash
 * @returns {{page: Page, id: string}}
 */
export function readRoute(hash) {
  const [page, id] = hash.replace(/^#\/?/, "").split("/");
  if (page === "contacts" || page === "customers" || page === "recordings" || page === "pilot" || page === "acd") return { page, id: id ?? "" };
  return { page: "board", id: "" };
}

class Admin extends LitElement {
  static properties = {
    _account: { state: true },
    _board: { state: true },
    _route: { state: true },
    _asked: { state: true },
    _over: { state: true },
    _live: { state: true },
    _received_ms: { state: true },
  };

  static styles = [base, frameStyles];

  #abort = new AbortController();
  #lists = new Lists();
  /** @type {Session | null} */
  #session = null;
  /** @type {{at_ms: number, waiting: number, talking: number}[]} */
  #trend = [];

  constructor() {
    super();
    /** @type {import("../lib/api.js").Account | null} */
    this._account = null;
    /** @type {import("../lib/messages.js").Board | null} */
    this._board = null;
    this._received_ms = 0;
    this._route = readRoute(window.location.hash);
    /** What the list that shows was asked for. */
    this._asked = this.#askedNow("");
    /** @type {string | null} */
    this._over = null;
    this._live = false;
  }

  async connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    window.addEventListener(
      "hashchange",
      () => {
        const from = this._route.page;
        this._route = readRoute(window.location.hash);
        this._asked = this.#askedNow(from);
        void this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("main"))?.focus());
      },
      { signal },
    );
    await this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#abort.abort();
    this.#session?.close();
  }

  get #isAdmin() {
    return this._account?.roles.includes("admin") ?? false;
  }

  #load = async () => {
    this._over = null;
    try {
      this._account = (await request("GET", "/api/v1/session")).account;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) window.location.replace(signInAddress());
      else this._over = error.code;
      return;
    }
    if (!this.#isAdmin && !this._account?.roles.includes("supervisor")) {
      this._over = "not_an_admin";
      return;
    }
    // A board keeps nothing between sockets: its session is never resumed.
    const session = new Session({ url: socketUrl("/ws/board"), store: memoryStore(), key: "board" });
    this.#session?.close();
    this.#session = session;
    session.addEventListener("state", () => {
      if (session !== this.#session) return;
      this._live = session.state === "open";
      if (session.state === "over" && session.code === "not_signed_in") window.location.replace(signInAddress());
      else if (session.state === "over") this._over = session.code;
    });
    session.addEventListener("message", (event) => {
      const message = /** @type {CustomEvent<import("../lib/messages.js").ServerMessage>} */ (event).detail;
      if (message.type === "board") this.#show(message);
    });
    session.start();
  };

  /** @param {string} from the page before */
  #askedNow(from) {
    const { page, id } = this._route;
    return id === "" ? this.#lists.arrive(page, from) : "";
  }

  /** @param {CustomEvent<string>} event */
  #ask = (event) => {
    this._asked = event.detail;
    this.#lists.ask(this._route.page, event.detail);
  };

  /** @param {import("../lib/messages.js").Board} board */
  #show(board) {
    this._board = board;
    this._received_ms = Date.now();
    const last = this.#trend[this.#trend.length - 1];
    const point = {
      at_ms: this._received_ms,
      waiting: board.queues.reduce((sum, queue) => sum + queue.waiting, 0),
      talking: board.queues.reduce((sum, queue) => sum + queue.talking, 0),
    };
    if (last !== undefined && point.at_ms - last.at_ms < TREND_EVERY_MS) this.#trend = [...this.#trend.slice(0, -1), { ...point, at_ms: last.at_ms }];
    else this.#trend = [...this.#trend, point].slice(-TREND_LIMIT);
  }

  #signOut = async () => {
    try {
      await request("DELETE", "/api/v1/session");
      window.location.assign("/sign-in/");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._over = error.code;
    }
  };

  render() {
    if (this._over !== null) {
      const wrong_role = this._over === "not_an_admin";
      return html`<main class="plain-page"><section class="card stack">
        <h1>${t(wrong_role ? "admin.not_admin" : "panel.failed")}</h1>
        <p>${wrong_role ? t("admin.not_admin_text") : codeText("error", this._over)}</p>
        <div class="row">
          ${wrong_role ? html`<a href="/agent/">${t("app.agent_panel")}</a><button @click=${this.#signOut}>${t("app.sign_out")}</button>` : html`<button class="primary" @click=${this.#load}>${t("refused.again")}</button>`}
        </div>
      </section></main>`;
    }
    const { page } = this._route;
    const alarms = this._board?.alarms.length ?? 0;
    return html`<div class="frame">
      <nav aria-label=${t("admin.navigation")}>
        <span class="brand">${mark()}<span>Vis-à-vis</span></span>
        <div class="links">
          ${(this._account === null ? [] : PAGES.filter((each) => this.#isAdmin || !each.admin)).map(
            (each) => html`<a href="#/${each.page}" title=${t(`admin.${each.page}`)} aria-current=${each.page === page ? "page" : "false"}>
              ${icon(each.icon)}<span class="word">${t(`admin.${each.page}`)}</span>
              ${each.page === "board" && alarms > 0 ? html`<span class="count">${alarms}<span class="visually-hidden"> ${t("board.alarms")}</span></span>` : nothing}
            </a>`,
          )}
        </div>
        <div class="account">
          <span class="me">${this._account?.display_name ?? ""}</span>
          ${languagePicker()}
          <button class="plain" title=${t("app.sign_out")} aria-label=${t("app.sign_out")} @click=${this.#signOut}>${icon("exit")}</button>
        </div>
      </nav>
      <main tabindex="-1">
        ${this._account !== null && !this._live && this._board !== null ? html`<p class="note warn" role="alert">${icon("wifi")} ${t("admin.reconnecting")}</p>` : nothing}
        ${this._board?.draining ? html`<p class="note warn" role="status">${icon("info")} ${t("admin.draining")}</p>` : nothing}
        ${this._account === null ? nothing : this.#page()}
      </main>
    </div>`;
  }

  #page() {
    const { page, id } = this._route;
    if (page === "recordings" && id !== "") return html`<vv-recording recording_id=${id} ?admin=${this.#isAdmin}></vv-recording>`;
    if (page === "recordings") return html`<vv-recordings .asked=${this._asked} @ask=${this.#ask}></vv-recordings>`;
    if (!this.#isAdmin && page !== "board") return html`<p class="note">${t("admin.not_admin_text")}</p>`;
    if (page === "acd") return html`<vv-acd></vv-acd><vv-letters></vv-letters>`;
    if (page === "pilot") return html`<vv-pilot></vv-pilot>`;
    if (page === "customers" && id !== "") return html`<vv-customer customer_id=${id}></vv-customer>`;
    if (page === "customers") return html`<vv-customers .asked=${this._asked} @ask=${this.#ask}></vv-customers>`;
    if (page === "contacts" && id !== "") return html`<vv-contact contact_id=${id}></vv-contact>`;
    if (page === "contacts") return html`<vv-contacts .asked=${this._asked} @ask=${this.#ask}></vv-contacts>`;
    return html`<vv-board .board=${this._board} .received_ms=${this._received_ms} .trend=${this.#trend}></vv-board>`;
  }
}

await startLanguage();
customElements.define("vv-admin", Admin);
