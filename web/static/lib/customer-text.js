// Words of a customer's history that the panel and the console share.

import { has, t } from "./i18n.js";

/** How sure it is, in words: a text for each, and none for a kind of a newer gateway. @param {string} kind */
export function knownBy(kind) {
  return has(`known_by.${kind}`) ? t(`known_by.${kind}`) : kind;
}

/** The result of a call in words; one that only this center knows is shown as it is. @param {string} code */
export function dispositionText(code) {
  return has(`disposition.${code}`) ? t(`disposition.${code}`) : code.replaceAll("_", " ");
}
