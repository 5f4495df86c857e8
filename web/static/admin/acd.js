// Where the gateway and an ACD believed different things of a contact after a cut, and what was done about it.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { moment } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { pageStyles } from "./styles.js";
import { contactLink, head, table, tableStyles } from "./table.js";

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
  static properties = { _rows: { state: true } };

  static styles = [
    base,
    pageStyles,
    tableStyles,
    css`
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
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    /** @type {Row[] | null} */
    this._rows = null;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  #load = () =>
    this.#asking.run(async () => {
      this._rows = (await request("GET", `/api/v1/acd/disagreements?limit=${LIMIT}`)).disagreements;
    });

  render() {
    const rows = this._rows;
    return html`<div class="stack">
      ${head(html`<h1>${t("admin.acd")}</h1>`, this.#asking, this.#load)}
      <p class="hint">${t("acd.about")}</p>
      ${refusal(this.#asking.code)}
      <div role="status">
        ${rows === null && this.#asking.code === null ? html`<p class="hint">${t("working.text")}</p>` : nothing}
        ${rows?.length === 0 ? html`<p class="card">${t("acd.none")}</p>` : nothing}
      </div>
      ${rows !== null && rows.length > 0 ? this.#table(rows) : nothing}
    </div>`;
  }

  /** @param {Row[]} rows */
  #table(rows) {
    const columns = [t("acd.when"), t("acd.contact"), t("acd.beliefs"), t("acd.cause"), t("acd.done")];
    return table(
      t("acd.title"),
      columns,
      rows.map(
        (row) => html`<tr>
          <th scope="row">${moment(row.at, locale(), new Date())}<span class="hint">${row.acd} · ${codeText("acd_cut", row.cut)}</span></th>
          <td>${contactLink(row.contact_id)}<span class="hint">${row.queue === "" ? "–" : row.queue}</span></td>
          <td><dl class="two"><dt>${t("acd.here")}</dt><dd>${codeText("acd_phase", row.ours)}</dd><dt>${t("admin.acd")}</dt><dd>${codeText("acd_phase", row.theirs)}</dd></dl></td>
          <td>${codeText("acd_cause", row.cause)}</td>
          <td>
            ${row.failed === null ? codeText("acd_action", row.action) : html`<span class="pill bad">${t("acd.failed")}</span><span class="hint">${codeText("acd_action", row.action)} · ${codeText("error", row.failed)}</span>`}
          </td>
        </tr>`,
      ),
    );
  }
}

customElements.define("vv-acd", Acd);
