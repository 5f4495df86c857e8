// The pages in place of the agent panel: open elsewhere, not an agent's to use, or failed, each with the way on.

import { html } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { codeText, t } from "../lib/i18n.js";

/**
 * Why there is no panel, and what can be done.
 * @param {string} code
 * @param {{takeOver: () => void, again: () => void, signOut: () => void}} actions
 */
export function overPage(code, { takeOver, again, signOut }) {
  if (code === "taken_over" || code === "panel_open_elsewhere") {
    const text = t(code === "taken_over" ? "panel.taken_over_text" : "panel.elsewhere_text");
    return plainPage("page", t("panel.elsewhere"), text, html`<button class="primary big" data-action="take-over" @click=${takeOver}>${t("panel.use_here")}</button>`);
  }
  if (code === "not_an_agent") {
    const ways = html`<a href="/admin/">${t("app.admin")}</a> <button @click=${signOut}>${t("app.sign_out")}</button>`;
    return plainPage("user", t("panel.not_agent"), t("panel.not_agent_text"), ways);
  }
  return plainPage("warning", t("panel.failed"), codeText("error", code), html`<button class="primary" @click=${again}>${t("refused.again")}</button>`);
}

/**
 * @param {import("../elements/icons.js").IconName} name
 * @param {string} title
 * @param {string} text
 * @param {unknown} ways
 */
function plainPage(name, title, text, ways) {
  return html`<main class="plain-page"><section class="card stack" role="alertdialog" aria-labelledby="title" aria-describedby="text">
    <span class="round">${icon(name)}</span>
    <h1 id="title" tabindex="-1">${title}</h1>
    <p id="text">${text}</p>
    <div class="row">${ways}</div>
  </section></main>`;
}
