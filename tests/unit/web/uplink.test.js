// lib/uplink.js: a picture that was held back is given room as soon as there is some.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ceilingOf, setCeiling, UplinkSearch, withCeiling } from "../../../web/static/lib/uplink.js";

const MOST = 2_500_000;
const ANSWER = "v=0\r\nm=audio 9\r\nm=video 9\r\nb=AS:2500\r\nb=TIAS:2500000\r\nm=video 9\r\nb=AS:2500\r\nb=TIAS:2500000\r\n";

/**
 * A browser on a way of `way_bps`: a raised ceiling shows it what is there, otherwise it keeps what it believes.
 * @param {(second: number) => number} way_bps
 * @param {number} seconds
 */
function live(way_bps, seconds, believed_bps = 250_000) {
  const search = new UplinkSearch(MOST);
  /** @type {[number, number][]} */
  const ceilings = [];
  let ceiling_bps = MOST;
  for (let second = 1; second <= seconds; second += 1) {
    const wanted = search.step(believed_bps, believed_bps < 1_500_000);
    if (wanted !== null) {
      ceilings.push([second, wanted]);
      if (wanted > believed_bps) believed_bps = Math.min(wanted, way_bps(second));
      ceiling_bps = wanted;
    }
  }
  return { ceilings, believed_bps, ceiling_bps };
}

test("a way that is free again is found within ten seconds", () => {
  for (let freed = 1; freed < 40; freed += 1) {
    const { believed_bps, ceiling_bps } = live((second) => (second < freed ? 250_000 : 10_000_000), freed + 10);
    assert.equal(believed_bps, MOST);
    assert.equal(ceiling_bps, MOST);
  }
});

test("a way that stays narrow is left in peace most of the time", () => {
  const { ceilings } = live(() => 250_000, 120);
  assert.ok(ceilings.length <= 20, `${ceilings.length}`);
  assert.ok(ceilings.every(([, bps]) => bps <= 750_000));
});

test("a picture that is not held back, and a browser that tells nothing, are left alone", () => {
  const search = new UplinkSearch(MOST);
  for (let second = 0; second < 30; second += 1) {
    assert.equal(search.step(200_000, false), null);
    assert.equal(search.step(undefined, true), null);
  }
});

test("the ceiling of the description comes back when the search is over", () => {
  const search = new UplinkSearch(MOST);
  const found = [1, 2, 3].map(() => search.step(200_000, true));
  assert.deepEqual(found, [null, null, 600_000]);
  assert.equal(search.step(300_000, false), MOST);
  assert.equal(search.step(300_000, false), null);
});

test("a ceiling is written into every picture's section", () => {
  assert.equal(ceilingOf(ANSWER), MOST);
  assert.equal(ceilingOf("v=0\r\n"), null);
  assert.equal(withCeiling(ANSWER, 600_000), ANSWER.replaceAll("2500000", "600000").replaceAll("2500", "600"));
});

test("a new ceiling is always a higher one for the browser, and nothing is done in the middle of a negotiation", async () => {
  /** @type {string[]} */
  const done = [];
  const connection = /** @type {any} */ ({
    signalingState: "stable",
    setLocalDescription: async () => done.push("local"),
    setRemoteDescription: async (/** @type {any} */ { sdp }) => done.push(String(ceilingOf(sdp))),
  });
  await setCeiling(connection, ANSWER, 600_000);
  assert.deepEqual(done, ["local", "540000", "local", "600000"]);
  connection.signalingState = "have-local-offer";
  await setCeiling(connection, ANSWER, 900_000);
  assert.equal(done.length, 4);
});
