// lib/format.js, lib/quality.js, admin/timeline.js and lib/devices.js: numbers, times and codes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { sparkline } from "../../../web/static/admin/spark.js";
import { offset_s, segmentsOf, ticks } from "../../../web/static/admin/timeline.js";
import { pausedText, qualityText } from "../../../web/static/lib/quality-text.js";
import { deviceCode } from "../../../web/static/lib/devices.js";
import { clock, moment, percent, place, shortId, size, spokenDuration } from "../../../web/static/lib/format.js";
import { summarise } from "../../../web/static/lib/quality.js";

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

/**
 * What getStats says, after `at` milliseconds.
 * @param {number} at
 * @param {{decoded?: number, freezes?: number, played?: number, concealed?: number, silent?: number, encoded?: number, reason?: string}} counts
 * @returns {[string, any][]}
 */
const browser = (at, { decoded = 0, freezes = 0, played = 0, concealed = 0, silent = 0, encoded = 0, reason = "none" }) => [
  ["a", { type: "inbound-rtp", kind: "audio", timestamp: at, totalSamplesReceived: played, concealedSamples: concealed, silentConcealedSamples: silent }],
  ["v", { type: "inbound-rtp", kind: "video", mid: "1", timestamp: at, framesDecoded: decoded, freezeCount: freezes, frameWidth: 640, frameHeight: 360 }],
  ["s", { type: "inbound-rtp", kind: "video", mid: "2", timestamp: at, framesDecoded: decoded * 9, freezeCount: 99 }],
  ["o", { type: "outbound-rtp", kind: "video", mid: "1", timestamp: at, framesEncoded: encoded, frameWidth: 1280, frameHeight: 720, qualityLimitationReason: reason }],
  ["c", { type: "candidate-pair", timestamp: at, nominated: true, availableOutgoingBitrate: 1234567.8 }],
];

test("a report is of the time since the last look, and of the camera only", () => {
  const first = summarise(browser(1000, { decoded: 100, freezes: 7, played: 48_000, concealed: 4800 }), null, "1");
  assert.equal(first.report.freezes, undefined);
  const { report } = summarise(
    browser(3000, { decoded: 148, freezes: 9, played: 144_000, concealed: 24_000, silent: 9600, encoded: 30, reason: "cpu" }),
    first.sample,
    "1",
  );
  assert.deepEqual(report, {
    freezes: 2,
    frames_per_s: 24,
    width: 640,
    height: 360,
    concealed: 0.1,
    sent_frames_per_s: 15,
    sent_width: 1280,
    sent_height: 720,
    available_bps: 1234568,
    limited: "cpu",
  });
});

test("a browser that says little, or begins to count anew, is reported as little", () => {
  const before = summarise(browser(1000, { decoded: 500, freezes: 50, played: 48_000 }), null, "1").sample;
  const { report } = summarise(browser(3000, {}), before, "1");
  assert.deepEqual([report.freezes, report.frames_per_s, report.concealed, report.limited], [0, 0, undefined, "none"]);
  const bare = summarise([["v", { type: "inbound-rtp", kind: "video", timestamp: 5000 }]], null);
  assert.deepEqual(bare.report, { limited: "none", width: null, height: null });
});

test("weak connections have words for each side and cause, good and lost ones none", () => {
  assert.equal(qualityText("peer", { word: "poor", cause: "uplink" }, "Ada"), "Ada: bad connection (their upload)");
  assert.equal(qualityText("own", { word: "fair", cause: "downlink" }, "Ada"), "Your connection is weak: pictures may stop");
  assert.equal(qualityText("own", { word: "poor", cause: "gateway" }, "Ada"), "Our service is slow at the moment");
  assert.equal(qualityText("own", { word: "poor", cause: "from_the_future" }, "Ada"), qualityText("own", { word: "poor", cause: "uplink" }, "Ada"));
  for (const who of /** @type {const} */ (["own", "peer"])) {
    const side = { word: "poor", cause: "downlink", pictures_paused: true };
    assert.equal(qualityText(who, side, "Ada"), "");
    assert.notEqual(pausedText(who, side, "Ada"), "");
    assert.equal(pausedText(who, { ...side, pictures_paused: false }, "Ada"), "");
  }
  const unfit = { word: "good", pictures_unmatched: true, pictures_paused: true };
  assert.equal(pausedText("own", unfit, "Ada"), "Your browser can't show their picture. Sound goes on.");
  assert.equal(pausedText("peer", unfit, "Ada"), "Ada hears you, but does not see you: their browser can't show your picture");
  for (const word of ["good", "lost"]) assert.equal(qualityText("own", { word, cause: "uplink" }, "Ada"), "");
  assert.equal(qualityText("peer", null, "Ada"), "");
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
