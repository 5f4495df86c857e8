// lib/messages.js was written by hand: its properties must be those of the schema that the gateway exports.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../../web/static/lib/messages.js", import.meta.url), "utf8");
const schema = JSON.parse(readFileSync(new URL("../../../web/lib/messages.schema.json", import.meta.url), "utf8"));

/** Ours is not called Error, which is a name of the language. @type {Record<string, string>} */
const RENAMED = { ErrorMessage: "Error" };

/** @type {Map<string, {name: string, optional: boolean}[]>} */
const ours = new Map(
  [...source.matchAll(/@typedef \{object\} (\w+)\n((?: \* @property .*\n)+)/g)].map((match) => [
    RENAMED[match[1]] ?? match[1],
    [...match[2].matchAll(/@property \{.*\} (\[?)(\w+)/g)].map(([, bracket, name]) => ({ name, optional: bracket !== "" })),
  ]),
);

test("every message and part of one is described", () => {
  assert.deepEqual([...ours.keys()].sort(), Object.keys(schema.$defs).sort());
});

for (const [name, definition] of Object.entries(schema.$defs)) {
  test(`${name} has the properties of the schema`, () => {
    const theirs = Object.keys(definition.properties).filter((each) => each !== "seq" && each !== "ack");
    const own = ours.get(name) ?? [];
    assert.deepEqual(own.map((each) => each.name).sort(), theirs.sort());
    const required = new Set([...(definition.required ?? []), "type"]);
    for (const each of own) assert.equal(each.optional, !required.has(each.name), `${name}.${each.name}`);
  });
}
