// Why a wish was refused, in plain words.

import { html, nothing } from "../vendor/lit.js";
import { codeText } from "../lib/i18n.js";
import { icon } from "./icons.js";

/** @param {string | null} code of the refusal @param {"bad" | "warn"} [tone] */
export function refusal(code, tone = "bad") {
  return code === null ? nothing : html`<p class="note ${tone}" role="alert">${icon("warning")}<span>${codeText("error", code)}</span></p>`;
}
