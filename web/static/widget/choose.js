// How to be seen and heard: chosen before anything is asked, and looked at before anybody else sees it.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { deviceHelp } from "../elements/device-help.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { CallWatcher } from "../elements/watch.js";
import { setStream } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** @typedef {import("../lib/call.js").Call} Call */

/** Events: `chosen` once this side is published. */
export class Choose extends LitElement {
  static properties = { call: { attribute: false }, agent: { type: String } };

  static styles = [
    base,
    css`
      :host {
        display: block;
      }
      .card {
        padding: 16px;
        gap: 12px;
      }
      .options {
        display: grid;
        gap: 10px;
      }
      .options button {
        justify-content: flex-start;
        text-align: start;
        min-height: 60px;
        padding: 10px 16px;
        border-radius: var(--radius);
        font-weight: 500;
      }
      .options button strong {
        display: block;
        font-weight: 650;
      }
      .options button svg.icon {
        width: 1.75em;
        height: 1.75em;
        margin-inline-end: 6px;
      }
      .options button .hint {
        font-size: 0.875rem;
      }
      .options .primary .hint {
        color: inherit;
      }
      .preview {
        position: relative;
        aspect-ratio: 16 / 10;
        max-height: 23vh;
        width: 100%;
        border-radius: var(--radius);
        overflow: hidden;
        background: var(--stage);
      }
      .preview video {
        width: 100%;
        height: 100%;
        object-fit: cover;
        display: block;
      }
      .preview.mirrored video {
        transform: scaleX(-1);
      }
      .preview span {
        position: absolute;
        left: 10px;
        top: 10px;
        padding: 3px 10px;
        border-radius: 99px;
        background: rgb(8 14 15 / 78%);
        color: #fff;
        font-size: 0.8125rem;
        font-weight: 600;
      }
      .actions {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 10px;
      }
      .actions button {
        padding-inline: 10px;
      }
    `,
  ];

  /** Which device had failed when this was drawn last: that is said above what was pressed. @type {string | null} */
  #failed = null;

  constructor() {
    super();
    /** @type {Call | null} */
    this.call = null;
    new CallWatcher(this);
    /** The agent who cannot see or hear this side yet; empty before there is one. */
    this.agent = "";
  }

  render() {
    const { call } = this;
    if (call === null || call.published) return nothing;
    return html`<section class="card stack" aria-labelledby="title">
      ${deviceHelp(call)} ${call.camera === null ? this.#options(call) : this.#preview(call)}
      ${call.asking !== null
        ? html`<p class="note" role="status">${icon("info")}<span>${t(`choose.asking_${call.asking}`)}</span></p>`
        : nothing}
    </section>`;
  }

  /** @param {Call} call */
  #options(call) {
    const busy = call.asking !== null;
    return html`
      <div>
        <h2 id="title">${this.agent ? t("choose.title_agent", { name: this.agent }) : t("choose.title")}</h2>
        <p class="hint">${t("choose.text")}</p>
      </div>
      <div class="options">
        <button class="primary" ?disabled=${busy} data-action="camera" @click=${() => this.#camera(call)}>
          ${icon("video")}<span><strong>${t("choose.camera")}</strong><span class="hint">${t("choose.camera_hint")}</span></span>
        </button>
        <button ?disabled=${busy} data-action="audio" @click=${() => this.#audio(call)}>
          ${icon("mic")}<span><strong>${t("choose.audio")}</strong><span class="hint">${t("choose.audio_hint")}</span></span>
        </button>
      </div>
    `;
  }

  /** @param {Call} call */
  #preview(call) {
    return html`
      <h2 id="title">${t("choose.preview_title")}</h2>
      <div class="preview ${call.facing === "user" ? "mirrored" : ""}">
        <video id="preview" autoplay playsinline muted aria-label=${t("stage.your_picture")}></video>
        <span>${t("choose.only_you")}</span>
      </div>
      <div class="actions">
        <button class="primary big" ?disabled=${call.asking !== null} data-action="publish" @click=${() => this.#publish(call)}>
          ${t("choose.use")}
        </button>
        <button class="big" ?disabled=${call.asking !== null} data-action="audio" @click=${() => this.#audio(call)}>${t("choose.without")}</button>
      </div>
    `;
  }

  updated() {
    const failed = this.call?.device_code ? this.call.device_kind : null;
    if (failed !== null && failed !== this.#failed) this.renderRoot.querySelector("[role=alert]")?.scrollIntoView({ block: "nearest" });
    this.#failed = failed;
    const video = /** @type {HTMLVideoElement | null} */ (this.renderRoot.querySelector("#preview"));
    if (video === null || this.call === null) return;
    if (video.srcObject === null) this.scrollIntoView({ block: "nearest" }); // what comes next must not be below the edge
    setStream(video, this.call.local);
  }

  /** @param {Call} call */
  async #camera(call) {
    await call.useCamera();
  }

  /** @param {Call} call */
  async #audio(call) {
    await call.stopCamera();
    await this.#publish(call);
  }

  /** @param {Call} call */
  async #publish(call) {
    if (call.microphone === null && !(await call.useMicrophone())) return;
    await call.publish();
    this.dispatchEvent(new CustomEvent("chosen"));
  }
}

customElements.define("vv-choose", Choose);
