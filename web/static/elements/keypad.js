// The keys of a telephone, for announcements that ask for one. What was keyed in stays on the screen for a moment only.

import { LitElement, css, html } from "../vendor/lit.js";
import { t } from "../lib/i18n.js";
import { icon } from "./icons.js";
import { base } from "./styles.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const SHOWN = 12;
/** After so long without a key nobody has to see any more what was keyed in. */
const FORGOTTEN_MS = 5_000;

/** Events: `press` (detail: the key), `close`. */
export class Keypad extends LitElement {
  static properties = { _pressed: { state: true } };

  static styles = [
    base,
    css`
      :host {
        display: block;
        border-top: 1px solid var(--line);
        background: var(--surface);
        padding: 10px 16px;
      }
      .inner {
        width: min(100%, 300px);
        margin-inline: auto;
      }
      .head {
        display: grid;
        grid-template-columns: var(--target) minmax(0, 1fr) var(--target);
        align-items: center;
        min-height: var(--target);
      }
      output {
        grid-column: 2;
        text-align: center;
        font-size: 1.25rem;
        letter-spacing: 0.12em;
        font-variant-numeric: tabular-nums;
        overflow: hidden;
        white-space: nowrap;
      }
      .keys {
        display: grid;
        grid-template-columns: repeat(3, minmax(0, 1fr));
        gap: 8px;
      }
      .keys button {
        min-height: 48px;
        font-size: 1.25rem;
        justify-content: center;
      }
      @media (max-height: 620px) {
        .keys {
          grid-template-columns: repeat(6, minmax(0, 1fr));
        }
        .inner {
          width: min(100%, 420px);
        }
      }
    `,
  ];

  constructor() {
    super();
    this._pressed = "";
    this.addEventListener("keydown", this.#key);
  }

  #timer = 0;

  disconnectedCallback() {
    super.disconnectedCallback();
    window.clearTimeout(this.#timer);
    this._pressed = "";
  }

  render() {
    return html`<div class="inner" role="group" aria-label=${t("controls.keypad")}>
      <div class="head">
        <output aria-live="off">${this._pressed}</output>
        <button class="plain" data-action="close_keypad" aria-label=${t("app.close")} title=${t("app.close")} @click=${this.#close}>${icon("cross")}</button>
      </div>
      <div class="keys">
        ${KEYS.map((key) => html`<button data-key=${key} aria-label=${key === "*" ? t("keypad.star") : key === "#" ? t("keypad.hash") : key} @click=${() => this.#press(key)}>${key}</button>`)}
      </div>
    </div>`;
  }

  /** Where keying in begins. */
  takeFocus() {
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[data-key]"))?.focus();
  }

  /** @param {string} key */
  #press(key) {
    this._pressed = (this._pressed + key).slice(-SHOWN);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => (this._pressed = ""), FORGOTTEN_MS);
    this.dispatchEvent(new CustomEvent("press", { detail: key }));
  }

  #close = () => this.dispatchEvent(new CustomEvent("close"));

  /** @param {KeyboardEvent} event */
  #key = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.#close();
    } else if (KEYS.includes(event.key)) {
      event.preventDefault();
      this.#press(event.key);
    }
  };
}

customElements.define("vv-keypad", Keypad);
