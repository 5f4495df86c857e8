// A turned phone, moment by moment.

import assert from "node:assert/strict";
import { test } from "node:test";

import { turnAt } from "../../../web/static/admin/rotation.js";

/** @type {import("../../../web/static/admin/rotation.js").Track} */
const turned = {
  role: "customer",
  kind: "video",
  rotation_deg: 90,
  rotations: [
    [0.5, 2, 0],
    [2, 7.125, 90],
    [7.125, 8, 180],
    [8, 9, 270],
  ],
};

test("the browser does the track's own rotation, the page the rest", () => {
  assert.deepEqual(
    [1, 3, 7.5, 8.5].map((at_s) => turnAt(turned, at_s)),
    [270, 0, 90, 180],
  );
});

test("a change counts from its first picture on, however its time was rounded", () => {
  assert.equal(turnAt(turned, 7.1), 0);
  assert.equal(turnAt(turned, 7.125), 90);
  assert.equal(turnAt(turned, 7.1249), 90);
});

test("outside of what was told nothing is turned", () => {
  assert.equal(turnAt(turned, 0), 0);
  assert.equal(turnAt(turned, 9.5), 0);
});

test("a picture that never turned, an older recording and no track at all are left as they are", () => {
  assert.equal(turnAt({ role: "customer", kind: "video", rotation_deg: 270, rotations: [] }, 1), 0);
  assert.equal(turnAt({ role: "customer", kind: "video" }, 1), 0);
  assert.equal(turnAt(undefined, 1), 0);
});
