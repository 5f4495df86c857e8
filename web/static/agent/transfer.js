// Sending a contact on: to a queue, to an agent, or (where the phone system carries the voice) to a number.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base, dialogStyles } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { codeText, t } from "../lib/i18n.js";

/**
 * @typedef {object} Targets
 * @property {{id: string, name: string}[]} queues
 * @property {{agent_id: string, display_name: string, ready: boolean}[]} agents
 */

/** More than so many targets can be searched. */
const MANY = 8;

/** Event: `transfer` (detail `{kind, target, consult}`). Opened by `open()`, closed by Escape, by a choice, or by `close()`. */
export class Transfer extends LitElement {
  static properties = {
    customer: { type: String },
    kinds: { attribute: false },
    voice_apart: { type: Boolean },
    _targets: { state: true },
    _code: { state: true },
    _wanted: { state: true },
  };

  static styles = [
    base,
    dialogStyles,
    css`
      dialog {
        width: min(520px, calc(100vw - 24px));
        max-width: none;
        max-height: min(640px, calc(100dvh - 24px));
        padding: 20px;
        overflow: auto;
      }
      .head {
        display: flex;
        justify-content: space-between;
        gap: 12px;
        align-items: start;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
        display: grid;
        gap: 6px;
      }
      legend {
        padding: 0;
        font-weight: 600;
        margin-bottom: 6px;
      }
      fieldset button {
        justify-content: start;
        text-align: start;
        width: 100%;
      }
      fieldset button span:first-of-type {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .agent {
        display: flex;
        gap: 6px;
      }
      fieldset button.ask {
        width: auto;
        flex: none;
      }
      fieldset .state {
        margin-inline-start: auto;
        color: var(--ink-2);
        font-size: 0.875rem;
        white-space: nowrap;
      }
      .number {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 8px;
        align-items: end;
      }
      .wheel {
        min-height: 96px;
      }
    `,
  ];

  constructor() {
    super();
    this.customer = "";
    /** Where the contact may go: queue, agent, number; consult: an agent may be asked first. @type {string[]} */
    this.kinds = [];
    this.voice_apart = false;
    /** @type {Targets | null} */
    this._targets = null;
    /** @type {string | null} */
    this._code = null;
    this._wanted = "";
  }

  async open() {
    this._targets = null;
    this._code = null;
    this._wanted = "";
    const dialog = this.#dialog;
    if (dialog === null || dialog.open) return;
    dialog.showModal();
    await this.#load();
  }

  close() {
    this.#dialog?.close();
  }

  /** @returns {HTMLDialogElement | null} */
  get #dialog() {
    return this.renderRoot.querySelector("dialog");
  }

  #load = async () => {
    this._code = null;
    try {
      this._targets = await request("GET", "/api/v1/transfer-targets");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._code = error.code;
    }
  };

  /** @param {string} kind @param {string} target @param {boolean} [consult] */
  #choose(kind, target, consult = false) {
    this.close();
    this.dispatchEvent(new CustomEvent("transfer", { detail: { kind, target, consult } }));
  }

  /** @param {SubmitEvent} event */
  #number = (event) => {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("input[name=number]"));
    const typed = input.value.trim();
    if (typed === "") return input.focus();
    this.#choose("number", typed);
  };

  render() {
    return html`<dialog aria-labelledby="transfer-title" aria-describedby="transfer-text">
      <div class="stack">
        <div class="head">
          <div>
            <h2 id="transfer-title">${t("transfer.title", { name: this.customer })}</h2>
            <p id="transfer-text" class="hint">${t(this.voice_apart ? "transfer.text_voice" : "transfer.text")}</p>
          </div>
          <button class="plain" data-action="close-transfer" aria-label=${t("transfer.cancel")} title=${t("transfer.cancel")} @click=${this.close}>${icon("cross")}</button>
        </div>
        ${this.#body()}
      </div>
    </dialog>`;
  }

  #body() {
    if (this._code !== null) {
      return html`<p class="note warn" role="alert">${icon("warning")}<span>${codeText("error", this._code)}</span></p>
        <div class="row"><button @click=${this.#load}>${t("refused.again")}</button></div>`;
    }
    const targets = this._targets;
    if (targets === null) return html`<p class="wheel hint" role="status">${t("transfer.loading")}</p>`;
    const wanted = this._wanted.trim().toLocaleLowerCase();
    /** @param {string} name */
    const fits = (name) => wanted === "" || name.toLocaleLowerCase().includes(wanted);
    const queues = this.kinds.includes("queue") ? targets.queues.filter(({ name }) => fits(name)) : [];
    const agents = this.kinds.includes("agent") ? targets.agents.filter(({ display_name }) => fits(display_name)) : [];
    const many = targets.queues.length + targets.agents.length > MANY;
    return html`
      ${many
        ? html`<div>
            <label for="wanted">${t("transfer.search")}</label>
            <input id="wanted" type="search" autocomplete="off" .value=${this._wanted} @input=${(/** @type {Event} */ event) => (this._wanted = /** @type {HTMLInputElement} */ (event.target).value)} />
          </div>`
        : nothing}
      ${queues.length === 0
        ? nothing
        : html`<fieldset>
            <legend>${t("transfer.queues")}</legend>
            ${queues.map(
              ({ id, name }) => html`<button data-queue=${id} @click=${() => this.#choose("queue", id)}>${icon("users")}<span>${name}</span></button>`,
            )}
          </fieldset>`}
      ${agents.length === 0
        ? nothing
        : html`<fieldset>
            <legend>${t("transfer.agents")}</legend>
            ${agents.map(
              ({ agent_id, display_name, ready }) => html`<div class="agent">
                <button data-agent=${agent_id} ?disabled=${!ready && !this.voice_apart} @click=${() => this.#choose("agent", agent_id)}>
                  ${icon("user")}<span>${display_name}</span>${ready ? nothing : html`<span class="state">${t("transfer.not_ready")}</span>`}
                </button>
                ${ready && this.kinds.includes("consult")
                  ? html`<button class="ask" data-ask=${agent_id} aria-label=${t("transfer.ask_whom", { name: display_name })} @click=${() => this.#choose("agent", agent_id, true)}>${t("transfer.ask")}</button>`
                  : nothing}
              </div>`,
            )}
          </fieldset>`}
      ${queues.length + agents.length === 0 ? html`<p class="hint">${t("transfer.nobody")}</p>` : nothing}
      ${this.kinds.includes("number")
        ? html`<form class="number" @submit=${this.#number}>
            <div>
              <label for="number">${t("transfer.number")}</label>
              <input id="number" name="number" type="tel" maxlength="64" autocomplete="off" />
            </div>
            <button>${icon("phone")} ${t("transfer.go")}</button>
          </form>`
        : nothing}
    `;
  }
}

customElements.define("vv-transfer", Transfer);
