// The language of agents and admins: their choice, kept in the browser; until then the browser's own.

import { LitElement, html } from "../vendor/lit.js";
import { browserStore } from "../lib/dom.js";
import { LANGUAGES, LANGUAGE_NAMES, language, pickLanguage, t, useLanguage } from "../lib/i18n.js";

const KEY = "visavis.language";

/** Before the first text is shown. */
export async function startLanguage() {
  await useLanguage(pickLanguage([browserStore().getItem(KEY) ?? "auto", "auto"]));
}

/** The texts are new, which lit can't see: every element is drawn again, and those within it. @param {ParentNode} root */
function drawAgain(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element instanceof LitElement) element.requestUpdate();
    if (element.shadowRoot !== null) drawAgain(element.shadowRoot);
  }
}

/** @param {Event} event */
async function choose(event) {
  const wanted = pickLanguage([/** @type {HTMLSelectElement} */ (event.target).value]);
  browserStore().setItem(KEY, wanted);
  await useLanguage(wanted);
  drawAgain(document);
}

export function languagePicker() {
  return html`<select class="language" aria-label=${t("app.language")} @change=${choose}>
    ${LANGUAGES.map((each) => html`<option value=${each} lang=${each} ?selected=${each === language()}>${LANGUAGE_NAMES[each]}</option>`)}
  </select>`;
}
