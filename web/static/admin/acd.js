// Where the gateway and an ACD believed different things of a contact after a cut, and what was done about it.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { moment, shortId } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { pageStyles } from "./styles.js";

const LIMIT = 200;

/**
 * @typedef {object} Row
 * @property {string} at
 * @property {string} acd
 * @property {string} contact_id
 * @property {string} queue
 * @property {string} ours
 * @property {string} theirs
 * @property {string} cut
 * @property {string} cause
 * @property {string} action
 * @property {string | null} failed
 */

class Acd extends LitElement {
  static properties = { _rows: { state: true }, _code: { state: true }, _busy: { state: true } };

  static styles = [
    base,
    pageStyles,
    css`
      .head {
        display: flex;
        flex-wrap: wrap;
        gap: 12px;
        align-items: center;
        justify-content: space-between;
      }
      td,
      tbody th {
        vertical-align: top;
      }
      tbody th {
        font-weight: 400;
      }
      td .hint,
      th .hint {
        display: block;
      }
      .two {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0 8px;
        margin: 0;
      }
      .two dt {
        color: var(--ink-2);
      }
      .two dd {
        margin: 0;
      }
      table {
        min-width: 760px;
      }
      td a {
        display: inline-grid;
        align-content: center;
        min-height: 44px;
        margin-block: -10px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Row[] | null} */
    this._rows = null;
    /** @type {string | null} */
    this._code = null;
    this._busy = false;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  #load = async () => {
    this._busy = true;
    this._code = null;
    try {
      this._rows = (await request("GET", `/api/v1/acd/disagreements?limit=${LIMIT}`)).disagreements;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._code = error.code;
    } finally {
      this._busy = false;
    }
  };

  render() {
    return html`<div class="stack">
      <div class="head">
        <h1>${t("admin.acd")}</h1>
        <button ?disabled=${this._busy} @click=${this.#load}>${icon("refresh")} ${t("acd.look_again")}</button>
      </div>
      <p class="hint">${t("acd.about")}</p>
      ${this._code !== null ? html`<p class="note bad" role="alert">${icon("warning")} ${codeText("error", this._code)}</p>` : nothing}
      <div role="status">${this._rows === null && this._code === null ? html`<p class="hint">${t("working.text")}</p>` : nothing}${this._rows?.length === 0 ? html`<p class="card">${t("acd.none")}</p>` : nothing}</div>
      ${this._rows !== null && this._rows.length > 0 ? this.#table(this._rows) : nothing}
    </div>`;
  }

  /** @param {Row[]} rows */
  #table(rows) {
    const tag = locale();
    return html`<div class="card scroll" tabindex="0" role="region" aria-label=${t("acd.title")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("acd.when")}</th>
            <th scope="col">${t("acd.contact")}</th>
            <th scope="col">${t("acd.beliefs")}</th>
            <th scope="col">${t("acd.cause")}</th>
            <th scope="col">${t("acd.done")}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr>
              <th scope="row">${moment(row.at, tag, new Date())}<span class="hint">${row.acd} · ${codeText("acd_cut", row.cut)}</span></th>
              <td><a class="mono" href="#/contacts/${row.contact_id}">${shortId(row.contact_id)}</a><span class="hint">${row.queue === "" ? "–" : row.queue}</span></td>
              <td><dl class="two"><dt>${t("acd.here")}</dt><dd>${codeText("acd_phase", row.ours)}</dd><dt>${t("admin.acd")}</dt><dd>${codeText("acd_phase", row.theirs)}</dd></dl></td>
              <td>${codeText("acd_cause", row.cause)}</td>
              <td>
                ${row.failed === null ? codeText("acd_action", row.action) : html`<span class="pill bad">${t("acd.failed")}</span><span class="hint">${codeText("acd_action", row.action)} · ${codeText("error", row.failed)}</span>`}
              </td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

customElements.define("vv-acd", Acd);
