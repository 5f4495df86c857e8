// Commands that could not be told to an ACD: what, why, and whether to send them again or let them go.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { moment } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import "./confirm.js";
import { pageStyles } from "./styles.js";
import { contactLink, head, table, tableStyles } from "./table.js";

const LIMIT = 200;

/**
 * @typedef {object} Letter
 * @property {string} id
 * @property {string} acd
 * @property {string | null} contact_id
 * @property {string} command
 * @property {string} cause
 * @property {number} tries
 * @property {string} created_at
 * @property {string} dead_at
 */

class Letters extends LitElement {
  static properties = { _letters: { state: true }, _said: { state: true } };

  static styles = [
    base,
    pageStyles,
    tableStyles,
    css`
      :host {
        margin-top: 32px;
      }
      table {
        min-width: 900px;
      }
      td .row {
        flex-wrap: nowrap;
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    /** @type {Letter[] | null} */
    this._letters = null;
    /** What was done last, for the screen reader. */
    this._said = "";
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  #load = () =>
    this.#asking.run(async () => {
      this._letters = (await request("GET", `/api/v1/dead-letters?limit=${LIMIT}`)).letters;
    });

  /** @param {"POST" | "DELETE"} method @param {string} path @param {string} said */
  async #act(method, path, said) {
    const done = await this.#asking.run(async () => {
      await request(method, path);
      this._said = said;
    });
    if (done) await this.#load();
  }

  /** @param {Letter} letter */
  #retry(letter) {
    void this.#act("POST", `/api/v1/dead-letters/${letter.id}/retry`, t("letters.retried"));
  }

  /** @param {Letter} letter */
  async #drop(letter) {
    const confirm = /** @type {import("./confirm.js").Confirm} */ (this.renderRoot.querySelector("vv-confirm"));
    const sure = await confirm.ask({ title: t("letters.drop_title"), text: t("letters.drop_text"), yes: t("letters.drop"), no: t("letters.keep"), icon: "cross" });
    if (sure) await this.#act("DELETE", `/api/v1/dead-letters/${letter.id}`, t("letters.dropped"));
  }

  render() {
    const letters = this._letters;
    return html`<section class="stack" aria-labelledby="letters-title">
      ${head(html`<h2 id="letters-title">${t("letters.title")}</h2>`, this.#asking, this.#load)}
      <p class="hint">${t("letters.about")}</p>
      ${refusal(this.#asking.code)}
      <div role="status">
        <span class="visually-hidden">${this._said}</span>
        ${letters?.length === 0 ? html`<p class="card">${t("letters.none")}</p>` : nothing}
      </div>
      ${letters !== null && letters.length > 0 ? this.#table(letters) : nothing}
      <vv-confirm></vv-confirm>
    </section>`;
  }

  /** @param {Letter[]} letters */
  #table(letters) {
    const { busy } = this.#asking;
    const columns = [t("acd.when"), t("acd.contact"), t("letters.command"), t("acd.cause"), t("letters.actions")];
    return table(
      t("letters.title"),
      columns,
      letters.map(
        (letter) => html`<tr>
          <th scope="row">${moment(letter.dead_at, locale(), new Date())}<span class="hint">${letter.acd}</span></th>
          <td>${letter.contact_id === null ? "–" : contactLink(letter.contact_id)}</td>
          <td>${codeText("acd_command", letter.command)}</td>
          <td><span class="mono">${letter.cause}</span><span class="hint">${t("letters.tries", { count: letter.tries + 1 })}</span></td>
          <td>
            <div class="row">
              <button data-action="retry" ?disabled=${busy} @click=${() => this.#retry(letter)}>${icon("refresh")} ${t("letters.retry")}</button>
              <button data-action="drop" ?disabled=${busy} @click=${() => void this.#drop(letter)}>${icon("cross")} ${t("letters.drop")}</button>
            </div>
          </td>
        </tr>`,
      ),
    );
  }
}

customElements.define("vv-letters", Letters);
