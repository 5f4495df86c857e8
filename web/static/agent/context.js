// What is known of a customer, shown beside the offer and the call. All of it came from outside: text only, ever.

import { html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { place } from "../lib/format.js";
import { LANGUAGE_NAMES, t } from "../lib/i18n.js";

/** @param {string} tag */
function languageName(tag) {
  return /** @type {Record<string, string>} */ (LANGUAGE_NAMES)[tag] ?? tag;
}

/**
 * @param {import("../lib/messages.js").CustomerCard} customer
 * @param {string} queue_name
 */
export function context(customer, queue_name) {
  const form = Object.entries(customer.form);
  return html`<dl class="context">
    <div>
      <dt>${icon("users")} ${t("context.queue")}</dt>
      <dd>${queue_name}</dd>
    </div>
    <div>
      <dt>${icon("globe")} ${t("context.language")}</dt>
      <dd>${languageName(customer.language)}</dd>
    </div>
    ${customer.menu_path.length > 0
      ? html`<div>
          <dt>${icon("path")} ${t("context.menu")}</dt>
          <dd>${customer.menu_path.join(" › ")}</dd>
        </div>`
      : nothing}
    ${customer.page_title !== "" || customer.page_url !== ""
      ? html`<div>
          <dt>${icon("page")} ${t("context.page")}</dt>
          <dd>
            ${customer.page_title}
            ${customer.page_url === "" ? nothing : html`<span class="hint small where">${place(customer.page_url)}</span>`}
          </dd>
        </div>`
      : nothing}
    ${form.length > 0
      ? html`<div class="form">
          <dt>${icon("check")} ${t("context.form")}</dt>
          <dd>
            <dl>
              ${form.map(
                ([name, value]) => html`<div>
                  <dt>${name}</dt>
                  <dd>${value === "" ? html`<span class="hint">${t("context.empty")}</span>` : value}</dd>
                </div>`,
              )}
            </dl>
          </dd>
        </div>`
      : nothing}
  </dl>`;
}

/** How a customer without a name is called. @param {import("../lib/messages.js").CustomerCard} customer */
export function nameOf(customer) {
  return customer.display_name || t("context.nameless");
}
