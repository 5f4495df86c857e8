// What is known of a customer, shown beside the offer and the call. All of it came from outside: text only, ever.

import { html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { dispositionText, knownBy } from "../lib/customer-text.js";
import { moment, place } from "../lib/format.js";
import { LANGUAGE_NAMES, locale, t } from "../lib/i18n.js";

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
  </dl>
  ${history(customer.history ?? null)}`;
}

/**
 * Who the CRM says it is, and when they were here before. Last, so that what comes late pushes nothing away.
 * @param {import("../lib/messages.js").CustomerHistory | null} known
 */
function history(known) {
  return html`<div class="history" aria-live="polite">
    ${known === null
      ? nothing
      : html`<h2>${icon("clock")} ${t("history.title")}</h2>
          <p>
            ${known.name === "" ? nothing : html`<strong>${known.name}</strong>`}
            <span class="pill ${known.known_by === "identity" ? "good" : ""}">${knownBy(known.known_by)}</span>
          </p>
          <p class="hint">${t("history.contacts", { count: known.contacts })}</p>
          ${known.last.length === 0
            ? nothing
            : html`<ol>
                ${known.last.map(
                  (past) => html`<li>
                    <span><time datetime=${past.at}>${moment(past.at, locale(), new Date())}</time>${past.queue_name === "" ? nothing : html` · ${past.queue_name}`}</span>
                    <span class="hint small">${[past.agent_name || t("history.no_agent"), dispositionText(past.disposition)].filter((text) => text !== "").join(" · ")}</span>
                  </li>`,
                )}
              </ol>`}
          ${known.url === "" ? nothing : html`<p><a href=${known.url} target="_blank" rel="noopener noreferrer">${t("history.open")}</a></p>`}`}
  </div>`;
}

/** How a customer without a name is called. @param {import("../lib/messages.js").CustomerCard} customer */
export function nameOf(customer) {
  return customer.display_name || t("context.nameless");
}
