// The picture of a call: the other side, their screen, the own small picture, and the signs over them.
//
// One stage stays in the page from the first prompt to the end of the call, so that sound and picture never restart.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { setStream } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { pausedSigns, qualitySigns } from "./connection.js";
import { icon } from "./icons.js";
import { base } from "./styles.js";
import { CallWatcher } from "./watch.js";

/** @typedef {import("../lib/call.js").Call} Call */
/** @typedef {import("../lib/messages.js").PeerState} PeerState */

/** @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join("");
}

export class Stage extends LitElement {
  static properties = {
    call: { attribute: false },
    peer: { attribute: false },
    talking: { type: Boolean },
    cover: { type: Boolean },
    recording: { type: String },
    talk_s: { attribute: false },
    veil: { attribute: false },
    quality: { attribute: false },
    _blocked: { state: true },
  };

  static styles = [
    base,
    css`
      :host {
        display: block;
        position: relative;
        overflow: hidden;
        background: var(--stage);
        color: var(--on-stage);
        min-height: 0;
      }
      video {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: contain;
        background: transparent;
      }
      .main {
        position: absolute;
        inset: 0;
      }
      .main.cover video {
        object-fit: cover;
      }
      .alone {
        background:
          radial-gradient(circle at 42% 46%, rgb(214 188 150 / 55%) 0 16%, transparent 16.5%) no-repeat center / 300px 300px,
          radial-gradient(circle at 58% 46%, rgb(150 214 206 / 50%) 0 16%, transparent 16.5%) no-repeat center / 300px 300px,
          linear-gradient(160deg, #233a5e, #2c6470 70%, #33707a);
      }
      .away video {
        opacity: 0;
      }
      .second {
        position: absolute;
        left: 12px;
        bottom: 12px;
        width: min(26%, 180px);
        aspect-ratio: 4 / 3;
        border-radius: 10px;
        overflow: hidden;
        background: #000;
        z-index: 2;
      }
      .second video {
        object-fit: cover;
      }
      .self {
        position: absolute;
        right: 12px;
        bottom: 12px;
        width: clamp(84px, 24%, 190px);
        aspect-ratio: 4 / 3;
        border-radius: 10px;
        overflow: hidden;
        background: #1d2a2c;
        box-shadow: 0 0 0 2px rgb(255 255 255 / 25%);
        z-index: 2;
      }
      .self video {
        object-fit: cover;
      }
      .self.mirrored video {
        transform: scaleX(-1);
      }
      .self span {
        position: absolute;
        left: 6px;
        bottom: 4px;
        font-size: 0.75rem;
        font-weight: 600;
        text-shadow: 0 1px 3px #000;
      }
      .signs {
        position: absolute;
        inset: 12px 12px auto;
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
        z-index: 3;
        pointer-events: none;
      }
      .sign {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        padding: 4px 10px;
        border-radius: 99px;
        background: rgb(8 14 15 / 78%);
        color: var(--on-stage);
        font-size: 0.875rem;
        font-weight: 600;
        max-width: 100%;
      }
      .sign.name {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .sign svg.icon {
        width: 1.1em;
        height: 1.1em;
      }
      .dot {
        width: 10px;
        height: 10px;
        border-radius: 50%;
        background: #ff5a4f;
      }
      .dot.paused {
        background: transparent;
        border: 2px solid #f3c56b;
      }
      .sign.quality {
        border-radius: 14px;
        background: rgb(8 14 15 / 88%);
      }
      .sign.quality svg.icon {
        flex: none;
        color: #f3c56b;
      }
      .sign.quality.poor svg.icon {
        color: #ff8a80;
      }
      .states {
        display: contents;
      }
      .middle {
        position: absolute;
        inset: 0;
        display: grid;
        place-content: center;
        justify-items: center;
        gap: 12px;
        padding: 56px 20px;
        text-align: center;
        z-index: 1;
      }
      .middle.veil {
        background: rgb(8 14 15 / 72%);
        z-index: 2;
      }
      .avatar {
        width: 96px;
        height: 96px;
        border-radius: 50%;
        display: grid;
        place-content: center;
        font-size: 2rem;
        font-weight: 650;
        background: #21484a;
        color: #d5f3ef;
      }
      .middle.calm {
        background: rgb(8 14 15 / 25%);
        z-index: 2;
      }
      .calm .words {
        padding: 16px 22px;
        border-radius: var(--radius);
        background: rgb(8 14 15 / 82%);
      }
      .words {
        display: grid;
        gap: 8px;
        justify-items: center;
      }
      .middle p {
        color: var(--on-stage-2);
        max-width: 34ch;
      }
      .middle .title {
        color: var(--on-stage);
        font-size: 1.125rem;
        font-weight: 650;
      }
      .wheel {
        width: 36px;
        height: 36px;
        border-radius: 50%;
        border: 3px solid rgb(255 255 255 / 22%);
        border-top-color: #fff;
        animation: turn 900ms linear infinite;
      }
      @keyframes turn {
        to {
          transform: rotate(360deg);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .wheel {
          border-color: #fff;
        }
      }
      .tap {
        position: absolute;
        inset: auto 0 16px;
        display: grid;
        justify-items: center;
        z-index: 4;
      }
      button {
        background: #fff;
        color: #12282a;
        border-color: #fff;
      }
      button:hover {
        background: #e4f2f0;
      }
      :focus-visible {
        outline-color: #fff;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Call | null} */
    this.call = null;
    new CallWatcher(this);
    /** @type {PeerState | null} */
    this.peer = null;
    /** Two people are connected; before that the picture is the gateway's own. */
    this.talking = false;
    this.cover = false;
    this.recording = "off";
    /** @type {number | null} */
    this.talk_s = null;
    /** Text over the picture: on hold, reconnecting. @type {{title: string, text: string, busy?: boolean} | null} */
    this.veil = null;
    /** How both connections are. @type {import("../lib/messages.js").QualityState | null} */
    this.quality = null;
    /** The browser plays no sound before a touch. */
    this._blocked = false;
  }

  render() {
    const { call, peer } = this;
    if (call === null) return nothing;
    const sees_screen = this.talking && peer !== null && peer.screen;
    const sees_camera = !this.talking || (peer !== null && peer.video);
    const without = this.#without;
    return html`
      <div class="main ${this.talking ? "" : "alone"} ${this.cover && !sees_screen ? "cover" : ""} ${without !== null || (!sees_camera && !sees_screen) ? "away" : ""}">
        <video
          id=${sees_screen ? "screen" : "remote"}
          autoplay
          playsinline
          aria-label=${sees_screen ? t("stage.their_screen") : t("stage.their_picture")}
        ></video>
      </div>
      ${sees_screen
        ? html`<div class="second" ?hidden=${!sees_camera || without !== null}><video id="remote" autoplay playsinline></video></div>`
        : nothing}
      ${call.camera !== null && call.published
        ? html`<div class="self ${call.facing === "user" ? "mirrored" : ""}">
            <video id="self" autoplay playsinline muted aria-label=${t("stage.your_picture")}></video>
            <span aria-hidden="true">${t("stage.you")}</span>
          </div>`
        : nothing}
      <div class="signs">${this.#signs()}</div>
      ${without !== null
        ? html`<div class="middle" data-without=${without}>
            <div class="avatar" aria-hidden="true">${initials(peer?.display_name ?? "") || icon("user")}</div>
            <div class="words" role="status">
              <p class="title">${t(`stage.${without}`)}</p>
              <p>${t(`stage.${without}_text`)}</p>
            </div>
          </div>`
        : nothing}
      ${this.talking && !sees_camera && !sees_screen && this.veil === null
        ? html`<div class="middle">
            <div class="avatar" aria-hidden="true">${initials(peer?.display_name ?? "") || icon("user")}</div>
            <p>${peer?.connected === false ? t("stage.peer_away") : t("stage.camera_off")}</p>
          </div>`
        : nothing}
      ${this.veil !== null
        ? html`<div class="middle ${this.veil.busy ? "veil" : "calm"}">
            ${this.veil.busy ? html`<div class="wheel" aria-hidden="true"></div>` : nothing}
            <div class="words">
              <p class="title">${this.veil.title}</p>
              ${this.veil.text === "" ? nothing : html`<p>${this.veil.text}</p>`}
            </div>
          </div>`
        : nothing}
      ${this._blocked
        ? html`<div class="tap"><button @click=${this.#play}>${icon("speaker")} ${t("stage.tap_to_hear")}</button></div>`
        : nothing}
    `;
  }

  /**
   * Why the other side shows something that is not to be seen here, or null. @returns {"too_slow" | "unmatched" | null}
   */
  get #without() {
    const { peer, quality, veil } = this;
    if (!this.talking || veil !== null || peer === null || !(peer.video || peer.screen)) return null;
    if (quality?.own.pictures_unmatched === true) return "unmatched";
    return quality?.own.pictures_paused === true ? "too_slow" : null;
  }

  #signs() {
    const { peer, call } = this;
    return html`
      ${this.talking && peer !== null && peer.display_name !== ""
        ? html`<span class="sign name">
            ${peer.audio ? nothing : html`${icon("mic_off")}<span class="visually-hidden">${t("stage.peer_muted")}</span>`}
            ${peer.display_name}
          </span>`
        : nothing}
      ${this.talking && this.talk_s !== null ? html`<span class="sign number" aria-hidden="true">${clock(this.talk_s)}</span>` : nothing}
      ${this.recording === "on"
        ? html`<span class="sign"><i class="dot"></i>${t("recording.on")}</span>`
        : this.recording === "paused" || this.recording === "held"
          ? html`<span class="sign"><i class="dot paused"></i>${t(`recording.${this.recording}`)}</span>`
          : nothing}
      <span class="states" role="status" aria-live="polite">
        ${this.veil?.busy ? nothing : qualitySigns(this.quality, peer?.display_name ?? "")}
        ${this.veil?.busy ? nothing : pausedSigns(this.quality, peer?.display_name ?? "", this.#without !== null)}
      </span>
      ${call?.screen ? html`<span class="sign">${icon("screen")} ${t("stage.you_share")}</span>` : nothing}
    `;
  }

  updated() {
    const { call } = this;
    if (call === null) return;
    const remote = this.#video("remote");
    setStream(remote, call.peer.remote);
    setStream(this.#video("screen"), call.peer.remote_screen);
    setStream(this.#video("self"), call.local);
    const sinkable = /** @type {any} */ (remote);
    if (call.speaker_id !== "" && sinkable?.setSinkId !== undefined && sinkable.sinkId !== call.speaker_id) {
      void sinkable.setSinkId(call.speaker_id).catch(() => call.refreshDevices()); // gone meanwhile: back to the system's
    }
    if (remote !== undefined && remote.paused && call.peer.remote.getTracks().length > 0) void this.#play();
  }

  #play = async () => {
    const remote = this.#video("remote");
    if (remote === undefined) return;
    try {
      await remote.play();
      this._blocked = false;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      // AbortError: another stream came while this one was starting, and that one plays.
      if (error.name === "NotAllowedError") this._blocked = true;
    }
  };

  /** @param {string} id @returns {HTMLVideoElement | undefined} */
  #video(id) {
    return /** @type {HTMLVideoElement | null} */ (this.renderRoot.querySelector(`#${id}`)) ?? undefined;
  }
}

customElements.define("vv-stage", Stage);
