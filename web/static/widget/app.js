// The customer's side of a contact, from the first screen to the last: <vv-customer>.
//
// It ties the session, the call and the view together and decides which screen shows; the screens are in screens.js.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { deviceHelp } from "../elements/device-help.js";
import { icon, mark } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import "../elements/chat.js";
import "../elements/controls.js";
import "../elements/keypad.js";
import "../elements/stage.js";
import { ApiError, request, save } from "../lib/api.js";
import { Call } from "../lib/call.js";
import { CHATS, ChatBook } from "../lib/chat.js";
import { isTyping, socketUrl } from "../lib/dom.js";
import { language, t } from "../lib/i18n.js";
import { watchReach } from "../lib/reach.js";
import { Session } from "../lib/session.js";
import { chimeIn, chimeOut, unlockSound } from "../lib/sound.js";
import "./choose.js";
import { TALKING, fold, meets, newView, screenOf } from "./model.js";
import { SESSION_KEY } from "./place.js";
import * as screens from "./screens.js";
import { screenStyles } from "./screen-styles.js";
import { OPEN, Turn } from "./turn.js";

/** Screens with the pictures of a call. */
const TALKING_SCREENS = new Set(["talking", "held", "voice"]);
const CHOICE_KEY = "visavis.customer.choice";
const GENERATION_KEY = "visavis.customer.generation";
const CHAT_KEY = "visavis.customer.chat";
/** A gateway that is away for longer has lost the contact anyway (its grace is a minute). */
const GIVE_UP_MS = 150_000;

/** @typedef {"start" | "entering" | "resuming" | "live" | "ended" | "refused" | "elsewhere"} Phase */

/** A browser's timer can be set for so long (a signed 32 bit number); nobody keeps a page open for longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1000;

export class Customer extends LitElement {
  static properties = {
    _phase: { state: true },
    _view: { state: true },
    _code: { state: true },
    _wide: { state: true },
    _now: { state: true },
    _copied: { state: true },
    _chatting: { state: true },
    _keying: { state: true },
  };

  static styles = [
    base,
    screenStyles,
    css`
      :host {
        display: block;
        height: 100%;
        background: var(--ground);
      }
      .app {
        height: 100%;
        display: grid;
        grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr);
      }
      header {
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 6px 6px 6px 14px;
        border-bottom: 1px solid var(--line);
        background: var(--surface);
      }
      header .mark {
        color: var(--accent);
        flex: none;
      }
      header strong {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      header button {
        border-color: transparent;
        background: transparent;
        padding: 0;
      }
      @media (max-width: 560px) {
        header .widen {
          display: none;
        }
      }
      main {
        min-height: 0;
        display: flex;
        flex-direction: column;
        overflow: hidden;
      }
      vv-stage {
        flex: 0 0 clamp(120px, 25vh, 300px);
      }
      .talking vv-stage {
        flex: 1 1 auto;
      }
      .content {
        flex: 1 1 auto;
        min-height: 0;
        overflow: auto;
        padding: 18px 16px 22px;
      }
      .talking .content {
        flex: 0 1 auto;
        padding: 0;
        max-height: 62%;
      }
      .talking .content > * {
        margin: 12px auto;
        width: min(calc(100% - 24px), 560px);
      }
      .talking.chatting vv-stage {
        flex: 1 1 44%;
        min-height: 110px;
      }
      .talking.chatting .content {
        flex: 0 1 auto;
        max-height: 34%;
      }
      vv-chat {
        flex: 1 1 56%;
        border-top: 1px solid var(--line);
      }
      vv-keypad {
        flex: 0 0 auto;
      }
      .talking.chatting vv-keypad {
        grid-column: 1 / -1;
      }
      @media (min-width: 720px), (orientation: landscape) and (max-height: 520px) {
        .talking.chatting {
          display: grid;
          grid-template: minmax(0, 1fr) auto / minmax(0, 1fr) clamp(240px, 38%, 360px);
        }
        .talking.chatting vv-stage,
        .talking.chatting .content {
          grid-column: 1;
          max-height: none;
        }
        vv-chat {
          grid-area: 1 / 2 / span 2 / auto;
          border-top: 0;
          border-inline-start: 1px solid var(--line);
        }
      }
      .inner {
        max-width: 480px;
        margin-inline: auto;
      }
      footer {
        border-top: 1px solid var(--line);
        background: var(--surface);
        padding-bottom: env(safe-area-inset-bottom);
      }
      footer .recorded {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 8px;
        min-height: 48px;
        padding: 4px 16px 0;
        max-width: 720px;
        margin-inline: auto;
        font-size: 0.875rem;
      }
      footer .recorded p {
        display: flex;
        align-items: center;
        gap: 8px;
        font-weight: 600;
      }
      footer .recorded .dot {
        width: 10px;
        height: 10px;
        border-radius: 50%;
        border: 2px solid var(--ink-2);
      }
      footer .recorded .dot.on {
        background: var(--danger);
        border-color: var(--danger);
      }
      footer .recorded .dot.paused {
        border-color: var(--warn);
      }
      footer .leave {
        padding: 10px 16px;
        display: grid;
        grid-auto-flow: column;
        grid-auto-columns: minmax(0, 1fr);
        gap: 8px;
        max-width: 512px;
        margin-inline: auto;
      }
      @media (min-width: 800px) {
        main:not(.talking) vv-stage {
          width: 640px;
          margin: 20px auto 0;
          border-radius: var(--radius);
          flex-basis: min(360px, 40vh);
        }
      }
      @media (max-height: 620px) {
        main:not(.talking) vv-stage {
          flex-basis: 96px;
        }
      }
      h1:focus {
        outline: none;
      }
    `,
  ];

  /** @type {import("./place.js").Place | undefined} set before it is put into the page */
  place;
  name = "";
  pin = "";
  agreed = false;
  #opensTimer = 0;
  /** @type {Turn | null} */
  #turn = null;
  /** @type {Session | null} */
  #session = null;
  /** @type {Call | null} */
  #call = null;
  /** @type {ChatBook | null} */
  #chat = null;
  #abort = new AbortController();
  #shown = "";
  /** The call whose choice of camera and microphone was made before a reload. */
  #reopening = false;

  constructor() {
    super();
    /** @type {Phase} */
    this._phase = "start";
    this._view = newView();
    /** @type {string | null} */
    this._code = null;
    this._wide = false;
    this._now = Date.now();
    this._copied = false;
    /** Whether the chat is on the screen, where there is one. */
    this._chatting = false;
    /** Whether the telephone keys are on the screen. */
    this._keying = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#lookWhenItOpens();
    window.addEventListener("keydown", this.#key, { signal });
    if (this.place !== undefined) {
      const turn = new Turn(this.place);
      this.#turn = turn;
      turn.addEventListener("change", () => this.requestUpdate(), { signal });
      signal.addEventListener("abort", () => turn.stop());
      for (const noticed of ["pointerdown", "keydown"]) window.addEventListener(noticed, () => turn.hush(), { signal });
      turn.start();
    }
    window.addEventListener("pagehide", () => this.#session?.keep(), { signal });
    watchReach(() => this.#session, signal);
    const tick = window.setInterval(() => (this._now = Date.now()), 1000);
    signal.addEventListener("abort", () => window.clearInterval(tick));
    this.place?.addEventListener("payment", () => this.#tellPayment(), { signal });
    if (this.place?.tab.getItem(SESSION_KEY) != null) this.#resume();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#abort.abort();
    window.clearTimeout(this.#opensTimer);
    this.#call?.end();
    this.#session?.keep();
  }

  /** The launcher was pressed. */
  opened() {
    unlockSound();
    if (this.name === "") this.name = this.place?.page.name ?? "";
    this.requestUpdate();
    this.#focusTitle();
  }

  // -------------------------------------------------------------- the session

  #newSession() {
    const { place } = this;
    if (place === undefined) throw new Error("the element was used before its place was set");
    this.#call?.end();
    this.#session?.close();
    const session = new Session({ url: socketUrl("/ws/customer"), store: place.tab, key: SESSION_KEY, give_up_ms: GIVE_UP_MS });
    this.#session = session;
    session.addEventListener("state", () => this.#sessionChanged(session));
    session.addEventListener("welcome", (event) => this.#welcomed(session, /** @type {CustomEvent} */ (event).detail));
    session.addEventListener("message", (event) => this.#receive(session, /** @type {CustomEvent} */ (event).detail));
    const call = new Call({ session, store: place.tab, key: GENERATION_KEY, published: false, seen: false, heard: false });
    this.#call = call;
    call.addEventListener("change", () => this.#callChanged(call));
    return session;
  }

  /** After a reload: the same contact, if it still lives. */
  #resume() {
    const { place } = this;
    if (place === undefined) return;
    const session = this.#newSession();
    if (session.saved() === null) {
      this.#drop();
      return;
    }
    this._phase = "resuming";
    this.#reopening = place.tab.getItem(CHOICE_KEY) !== null;
    place.bridge.tell({ type: "open" });
    session.start();
  }

  enter = async () => {
    const { place } = this;
    if (place === undefined || place.availability === null) return;
    unlockSound();
    this._phase = "entering";
    this._view = newView();
    place.tab.removeItem(CHOICE_KEY);
    place.tab.removeItem(GENERATION_KEY);
    place.tab.removeItem(CHAT_KEY);
    this._chatting = false;
    const { page, site, visitor_key } = place;
    const { consent, notice_version } = place.availability.recording;
    try {
      const entry = await request("POST", "/api/v1/widget/entry", {
        site,
        visitor_key,
        language: language(),
        page_url: page.page_url,
        page_title: page.page_title,
        form: page.form,
        identity: page.identity,
        display_name: this.name.trim(),
        notice_version: consent === "off" ? "" : notice_version,
        link: place.link,
        pin: this.pin.trim(),
      });
      this.#newSession().start({ entry_token: entry.entry_token });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(error.code);
    }
  };

  /** @param {Session} session @param {import("../lib/messages.js").Welcome} welcome */
  #welcomed(session, welcome) {
    if (session !== this.#session || this.#call === null) return;
    if (!welcome.resumed) {
      const { talking_since_ms } = this._view;
      this._view = { ...newView(), contact_id: welcome.contact_id ?? null, talking_since_ms };
    }
    this.#openChat(session, welcome);
    this._phase = "live";
    this.#turn?.stop();
    if (this.place?.invitation?.place) this.place.forgetLink();
    if (!welcome.resumed || this.place?.payment) this.#tellPayment();
    this.#call.connect();
    if (!welcome.resumed && this.#call.published) this.#call.tellMediaState();
    if (this.#reopening) void this.#reopen();
  }

  /** The lines of this contact. @param {Session} session @param {import("../lib/messages.js").Welcome} welcome */
  #openChat(session, welcome) {
    const { place } = this;
    const contact_id = welcome.contact_id ?? "";
    if (this.#chat?.contact_id === contact_id) {
      if (!welcome.resumed) this.#chat.renewed();
      return;
    }
    if (place === undefined) return;
    const chat = new ChatBook({ contact_id, send: (message) => session.send(message), store: place.tab });
    chat.addEventListener("change", () => this.requestUpdate());
    this.#chat = chat;
    this._chatting = place.tab.getItem(CHAT_KEY) !== null;
  }

  /** Camera and microphone as they were before the reload: they had been chosen in this very call. */
  async #reopen() {
    this.#reopening = false;
    const call = this.#call;
    const choice = this.place?.tab.getItem(CHOICE_KEY);
    if (call === null || choice == null) return;
    const { video, muted } = JSON.parse(choice);
    call.muted = muted === true;
    await call.publish();
    await call.useMicrophone();
    if (video === true) await call.useCamera();
  }

  /** @param {Session} session @param {import("../lib/messages.js").ServerMessage} message */
  #receive(session, message) {
    if (session !== this.#session) return;
    if (this.#chat?.receive(message)) return;
    const before = this._view;
    this._view = fold(before, message, Date.now());
    this.#call?.receive(message);
    if (message.type === "recording_state" && message.state === "awaiting_consent" && this.agreed) this.consent(true);
    const talked = TALKING.has(before.state);
    const talks = TALKING.has(this._view.state);
    const met = meets(this._view);
    void this.#call?.beSeen(met);
    void this.#call?.beHeard(met || this._view.voice_apart);
    if (talks && !talked) chimeIn();
    if (message.type === "place_kept") this.place?.keepLink(message.url);
    if (message.type === "recording_state") this.place?.bridge.tell({ type: "recording", state: message.state });
    if (screenOf(this._view) === "ended") {
      if (talked) chimeOut();
      this.#finish("ended");
      if (this._view.end_reason === "callback" && this.place?.link) void this.again();
    }
    this.#tellStatus();
  }

  /** @param {Session} session */
  #sessionChanged(session) {
    if (session !== this.#session) return;
    if (session.state === "over" && this._phase !== "ended") {
      if (session.code === "taken_over") this.#finish("elsewhere");
      else if (this._phase === "entering") this.#refuse(session.code ?? "unreachable");
      else {
        this._code = session.code;
        this.#finish("ended");
      }
    }
    this.requestUpdate();
  }

  /** @param {Phase} phase */
  #finish(phase) {
    this._phase = phase;
    this.#drop();
    this.#tellStatus();
  }

  #drop() {
    const { place } = this;
    this.#call?.end();
    this.#call = null;
    const session = this.#session;
    this.#session = null;
    this.#chat = null;
    session?.close();
    place?.tab.removeItem(SESSION_KEY);
    place?.tab.removeItem(CHOICE_KEY);
    place?.tab.removeItem(GENERATION_KEY);
    place?.tab.removeItem(CHAT_KEY);
  }

  /** @param {string} code */
  #refuse(code) {
    this._code = code;
    this._phase = "refused";
    this.#drop();
  }

  // -------------------------------------------------------------- what the customer does

  /** Back to the first screen, with what the gateway says now. */
  again = async () => {
    this._code = null;
    await this.place?.check();
    this._view = newView();
    this._phase = "start";
    this.requestUpdate();
    this.#lookWhenItOpens();
    this.#turn?.start();
  };

  /** Leave the page, keep the place. */
  keepPlace = () => {
    if (this._view.keep_sent) return;
    unlockSound();
    this._copied = false;
    this._view = { ...this._view, keep_sent: true, keep_code: null };
    this.#session?.send({ type: "keep_place" });
  };

  giveUpPlace = async () => {
    try {
      await this.place?.giveUp();
      await this.again();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(error.code);
    }
  };

  /** The place is gone: a new call, from the beginning. */
  callAnew = async () => {
    this.place?.forgetLink();
    await this.again();
  };

  copyLink = async () => {
    try {
      await navigator.clipboard.writeText(this.place?.address ?? "");
      this._copied = true;
    } catch (error) {
      if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
      const link = this.renderRoot.querySelector("[data-link]"); // not allowed here: they can copy what is selected
      if (link !== null) window.getSelection()?.selectAllChildren(link);
    }
  };

  /** Ask the browser, because they have pressed for it. */
  allowNotifications = async () => {
    unlockSound();
    await Notification.requestPermission();
    this.requestUpdate();
  };

  /** The link is for later: the start is shown as soon as it is time, by the gateway's clock. */
  #lookWhenItOpens() {
    window.clearTimeout(this.#opensTimer);
    const opensInMs = (this.place?.invitation?.opens_in_s ?? 0) * 1000;
    if (opensInMs > 0 && opensInMs < LONGEST_TIMER_MS) this.#opensTimer = window.setTimeout(this.again, opensInMs + 500);
  }

  saveCalendar = async () => {
    try {
      const file = await this.place?.calendar(language());
      if (file !== undefined) save(file, "video-call.ics");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(error.code);
    }
  };

  hangUp = () => {
    const session = this.#session;
    if (session?.state === "open") {
      session.send({ type: "hang_up" });
    } else {
      this._view = { ...this._view, state: "closed", end_reason: "left_offline" };
      this.#finish("ended");
    }
  };

  /** @param {string} key */
  choose = (key) => {
    const { menu, menu_sent } = this._view;
    if (menu === null || menu_sent) return;
    this._view = { ...this._view, menu_sent: true };
    this.#session?.send({ type: "menu_choice", node_id: menu.node_id, key });
  };

  /** @param {boolean} given */
  consent = (given) => {
    const notice_version = this._view.notice_version || (this.place?.availability?.recording.notice_version ?? "");
    this.#session?.send({ type: "consent", given, notice_version, language: language() });
    this._view = { ...this._view, recording: given ? "starting" : "off" };
  };

  /** What the page said last of its payment field; the gateway pauses the recording by it. */
  #tellPayment() {
    this.#session?.send({ type: "payment", open: this.place?.payment ?? false });
  }

  #toggleChat = async () => {
    this._chatting = !this._chatting;
    if (this._chatting) this.place?.tab.setItem(CHAT_KEY, "open");
    else this.place?.tab.removeItem(CHAT_KEY);
    await this.updateComplete;
    if (this._chatting) {
      const chat = /** @type {import("../elements/chat.js").Chat | null} */ (this.renderRoot.querySelector("vv-chat"));
      await chat?.updateComplete;
      chat?.focusText();
    } else {
      const controls = /** @type {import("../elements/controls.js").Controls | null} */ (this.renderRoot.querySelector("vv-controls"));
      if (controls !== null) controls.focusOn("chat");
      else /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[data-action=chat]"))?.focus();
    }
  };

  #toggleKeypad = async () => {
    this._keying = !this._keying;
    await this.updateComplete;
    const controls = /** @type {import("../elements/controls.js").Controls | null} */ (this.renderRoot.querySelector("vv-controls"));
    if (this._keying) {
      const keypad = /** @type {import("../elements/keypad.js").Keypad | null} */ (this.renderRoot.querySelector("vv-keypad"));
      await keypad?.updateComplete;
      keypad?.focusKeys();
    } else if (controls !== null) controls.focusOn("keypad");
    else /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[data-action=keypad]"))?.focus();
  };

  /** @param {CustomEvent<string>} event */
  #pressKey = (event) => this.#session?.send({ type: "press_keys", keys: event.detail });

  minimise = () => this.place?.bridge.tell({ type: "minimise" });

  #widen = () => {
    this._wide = !this._wide;
    this.place?.bridge.tell({ type: "size", wide: this._wide });
  };

  /** Keys of the menu, as on a telephone. @param {KeyboardEvent} event */
  #key = (event) => {
    if (this._phase !== "live" || event.altKey || event.ctrlKey || event.metaKey || isTyping(event)) return;
    const { menu } = this._view;
    if (menu === null) return;
    if (menu.options.some((option) => option.key === event.key)) this.choose(event.key);
    else if (event.key === "Backspace" && menu.can_go_back) this.choose("back");
  };

  /** @param {Call} call */
  #callChanged(call) {
    if (call !== this.#call) return;
    if (call.published) {
      const choice = { video: call.camera !== null, muted: call.muted };
      this.place?.tab.setItem(CHOICE_KEY, JSON.stringify(choice));
    }
    this.requestUpdate();
  }

  /** What the launcher says while the frame is folded away. */
  #tellStatus() {
    const live = this._phase === "live" || this._phase === "resuming";
    const talks = TALKING.has(this._view.state);
    const kept = this.place?.invitation?.place;
    const label = !live ? (kept && OPEN.has(kept.state) ? "launcher.kept" : "launcher.open") : talks ? "launcher.return_call" : "launcher.return_queue";
    this.place?.bridge.tell({ type: "status", live, label: t(label) });
  }

  // -------------------------------------------------------------- the page

  render() {
    const { place } = this;
    if (place === undefined) return nothing;
    const call = this._phase === "live" ? this.#call : null;
    const screen = this._phase === "live" ? screenOf(this._view) : this._phase;
    const talks = call !== null && TALKING_SCREENS.has(screen);
    const chatting = talks && this._chatting && this.#mayChat;
    const keying = call !== null && this._keying && this.#mayKey;
    return html`<div class="app">
      <header>
        ${mark()}<strong>${place.availability?.site_name || t("app.name")}</strong>
        ${place.bridge.embedded
          ? html`${talks
                ? html`<button class="widen" @click=${this.#widen} title=${t(this._wide ? "app.narrow" : "app.widen")} aria-label=${t(this._wide ? "app.narrow" : "app.widen")}>
                    ${icon("board")}
                  </button>`
                : nothing}
              <button @click=${this.minimise} title=${t("app.minimise")} aria-label=${t("app.minimise")}>${icon("cross")}</button>`
          : nothing}
      </header>
      <main class="${talks ? "talking" : ""} ${chatting ? "chatting" : ""}">
        ${call !== null && screen !== "ended" ? this.#stage(call, screen) : nothing}
        ${talks ? html`<h1 class="visually-hidden" tabindex="-1">${screens.announcement(screen, this._view)}</h1>` : nothing}
        <div class="content" ?hidden=${talks && !this.#besideCall(call)}>
          ${talks ? this.#beside(call) : html`<div class="inner">${this.#screen(screen, call)}</div>`}
        </div>
        ${chatting ? html`<vv-chat customer .book=${this.#chat} @close=${this.#toggleChat}></vv-chat>` : nothing}
        ${keying ? html`<vv-keypad @press=${this.#pressKey} @close=${this.#toggleKeypad}></vv-keypad>` : nothing}
        <p class="visually-hidden" role="status" aria-live="polite">${this.#announcement(screen)}</p>
        <p class="visually-hidden" role="status" aria-live="polite" data-unread>${talks && !chatting ? this.#unreadText : ""}</p>
      </main>
      ${call !== null && screen !== "ended" ? html`<footer>${this.#footer(call, talks)}</footer>` : nothing}
    </div>`;
  }

  /** An agent is there to read. */
  get #mayChat() {
    return this.#chat !== null && CHATS.has(this._view.state);
  }

  /** The center's phone system is on the line, and may ask for a key. */
  get #mayKey() {
    return this._view.voice_apart && this._view.state !== "in_menu" && screenOf(this._view) !== "ended";
  }

  get #unreadText() {
    const count = this.#chat?.unread ?? 0;
    return count > 0 ? t("chat.unread", { count }) : "";
  }

  /** @param {string} screen */
  #announcement(screen) {
    const kept = this._phase === "start" ? this.place?.invitation?.place : null;
    return kept ? screens.keptTitle(kept) : screens.announcement(screen, this._view);
  }

  /** @param {Call} call @param {string} screen */
  #stage(call, screen) {
    const view = this._view;
    const talks = TALKING_SCREENS.has(screen);
    return html`<vv-stage
      cover
      .call=${call}
      .peer=${view.peer}
      .recording=${view.recording}
      .quality=${view.quality}
      .talk_s=${talks && view.talking_since_ms !== null ? (this._now - view.talking_since_ms) / 1000 : null}
      ?talking=${screen === "talking"}
      .veil=${screens.veil(screen, call, this.#session, view, this._now)}
    ></vv-stage>`;
  }

  /** @param {string} screen @param {Call | null} call */
  #screen(screen, call) {
    const { place } = this;
    if (place === undefined) return nothing;
    switch (screen) {
      case "start":
        return place.invitation?.place && place.availability !== null
          ? screens.kept(this, place, place.invitation.place, (this._now - (this.#turn?.asked_ms ?? this._now)) / 1000)
          : screens.start(this, place);
      case "entering":
      case "resuming":
      case "connecting":
        return screens.working(screen, call);
      case "menu":
        return screens.menu(this, this._view, this.#consent());
      case "waiting":
      case "joining":
        return screens.waiting(this, this._view, this._now, call, this.#consent());
      case "refused":
        return screens.refused(this, this._code ?? "");
      case "elsewhere":
        return screens.elsewhere(this);
      default:
        return screens.ended(this, this._view, this._code);
    }
  }

  /** Whether something must be said or asked beside the pictures of a call. @param {Call | null} call */
  #besideCall(call) {
    if (call === null) return false;
    const { recording } = this._view;
    const { audio, video } = call.paused_by_browser;
    return !call.published || call.device_code !== null || audio || video || recording === "awaiting_consent";
  }

  /** @param {Call} call */
  #beside(call) {
    return html`
      ${this.#consent()}
      ${call.published ? deviceHelp(call) : html`<vv-choose .call=${call} agent=${this._view.peer?.display_name ?? ""}></vv-choose>`}
    `;
  }

  #consent() {
    return this._view.recording === "awaiting_consent" ? screens.askConsent(this) : nothing;
  }

  /** @param {Call} call @param {boolean} talks */
  #footer(call, talks) {
    if (talks && call.published) {
      return html`${screens.recorded(this, this._view)}<vv-controls
        .call=${call}
        .chat=${this.#mayChat ? { open: this._chatting, unread: this.#chat?.unread ?? 0 } : null}
        @chat=${this.#toggleChat}
        .keypad=${this.#mayKey ? this._keying : null}
        @keypad=${this.#toggleKeypad}
        @hang-up=${this.hangUp}
      ></vv-controls>`;
    }
    return html`<div class="leave">
      ${talks && this.#mayChat
        ? html`<button data-action="chat" aria-expanded=${this._chatting} @click=${this.#toggleChat}>
            ${icon("chat")} ${this._chatting ? t("controls.chat") : this.#unreadText || t("controls.chat")}
          </button>`
        : nothing}
      ${this.#mayKey
        ? html`<button data-action="keypad" aria-expanded=${this._keying} @click=${this.#toggleKeypad}>${icon("keypad")} ${t("controls.keypad")}</button>`
        : nothing}
      <button data-action="leave" @click=${this.hangUp}>${icon("hang_up")} ${t(talks ? "controls.hang_up" : "waiting.leave")}</button>
    </div>`;
  }

  updated() {
    const kept = this._phase === "start" ? (this.place?.invitation?.place?.state ?? "") : "";
    const screen = this._phase === "live" ? `${screenOf(this._view)} ${this._view.menu?.node_id ?? ""}` : `${this._phase} ${kept}`;
    if (screen === this.#shown) return;
    this.#shown = screen;
    this.#focusTitle();
  }

  /** After a change of screen the focus is where the new one begins; not while the frame is folded away. */
  #focusTitle() {
    if (!document.hasFocus()) return;
    const title = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("h1"));
    title?.focus();
  }
}

customElements.define("vv-customer", Customer);
