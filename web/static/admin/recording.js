// One recording: player, marks, consent, proof; and for an admin holds and erasure.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { clock, moment } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import "./player.js";
import { isSettled, stateText, stateTone } from "./recordings.js";
import { pageStyles } from "./styles.js";

/** So often a recording is looked at again that is still being made or finished. */
const UNFINISHED_RELOAD_MS = 3_000;

/**
 * @typedef {object} Hold
 * @property {string} hold_id
 * @property {string} placed_by
 * @property {string} placed_at
 * @property {string} reason
 */
/**
 * @typedef {import("./recordings.js").RecordingRow & import("./player.js").Recording & {
 *   policy: string | null, consent_at: string | null, consent_language: string | null, notice_version: string,
 *   marks: {name: string, detail: string, at_s: number}[], files: string[], holds: Hold[],
 *   proof: {manifest: {seq: number, signed_at: string}, digest: string} | null}} RecordingFile
 */

class Recording extends LitElement {
  static properties = {
    recording_id: { type: String },
    admin: { type: Boolean },
    _file: { state: true },
    _done: { state: true },
    _asking: { state: true },
  };

  static styles = [
    base,
    pageStyles,
    css`
      .facts {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 220px), 1fr));
        gap: 12px 20px;
      }
      .facts dt {
        color: var(--ink-2);
        font-size: 0.875rem;
      }
      .facts dd {
        overflow-wrap: anywhere;
      }
      .marks {
        display: grid;
        gap: 4px;
      }
      .marks li {
        display: flex;
        gap: 12px;
      }
      img {
        max-width: 320px;
        border-radius: var(--radius-s);
      }
      .hold {
        display: flex;
        flex-wrap: wrap;
        gap: 12px;
        justify-content: space-between;
        align-items: center;
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    this.recording_id = "";
    this.admin = false;
    /** @type {RecordingFile | null} */
    this._file = null;
    /** What was just done, for the eyes and for a screen reader. */
    this._done = "";
    /** What a reason is asked for: a hold's id, `hold` or `erase`. @type {string | null} */
    this._asking = null;
  }

  #timer = 0;

  connectedCallback() {
    super.connectedCallback();
    void this.#load();
    this.#timer = window.setInterval(() => {
      if (this._file !== null && this._asking === null && !isSettled(this._file.state)) void this.#load();
    }, UNFINISHED_RELOAD_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    window.clearInterval(this.#timer);
  }

  get #address() {
    return `/api/v1/recordings/${encodeURIComponent(this.recording_id)}`;
  }

  async #load() {
    await this.#asking.run(async () => {
      this._file = await request("GET", this.#address);
    });
  }

  render() {
    const file = this._file;
    return html`<div class="stack">
      <p><a href="#/recordings">${icon("back")} ${t("admin.recordings")}</a></p>
      <h1>${t("contact.recording")} ${file === null ? nothing : html`<span class="pill ${stateTone(file.state)}">${stateText(file.state)}</span>`}</h1>
      ${refusal(this.#asking.code)}
      <p class="note good" role="status" ?hidden=${this._done === ""}>${this._done}</p>
      ${file === null ? nothing : this.#whole(file)}
    </div>`;
  }

  /** @param {RecordingFile} file */
  #whole(file) {
    const tag = locale();
    const together = file.files.some((name) => name.startsWith("together."));
    const poster = file.files.some((name) => name.startsWith("poster."));
    /** @param {string} label @param {unknown} value */
    const fact = (label, value) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
    return html`
      <vv-player .recording=${file} ?may_download=${this.admin}></vv-player>
      ${poster || together
        ? html`<section class="card stack">
            ${poster ? html`<img src="${this.#address}/media?view=poster" alt="" />` : nothing}
            ${together && this.admin ? html`<p><a href="${this.#address}/media?view=together&download=true" download>${t("player.together")}</a></p>` : nothing}
          </section>`
        : nothing}
      <section class="card stack" aria-labelledby="facts">
        <h2 id="facts">${t("recordings.facts")}</h2>
        <dl class="facts">
          ${fact(t("recordings.contact"), this.admin ? html`<a class="mono" href="#/contacts/${file.contact_id}">${file.contact_id}</a>` : html`<span class="mono">${file.contact_id}</span>`)}
          ${fact(t("contact.queue"), file.queue ?? "–")}
          ${fact(t("recordings.begun"), moment(file.requested_at, tag, new Date()))}
          ${fact(t("recordings.consent"), html`${file.consent === "" ? "–" : codeText("recorded_consent", file.consent)}${file.consent_at === null ? nothing : html` · ${moment(file.consent_at, tag, new Date())}`}${file.consent_language === null ? nothing : html` · ${file.consent_language} · ${file.notice_version}`}`)}
          ${fact(t("recordings.proof"), file.proof === null ? t("recordings.unsigned") : html`${t("recordings.signed", { number: file.proof.manifest.seq })} <span class="mono small">${file.proof.digest}</span>`)}
        </dl>
        ${file.marks.length === 0
          ? nothing
          : html`<h3>${t("recordings.marks")}</h3>
              <ol class="marks">
                ${file.marks.map((mark) => html`<li><span class="number">${clock(Math.max(0, mark.at_s))}</span><span>${codeText("recorded_mark", mark.name)}</span></li>`)}
              </ol>`}
      </section>
      ${this.admin ? this.#keeping(file) : nothing}
    `;
  }

  /** @param {RecordingFile} file */
  #keeping(file) {
    const gone = file.state === "expired" || file.state === "aborted";
    return html`<section class="card stack" aria-labelledby="keeping">
      <h2 id="keeping">${t("recordings.keeping")}</h2>
      ${file.holds.map(
        (hold) => html`<div class="hold">
          <p><strong>${t("recordings.held_by", { name: hold.placed_by })}</strong> · ${moment(hold.placed_at, locale(), new Date())}<br />${hold.reason}</p>
          <button data-action="lift" @click=${() => (this._asking = hold.hold_id)}>${t("recordings.lift")}</button>
        </div>`,
      )}
      ${gone
        ? html`<p class="hint">${t("recordings.gone")}</p>`
        : html`<div class="row">
            <button data-action="hold" @click=${() => (this._asking = "hold")}>${t("recordings.hold")}</button>
            <button class="danger" data-action="erase" ?disabled=${file.holds.length > 0} @click=${() => (this._asking = "erase")}>${t("recordings.erase")}</button>
          </div>`}
      ${this._asking === null ? nothing : this.#reason(this._asking)}
    </section>`;
  }

  /** @param {string} what */
  #reason(what) {
    const kind = what === "hold" || what === "erase" ? what : "lift";
    return html`<form class="stack" @submit=${this.#act}>
      <label for="reason">${t(`recordings.why_${kind}`)}</label>
      <input id="reason" name="reason" required maxlength="500" autocomplete="off" />
      <div class="row">
        <button class=${kind === "erase" ? "danger" : "primary"} type="submit" data-action="confirm">${t(`recordings.${kind}`)}</button>
        <button type="button" @click=${() => (this._asking = null)}>${t("recordings.cancel")}</button>
      </div>
    </form>`;
  }

  /** @param {SubmitEvent} event */
  #act = async (event) => {
    event.preventDefault();
    const what = this._asking;
    const reason = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("reason") ?? "").trim();
    if (what === null || reason === "") return;
    this._done = "";
    const done = await this.#asking.run(async () => {
      if (what === "hold") await request("POST", `${this.#address}/holds`, { reason });
      else if (what === "erase") await request("POST", "/api/v1/erasures", { subject: this.recording_id, reason });
      else await request("DELETE", `/api/v1/holds/${encodeURIComponent(what)}`, { reason });
      this._asking = null;
      this._done = t(what === "hold" ? "recordings.hold_done" : what === "erase" ? "recordings.erase_done" : "recordings.lift_done");
    });
    if (done) await this.#load();
  };

  updated() {
    if (this._asking !== null) /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("#reason"))?.focus();
  }
}

customElements.define("vv-recording", Recording);
