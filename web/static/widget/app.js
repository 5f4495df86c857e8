// The customer's side of a contact on the screen: <vv-customer>, from the first screen to the last.
//
// It decides which screen shows and where the focus is; the screens are in screens.js, what is done is in side.js.

import { LitElement, html, nothing } from "../vendor/lit.js";
import { deviceHelp } from "../elements/device-help.js";
import { followFocus } from "../elements/follow.js";
import { icon, mark } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import "../elements/chat.js";
import "../elements/controls.js";
import "../elements/keypad.js";
import "../elements/stage.js";
import { isTyping } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { unlockSound } from "../lib/sound.js";
import { appStyles } from "./app-styles.js";
import "./choose.js";
import * as kept from "./kept-screens.js";
import * as screens from "./screens.js";
import { screenStyles } from "./screen-styles.js";
import { CustomerSide } from "./side.js";

/** @typedef {import("../lib/call.js").Call} Call */

/** Screens with the pictures of a call. */
const TALKING_SCREENS = new Set(["talking", "held", "voice"]);

export class Customer extends LitElement {
  static properties = { _wide: { state: true }, _now: { state: true }, _keying: { state: true } };

  static styles = [base, screenStyles, appStyles];

  #side;
  #abort = new AbortController();
  #shown = "";

  /** @param {import("./place.js").Place} place */
  constructor(place) {
    super();
    this.#side = new CustomerSide(place);
    this._wide = false;
    this._now = Date.now();
    /** Whether the telephone keys are on the screen. */
    this._keying = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    window.addEventListener("keydown", this.#key, { signal });
    const tick = window.setInterval(() => (this._now = Date.now()), 1000);
    signal.addEventListener("abort", () => window.clearInterval(tick));
    this.#side.addEventListener("change", () => this.requestUpdate(), { signal });
    this.#side.begin(signal);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#abort.abort();
  }

  /** The launcher was pressed. */
  opened() {
    const side = this.#side;
    unlockSound();
    if (side.name === "") side.name = side.place.page.name;
    this.requestUpdate();
    this.#focusTitle();
  }

  #toggleChat = async () => {
    this.#side.toggleChat();
    await followFocus(this, "chat");
  };

  #toggleKeypad = async () => {
    this._keying = !this._keying;
    await followFocus(this, "keypad");
  };

  #widen = () => {
    this._wide = !this._wide;
    this.#side.place.bridge.tell({ type: "size", wide: this._wide });
  };

  /** Keys of the menu, as on a telephone. @param {KeyboardEvent} event */
  #key = (event) => {
    const { phase, view, choose } = this.#side;
    if (phase !== "live" || view.menu === null || event.altKey || event.ctrlKey || event.metaKey || isTyping(event)) return;
    if (event.repeat) return; // held down: pressed once
    if (/^[0-9*#]$/.test(event.key)) choose(event.key);
    else if (event.key === "Backspace") choose("back");
  };

  // -------------------------------------------------------------- the page

  render() {
    const side = this.#side;
    const { place, screen, view } = side;
    const call = side.phase === "live" ? side.call : null;
    const talks = call !== null && TALKING_SCREENS.has(screen);
    const chatting = talks && side.chatting && side.may_chat;
    const keying = call !== null && this._keying && side.may_key;
    return html`<div class="app">
      <header>
        ${mark()}<strong>${place.availability?.site_name || t("app.name")}</strong>
        ${place.bridge.embedded
          ? html`${talks
                ? html`<button class="widen" @click=${this.#widen} title=${t(this._wide ? "app.narrow" : "app.widen")} aria-label=${t(this._wide ? "app.narrow" : "app.widen")}>
                    ${icon("board")}
                  </button>`
                : nothing}
              <button @click=${side.minimise} title=${t("app.minimise")} aria-label=${t("app.minimise")}>${icon("cross")}</button>`
          : nothing}
      </header>
      <main class="${talks ? "talking" : ""} ${chatting ? "chatting" : ""}">
        ${call !== null && screen !== "ended" ? this.#stage(call, screen) : nothing}
        ${talks ? html`<h1 class="visually-hidden" tabindex="-1">${screens.announcement(screen, view)}</h1>` : nothing}
        <div class="content" ?hidden=${talks && !this.#besideCall(call)}>
          ${talks ? this.#beside(call) : html`<div class="inner">${this.#screen(screen, call)}</div>`}
        </div>
        ${chatting ? html`<vv-chat customer .book=${side.chat} @close=${this.#toggleChat}></vv-chat>` : nothing}
        ${keying ? html`<vv-keypad @press=${side.pressKey} @close=${this.#toggleKeypad}></vv-keypad>` : nothing}
        <p class="visually-hidden" role="status" aria-live="polite">${this.#announcement(screen)}</p>
        <p class="visually-hidden" role="status" aria-live="polite" data-unread>${talks && !chatting ? this.#unreadText : ""}</p>
      </main>
      ${call !== null && screen !== "ended" ? html`<footer>${this.#footer(call, talks)}</footer>` : nothing}
    </div>`;
  }

  /** Where the kept place stands, while the first screen shows. */
  get #standing() {
    const { phase, place } = this.#side;
    return phase === "start" ? (place.invitation?.place ?? null) : null;
  }

  get #unreadText() {
    const count = this.#side.chat?.unread ?? 0;
    return count > 0 ? t("chat.unread", { count }) : "";
  }

  /** @param {string} screen */
  #announcement(screen) {
    return this.#standing === null ? screens.announcement(screen, this.#side.view) : kept.keptTitle(this.#standing);
  }

  /** @param {Call} call @param {string} screen */
  #stage(call, screen) {
    const { view, session } = this.#side;
    const talks = TALKING_SCREENS.has(screen);
    return html`<vv-stage
      cover
      .call=${call}
      .peer=${view.peer}
      .recording=${view.recording}
      .quality=${view.quality}
      .talk_s=${talks && view.talking_since_ms !== null ? (this._now - view.talking_since_ms) / 1000 : null}
      ?talking=${screen === "talking"}
      .veil=${screens.veil(screen, call, session, view, this._now)}
    ></vv-stage>`;
  }

  /** @param {string} screen @param {Call | null} call */
  #screen(screen, call) {
    const side = this.#side;
    const { view } = side;
    switch (screen) {
      case "start":
        return this.#standing !== null && side.place.availability !== null ? kept.kept(side, this.#standing, side.placeAge(this._now)) : screens.start(side);
      case "entering":
      case "resuming":
      case "connecting":
        return screens.working(screen, call);
      case "menu":
        return screens.menu(side, view, this.#consent());
      case "waiting":
      case "joining":
        return screens.waiting(side, view, this._now, call, this.#consent());
      case "refused":
        return screens.refused(side, side.code ?? "");
      case "elsewhere":
        return screens.elsewhere(side);
      default:
        return screens.ended(side, view, side.code);
    }
  }

  /** Whether something must be said or asked beside the pictures of a call. @param {Call | null} call */
  #besideCall(call) {
    if (call === null) return false;
    const { audio, video } = call.paused_by_browser;
    return !call.published || call.device_code !== null || audio || video || this.#side.view.recording === "awaiting_consent";
  }

  /** @param {Call} call */
  #beside(call) {
    return html`
      ${this.#consent()}
      ${call.published ? deviceHelp(call) : html`<vv-choose .call=${call} agent=${this.#side.view.peer?.display_name ?? ""}></vv-choose>`}
    `;
  }

  #consent() {
    return this.#side.view.recording === "awaiting_consent" ? screens.askConsent(this.#side) : nothing;
  }

  /** @param {Call} call @param {boolean} talks */
  #footer(call, talks) {
    const side = this.#side;
    const { chatting, may_chat, may_key } = side;
    if (talks && call.published) {
      return html`${screens.recorded(side, side.view)}<vv-controls
        .call=${call}
        .chat=${may_chat ? { open: chatting, unread: side.chat?.unread ?? 0 } : null}
        @chat=${this.#toggleChat}
        .keypad=${may_key ? this._keying : null}
        @keypad=${this.#toggleKeypad}
        @hang-up=${side.hangUp}
      ></vv-controls>`;
    }
    return html`<div class="leave">
      ${talks && may_chat
        ? html`<button data-action="chat" aria-expanded=${chatting} @click=${this.#toggleChat}>
            ${icon("chat")} ${chatting ? t("controls.chat") : this.#unreadText || t("controls.chat")}
          </button>`
        : nothing}
      ${may_key
        ? html`<button data-action="keypad" aria-expanded=${this._keying} @click=${this.#toggleKeypad}>${icon("keypad")} ${t("controls.keypad")}</button>`
        : nothing}
      <button data-action="leave" @click=${side.hangUp}>${icon("hang_up")} ${t(talks ? "controls.hang_up" : "waiting.leave")}</button>
    </div>`;
  }

  updated() {
    const { phase, screen, view } = this.#side;
    const shown = phase === "live" ? `${screen} ${view.menu?.node_id ?? ""}` : `${phase} ${this.#standing?.state ?? ""}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
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
