// The agent panel: <vv-agent>. Ready, ring, accept, talk, hold, wrap up, with the own state always in sight.

import { LitElement, html, nothing } from "../vendor/lit.js";
import { awayTitle } from "../elements/away.js";
import { deviceHelp } from "../elements/device-help.js";
import { icon, mark } from "../elements/icons.js";
import { languagePicker, startLanguage } from "../elements/language.js";
import { initials } from "../elements/stage.js";
import { base } from "../elements/styles.js";
import "../elements/chat.js";
import "../elements/controls.js";
import { ApiError, request, signInAddress } from "../lib/api.js";
import { Call } from "../lib/call.js";
import { CHATS, ChatBook } from "../lib/chat.js";
import { browserStore, isTyping, socketUrl, tabStore } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { codeText, t } from "../lib/i18n.js";
import { watchReach } from "../lib/reach.js";
import { Session } from "../lib/session.js";
import { chimeIn, chimeOut } from "../lib/sound.js";
import { takeClaimOfAddress } from "./claim.js";
import { context, nameOf } from "./context.js";
import "./link.js";
import { fold, newView, recordingSign, screenOf } from "./model.js";
import { offerCard } from "./offer.js";
import { Ring } from "../lib/ring.js";
import { panelStyles } from "./styles.js";
import "./transfer.js";
import { veil } from "./veil.js";
import "./wrap-up.js";

const SESSION_KEY = "visavis.agent";
const CAMERA_KEY = "visavis.agent.camera";
const CHAT_KEY = "visavis.agent.chat";
const REASONS = /** @type {const} */ (["break", "lunch", "training", "meeting", "other"]);

/** @typedef {import("../lib/api.js").Account} Account */

class Agent extends LitElement {
  static properties = {
    _account: { state: true },
    _view: { state: true },
    _over: { state: true },
    _now: { state: true },
    _failure: { state: true },
    _chatting: { state: true },
  };

  static styles = [base, panelStyles];

  #ring = new Ring();
  #abort = new AbortController();
  /** @type {Session | null} */
  #session = null;
  /** @type {Call | null} */
  #call = null;
  /** The id of a screen pop, until it is shown to the gateway. */
  #claim = "";
  /** The contact that `#call` belongs to. */
  #call_contact = "";
  /** What is written with the customer of `assigned`. @type {ChatBook | null} */
  #chat = null;
  #shown = "";

  constructor() {
    super();
    /** @type {Account | null} */
    this._account = null;
    this._view = newView();
    /** Why the panel does not run. @type {string | null} */
    this._over = null;
    /** @type {string | null} */
    this._failure = null;
    /** Whether the chat stands beside a call. */
    this._chatting = tabStore().getItem(CHAT_KEY) !== null;
    this._now = Date.now();
  }

  async connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    window.addEventListener("keydown", this.#key, { signal });
    window.addEventListener("pagehide", () => this.#session?.keep(), { signal });
    watchReach(() => this.#session, signal);
    const tick = window.setInterval(() => (this._now = Date.now()), 500);
    signal.addEventListener("abort", () => window.clearInterval(tick));
    this.#claim = takeClaimOfAddress();
    await this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#abort.abort();
    this.#ring.stop();
    this.#call?.end();
  }

  #load = async () => {
    this._failure = null;
    try {
      this._account = (await request("GET", "/api/v1/session")).account;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) window.location.replace(signInAddress());
      else this._failure = error.code;
      return;
    }
    // A screen pop is where the agent looks now: a panel that is open elsewhere gives way to it.
    if (this._account?.roles.includes("agent")) this.#open(this.#claim !== "");
    else this._over = "not_an_agent";
  };

  // -------------------------------------------------------------- the session

  /** @param {boolean} take_over */
  #open(take_over) {
    this.#session?.close();
    this.#endCall();
    this._over = null;
    this._view = newView();
    const session = new Session({ url: socketUrl("/ws/agent"), store: tabStore(), key: SESSION_KEY });
    this.#session = session;
    session.addEventListener("state", () => this.#sessionChanged(session));
    session.addEventListener("welcome", (event) => {
      const welcome = /** @type {CustomEvent<import("../lib/messages.js").Welcome>} */ (event).detail;
      if (!welcome.resumed) {
        this._view = newView();
        this.#call?.tellMediaState();
        this.#chat?.renewed();
      }
    });
    session.addEventListener("message", (event) => this.#receive(session, /** @type {CustomEvent} */ (event).detail));
    session.start({ take_over });
  }

  /** @param {Session} session */
  #sessionChanged(session) {
    if (session !== this.#session) return;
    if (session.state === "over") {
      this.#ring.stop();
      this.#endCall();
      if (session.code === "signed_out" || session.code === "not_signed_in") {
        window.location.replace(signInAddress());
        return;
      }
      this._over = session.code;
    }
    this.requestUpdate();
  }

  /** @param {Session} session @param {import("../lib/messages.js").ServerMessage} message */
  #receive(session, message) {
    if (session !== this.#session || this.#chat?.receive(message)) return;
    const before = this._view;
    const view = fold(before, message, Date.now());
    this._view = view;
    if (message.type === "assigned") this.#openChat(session, message.contact_id);
    this.#call?.receive(message);

    if (view.offer !== null && view.offer !== before.offer) {
      const { customer, queue_name, offer_id } = view.offer;
      this.#ring.start(t("offer.title", { name: nameOf(customer) }), queue_name, offer_id);
    } else if (view.offer === null) {
      this.#ring.stop();
    }

    if (message.type === "agent_state" && this.#claim !== "") {
      session.send({ type: "claim_contact", correlation: this.#claim });
      this.#claim = "";
    }

    const contact_id = view.assigned?.contact_id ?? "";
    const over = contact_id === "" || view.contact_state === "wrap_up" || view.contact_state === "closed" || view.wrap_up !== null;
    if (over || contact_id !== this.#call_contact) this.#endCall();
    if (!over && message.type === "assigned") this.#startCall(session, contact_id);
    if (view.contact_state === "active" && before.contact_state === "bridging") chimeIn();
    if (message.type === "error") {
      const form = /** @type {import("./wrap-up.js").WrapUp | null} */ (this.renderRoot.querySelector("vv-wrap-up"));
      form?.unlock();
    }
  }

  /** @param {Session} session @param {string} contact_id */
  #openChat(session, contact_id) {
    if (this.#chat?.contact_id === contact_id) return;
    const chat = new ChatBook({ contact_id, send: (message) => session.send(message), store: tabStore() });
    chat.addEventListener("change", () => this.requestUpdate());
    this.#chat = chat;
  }

  #toggleChat = async () => {
    this._chatting = !this._chatting;
    if (this._chatting) tabStore().setItem(CHAT_KEY, "open");
    else tabStore().removeItem(CHAT_KEY);
    await this.updateComplete;
    if (this._chatting) {
      const chat = /** @type {import("../elements/chat.js").Chat | null} */ (this.renderRoot.querySelector("vv-chat"));
      await chat?.updateComplete;
      chat?.takeFocus();
    } else {
      /** @type {import("../elements/controls.js").Controls | null} */ (this.renderRoot.querySelector("vv-controls"))?.focusOn("chat");
    }
  };

  /** Whether the customer is this agent's to write to: not of a colleague who asks. @param {import("./model.js").View} view */
  #mayChat(view) {
    return this.#chat !== null && CHATS.has(view.contact_state) && view.assigned?.asked_by === "";
  }

  /** @param {Session} session @param {string} contact_id */
  #startCall(session, contact_id) {
    if (this.#call !== null) return;
    const call = new Call({ session, store: tabStore(), key: `visavis.generation.${contact_id}`, published: true });
    this.#call = call;
    this.#call_contact = contact_id;
    call.addEventListener("change", () => this.requestUpdate());
    call.connect();
    void this.#openDevices(call, this._view.assigned?.voice_apart ?? false);
  }

  /**
   * One question after the other: some browsers ask for both at once only confusingly.
   * @param {Call} call
   * @param {boolean} voice_apart the voice is on the agent's phone: no microphone here
   */
  async #openDevices(call, voice_apart) {
    if (!voice_apart) await call.useMicrophone();
    if (call === this.#call && this.#withCamera) await call.useCamera();
  }

  #endCall() {
    if (this.#call === null) return;
    chimeOut();
    this.#call.end();
    tabStore().removeItem(`visavis.generation.${this.#call_contact}`);
    this.#call = null;
    this.#call_contact = "";
  }

  // -------------------------------------------------------------- what the agent does

  get #withCamera() {
    return browserStore().getItem(CAMERA_KEY) !== "off";
  }

  #setCamera = (/** @type {Event} */ event) => {
    browserStore().setItem(CAMERA_KEY, /** @type {HTMLInputElement} */ (event.target).checked ? "on" : "off");
    this.requestUpdate();
  };

  #ready = () => {
    this.#ring.prepare();
    this.#session?.send({ type: "set_ready" });
  };

  /** @param {Event} event */
  #notReady = (event) => {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    const reason = REASONS.find((each) => each === select.value);
    select.value = "";
    this.#ring.prepare();
    if (reason !== undefined) this.#session?.send({ type: "set_not_ready", reason });
  };

  #accept = () => {
    const { offer } = this._view;
    if (offer !== null) this.#session?.send({ type: "accept_offer", offer_id: offer.offer_id });
  };

  #reject = () => {
    const { offer } = this._view;
    if (offer !== null) this.#session?.send({ type: "reject_offer", offer_id: offer.offer_id });
  };

  #hangUp = () => this.#session?.send({ type: "hang_up" });
  #hold = () => this.#session?.send({ type: "hold" });
  #claimTyped = (/** @type {CustomEvent<string>} */ event) => this.#session?.send({ type: "claim_contact", correlation: event.detail });

  #openTransfer = () => {
    const dialog = /** @type {import("./transfer.js").Transfer | null} */ (this.renderRoot.querySelector("vv-transfer"));
    void dialog?.open();
  };

  #complete = () => this.#session?.send({ type: "complete_transfer" });

  /** @param {CustomEvent<{kind: "queue" | "agent" | "number", target: string, consult: boolean}>} event */
  #transfer = (event) => this.#session?.send({ type: "transfer", ...event.detail });

  #retrieve = () => this.#session?.send({ type: "retrieve" });

  /** @param {CustomEvent<"start" | "stop" | "pause" | "resume">} event */
  #record = (event) => this.#session?.send({ type: "recording", action: event.detail });

  /** @param {CustomEvent<{disposition: string, notes: string}>} event */
  #wrapUp = (event) => this.#session?.send({ type: "wrap_up", ...event.detail });

  #signOut = async () => {
    try {
      await request("DELETE", "/api/v1/session");
      this.#session?.close();
      window.location.assign("/sign-in/");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._view = { ...this._view, error_code: error.code };
    }
  };

  /** @param {KeyboardEvent} event */
  #key = (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || isTyping(event) || this._view.offer === null) return;
    if (event.code !== "KeyA" && event.code !== "KeyR") return;
    event.preventDefault();
    if (event.code === "KeyA") this.#accept();
    else this.#reject();
  };

  // -------------------------------------------------------------- the page

  render() {
    if (this._failure !== null) {
      return this.#plainPage("warning", t("panel.failed"), codeText("error", this._failure), html`<button class="primary" @click=${this.#load}>${t("refused.again")}</button>`);
    }
    if (this._over !== null) return this.#renderOver(this._over);
    const view = this._view;
    const screen = screenOf(view);
    return html`<div class="panel" data-screen=${screen}>
      ${this.#bar(view)} ${this.#notes(view, screen)}
      <main>${this.#screen(screen, view)}</main>
      <p class="visually-hidden" role="status" aria-live="assertive">
        ${this.#announcement(view, screen)}
      </p>
      <p class="visually-hidden" role="status" aria-live="polite" data-recording=${view.recording}>
        ${screen === "call" && (view.recording === "on" || view.recording === "paused") ? t(`recording.${recordingSign(view)}`) : ""}
      </p>
    </div>`;
  }

  /** @param {import("./model.js").View} view @param {string} screen */
  #announcement(view, screen) {
    if (screen === "offer" && view.offer !== null) return t("offer.title", { name: nameOf(view.offer.customer) });
    if (screen === "call" && view.away !== null && view.assigned !== null) {
      return awayTitle(view.contact_state === "consulting" ? (view.peer?.display_name ?? "") : nameOf(view.assigned.customer), view.away);
    }
    return t(`agent.${view.state || "loading"}`);
  }

  /** @param {import("./model.js").View} view */
  #bar(view) {
    const can_ready = view.state === "not_ready";
    const on_contact = view.state === "busy" || view.state === "working_after_call";
    return html`<header>
      <span class="brand">${mark()}<span>Vis-à-vis</span></span>
      <div class="state" data-state=${view.state}>
        <span class="lamp" aria-hidden="true"></span>
        <span>
          <strong>${t(`agent.${view.state || "loading"}`)}</strong>
          <span class="hint small">
            ${view.state === "not_ready" && view.reason ? html`${codeText("reason", view.reason)} ·` : nothing}
            ${view.state !== "" ? html`<span class="number">${clock((this._now - view.since_ms) / 1000)}</span>` : nothing}
            ${on_contact && view.pending_reason ? html`· ${t("agent.then", { reason: codeText("reason", view.pending_reason) })}` : nothing}
          </span>
        </span>
      </div>
      <div class="row actions">
        ${can_ready
          ? html`<button class="primary" data-action="ready" @click=${this.#ready}>${icon("power")} ${t("agent.go_ready")}</button>`
          : on_contact && view.pending_reason
            ? html`<button data-action="ready" @click=${this.#ready}>${t("agent.go_ready_after")}</button>`
            : nothing}
        <select
          data-action="not-ready"
          aria-label=${t(on_contact ? "agent.pause_after" : "agent.pause")}
          ?disabled=${view.state === "reserved" || view.state === ""}
          @change=${this.#notReady}
        >
          <option value="" selected disabled>${t(on_contact ? "agent.pause_after" : "agent.pause")}</option>
          ${REASONS.map((reason) => html`<option value=${reason}>${t(`reason.${reason}`)}</option>`)}
        </select>
      </div>
      <div class="row account">
        <span class="me" title=${this._account?.display_name ?? ""}>${this._account?.display_name ?? ""}</span>
        ${languagePicker(() => this.requestUpdate())}
        <button class="plain" data-action="sign-out" title=${t("app.sign_out")} aria-label=${t("app.sign_out")} @click=${this.#signOut}>${icon("exit")}</button>
      </div>
    </header>`;
  }

  /** What must be known now, over every screen. @param {import("./model.js").View} view @param {string} screen */
  #notes(view, screen) {
    const away = this.#session !== null && this.#session.state !== "open" && view.state !== "";
    return html`<div class="notes">
      ${away ? html`<p class="note warn" role="alert">${icon("wifi")}<span>${t("panel.reconnecting")}</span></p>` : nothing}
      ${view.error_code !== null
        ? html`<p class="note warn" role="alert">${icon("warning")}<span>${codeText("error", view.error_code)}</span></p>`
        : nothing}
      ${view.offer_ended !== null && screen === "idle"
        ? html`<p class="note ${view.offer_ended === "timed_out" || view.offer_ended === "withdrawn" ? "warn" : ""}" role="alert">${icon("bell")}<span>${t(`offer.${view.offer_ended}`)}</span></p>`
        : nothing}
      ${view.recording === "failed" ? html`<p class="note bad" role="alert">${icon("warning")}<span>${t("recording.failed")}</span></p>` : nothing}
    </div>`;
  }

  /** @param {string} screen @param {import("./model.js").View} view */
  #screen(screen, view) {
    if (screen === "offer" && view.offer !== null) {
      return offerCard(view.offer, view, this._now, { accept: this.#accept, reject: this.#reject });
    }
    if (screen === "wrap_up" && view.wrap_up !== null && view.assigned !== null) {
      return html`<div class="two">
        <vv-wrap-up
          contact_id=${view.wrap_up.contact_id}
          customer=${nameOf(view.assigned.customer)}
          next=${view.pending_reason === null ? "" : codeText("reason", view.pending_reason)}
          .dispositions=${view.wrap_up.dispositions}
          .left_s=${(view.wrap_up.ends_ms - this._now) / 1000}
          @wrap-up=${this.#wrapUp}
        ></vv-wrap-up>
        <div class="side">
          ${this.#chat !== null && this.#chat.lines.length > 0 ? html`<vv-chat read_only .book=${this.#chat}></vv-chat>` : nothing}
          ${this.#aside(view.assigned, false)}
        </div>
      </div>`;
    }
    if (screen === "call" && view.assigned !== null) return this.#callScreen(view, view.assigned);
    return this.#idle(view);
  }

  /** @param {import("./model.js").View} view */
  #idle(view) {
    if (view.state === "") return html`<div class="idle"><div class="wheel" aria-hidden="true"></div></div>`;
    const ready = view.state === "ready";
    return html`<div class="idle">
      <section class="card stack hero ${ready ? "ready" : ""}">
        <span class="pulse" aria-hidden="true">${icon(ready ? "video" : "pause")}</span>
        <h1 tabindex="-1">${t(ready ? "idle.ready" : view.reason === "rona" || view.reason === "declined" ? `idle.${view.reason}` : "idle.not_ready", { name: this._account?.display_name ?? "" })}</h1>
        <p class="hint">${t(ready ? "idle.ready_text" : "idle.not_ready_text")}</p>
        ${ready ? nothing : html`<button class="primary big" @click=${this.#ready}>${icon("power")} ${t("agent.go_ready")}</button>`}
      </section>
      <section class="card stack">
        <h2>${t("idle.set_up")}</h2>
        <div>
          <p class="label">${t("idle.queues")}</p>
          <p class="row">
            ${view.queues.length > 0 ? view.queues.map((queue) => html`<span class="pill">${queue}</span>`) : html`<span class="hint">${t("idle.no_queues")}</span>`}
          </p>
        </div>
        <label class="check">
          <input type="checkbox" .checked=${this.#withCamera} @change=${this.#setCamera} />
          <span>${t("idle.with_camera")}</span>
        </label>
        <vv-claim @claim=${this.#claimTyped}></vv-claim>
        <vv-video-link .queues=${view.queues}></vv-video-link>
        <p class="hint small">${t("idle.keys")} <kbd>Alt</kbd> <kbd>A</kbd> ${t("offer.accept")} · <kbd>Alt</kbd> <kbd>R</kbd> ${t("offer.reject")}</p>
      </section>
    </div>`;
  }

  /**
   * @param {import("./model.js").View} view
   * @param {NonNullable<import("./model.js").View["assigned"]>} assigned
   */
  #callScreen(view, assigned) {
    const call = this.#call;
    const talking = view.contact_state === "active";
    const held = view.contact_state === "held";
    const { voice_apart, transfers } = assigned;
    const name = nameOf(assigned.customer);
    const consulting = view.contact_state === "consulting";
    const may_chat = this.#mayChat(view);
    const chatting = may_chat && this._chatting;
    const unread = this.#chat?.unread ?? 0;
    return html`<div class="two ${chatting ? "chatting" : ""}">
      <section class="call">
        <vv-stage
          .call=${call}
          .peer=${view.peer === null ? null : { ...view.peer, display_name: consulting ? view.peer.display_name : name }}
          .recording=${recordingSign(view)}
          .quality=${view.quality}
          .talk_s=${view.talking_since_ms === null ? null : (this._now - view.talking_since_ms) / 1000}
          ?talking=${talking || held || consulting}
          .veil=${veil(view, name, { call, open: this.#session?.state === "open", now: this._now })}
        ></vv-stage>
        ${call === null ? nothing : html`<div class="help">${this.#consultation(view, assigned, name)}${voice_apart ? html`<p class="note">${icon("phone")}<span>${t("agent_call.voice_apart")}</span></p>` : nothing}${deviceHelp(call)}</div>`}
        <vv-controls
          shortcuts
          ?voice_apart=${voice_apart}
          ?transfer=${(talking || held) && transfers.length > 0}
          @transfer=${this.#openTransfer}
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
        <vv-transfer customer=${name} .kinds=${transfers} ?voice_apart=${voice_apart} @transfer=${this.#transfer}></vv-transfer>
      </section>
      <div class="side">
        ${chatting ? html`<vv-chat .book=${this.#chat} @close=${this.#toggleChat}></vv-chat>` : nothing}
        ${this.#aside(assigned, true)}
      </div>
      <p class="visually-hidden" role="status" aria-live="polite" data-unread>${may_chat && !chatting && unread > 0 ? t("chat.unread", { count: unread }) : ""}</p>
    </div>`;
  }

  /**
   * Two agents about a customer: who waits, and how it goes on.
   * @param {import("./model.js").View} view
   * @param {NonNullable<import("./model.js").View["assigned"]>} assigned
   * @param {string} name
   */
  #consultation(view, assigned, name) {
    const rings = view.contact_state === "consult_ringing";
    if (!rings && view.contact_state !== "consulting") return nothing;
    if (assigned.asked_by !== "") {
      return html`<p class="note" role="status">${icon("users")}<span>${t("agent_call.asked", { colleague: assigned.asked_by, name })}</span></p>`;
    }
    const colleague = view.peer?.display_name ?? "";
    return html`<div class="note consultation">
      ${rings ? nothing : html`<p role="status">${icon("users")}<span>${t("agent_call.consulting", { colleague, name })}</span></p>`}
      <div class="row">
        ${rings ? nothing : html`<button class="primary" data-action="complete" ?disabled=${!(view.peer?.connected ?? false)} @click=${this.#complete}>${icon("transfer")} ${t("agent_call.complete", { colleague })}</button>`}
        <button data-action="back" @click=${this.#retrieve}>${icon("back")} ${t("agent_call.back", { name })}</button>
      </div>
    </div>`;
  }

  /**
   * @param {NonNullable<import("./model.js").View["assigned"]>} assigned
   * @param {boolean} main whether it names the page; the wrap-up form has a title of its own
   */
  #aside(assigned, main) {
    const { customer, queue_name } = assigned;
    return html`<aside class="card stack" aria-label=${t("context.title")}>
      <div class="who">
        <span class="avatar" aria-hidden="true">${initials(customer.display_name) || icon("user")}</span>
        ${main ? html`<h1 tabindex="-1">${nameOf(customer)}</h1>` : html`<h2>${nameOf(customer)}</h2>`}
      </div>
      ${context(customer, queue_name)}
      ${main ? html`<vv-connection .quality=${this._view.quality} name=${nameOf(customer)}></vv-connection>` : nothing}
    </aside>`;
  }

  /** @param {string} code */
  #renderOver(code) {
    const elsewhere = code === "taken_over" || code === "panel_open_elsewhere";
    if (elsewhere) {
      return this.#plainPage(
        "page",
        t("panel.elsewhere"),
        t(code === "taken_over" ? "panel.taken_over_text" : "panel.elsewhere_text"),
        html`<button class="primary big" data-action="take-over" @click=${() => this.#open(true)}>${t("panel.use_here")}</button>`,
      );
    }
    if (code === "not_an_agent") {
      return this.#plainPage("user", t("panel.not_agent"), t("panel.not_agent_text"), html`
        <a href="/admin/">${t("app.admin")}</a> <button @click=${this.#signOut}>${t("app.sign_out")}</button>`);
    }
    return this.#plainPage("warning", t("panel.failed"), codeText("error", code), html`<button class="primary" @click=${() => this.#open(false)}>${t("refused.again")}</button>`);
  }

  /**
   * @param {import("../elements/icons.js").IconName} name
   * @param {string} title
   * @param {string} text
   * @param {unknown} action
   */
  #plainPage(name, title, text, action) {
    return html`<main class="plain-page"><section class="card stack" role="alertdialog" aria-labelledby="title" aria-describedby="text">
      <span class="round">${icon(name)}</span>
      <h1 id="title" tabindex="-1">${title}</h1>
      <p id="text">${text}</p>
      <div class="row">${action}</div>
    </section></main>`;
  }

  updated() {
    const screen = this._over ?? `${screenOf(this._view)} ${this._view.offer?.offer_id ?? ""}`;
    if (screen === this.#shown) return;
    this.#shown = screen;
    // While somebody types, the focus stays where it is; Alt+A and Alt+R work from everywhere else.
    const active = this.shadowRoot?.activeElement;
    if (active instanceof HTMLElement && active.matches("textarea, input")) return;
    const answer = this.renderRoot.querySelector("[data-action=accept], [data-action=take-over]");
    const target = answer ?? this.renderRoot.querySelector("h1");
    if (target instanceof HTMLElement) target.focus();
  }
}

await startLanguage();
customElements.define("vv-agent", Agent);
