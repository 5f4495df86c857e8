// lib/session.js: numbering, acknowledgements, resume and back-off, against a fake socket and fake time.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { memoryStore } from "../../../web/static/lib/dom.js";
import { Session, retryDelay } from "../../../web/static/lib/session.js";
import { FakeSocket, FakeTimers } from "./support.js";

const KEY = "k";

/** @param {Partial<import("../../../web/static/lib/session.js").SessionOptions>} [options] */
function setUp(options = {}) {
  const timers = new FakeTimers();
  const store = memoryStore();
  const session = new Session({
    url: "ws://gateway/ws",
    store,
    key: KEY,
    timers,
    WebSocketClass: /** @type {any} */ (FakeSocket),
    ...options,
  });
  /** @type {any[]} */
  const heard = [];
  session.addEventListener("message", (event) => heard.push(/** @type {CustomEvent} */ (event).detail));
  return { timers, store, session, heard };
}

beforeEach(() => {
  FakeSocket.all = [];
});

test("the first message of a socket is hello, not numbered, with the token", () => {
  const { session } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.accept();
  assert.equal(FakeSocket.last.protocol, "visavis.v1");
  assert.deepEqual(FakeSocket.last.said, [{ type: "hello", versions: [1], seq: 0, ack: 0, entry_token: "token" }]);
});

test("a welcome is acknowledged at once, because only then its secret is the only one", () => {
  const { session } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  assert.deepEqual(FakeSocket.last.said[1], { type: "ack", seq: 0, ack: 0 });
  assert.equal(session.state, "open");
});

test("messages are numbered from one without gaps", () => {
  const { session } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  session.send({ type: "set_ready" });
  session.send({ type: "hang_up" });
  assert.deepEqual(FakeSocket.last.said.slice(2).map(({ type, seq }) => [type, seq]), [["set_ready", 1], ["hang_up", 2]]);
});

test("what was sent before the welcome waits for it", () => {
  const { session } = setUp();
  session.start();
  FakeSocket.last.accept();
  assert.deepEqual(FakeSocket.last.of("hang_up"), []);
});

test("a lost socket is opened again with the secret and the last number seen", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome({ secret: "s1" });
  FakeSocket.last.tell({ type: "contact_state", contact_id: "ct", state: "queued", seq: 7 });
  FakeSocket.last.drop(1006);
  assert.equal(session.state, "retrying");
  timers.advance(10_000);
  FakeSocket.last.accept();
  assert.deepEqual(FakeSocket.last.said[0].resume, { session_id: "se_00000001", secret: "s1", last_seq: 7 });
  assert.equal(FakeSocket.last.said[0].entry_token, undefined);
});

test("after a resume only what the gateway has not acknowledged is sent again, with its old number", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  session.send({ type: "set_ready" });
  session.send({ type: "hold" });
  FakeSocket.last.drop(1006);
  session.send({ type: "retrieve" });
  timers.advance(10_000);
  FakeSocket.last.welcome({ resumed: true, ack: 1 });
  assert.deepEqual(FakeSocket.last.said.slice(2).map(({ type, seq }) => [type, seq]), [["hold", 2], ["retrieve", 3]]);
});

test("what the gateway sends twice is heard once", () => {
  const { session, timers, heard } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  FakeSocket.last.tell({ type: "offer_ended", offer_id: "of", reason: "withdrawn", seq: 1 });
  FakeSocket.last.drop(1006);
  timers.advance(10_000);
  FakeSocket.last.welcome({ resumed: true });
  FakeSocket.last.tell({ type: "offer_ended", offer_id: "of", reason: "withdrawn", seq: 1 });
  FakeSocket.last.tell({ type: "offer_ended", offer_id: "of", reason: "accepted", seq: 2 });
  assert.deepEqual(heard.map(({ reason }) => reason), ["withdrawn", "accepted"]);
});

test("a welcome that resumes nothing begins both numberings anew and forgets what was not acknowledged", () => {
  const { session, timers, heard } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  FakeSocket.last.tell({ type: "contact_state", contact_id: "ct", state: "queued", seq: 9 });
  session.send({ type: "hold" });
  FakeSocket.last.drop(1006);
  timers.advance(10_000);
  FakeSocket.last.welcome({ resumed: false });
  assert.deepEqual(FakeSocket.last.of("hold"), []);
  assert.equal(session.send({ type: "retrieve" }), 1);
  FakeSocket.last.tell({ type: "contact_state", contact_id: "ct", state: "active", seq: 1 });
  assert.equal(heard.length, 2);
});

test("a page loaded anew asks for the same session and for a full view", () => {
  const first = setUp();
  first.session.start({ entry_token: "token" });
  FakeSocket.last.welcome({ secret: "s1" });
  FakeSocket.last.tell({ type: "contact_state", contact_id: "ct", state: "queued", seq: 5 });
  first.session.keep();

  const second = setUp({ store: first.store, timers: first.timers });
  second.session.start();
  FakeSocket.last.accept();
  assert.deepEqual(FakeSocket.last.said[0].resume, { session_id: "se_00000001", secret: "s1", last_seq: 0 });
});

test("a saved session older than its grace is not asked for", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome({ grace_s: 60 });
  session.keep();
  timers.advance(59_000);
  assert.notEqual(session.saved(), null);
  timers.advance(2_000);
  assert.equal(session.saved(), null);
});

test("a broken saved session is dropped, not thrown", () => {
  const { session, store } = setUp();
  store.setItem(KEY, "{not json");
  assert.equal(session.saved(), null);
  assert.equal(store.getItem(KEY), null);
});

test("a new contact never resumes the old one", () => {
  const { session } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  const again = setUp();
  again.session.start({ entry_token: "other" });
  FakeSocket.last.accept();
  assert.equal(FakeSocket.last.said[0].resume, undefined);
});

for (const code of ["taken_over", "signed_out", "session_over"]) {
  test(`after the goodbye ${code} no other socket is opened`, () => {
    const { session, timers, store } = setUp();
    session.start({ entry_token: "token" });
    FakeSocket.last.welcome();
    FakeSocket.last.tell({ type: "bye", code });
    assert.deepEqual([session.state, session.code], ["over", code]);
    timers.advance(60_000);
    assert.equal(FakeSocket.all.length, 1);
    assert.equal(store.getItem(KEY), null);
  });
}

for (const code of ["shutdown", "too_slow"]) {
  test(`after the goodbye ${code} another socket is opened`, () => {
    const { session, timers } = setUp();
    session.start({ entry_token: "token" });
    FakeSocket.last.welcome();
    FakeSocket.last.tell({ type: "bye", code });
    assert.equal(session.state, "retrying");
    timers.advance(250);
    assert.equal(FakeSocket.all.length, 2);
  });
}

test("a refusal that no retry can change ends the session with the code of the close reason", () => {
  const { session } = setUp();
  session.start({ take_over: false });
  FakeSocket.last.accept();
  FakeSocket.last.tell({ type: "error", code: "panel_open_elsewhere", detail: "" });
  FakeSocket.last.drop(4409, "panel_open_elsewhere");
  assert.deepEqual([session.state, session.code], ["over", "panel_open_elsewhere"]);
});

test("a refused entry token is not tried again, even when the refusal may pass", () => {
  const { session } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.accept();
  FakeSocket.last.drop(4503, "full");
  assert.deepEqual([session.state, session.code], ["over", "full"]);
});

test("numbers that do not fit together are mended by a full view, not by giving up", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  FakeSocket.last.tell({ type: "contact_state", contact_id: "ct", state: "queued", seq: 3 });
  FakeSocket.last.drop(4400, "sequence_gap");
  assert.equal(session.state, "retrying");
  timers.advance(10_000);
  FakeSocket.last.accept();
  assert.equal(FakeSocket.last.said[0].resume.last_seq, 0);
});

test("an agent takes over only with the first hello", () => {
  const { session, timers } = setUp();
  session.start({ take_over: true });
  FakeSocket.last.welcome();
  assert.equal(FakeSocket.last.said[0].take_over, true);
  FakeSocket.last.drop(1006);
  timers.advance(10_000);
  FakeSocket.last.accept();
  assert.equal(FakeSocket.last.said[0].take_over, undefined);
});

test("silence is acknowledged within a second, and a busy stream every sixteen messages", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  FakeSocket.last.tell({ type: "peer_state", seq: 1 });
  assert.equal(FakeSocket.last.of("ack").length, 1); // that of the welcome
  timers.advance(1_000);
  assert.deepEqual(FakeSocket.last.of("ack")[1], { type: "ack", seq: 0, ack: 1 });
  for (let seq = 2; seq <= 17; seq += 1) FakeSocket.last.tell({ type: "peer_state", seq });
  assert.equal(FakeSocket.last.of("ack").length, 3);
  assert.equal(session.state, "open");
});

test("a gateway that says nothing for ten seconds is left", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.accept();
  timers.advance(10_000);
  assert.equal(session.state, "retrying");
});

test("a quiet socket is asked whether it carries, and one that does is kept", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  timers.advance(5_000);
  assert.deepEqual(FakeSocket.last.of("ping"), [{ type: "ping", seq: 0, ack: 0 }]);
  FakeSocket.last.tell({ type: "ack" });
  timers.advance(4_900);
  assert.equal(session.state, "open");
  assert.equal(FakeSocket.all.length, 1);
});

test("a socket that does not answer within three seconds is replaced at once, and nothing is lost", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  session.send({ type: "hold" });
  timers.advance(8_000);
  assert.deepEqual([session.state, FakeSocket.all.length], ["connecting", 2]);
  FakeSocket.last.welcome({ resumed: true });
  assert.deepEqual(FakeSocket.last.of("hold").map(({ seq }) => seq), [1]);
});

test("while nobody answers at all it tries every few seconds, never less often", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  timers.advance(8_000);
  const before = FakeSocket.all.length;
  timers.advance(43_000); // 4 s of trying and a quarter of a second of rest
  assert.equal(FakeSocket.all.length - before, 10);
});

test("who asks whether the socket carries gets the answer, and no second ping goes out", async () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  const both = Promise.all([session.probe(), session.probe()]);
  assert.equal(FakeSocket.last.of("ping").length, 1);
  FakeSocket.last.tell({ type: "ack" });
  assert.deepEqual(await both, [true, true]);
  const lost = session.probe();
  timers.advance(3_000);
  assert.equal(await lost, false);
});

test("asking ends a wait for the next try", async () => {
  const { session } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  FakeSocket.last.drop(1006);
  assert.equal(await session.probe(), false);
  assert.equal(FakeSocket.all.length, 2);
});

test("ICE servers that may be too old are asked for anew, once half their time is over", async () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome({ ice_servers: [{ urls: ["turn:a"] }], ice_lifetime_s: 8 });
  assert.equal(session.refreshIce(), null);
  timers.advance(4_000);
  const waiting = session.refreshIce();
  assert.deepEqual(FakeSocket.last.of("ice_request"), [{ type: "ice_request", seq: 0, ack: 0 }]);
  FakeSocket.last.tell({ type: "ice_servers", servers: [{ urls: ["turn:b"] }], lifetime_s: 8 });
  await waiting;
  assert.deepEqual([session.ice_servers, session.refreshIce()], [[{ urls: ["turn:b"] }], null]);
});

test("new ICE servers are not waited for longer than two seconds", async () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome({ ice_servers: [{ urls: ["turn:a"] }], ice_lifetime_s: 2 });
  timers.advance(1_000);
  const waiting = session.refreshIce();
  timers.advance(2_000);
  await waiting;
  assert.deepEqual(session.ice_servers, [{ urls: ["turn:a"] }]);
});

test("the session gives up after the time it was told", () => {
  const { session, timers } = setUp({ give_up_ms: 30_000 });
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  for (let tries = 0; tries < 30 && session.state !== "over"; tries += 1) {
    FakeSocket.last.drop(1006);
    timers.advance(10_000);
  }
  assert.deepEqual([session.state, session.code], ["over", "unreachable"]);
  assert.equal(timers.waiting, 0);
});

test("waiting for the next try doubles to eight seconds, half of it by chance", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 20].map((attempt) => retryDelay(attempt, 1)), [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.equal(retryDelay(6, 0), 4000);
});

test("an overfull outbox asks for a full view instead of growing", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  FakeSocket.last.tell({ type: "peer_state", seq: 4 });
  FakeSocket.last.drop(1006);
  for (let count = 0; count < 300; count += 1) session.send({ type: "media_state", audio: true, video: false });
  timers.advance(10_000);
  FakeSocket.last.accept();
  assert.equal(FakeSocket.last.said[0].resume.last_seq, 0);
});

test("junk from the wire is dropped and nothing breaks", () => {
  const { session, heard } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  for (const data of ["", "null", "[]", "{", '{"type":5}']) FakeSocket.last.onmessage?.({ data });
  assert.deepEqual(heard, []);
  assert.equal(session.state, "open");
});

test("a closed session leaves no timer and no socket behind", () => {
  const { session, timers } = setUp();
  session.start({ entry_token: "token" });
  FakeSocket.last.welcome();
  FakeSocket.last.tell({ type: "peer_state", seq: 1 });
  session.close();
  assert.equal(timers.waiting, 0);
  assert.equal(FakeSocket.last.readyState, 3);
});
