// What is vendored is what the manifest says, and the pages keep to their strict policy.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WEB = new URL("../../../web/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("static/vendor/manifest.json", WEB), "utf8"));

/** @param {string} folder @param {string} ending */
function files(folder, ending) {
  return readdirSync(new URL(folder, WEB), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
    .filter((path) => !path.includes("/vendor/"));
}

for (const [name, { sha256, contains }] of Object.entries(manifest)) {
  test(`${name} is the file that was built from the locked packages`, () => {
    const bytes = readFileSync(new URL(`static/vendor/${name}`, WEB));
    assert.equal(createHash("sha256").update(bytes).digest("hex"), sha256);
    const lock = JSON.parse(readFileSync(new URL("vendor/package-lock.json", WEB), "utf8"));
    for (const part of contains) {
      assert.equal(lock.packages[`node_modules/${part.name}`].version, part.version, part.name);
      assert.equal(part.licence, "BSD-3-Clause");
    }
  });
}

for (const name of ["package-lock.json", "vendor/package-lock.json"]) {
  test(`${name} names no address to download from`, () => {
    assert.doesNotMatch(readFileSync(new URL(name, WEB), "utf8"), /"resolved"|https?:\/\/[^"]*\.tgz/);
  });
}

test("no page has an inline script, style or handler", () => {
  const pages = files("pages/", ".html");
  assert.equal(pages.length, 6);
  for (const path of pages) {
    const html = readFileSync(path, "utf8");
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)/, path);
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=/, path);
  }
});

test("no module uses what the policy forbids or what would run somebody's text", () => {
  for (const path of [...files("static/", ".js"), ...files("pages/", ".js")]) {
    const source = readFileSync(path, "utf8");
    assert.doesNotMatch(source, /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|unsafeHTML|unsafeSVG)\b|new Function/, path);
    assert.doesNotMatch(source, /<[a-z][^>`]*\sstyle=/, path);
  }
});

test("every import is relative and leads to a file", () => {
  for (const path of files("static/", ".js")) {
    const source = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    for (const [, name] of source.matchAll(/(?:from|import)\s+"([^"]+)"/g)) {
      assert.match(name, /^\.\.?\//, `${path} imports ${name}`);
      assert.ok(existsSync(fileURLToPath(new URL(name, `file://${path}`))), `${path} imports ${name}`);
    }
  }
});
