// lib/peer.js: generations. Whatever happens while something is awaited, one connection is left, the newest.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Peer } from "../../../web/static/lib/peer.js";
import { FakeConnection, FakeStream, FakeTimers, settle } from "./support.js";

function setUp(generation = 0) {
  const timers = new FakeTimers();
  /** @type {[number, string][]} */
  const offers = [];
  /** @type {number[]} */
  const remembered = [];
  const rig = {
    check: async () => true,
    iceServers: () => /** @type {any[]} */ ([]),
    refreshIce: () => /** @type {Promise<void> | null} */ (null),
  };
  const peer = new Peer({
    check: () => rig.check(),
    iceServers: () => rig.iceServers(),
    refreshIce: () => rig.refreshIce(),
    generation,
    sendOffer: (number, sdp) => offers.push([number, sdp]),
    remember: (number) => remembered.push(number),
    PeerConnectionClass: /** @type {any} */ (FakeConnection),
    MediaStreamClass: /** @type {any} */ (FakeStream),
    timers,
  });
  peer.signalingReady(true);
  return Object.assign(rig, { peer, timers, offers, remembered });
}

/** @param {ReturnType<typeof setUp>} rig */
async function connected(rig) {
  await rig.peer.connect();
  await rig.peer.receive({ type: "leg_answer", generation: rig.peer.generation, sdp: "answer" });
  FakeConnection.last.become("connected");
}

beforeEach(() => {
  FakeConnection.all = [];
  FakeConnection.hold = false;
});

test("audio, video and screen are offered at once, both ways, without a track", async () => {
  const { peer, offers } = setUp();
  await peer.connect();
  const { transceivers, configuration } = FakeConnection.last;
  assert.deepEqual(transceivers.map(({ kind, direction }) => [kind, direction]), [["audio", "sendrecv"], ["video", "sendrecv"], ["video", "sendrecv"]]);
  assert.ok(transceivers.every(({ sender }) => sender.track === null));
  assert.equal(configuration.bundlePolicy, "max-bundle");
  assert.deepEqual(offers, [[1, "offer 0"]]);
});

test("a page loaded anew goes on above the last generation", async () => {
  const { peer, offers, remembered } = setUp(4);
  await peer.connect();
  assert.deepEqual([offers[0][0], remembered], [5, [5]]);
});

test("a newer generation during an await leaves nothing of the older one", async () => {
  const { peer, offers } = setUp();
  FakeConnection.hold = true;
  const first = peer.connect();
  const older = FakeConnection.last;
  FakeConnection.hold = false;
  await peer.connect();
  older.release?.();
  await first;
  assert.equal(older.closed, true);
  assert.equal(older.signalingState, "stable"); // it never became an offer
  assert.deepEqual(offers.map(([number]) => number), [2]);
});

test("a connection begins with the ICE servers of that moment, once they are fresh", async () => {
  const rig = setUp();
  let servers = [{ urls: ["turn:old"], username: "1", credential: "x" }];
  rig.iceServers = () => servers;
  rig.refreshIce = () => Promise.resolve().then(() => void (servers = [{ urls: ["turn:new"], username: "2", credential: "y" }]));
  await rig.peer.connect();
  assert.deepEqual(FakeConnection.last.configuration.iceServers, [{ urls: ["turn:new"], username: "2", credential: "y" }]);
});

test("an answer to an older generation is not applied", async () => {
  const { peer } = setUp();
  await peer.connect();
  await peer.connect();
  await peer.receive({ type: "leg_answer", generation: 1, sdp: "old" });
  assert.equal(FakeConnection.last.remote, null);
});

for (const [state, after_ms] of /** @type {[string, number][]} */ ([["failed", 0], ["reconnecting", 1_000]])) {
  test(`a leg that is ${state} gets the next generation`, async () => {
    const rig = setUp();
    await connected(rig);
    await rig.peer.receive({ type: "leg_state", generation: 1, state });
    rig.timers.advance(after_ms);
    await settle();
    assert.deepEqual(rig.offers.map(([number]) => number), [1, 2]);
    assert.equal(FakeConnection.all[0].closed, true);
  });
}

test("a leg that was silent and is heard again keeps its connection", async () => {
  const rig = setUp();
  await connected(rig);
  await rig.peer.receive({ type: "leg_state", generation: 1, state: "reconnecting" });
  await rig.peer.receive({ type: "leg_state", generation: 1, state: "connected" });
  rig.timers.advance(10_000);
  await settle();
  assert.equal(rig.peer.generation, 1);
});

test("without a gateway to offer to, the connection there is is kept, and used when it heals", async () => {
  const rig = setUp();
  rig.check = async () => {
    rig.peer.signalingReady(false);
    return false;
  };
  await connected(rig);
  FakeConnection.last.become("disconnected");
  rig.timers.advance(10_000);
  await settle();
  assert.deepEqual([rig.peer.generation, FakeConnection.last.closed], [1, false]);
  FakeConnection.last.become("connected");
  rig.peer.signalingReady(true);
  await settle();
  assert.equal(rig.peer.generation, 1);
});

test("a connection that did not heal is replaced as soon as the gateway is there", async () => {
  const rig = setUp();
  rig.check = async () => {
    rig.peer.signalingReady(false);
    return false;
  };
  await connected(rig);
  FakeConnection.last.become("disconnected");
  rig.timers.advance(10_000);
  await settle();
  rig.peer.signalingReady(true);
  await settle();
  assert.equal(rig.peer.generation, 2);
});

test("the state of an older leg changes nothing", async () => {
  const rig = setUp();
  await connected(rig);
  await rig.peer.connect();
  await rig.peer.receive({ type: "leg_state", generation: 1, state: "failed" });
  assert.equal(rig.peer.generation, 2);
});

test("a gateway that knows a higher generation is believed", async () => {
  const rig = setUp();
  await rig.peer.connect();
  await rig.peer.receive({ type: "leg_state", generation: 6, state: "reconnecting" });
  assert.equal(rig.offers[rig.offers.length - 1][0], 7);
});

test("a short interruption heals by itself", async () => {
  const rig = setUp();
  await connected(rig);
  FakeConnection.last.become("disconnected");
  assert.equal(rig.peer.status, "reconnecting");
  rig.timers.advance(2_900);
  FakeConnection.last.become("connected");
  rig.timers.advance(10_000);
  assert.equal(rig.peer.generation, 1);
  assert.equal(rig.peer.status, "connected");
});

test("an interruption of more than three seconds gets the next generation", async () => {
  const rig = setUp();
  await connected(rig);
  FakeConnection.last.become("disconnected");
  rig.timers.advance(3_000);
  await settle();
  assert.equal(rig.peer.generation, 2);
});

test("a failed connection is replaced at once", async () => {
  const rig = setUp();
  await connected(rig);
  FakeConnection.last.become("failed");
  rig.timers.advance(0);
  await settle();
  assert.equal(rig.peer.generation, 2);
});

test("two answered generations that never connect mean a blocked network, and it keeps trying", async () => {
  const rig = setUp();
  await rig.peer.connect();
  for (let tries = 0; tries < 2; tries += 1) {
    await rig.peer.receive({ type: "leg_answer", generation: rig.peer.generation, sdp: "answer" });
    rig.timers.advance(12_000);
    rig.timers.advance(0);
    await settle();
  }
  assert.equal(rig.peer.blocked, true);
  rig.timers.advance(1_000);
  await settle();
  assert.equal(rig.peer.generation, 3);
  await rig.peer.receive({ type: "leg_answer", generation: 3, sdp: "answer" });
  FakeConnection.last.become("connected");
  assert.equal(rig.peer.blocked, false);
});

test("no answer at all is not taken for a blocked network", async () => {
  const rig = setUp();
  await rig.peer.connect();
  for (let tries = 0; tries < 4; tries += 1) {
    rig.timers.advance(20_000);
    await settle();
  }
  assert.equal(rig.peer.blocked, false);
});

test("without signaling nothing is offered; with it, what was wanted is", async () => {
  const rig = setUp();
  rig.peer.signalingReady(false);
  await rig.peer.connect();
  assert.deepEqual(rig.offers, []);
  rig.peer.signalingReady(true);
  await settle();
  assert.equal(rig.offers.length, 1);
});

test("tracks go to the connection there is and to every later one, without an offer", async () => {
  const rig = setUp();
  await connected(rig);
  const track = /** @type {any} */ ({ kind: "video" });
  await rig.peer.setTrack("video", track);
  assert.equal(FakeConnection.last.transceivers[1].sender.track, track);
  assert.equal(rig.offers.length, 1);
  await rig.peer.connect();
  assert.equal(FakeConnection.last.transceivers[1].sender.track, track);
  assert.equal(FakeConnection.last.transceivers[2].sender.track, null);
});

test("an answer the browser can't read is said, and tried again later", async () => {
  const rig = setUp();
  /** @type {string[]} */
  const codes = [];
  rig.peer.addEventListener("refused", (event) => codes.push(/** @type {CustomEvent} */ (event).detail.code));
  await rig.peer.connect();
  await rig.peer.receive({ type: "leg_answer", generation: 1, sdp: "nonsense" });
  assert.deepEqual(codes, ["answer_invalid"]);
  rig.timers.advance(1_000);
  await settle();
  assert.equal(rig.peer.generation, 2);
});

test("a gateway that keeps refusing is not asked for ever", async () => {
  const rig = setUp();
  await rig.peer.connect();
  for (let tries = 0; tries < 20; tries += 1) {
    await rig.peer.receive({ type: "leg_refused", generation: rig.peer.generation, code: "capacity", detail: "" });
    rig.timers.advance(60_000);
    await settle();
  }
  assert.ok(rig.offers.length < 8, `${rig.offers.length} offers`);
});

test("another network gets the next generation", async () => {
  const rig = setUp();
  await connected(rig);
  rig.peer.networkChanged();
  await settle();
  assert.equal(rig.peer.generation, 2);
});

test("a closed peer leaves no connection and no timer", async () => {
  const rig = setUp();
  await rig.peer.connect();
  rig.peer.close();
  await rig.peer.connect();
  assert.equal(rig.timers.waiting, 0);
  assert.ok(FakeConnection.all.every((connection) => connection.closed));
  assert.equal(rig.offers.length, 1);
});

test("a picture held back by the way up is given a higher ceiling, again and again, while the connection lives", async () => {
  const rig = setUp();
  await rig.peer.connect();
  await rig.peer.receive({ type: "leg_answer", generation: 1, sdp: "v=0\r\nb=TIAS:2500000\r\n" });
  const connection = FakeConnection.last;
  connection.reports = [
    { type: "candidate-pair", nominated: true, availableOutgoingBitrate: 200_000 },
    { type: "outbound-rtp", kind: "video", qualityLimitationReason: "bandwidth" },
    { type: "outbound-rtp", kind: "audio" },
  ];
  connection.become("connected");
  const seen = new Set();
  for (let second = 0; second < 12; second += 1) {
    rig.timers.advance(1_000);
    await settle();
    seen.add(connection.remote.sdp);
  }
  assert.deepEqual([...seen], ["v=0\r\nb=TIAS:2500000\r\n", "v=0\r\nb=TIAS:600000\r\n"]);
  assert.equal(connection.signalingState, "stable");
  rig.peer.close();
  assert.equal(rig.timers.waiting, 0);
});
