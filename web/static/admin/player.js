// A recording played as it was: the customer and the agent side by side, in step, with how complete it is.
//
// The two sides are two files. The customer's is the clock; the other is set to it whenever it drifts. A phone turned
// during the call is turned back picture by picture.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { clock, percent, size } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { turnAt } from "./rotation.js";
import { pageStyles } from "./styles.js";

/** More than this out of step is heard; smaller corrections would only stutter. */
const DRIFT_S = 0.2;
const SEEK_S = 5;

/**
 * @typedef {object} Recording
 * @property {string} recording_id
 * @property {string} state
 * @property {string | null} [sha256]
 * @property {number | null} [duration_s]
 * @property {number | null} [completeness] 0…1
 * @property {import("./rotation.js").Track[]} [tracks]
 * @property {number | null} [size_bytes]
 */

class Player extends LitElement {
  static properties = { recording: { attribute: false }, agent: { type: String }, may_download: { type: Boolean }, _playing: { state: true }, _at_s: { state: true }, _length_s: { state: true }, _broken: { state: true } };

  static styles = [
    base,
    pageStyles,
    css`
      .sides {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 10px;
      }
      figure {
        position: relative;
        background: var(--stage);
        border-radius: var(--radius-s);
        overflow: hidden;
        aspect-ratio: 4 / 3;
        container-type: size;
      }
      video {
        width: 100%;
        height: 100%;
        display: block;
        object-fit: contain;
      }
      video[data-turn="180"] {
        transform: rotate(180deg);
      }
      video:is([data-turn="90"], [data-turn="270"]) {
        position: absolute;
        left: 50%;
        top: 50%;
        width: 100cqh;
        height: 100cqw;
        transform: translate(-50%, -50%) rotate(90deg);
      }
      video[data-turn="270"] {
        transform: translate(-50%, -50%) rotate(270deg);
      }
      figcaption {
        position: absolute;
        z-index: 1;
        left: 8px;
        top: 8px;
        padding: 3px 10px;
        border-radius: 99px;
        background: rgb(8 14 15 / 78%);
        color: #fff;
        font-size: 0.875rem;
        font-weight: 600;
      }
      .transport {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: 12px;
        align-items: center;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        gap: 6px 10px;
        align-items: center;
      }
      .hash {
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** Videos whose pictures are looked at as they come. @type {WeakSet<HTMLVideoElement>} */
  #watched = new WeakSet();

  constructor() {
    super();
    /** @type {Recording | null} */
    this.recording = null;
    this.agent = "";
    /** Taking it away is another right than watching it. */
    this.may_download = false;
    this._playing = false;
    this._at_s = 0;
    this._length_s = 0;
    this._broken = false;
  }

  render() {
    const { recording } = this;
    if (recording === null) return nothing;
    return html`<section class="card stack" aria-labelledby="recording">
      <h2 id="recording">${t("contact.recording")}</h2>
      ${this.#sealed(recording) ? this.#player(recording) : html`<p class="note">${icon("info")} ${codeText("recorded", recording.state)}</p>`}
      ${this.#facts(recording)}
    </section>`;
  }

  /** @param {Recording} recording */
  #sealed(recording) {
    return recording.state === "complete" || recording.state === "limit_reached";
  }

  /** @param {Recording} recording */
  #player(recording) {
    const address = `/api/v1/recordings/${encodeURIComponent(recording.recording_id)}/media?view=`;
    return html`
      <div class="sides">
        <figure>
          <figcaption>${t("player.customer")}</figcaption>
          <video
            id="customer"
            preload="metadata"
            playsinline
            src="${address}customer"
            @loadedmetadata=${this.#loaded}
            @timeupdate=${this.#follow}
            @ended=${this.#ended}
            @error=${() => (this._broken = true)}
          ></video>
        </figure>
        <figure>
          <figcaption>${this.agent || t("player.agent")}</figcaption>
          <video id="agent" preload="metadata" playsinline src="${address}agent" @loadedmetadata=${this.#loaded} @error=${() => (this._broken = true)}></video>
        </figure>
      </div>
      ${this._broken ? html`<p class="note bad" role="alert">${icon("warning")} ${t("player.broken")}</p>` : nothing}
      <div class="transport">
        <button class="primary" data-action="play" aria-label=${t(this._playing ? "player.pause" : "player.play")} @click=${this.#toggle}>${icon(this._playing ? "pause" : "play")}</button>
        <input
          type="range"
          min="0"
          max=${Math.max(this._length_s, 0.1)}
          step="0.1"
          aria-label=${t("player.position")}
          aria-valuetext=${clock(this._at_s)}
          .value=${String(this._at_s)}
          @input=${(/** @type {Event} */ event) => this.#seek(Number(/** @type {HTMLInputElement} */ (event.target).value))}
          @keydown=${this.#key}
        />
        <span class="number">${clock(this._at_s)} / ${clock(this._length_s)}</span>
      </div>
    `;
  }

  /** @param {Recording} recording */
  #facts(recording) {
    const { completeness, sha256, duration_s, size_bytes, recording_id } = recording;
    const tag = locale();
    return html`
      <div class="facts">
        ${completeness == null ? nothing : html`<span class="pill ${completeness >= 0.99 ? "good" : "warn"}">${icon(completeness >= 0.99 ? "check" : "warning")} ${t("player.complete", { share: percent(completeness, tag) })}</span>`}
        ${duration_s == null || !this.#sealed(recording) ? nothing : html`<span class="pill number">${clock(duration_s)}</span>`}
        ${size_bytes == null || !this.#sealed(recording) ? nothing : html`<span class="pill number">${size(size_bytes, tag)}</span>`}
        ${this.#sealed(recording) && this.may_download ? html`<a href="/api/v1/recordings/${encodeURIComponent(recording_id)}/media?view=all&download=true" download="${recording_id}.webm">${t("player.download")}</a>` : nothing}
      </div>
      ${sha256 ? html`<p class="hint small hash">SHA-256 <span class="mono">${sha256}</span></p>` : nothing}
    `;
  }

  /** @param {"customer" | "agent"} id */
  #video(id) {
    return /** @type {HTMLVideoElement | null} */ (this.renderRoot.querySelector(`#${id}`));
  }

  #both() {
    return [this.#video("customer"), this.#video("agent")].filter((video) => video !== null);
  }

  /** @param {Event} event */
  #loaded = (event) => {
    const lengths = this.#both().map((video) => video.duration).filter(Number.isFinite);
    this._length_s = Math.max(this.recording?.duration_s ?? 0, ...lengths);
    this.#turnBack(/** @type {HTMLVideoElement} */ (event.currentTarget));
  };

  /** Turn each picture as it is shown: playing, paused or after a jump. @param {HTMLVideoElement} video */
  #turnBack(video) {
    if (this.#watched.has(video)) return;
    this.#watched.add(video);
    /** @type {VideoFrameRequestCallback} */
    const shown = (_, { mediaTime }) => {
      const track = this.recording?.tracks?.find(({ role, kind }) => role === video.id && kind === "video");
      video.dataset.turn = String(turnAt(track, mediaTime));
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback?.(shown);
  }

  #toggle = async () => {
    if (this._playing) {
      for (const video of this.#both()) video.pause();
      this._playing = false;
      return;
    }
    if (this._at_s >= this._length_s - 0.1) this.#seek(0);
    this._playing = true;
    try {
      await Promise.all(this.#both().map((video) => (video.ended ? undefined : video.play())));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      if (error.name !== "AbortError") this._broken = true; // AbortError: paused again before it began
      this._playing = false;
    }
  };

  /** @param {number} at_s */
  #seek(at_s) {
    this._at_s = Math.min(Math.max(0, at_s), this._length_s);
    for (const video of this.#both()) video.currentTime = this._at_s;
  }

  #follow = () => {
    const [customer, agent] = [this.#video("customer"), this.#video("agent")];
    if (customer === null) return;
    this._at_s = customer.currentTime;
    if (agent === null || customer.seeking || agent.seeking || agent.ended || !this._playing) return;
    if (Math.abs(agent.currentTime - customer.currentTime) > DRIFT_S) agent.currentTime = customer.currentTime;
  };

  #ended = () => {
    this._playing = false;
    this.#video("agent")?.pause();
  };

  /** Whole steps by the arrow keys: a tenth of a second is of no use there. @param {KeyboardEvent} event */
  #key = (event) => {
    const step = { ArrowRight: SEEK_S, ArrowLeft: -SEEK_S }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#seek(this._at_s + step);
  };
}

customElements.define("vv-player", Player);
