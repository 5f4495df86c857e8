// The panel of one call, in the desktop of an ACD: <vv-embed>. Opened by a claim; no sign-in, no list, no other call.

import { LitElement, html, nothing } from "../vendor/lit.js";
import { controls, recordingNote, recordingSaid, stage, unlockWrapUp, unreadSaid, wrapUpForm, writtenChat } from "../agent/call-view.js";
import { nameOf } from "../agent/context.js";
import { screenOf } from "../agent/model.js";
import { AgentSide } from "../agent/side.js";
import { deviceHelp } from "../elements/device-help.js";
import { followFocus } from "../elements/follow.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { frameStore } from "../lib/dom.js";
import { codeText, pickLanguage, t, useLanguage } from "../lib/i18n.js";
import { takeClaim } from "./claim.js";
import { Desktop } from "./desktop.js";
import { embedStyles } from "./styles.js";

const KEY = "visavis.embed";
/** The claim that the saved session was opened by: it is spent, and tells a page that is loaded again from a new call. */
const CLAIM_KEY = "visavis.embed.claim";
const GENERATION_KEY = "visavis.embed.generation";

/** @typedef {import("../agent/model.js").View} View */

const asked = takeClaim();

class Embed extends LitElement {
  static properties = { _over: { state: true }, _done: { state: true }, _now: { state: true } };

  static styles = [base, embedStyles];

  #store = frameStore();
  #side = new AgentSide({ path: "/ws/embed", store: this.#store, key: KEY, generation_key: () => GENERATION_KEY });
  #desktop = new Desktop();
  #abort = new AbortController();
  #connected = false;
  #shown = "";

  constructor() {
    super();
    /** Why there is no panel. @type {string | null} */
    this._over = null;
    /** The contact was here, and is not any more. */
    this._done = false;
    this._now = Date.now();
  }

  async connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const side = this.#side;
    side.addEventListener("change", () => this.requestUpdate(), { signal });
    side.addEventListener("welcome", () => this.#desktop.tell("ready"), { signal });
    side.addEventListener("folded", (event) => this.#folded(/** @type {CustomEvent<import("../agent/side.js").Folded>} */ (event).detail), { signal });
    side.addEventListener("over", (event) => this.#sessionOver(/** @type {CustomEvent<string | null>} */ (event).detail), { signal });
    side.watch(signal);
    const tick = window.setInterval(() => (this._now = Date.now()), 500);
    signal.addEventListener("abort", () => window.clearInterval(tick));
    try {
      this.#desktop.allow((await request("GET", "/api/v1/embed", undefined, signal)).origins);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the call is more than who hears of it
    }
    this.#open();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#abort.abort();
  }

  // -------------------------------------------------------------- the session

  #open() {
    const session = this.#side.open();
    const again = asked.claim === "" || asked.claim === this.#store.getItem(CLAIM_KEY);
    if (again && session.saved() !== null) {
      session.start();
    } else if (asked.claim === "") {
      this.#fail("panel_claim_missing");
    } else {
      session.forget();
      this.#store.removeItem(GENERATION_KEY);
      this.#store.setItem(CLAIM_KEY, asked.claim);
      session.start({ entry_token: asked.claim });
    }
  }

  /** @param {string} code */
  #fail(code) {
    this._over = code;
    this.#desktop.tell("failed", code);
  }

  /** @param {string | null} code */
  #sessionOver(code) {
    if (this._done) return;
    if (this.#connected && code === "session_over") this.#finish();
    else this.#fail(code ?? "other");
  }

  /** @param {import("../agent/side.js").Folded} folded */
  #folded({ message, before }) {
    const { view } = this.#side;
    this.#tellDesktop(before, view);
    if (before.assigned !== null && view.assigned === null) this.#finish();
    if (message.type === "error") unlockWrapUp(this.renderRoot);
  }

  /** @param {View} before @param {View} view */
  #tellDesktop(before, view) {
    const { contact_state } = view;
    if (contact_state !== before.contact_state) {
      if (contact_state === "active") this.#desktop.tell(before.contact_state === "held" ? "resumed" : "connected");
      if (contact_state === "held") this.#desktop.tell("held");
      if (contact_state === "active" || contact_state === "held") this.#connected = true;
    }
    if (view.wrap_up !== null && before.wrap_up === null) this.#desktop.tell("ended");
  }

  /** The contact is this agent's no more: nothing can be done here, whatever comes. */
  #finish() {
    const wrote = this.#side.view.wrap_up !== null || this.#shown === "wrap_up";
    this._done = true;
    this.#desktop.tell("ended");
    if (wrote) this.#desktop.tell("wrapped_up");
    this.#store.removeItem(CLAIM_KEY);
    this.#store.removeItem(GENERATION_KEY);
    this.#side.close();
  }

  #toggleChat = async () => {
    this.#side.toggleChat();
    await followFocus(this, "chat");
  };

  // -------------------------------------------------------------- the page

  get #screen() {
    if (this._done) return "done";
    if (this._over !== null) return "failed";
    const screen = screenOf(this.#side.view);
    return screen === "call" || screen === "wrap_up" ? screen : "loading";
  }

  render() {
    const { view } = this.#side;
    const screen = this.#screen;
    return html`<main class="embed" data-screen=${screen}>
      <div class="notes">${screen === "done" ? nothing : refusal(view.error_code, "warn")} ${screen === "call" ? recordingNote(view) : nothing}</div>
      ${this.#body(screen)} ${recordingSaid(view, screen)}
    </main>`;
  }

  /** @param {string} screen */
  #body(screen) {
    const side = this.#side;
    const { assigned } = side.view;
    if (screen === "call" && assigned !== null) return this.#callScreen(assigned);
    if (screen === "wrap_up" && assigned !== null) {
      return html`<div class="work">${wrapUpForm(side, assigned, this._now, { hint: t("embed.wrap_up") })} ${writtenChat(side)}</div>`;
    }
    if (screen === "done") return this.#alone("check", "done", t("embed.done"), t("embed.done_text"));
    if (screen === "failed") {
      const elsewhere = this._over === "taken_over";
      return this.#alone("warning", "failed", t(elsewhere ? "panel.elsewhere" : "embed.failed"), elsewhere ? t("panel.taken_over_text") : codeText("error", this._over ?? ""));
    }
    return html`<div class="alone"><div class="wheel" aria-hidden="true"></div><p role="status">${t("embed.opening")}</p></div>`;
  }

  /** @param {import("../agent/call-view.js").Assigned} assigned */
  #callScreen(assigned) {
    const side = this.#side;
    const chatting = side.may_chat && side.chatting;
    return html`<section class="call ${chatting ? "chatting" : ""}" aria-label=${nameOf(assigned.customer)}>
      ${stage(side, assigned, this._now)}
      <div class="help">${side.call === null ? nothing : deviceHelp(side.call)}</div>
      ${chatting ? html`<vv-chat .book=${side.chat} @close=${this.#toggleChat}></vv-chat>` : nothing}
      ${unreadSaid(side)} ${controls(side, assigned, { toggleChat: this.#toggleChat })}
    </section>`;
  }

  /**
   * @param {import("../elements/icons.js").IconName} name
   * @param {"done" | "failed"} look
   * @param {string} title
   * @param {string} text
   */
  #alone(name, look, title, text) {
    return html`<div class="alone">
      <span class="round ${look}" aria-hidden="true">${icon(name)}</span>
      <h1 tabindex="-1">${title}</h1>
      <p class="hint" role=${look === "failed" ? "alert" : "status"}>${text}</p>
    </div>`;
  }

  updated() {
    const screen = this.#screen;
    if (screen === this.#shown) return;
    this.#shown = screen;
    if (window.parent !== window && !document.hasFocus()) return; // they are at work in the desktop around it
    const form = /** @type {import("../agent/wrap-up.js").WrapUp | null} */ (this.renderRoot.querySelector("vv-wrap-up"));
    if (form !== null) void form.takeFocus();
    else /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("h1"))?.focus();
  }
}

await useLanguage(pickLanguage([asked.language, "auto"]));
customElements.define("vv-embed", Embed);
