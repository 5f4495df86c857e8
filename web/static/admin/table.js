// What pages of the admin console with one table share: the head with its button, and the table that scrolls by itself.

import { css, html } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { shortId } from "../lib/format.js";
import { t } from "../lib/i18n.js";

export const tableStyles = css`
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
  td a {
    display: inline-grid;
    align-content: center;
    min-height: var(--target);
    margin-block: -10px;
  }
`;

/**
 * @param {unknown} title an element of its level
 * @param {import("../lib/asking.js").Asking} asking
 * @param {() => void} look
 */
export function head(title, asking, look) {
  return html`<div class="head">${title} <button ?disabled=${asking.busy} @click=${look}>${icon("refresh")} ${t("acd.look_again")}</button></div>`;
}

/**
 * @param {string} label
 * @param {string[]} columns their heads
 * @param {unknown[]} rows
 */
export function table(label, columns, rows) {
  return html`<div class="card scroll" tabindex="0" role="region" aria-label=${label}>
    <table>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** @param {string} contact_id */
export const contactLink = (contact_id) => html`<a class="mono" href="#/contacts/${contact_id}">${shortId(contact_id)}</a>`;
