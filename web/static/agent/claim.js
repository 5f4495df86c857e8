// Taking the video of a call that the phone system put through: by a screen pop's address, or by typing the id.

import { LitElement, css, html } from "../vendor/lit.js";
import { base } from "../elements/styles.js";
import { t } from "../lib/i18n.js";

const ADDRESS = /^\/agent\/claim\/([0-9A-Za-z-]{1,40})$/;

/**
 * The id of a screen pop, "" when the page was not opened by one. It is taken out of the address: a reload is no second pop.
 * @returns {string}
 */
export function takeClaimOfAddress() {
  const found = ADDRESS.exec(window.location.pathname)?.[1] ?? "";
  if (found !== "") window.history.replaceState(null, "", "/agent/");
  return found;
}

/** Event: `claim` (detail: what was typed). */
export class Claim extends LitElement {
  static styles = [
    base,
    css`
      summary {
        padding-block: 12px;
        cursor: pointer;
        font-weight: 600;
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 8px;
        align-items: end;
      }
      .hint {
        grid-column: 1 / -1;
      }
      input {
        text-transform: uppercase;
        font-variant-numeric: tabular-nums;
        letter-spacing: 0.08em;
      }
    `,
  ];

  /** @param {SubmitEvent} event */
  #submit = (event) => {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("input"));
    const typed = input.value.trim();
    if (typed === "") return input.focus();
    this.dispatchEvent(new CustomEvent("claim", { detail: typed }));
    input.select();
  };

  render() {
    return html`<details>
      <summary>${t("claim.title")}</summary>
      <form @submit=${this.#submit}>
        <div>
          <label for="claim">${t("claim.label")}</label>
          <input id="claim" name="claim" maxlength="40" autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="claim-hint" />
        </div>
        <button class="primary" data-action="claim">${t("claim.go")}</button>
        <p id="claim-hint" class="hint small">${t("claim.hint", { example: "7K3Q-XM2P" })}</p>
      </form>
    </details>`;
  }
}

customElements.define("vv-claim", Claim);
