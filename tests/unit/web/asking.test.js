// What an element asks of the gateway, and what it shows of it meanwhile and afterwards.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../../web/static/lib/api.js";
import { Asking } from "../../../web/static/lib/asking.js";

/** An asking, and what it showed each time it was drawn. */
function drawn() {
  /** @type {[boolean, string | null][]} */
  const shown = [];
  const asking = new Asking(() => shown.push([asking.busy, asking.code]));
  return { asking, shown };
}

test("while an answer is awaited it is busy, and says at the end that it was done", async () => {
  const { asking, shown } = drawn();
  assert.equal(await asking.run(async () => {}), true);
  assert.deepEqual(shown, [[true, null], [false, null]]);
});

test("a refusal is kept as its code until the next wish", async () => {
  const { asking, shown } = drawn();
  const refused = async () => {
    throw new ApiError(409, "conflict", "");
  };
  assert.equal(await asking.run(refused), false);
  assert.equal(asking.code, "conflict");
  await asking.run(async () => {});
  assert.deepEqual(shown, [[true, null], [false, "conflict"], [true, null], [false, null]]);
});

test("a failure that is no refusal is thrown, and leaves nothing busy", async () => {
  const { asking } = drawn();
  const broken = async () => {
    throw new TypeError("a mistake of ours");
  };
  await assert.rejects(asking.run(broken), TypeError);
  assert.deepEqual([asking.busy, asking.code], [false, null]);
});
