// lib/format.js, lib/quality.js, admin/timeline.js and lib/devices.js: numbers, times and codes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { sparkline } from "../../../web/static/admin/spark.js";
import { offset_s, segmentsOf, ticks } from "../../../web/static/admin/timeline.js";
import { deviceCode } from "../../../web/static/lib/devices.js";
import { clock, moment, percent, place, shortId, size, spokenDuration } from "../../../web/static/lib/format.js";
import { judge, summarise } from "../../../web/static/lib/quality.js";

test("a clock counts up from minutes to hours and never below zero", () => {
  assert.deepEqual([-1, 0, 4.9, 75, 3599, 3723].map(clock), ["0:00", "0:00", "0:04", "1:15", "59:59", "1:02:03"]);
});

test("a spoken duration keeps the unit that matters", () => {
  assert.deepEqual([4, 75, 3600, 3700].map((seconds) => spokenDuration(seconds, "en")), ["4 sec", "1 min", "1 hr", "1 hr 1 min"]);
});

test("what is not whole is never shown as a hundred percent", () => {
  assert.equal(percent(0.9999, "en"), "99.9%");
  assert.equal(percent(1, "en"), "100%");
  assert.equal(percent(0.45, "en"), "45%");
});

test("sizes and moments follow the language", () => {
  assert.equal(size(999, "en"), "999 byte");
  assert.equal(size(31_250_000, "en"), "31 MB");
  const now = new Date("2026-03-01T12:00:00");
  assert.match(moment("2026-03-01T09:05:07", "en-GB", now), /^09:05:07$/);
  assert.match(moment("2026-02-27T09:05:07", "en-GB", now), /27 Feb 2026/);
  assert.equal(moment("never", "en", now), "");
});

test("a page's place is told without what may be secret in its address", () => {
  assert.equal(place("https://shop.example/cart/?token=abc#x"), "shop.example/cart");
  assert.equal(place("https://shop.example/"), "shop.example");
  assert.equal(place("not an address"), "");
  assert.equal(shortId("ct_0123456789"), "456789");
});

test("a connection is as good as the worse of loss and delay", () => {
  assert.equal(judge({ loss_in: 0, loss_out: 0, round_trip_ms: 40 }), "good");
  assert.equal(judge({ loss_in: 0.03, loss_out: 0, round_trip_ms: 40 }), "fair");
  assert.equal(judge({ loss_in: 0, loss_out: 0.1, round_trip_ms: 40 }), "poor");
  assert.equal(judge({ loss_in: 0, loss_out: 0, round_trip_ms: 600 }), "poor");
  assert.equal(judge({ loss_in: 0, loss_out: 0, round_trip_ms: null }), "good");
});

test("loss is of the time since the last look, not of the whole call", () => {
  /** @param {number} at @param {number} packets @param {number} lost @returns {[string, any][]} */
  const report = (at, packets, lost) => [
    ["a", { type: "inbound-rtp", timestamp: at, packetsReceived: packets, packetsLost: lost, bytesReceived: packets * 100, framesDecoded: packets / 10 }],
    ["b", { type: "candidate-pair", timestamp: at, nominated: true, state: "succeeded", currentRoundTripTime: 0.05 }],
  ];
  const first = summarise(report(1000, 900, 100), null);
  assert.equal(first.summary.loss_in, 0);
  const second = summarise(report(3000, 1090, 110), first.sample);
  assert.equal(second.summary.loss_in, 0.05);
  assert.equal(second.summary.quality, "fair");
  assert.equal(second.summary.round_trip_ms, 50);
  assert.equal(second.summary.kbps_in, (190 * 100 * 8) / 2 / 1000);
  assert.equal(second.summary.frames_per_s, 9.5);
});

/** @param {number} seq @param {number} at_s @param {string} state */
const row = (seq, at_s, state) => ({ seq, at: new Date(1_000_000 + at_s * 1000).toISOString(), name: "x", source: "clock", state, reason: null, data: {} });

test("the timeline has each state from when to when, and none for closed", () => {
  const journal = [row(1, 0, "initiated"), row(2, 1, "in_menu"), row(3, 4, "in_menu"), row(4, 9, "queued"), row(5, 20, "closed")];
  assert.deepEqual(segmentsOf(journal, 0), {
    segments: [
      { state: "initiated", from_s: 0, to_s: 1 },
      { state: "in_menu", from_s: 1, to_s: 9 },
      { state: "queued", from_s: 9, to_s: 20 },
    ],
    length_s: 20,
  });
  assert.equal(offset_s(journal, journal[3]), 9);
});

test("a contact in progress goes on until now", () => {
  const { segments, length_s } = segmentsOf([row(1, 0, "initiated"), row(2, 5, "queued")], 1_000_000 + 65_000);
  assert.deepEqual([segments[1].to_s, length_s], [65, 65]);
  assert.deepEqual(segmentsOf([], 0), { segments: [], length_s: 0 });
});

test("the axis has a handful of round moments for any length", () => {
  assert.deepEqual(ticks(260), [0, 60, 120, 180, 240]);
  for (const length_s of [0.2, 3, 59, 700, 14_400]) assert.ok(ticks(length_s).length <= 8);
});

test("a small picture spans its width, and one value draws nothing", () => {
  assert.equal(sparkline([3]), "");
  const points = sparkline([0, 2, 1]).split(" ");
  assert.deepEqual(points.map((point) => point.split(",")[0]), ["0.0", "60.0", "120.0"]);
});

const REFUSALS = [
  ["NotAllowedError", "", "camera", "permission_denied"],
  ["NotAllowedError", "Permission denied by system", "microphone", "permission_system"],
  ["NotAllowedError", "", "screen", "share_cancelled"],
  ["NotFoundError", "", "camera", "no_camera"],
  ["NotFoundError", "", "microphone", "no_microphone"],
  ["NotReadableError", "", "camera", "device_busy"],
  ["TypeError", "", "camera", "not_supported"],
  ["SomethingNew", "", "camera", "device_failed"],
];

for (const [name, message, what, code] of REFUSALS) {
  test(`${name} ${message} for the ${what} is ${code}`, () => {
    const error = Object.assign(new Error(message), { name });
    assert.equal(deviceCode(error, /** @type {any} */ (what)), code);
  });
}
