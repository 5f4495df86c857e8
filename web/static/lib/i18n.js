// Texts in the language of the person. One language at a time per page; English where a text is missing.
//
// A text is a string with `{name}` places, or an object of plural forms chosen by `count` (Intl.PluralRules).

import { texts as en } from "./texts/en.js";

/** @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Text */
/** @typedef {Record<string, Text>} Texts */

export const LANGUAGES = /** @type {const} */ (["en", "fr", "es"]);
/** @typedef {(typeof LANGUAGES)[number]} Language */

/** What each language calls itself. @type {Record<Language, string>} */
export const LANGUAGE_NAMES = { en: "English", fr: "Français", es: "Español" };

/** @type {Language} */
let current = "en";
/** @type {Texts} */
let texts = en;

/**
 * The first of `wanted` that we speak: a tag like `fr-CA`, or `auto` for the browser's own list.
 * @param {string[]} wanted
 * @param {readonly string[]} [browser] navigator.languages
 * @returns {Language}
 */
export function pickLanguage(wanted, browser = globalThis.navigator?.languages ?? []) {
  const tags = wanted.flatMap((tag) => (tag === "auto" ? browser : [tag]));
  for (const tag of tags) {
    const found = LANGUAGES.find((language) => language === tag.toLowerCase().split("-")[0]);
    if (found !== undefined) return found;
  }
  return "en";
}

/** @param {Language} language */
export async function useLanguage(language) {
  texts = language === "en" ? en : (await import(`./texts/${language}.js`)).texts;
  current = language;
  if (typeof document !== "undefined") document.documentElement.lang = language;
}

export function language() {
  return current;
}

/** For dates and numbers: the person's own variant of the language (en-GB), when the browser says one. */
export function locale() {
  const own = globalThis.navigator?.languages?.find((tag) => tag.split("-")[0] === current);
  return own ?? current;
}

/** Whether there is a text of that name. @param {string} key */
export function has(key) {
  return key in texts || key in en;
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return fill(texts[key] ?? en[key] ?? key, values, locale());
}

/**
 * The text for a code of the gateway, or the general one of its family (`error.other`) for a code of a newer gateway.
 * @param {string} family
 * @param {string} code
 */
export function codeText(family, code) {
  return t(has(`${family}.${code}`) ? `${family}.${code}` : `${family}.other`, { code });
}

/**
 * @param {Text} text
 * @param {Record<string, string | number>} values
 * @param {string} tag
 */
export function fill(text, values, tag) {
  let pattern = text;
  if (typeof pattern !== "string") {
    const form = new Intl.PluralRules(tag).select(Number(values.count ?? 0));
    pattern = pattern[form] ?? pattern.other ?? "";
  }
  return pattern.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name];
    if (value === undefined) return place;
    return typeof value === "number" ? value.toLocaleString(tag) : value;
  });
}
