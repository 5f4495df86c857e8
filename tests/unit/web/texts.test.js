// Every text in three languages, every key that a page uses, and a plain text for every state and reason of the gateway.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { codeText, fill, pickLanguage, t, useLanguage } from "../../../web/static/lib/i18n.js";
import { texts as en } from "../../../web/static/lib/texts/en.js";
import { texts as es } from "../../../web/static/lib/texts/es.js";
import { texts as fr } from "../../../web/static/lib/texts/fr.js";

const ROOT = new URL("../../../", import.meta.url);
/** @type {Record<string, import("../../../web/static/lib/i18n.js").Texts>} */
const LANGUAGES = { en, fr, es };

/** @param {string} folder @param {string} ending @returns {string[]} sources below the folder */
function sources(folder, ending) {
  return readdirSync(new URL(folder, ROOT), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
    .filter((path) => !path.includes("/vendor/") && !path.includes("/texts/"))
    .map((path) => readFileSync(path, "utf8"));
}

/** Values of a Python StrEnum. @param {string} path @param {string} name */
function members(path, name) {
  const source = readFileSync(new URL(path, ROOT), "utf8");
  const body = source.split(`class ${name}(StrEnum):`)[1]?.split(/\n(?:class|def|@|[A-Z_]+ ?[:=])/)[0] ?? "";
  const found = [...body.matchAll(/^ {4}[A-Z_]+ = "(\w+)"/gm)].map((match) => match[1]);
  assert.ok(found.length > 2, `${name} was not found in ${path}`);
  return found;
}

/** @param {import("../../../web/static/lib/i18n.js").Text} text */
const places = (text) => {
  const forms = typeof text === "string" ? [text] : Object.values(text);
  return [...new Set(forms.flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map((match) => match[1])))].sort();
};

for (const [name, texts] of Object.entries(LANGUAGES)) {
  test(`${name} has every text of the others, none empty, with the same places`, () => {
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(en).sort());
    for (const [key, text] of Object.entries(texts)) {
      assert.deepEqual(places(text), places(en[key]), key);
      for (const form of typeof text === "string" ? [text] : Object.values(text)) assert.ok(form.trim().length > 0, key);
    }
  });

  test(`${name} has every plural form of its language`, () => {
    const { pluralCategories } = new Intl.PluralRules(name).resolvedOptions();
    for (const [key, text] of Object.entries(texts)) {
      if (typeof text !== "string") assert.deepEqual(Object.keys(text).sort(), [...pluralCategories].sort(), key);
    }
  });
}

test("every text a page asks for by name is there", () => {
  const asked = sources("web/static/", ".js").flatMap((source) => [...source.matchAll(/\bt\(\s*"([\w.]+)"/g)].map((match) => match[1]));
  assert.ok(asked.length > 100);
  assert.deepEqual(asked.filter((key) => !(key in en)), []);
});

test("no text is there that no page asks for", () => {
  const source = sources("web/static/", ".js").join("\n");
  const built = [...source.matchAll(/`([\w.]+)\$\{/g)].map((match) => match[1]);
  const families = [...source.matchAll(/codeText\(\s*"(\w+)"/g)].map((match) => `${match[1]}.`);
  const starts = [...built.filter((start) => start.includes(".")), ...families];
  const unused = Object.keys(en).filter((key) => !source.includes(`"${key}"`) && !starts.some((start) => key.startsWith(start)));
  assert.deepEqual(unused, []);
});

const FAMILIES = [
  { what: "reason a contact ended, for the customer", family: "ended", codes: () => members("gateway/contacts/events.py", "EndReason") },
  { what: "reason a contact ended, for the admin", family: "reason_ended", codes: () => members("gateway/contacts/events.py", "EndReason") },
  { what: "state of a contact", family: "state", codes: () => members("gateway/contacts/states.py", "ContactState") },
  { what: "source of a journal event", family: "source", codes: () => members("gateway/contacts/journal.py", "JournalSource") },
  { what: "refusal before a call", family: "refused", codes: () => ["closed", "not_in_pilot", "draining", "full", "no_such_site"] },
];

for (const { what, family, codes } of FAMILIES) {
  test(`every ${what} has a text`, () => {
    const missing = codes().filter((code) => !(`${family}.${code}` in en));
    assert.deepEqual(missing, []);
  });
}

test("every end and every refusal has a title and a text", () => {
  for (const key of Object.keys(en)) {
    if (!/^(ended|refused)\.\w+_title$/.test(key)) continue;
    assert.ok(key.replace(/_title$/, "") in en, key);
  }
});

test("every conflict a message can meet has a text", () => {
  /** Only programs and the command line ever see these. */
  const unseen = new Set(["leg_stale", "panel_open_elsewhere", "account_exists", "not_for_contacts"]);
  const python = [...sources("gateway/contacts/", ".py"), ...sources("gateway/menu/", ".py"), ...sources("signaling/", ".py")].join("\n");
  const codes = [...python.matchAll(/\b(?:StateConflict|CapacityExceeded|PortFailure)\(\s*"(\w+)"/g)].map((match) => match[1]);
  const families = ["error", "refused", "sign_in"];
  const missing = [...new Set(codes)].filter((code) => !unseen.has(code) && !families.some((family) => `${family}.${code}` in en));
  assert.deepEqual(missing, []);
});

test("every alarm on the board has words of its own", () => {
  const python = [...sources("gateway/", ".py"), ...sources("media/workers/", ".py")].join("\n");
  const codes = [...python.matchAll(/alarm(?:_of)?\(\s*(?:live,\s*)?"(\w+)"/g), ...python.matchAll(/Finalised\(code="(\w+)"/g)].map((match) => match[1]);
  assert.ok(codes.length > 30, "alarms are found in the source");
  assert.deepEqual([...new Set(codes)].filter((code) => !(`alarm.${code}` in en)), []);
});

test("a code of a newer gateway gets the general text of its family, with the code", async () => {
  await useLanguage("en");
  assert.match(codeText("error", "never_heard_of"), /never_heard_of/);
});

test("places are filled in, and numbers and plurals follow the language", async () => {
  await useLanguage("en");
  assert.equal(t("waiting.place", { place: 3 }), "You are number 3 in line");
  assert.equal(t("offer.left", { count: 1 }), "1 second left");
  await useLanguage("fr");
  assert.equal(t("offer.left", { count: 0 }), "encore 0 seconde"); // zero is singular in French
  assert.equal(fill("{count}", { count: 1234.5 }, "es"), "1234,5");
  await useLanguage("en");
});

test("the language is the first one wanted that we speak", () => {
  assert.equal(pickLanguage(["fr-CA"]), "fr");
  assert.equal(pickLanguage(["auto"], ["de-CH", "es-MX", "en"]), "es");
  assert.equal(pickLanguage(["de", "auto"], ["ja"]), "en");
  assert.equal(pickLanguage(["__proto__"], []), "en");
});
