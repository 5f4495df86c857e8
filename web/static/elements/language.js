// The language of agents and admins: their choice, kept in the browser; until then the browser's own.

import { html } from "../vendor/lit.js";
import { browserStore } from "../lib/dom.js";
import { LANGUAGES, LANGUAGE_NAMES, language, pickLanguage, t, useLanguage } from "../lib/i18n.js";

const KEY = "visavis.language";

/** Before the first text is shown. */
export async function startLanguage() {
  await useLanguage(pickLanguage([browserStore().getItem(KEY) ?? "auto", "auto"]));
}

/** @param {() => void} changed shows the page again */
export function languagePicker(changed) {
  /** @param {Event} event */
  const choose = async (event) => {
    const wanted = pickLanguage([/** @type {HTMLSelectElement} */ (event.target).value]);
    browserStore().setItem(KEY, wanted);
    await useLanguage(wanted);
    changed();
  };
  return html`<select class="language" aria-label=${t("app.language")} @change=${choose}>
    ${LANGUAGES.map((each) => html`<option value=${each} lang=${each} ?selected=${each === language()}>${LANGUAGE_NAMES[each]}</option>`)}
  </select>`;
}
