// The panel of one call, in the desktop of an ACD: <vv-embed>. Opened by a claim; no sign-in, no list, no other call.

import { LitElement, html, nothing } from "../vendor/lit.js";
import { nameOf } from "../agent/context.js";
import { fold, newView, recordingSign, screenOf } from "../agent/model.js";
import { veil } from "../agent/veil.js";
import "../agent/wrap-up.js";
import "../elements/chat.js";
import "../elements/controls.js";
import { deviceHelp } from "../elements/device-help.js";
import { icon } from "../elements/icons.js";
import "../elements/stage.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { Call } from "../lib/call.js";
import { CHATS, ChatBook } from "../lib/chat.js";
import { socketUrl, frameStore } from "../lib/dom.js";
import { codeText, pickLanguage, t, useLanguage } from "../lib/i18n.js";
import { watchReach } from "../lib/reach.js";
import { Session } from "../lib/session.js";
import { chimeIn, chimeOut } from "../lib/sound.js";
import { takeClaim } from "./claim.js";
import { Desktop } from "./desktop.js";
import { embedStyles } from "./styles.js";

const SESSION_KEY = "visavis.embed";
/** The claim that the saved session was opened by: it is spent, and tells a page that is loaded again from a new call. */
const CLAIM_KEY = "visavis.embed.claim";
const GENERATION_KEY = "visavis.embed.generation";
const CHAT_KEY = "visavis.embed.chat";

const asked = takeClaim();

class Embed extends LitElement {
  static properties = {
    _view: { state: true },
    _over: { state: true },
    _done: { state: true },
    _now: { state: true },
    _chatting: { state: true },
  };

  static styles = [base, embedStyles];

  #desktop = new Desktop();
  #abort = new AbortController();
  /** @type {Session | null} */
  #session = null;
  /** @type {Call | null} */
  #call = null;
  /** @type {ChatBook | null} */
  #chat = null;
  #connected = false;
  #shown = "";

  constructor() {
    super();
    this._view = newView();
    /** Why there is no panel. @type {string | null} */
    this._over = null;
    /** The contact was here, and is not any more. */
    this._done = false;
    this._chatting = frameStore().getItem(CHAT_KEY) !== null;
    this._now = Date.now();
  }

  async connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    window.addEventListener("pagehide", () => this.#session?.keep(), { signal });
    watchReach(() => this.#session, signal);
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
    this.#endCall();
  }

  // -------------------------------------------------------------- the session

  #open() {
    const store = frameStore();
    const session = new Session({ url: socketUrl("/ws/embed"), store, key: SESSION_KEY });
    this.#session = session;
    session.addEventListener("state", () => this.#sessionChanged(session));
    session.addEventListener("welcome", (event) => {
      const welcome = /** @type {CustomEvent<import("../lib/messages.js").Welcome>} */ (event).detail;
      if (!welcome.resumed) {
        this._view = newView();
        this.#call?.tellMediaState();
        this.#chat?.renewed();
      }
      this.#desktop.tell("ready");
    });
    session.addEventListener("message", (event) => this.#receive(session, /** @type {CustomEvent} */ (event).detail));
    const again = asked.claim === "" || asked.claim === store.getItem(CLAIM_KEY);
    if (again && session.saved() !== null) {
      session.start();
    } else if (asked.claim === "") {
      this.#fail("panel_claim_missing");
    } else {
      session.forget();
      store.removeItem(GENERATION_KEY);
      store.setItem(CLAIM_KEY, asked.claim);
      session.start({ entry_token: asked.claim });
    }
  }

  /** @param {string} code */
  #fail(code) {
    this._over = code;
    this.#desktop.tell("failed", code);
  }

  /** @param {Session} session */
  #sessionChanged(session) {
    if (session.state === "over" && !this._done) {
      this.#endCall();
      if (this.#connected && session.code === "session_over") this.#finish();
      else this.#fail(session.code ?? "other");
    }
    this.requestUpdate();
  }

  /** @param {Session} session @param {import("../lib/messages.js").ServerMessage} message */
  #receive(session, message) {
    if (this.#chat?.receive(message)) return;
    const before = this._view;
    const view = fold(before, message, Date.now());
    this._view = view;
    this.#call?.receive(message);

    if (message.type === "assigned") this.#openChat(session, message.contact_id);
    const contact_id = view.assigned?.contact_id ?? "";
    const over = contact_id === "" || view.contact_state === "wrap_up" || view.contact_state === "closed" || view.wrap_up !== null;
    if (over) this.#endCall();
    if (!over && message.type === "assigned") this.#startCall(session);
    this.#tellDesktop(before, view);
    if (view.contact_state === "active" && before.contact_state === "bridging") chimeIn();
    if (before.assigned !== null && view.assigned === null) this.#finish();
    if (message.type === "error") {
      const form = /** @type {import("../agent/wrap-up.js").WrapUp | null} */ (this.renderRoot.querySelector("vv-wrap-up"));
      form?.unlock();
    }
  }

  /** @param {import("../agent/model.js").View} before @param {import("../agent/model.js").View} view */
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
    const wrote = this._view.wrap_up !== null || this.#shown === "wrap_up";
    this._done = true;
    this.#endCall();
    this.#desktop.tell("ended");
    if (wrote) this.#desktop.tell("wrapped_up");
    frameStore().removeItem(CLAIM_KEY);
    frameStore().removeItem(GENERATION_KEY);
    this.#session?.close();
  }

  /** @param {Session} session @param {string} contact_id */
  #openChat(session, contact_id) {
    if (this.#chat?.contact_id === contact_id) return;
    const chat = new ChatBook({ contact_id, send: (message) => session.send(message), store: frameStore() });
    chat.addEventListener("change", () => this.requestUpdate());
    this.#chat = chat;
  }

  #toggleChat = async () => {
    this._chatting = !this._chatting;
    if (this._chatting) frameStore().setItem(CHAT_KEY, "open");
    else frameStore().removeItem(CHAT_KEY);
    await this.updateComplete;
    if (this._chatting) {
      const chat = /** @type {import("../elements/chat.js").Chat | null} */ (this.renderRoot.querySelector("vv-chat"));
      await chat?.updateComplete;
      chat?.takeFocus();
    } else {
      /** @type {import("../elements/controls.js").Controls | null} */ (this.renderRoot.querySelector("vv-controls"))?.focusOn("chat");
    }
  };

  /** @param {Session} session */
  #startCall(session) {
    if (this.#call !== null) return;
    const call = new Call({ session, store: frameStore(), key: GENERATION_KEY, published: true });
    this.#call = call;
    call.addEventListener("change", () => this.requestUpdate());
    call.connect();
    void this.#openDevices(call);
  }

  /** One question after the other: some browsers ask for both at once only confusingly. @param {Call} call */
  async #openDevices(call) {
    await call.useMicrophone();
    if (call === this.#call) await call.useCamera();
  }

  #endCall() {
    if (this.#call === null) return;
    chimeOut();
    this.#call.end();
    this.#call = null;
  }

  #hangUp = () => this.#session?.send({ type: "hang_up" });
  #hold = () => this.#session?.send({ type: "hold" });
  #retrieve = () => this.#session?.send({ type: "retrieve" });

  /** @param {CustomEvent<"start" | "stop" | "pause" | "resume">} event */
  #record = (event) => this.#session?.send({ type: "recording", action: event.detail });

  /** @param {CustomEvent<{disposition: string, notes: string}>} event */
  #wrapUp = (event) => this.#session?.send({ type: "wrap_up", ...event.detail });

  // -------------------------------------------------------------- the page

  get #screen() {
    if (this._done) return "done";
    if (this._over !== null) return "failed";
    const screen = screenOf(this._view);
    return screen === "call" || screen === "wrap_up" ? screen : "loading";
  }

  render() {
    const view = this._view;
    const screen = this.#screen;
    return html`<main class="embed" data-screen=${screen}>
      <div class="notes">
        ${view.error_code !== null && screen !== "done"
          ? html`<p class="note warn" role="alert">${icon("warning")}<span>${codeText("error", view.error_code)}</span></p>`
          : nothing}
        ${view.recording === "failed" && screen === "call" ? html`<p class="note bad" role="alert">${icon("warning")}<span>${t("recording.failed")}</span></p>` : nothing}
      </div>
      ${this.#body(screen, view)}
      <p class="visually-hidden" role="status" aria-live="polite" data-recording=${view.recording}>
        ${screen === "call" && (view.recording === "on" || view.recording === "paused") ? t(`recording.${recordingSign(view)}`) : ""}
      </p>
    </main>`;
  }

  /** @param {string} screen @param {import("../agent/model.js").View} view */
  #body(screen, view) {
    if (screen === "call" && view.assigned !== null) return this.#callScreen(view, nameOf(view.assigned.customer));
    if (screen === "wrap_up" && view.wrap_up !== null && view.assigned !== null) {
      return html`<div class="work">
        <vv-wrap-up
          contact_id=${view.wrap_up.contact_id}
          customer=${nameOf(view.assigned.customer)}
          hint=${t("embed.wrap_up")}
          .dispositions=${view.wrap_up.dispositions}
          .left_s=${(view.wrap_up.ends_ms - this._now) / 1000}
          @wrap-up=${this.#wrapUp}
        ></vv-wrap-up>
        ${this.#chat !== null && this.#chat.lines.length > 0 ? html`<vv-chat read_only .book=${this.#chat}></vv-chat>` : nothing}
      </div>`;
    }
    if (screen === "done") return this.#alone("check", "done", t("embed.done"), t("embed.done_text"));
    if (screen === "failed") {
      const elsewhere = this._over === "taken_over";
      return this.#alone("warning", "failed", t(elsewhere ? "panel.elsewhere" : "embed.failed"), elsewhere ? t("panel.taken_over_text") : codeText("error", this._over ?? ""));
    }
    return html`<div class="alone"><div class="wheel" aria-hidden="true"></div><p role="status">${t("embed.opening")}</p></div>`;
  }

  /** @param {import("../agent/model.js").View} view @param {string} name */
  #callScreen(view, name) {
    const call = this.#call;
    const talking = view.contact_state === "active";
    const held = view.contact_state === "held";
    const may_chat = this.#chat !== null && CHATS.has(view.contact_state);
    const chatting = may_chat && this._chatting;
    const unread = this.#chat?.unread ?? 0;
    return html`<section class="call ${chatting ? "chatting" : ""}" aria-label=${name}>
      <vv-stage
        .call=${call}
        .peer=${view.peer === null ? null : { ...view.peer, display_name: name }}
        .recording=${recordingSign(view)}
        .quality=${view.quality}
        .talk_s=${view.talking_since_ms === null ? null : (this._now - view.talking_since_ms) / 1000}
        ?talking=${talking || held}
        .veil=${veil(view, name, { call, open: this.#session?.state === "open", now: this._now })}
      ></vv-stage>
      <div class="help">${call === null ? nothing : deviceHelp(call)}</div>
      ${chatting ? html`<vv-chat .book=${this.#chat} @close=${this.#toggleChat}></vv-chat>` : nothing}
      <p class="visually-hidden" role="status" aria-live="polite" data-unread>${may_chat && !chatting && unread > 0 ? t("chat.unread", { count: unread }) : ""}</p>
      <vv-controls
        shortcuts
        .chat=${may_chat ? { open: chatting, unread } : null}
        @chat=${this.#toggleChat}
        hold=${talking ? "active" : held ? "held" : ""}
        .call=${call}
        @hang-up=${this.#hangUp}
        @hold=${this.#hold}
        @retrieve=${this.#retrieve}
        .recording_may=${talking || held ? view.recording_may : []}
        @recording=${this.#record}
      ></vv-controls>
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
    const target = this.renderRoot.querySelector("h1");
    if (target instanceof HTMLElement) target.focus();
  }
}

await useLanguage(pickLanguage([asked.language, "auto"]));
customElements.define("vv-embed", Embed);
