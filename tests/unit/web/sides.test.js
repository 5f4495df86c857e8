// The customer's and the agent's side of a contact, without a page: what is opened, sent, kept and let go of.

import assert from "node:assert/strict";
import events from "node:events";
import { afterEach, beforeEach, test } from "node:test";

import { FakeConnection, FakeSocket, FakeStream, settle } from "./support.js";

/** What was asked of the browser, in order; and the tracks that it gave. @type {{asked: string[], tracks: {kind: string, readyState: string}[]}} */
let devices = { asked: [], tracks: [] };
const real = globalThis.fetch;

class Track extends EventTarget {
  readyState = "live";
  muted = false;

  /** @param {string} kind */
  constructor(kind) {
    super();
    this.kind = kind;
    devices.tracks.push(this);
  }

  getSettings() {
    return {};
  }

  stop() {
    this.readyState = "ended";
  }
}

class Stream extends FakeStream {
  addTrack() {}
}

const page = Object.assign(new EventTarget(), {
  location: { href: "https://video.example/", pathname: "/", search: "", hash: "" },
  parent: null,
  setInterval: () => 0,
  clearInterval: () => {},
  setTimeout: () => 0,
  clearTimeout: () => {},
});
const mediaDevices = Object.assign(new EventTarget(), {
  enumerateDevices: async () => [],
  getUserMedia: async (/** @type {object} */ wanted) => {
    const [kind] = Object.keys(wanted);
    devices.asked.push(kind);
    const track = new Track(kind);
    return { getTracks: () => [track] };
  },
});

events.defaultMaxListeners = 0; // a call listens to many things by one signal
class Silence {
  state = "closed";
}
const GLOBALS = {
  window: page,
  document: Object.assign(new EventTarget(), { visibilityState: "visible", documentElement: {} }),
  navigator: { mediaDevices, languages: ["en"] },
  WebSocket: FakeSocket,
  RTCPeerConnection: FakeConnection,
  MediaStream: Stream,
  AudioContext: Silence,
};
for (const [name, value] of Object.entries(GLOBALS)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

const { AgentSide } = await import("../../../web/static/agent/side.js");
const { memoryStore } = await import("../../../web/static/lib/dom.js");
const { CustomerSide } = await import("../../../web/static/widget/side.js");
const { SESSION_KEY } = await import("../../../web/static/widget/place.js");

/** @type {AbortController} */
let life = new AbortController();
let seq = 0;

beforeEach(() => {
  devices = { asked: [], tracks: [] };
  life = new AbortController();
  seq = 0;
  FakeSocket.all = [];
  FakeConnection.all = [];
});

afterEach(() => {
  life.abort();
  globalThis.fetch = real;
});

/** @param {object[]} messages */
async function tell(...messages) {
  for (const message of messages) FakeSocket.last.tell({ ...message, seq: (seq += 1) });
  for (let turn = 0; turn < 10; turn += 1) await settle();
}

/** @param {string} state @param {object} [more] */
const contact = (state, more = {}) => ({ type: "contact_state", contact_id: "ct_1", state, ...more });

// ---------------------------------------------------------------- agent

const CARD = { display_name: "Amina", language: "fr", site: "demo", page_url: "", page_title: "", form: {}, menu_path: [] };
/** @param {string} contact_id @param {object} [more] */
const assigned = (contact_id, more = {}) => ({ type: "assigned", contact_id, queue_name: "Q", customer: CARD, ...more });
const BUSY = { type: "agent_state", state: "busy" };

/** @param {{with_camera?: () => boolean}} [more] */
async function agentSide(more = {}) {
  const store = memoryStore();
  const side = new AgentSide({ path: "/ws/agent", store, key: "agent", generation_key: (id) => `generation.${id}`, ...more });
  side.watch(life.signal);
  side.open().start();
  life.signal.addEventListener("abort", () => side.close());
  FakeSocket.last.welcome();
  await tell(BUSY);
  return { side, store };
}

test("an agent's devices open with the contact: the camera by their wish, the microphone only where the voice is here", async () => {
  for (const [more, voice_apart, asked] of /** @type {[object, boolean, string[]][]} */ ([
    [{}, false, ["audio", "video"]],
    [{ with_camera: () => false }, false, ["audio"]],
    [{}, true, ["video"]],
  ])) {
    devices.asked = [];
    const { side } = await agentSide(more);
    await tell(assigned("ct_1", { voice_apart }), contact("bridging"));
    assert.deepEqual(devices.asked, asked);
    side.close();
    assert.equal(side.call, null);
  }
});

test("a contact that is over leaves no connection, no device and no generation behind", async () => {
  for (const end of [contact("wrap_up"), contact("closed"), { type: "agent_state", state: "ready" }]) {
    const { side, store } = await agentSide();
    await tell(assigned("ct_1"), contact("active"));
    assert.notEqual(store.getItem("generation.ct_1"), null);
    await tell(end);
    assert.equal(side.call, null);
    assert.equal(store.getItem("generation.ct_1"), null);
    assert.equal(FakeConnection.last.closed, true);
    assert.deepEqual(devices.tracks.filter((track) => track.readyState === "live"), []);
    side.close();
  }
});

test("the next contact has a connection and a chat of its own", async () => {
  const { side } = await agentSide();
  await tell(assigned("ct_1"), contact("active"));
  const first = { call: side.call, chat: side.chat };
  await tell(assigned("ct_2"));
  assert.ok(side.call !== null && side.call !== first.call && side.chat !== first.chat);
  assert.equal(FakeConnection.all[0].closed, true);
  assert.equal(FakeConnection.last.closed, false);
  assert.equal(side.chat?.contact_id, "ct_2");
});

test("an agent writes to their own customer while they are connected, a colleague who is asked does not", async () => {
  const { side } = await agentSide();
  await tell(assigned("ct_1"));
  assert.equal(side.may_chat, false);
  await tell(contact("active"));
  assert.equal(side.may_chat, true);
  await tell(assigned("ct_1", { asked_by: "Léa" }));
  assert.equal(side.may_chat, false);
});

test("where the session could not be resumed, what is known is told anew and lines on their way are sent again", async () => {
  const { side } = await agentSide();
  await tell(assigned("ct_1"), contact("active"));
  side.chat?.write("Good morning");
  side.session?.renew();
  FakeSocket.last.welcome();
  assert.equal(side.view.assigned, null);
  assert.deepEqual(FakeSocket.last.of("chat").map((line) => line.text), ["Good morning"]);
  assert.equal(FakeSocket.last.of("media_state").length, 1);
});

test("the effects of a message are told after it has had them, with what was known before", async () => {
  const { side } = await agentSide();
  /** @type {[string, string | undefined, boolean][]} */
  const told = [];
  side.addEventListener("folded", (event) => {
    const { message, before } = /** @type {CustomEvent} */ (event).detail;
    told.push([message.type, before.assigned?.contact_id, side.call !== null]);
  });
  await tell(assigned("ct_1"), contact("closed"));
  assert.deepEqual(told, [["assigned", undefined, true], ["contact_state", "ct_1", false]]);
});

// ---------------------------------------------------------------- customer

const MENU = { type: "menu_node", node_id: "root", text: "?", options: [{ key: "1", label: "One" }], can_go_back: false, idle_s: 90 };

function customerPlace() {
  /** @type {any[]} */
  const told = [];
  const place = Object.assign(new EventTarget(), {
    tab: memoryStore(),
    bridge: { embedded: true, tell: (/** @type {any} */ message) => told.push(message) },
    page: { page_url: "", page_title: "", form: {}, identity: "", name: "", language: "auto" },
    site: "demo",
    visitor_key: "v",
    link: "",
    payment: false,
    invitation: null,
    availability: { offered: true, code: null, site_name: "Shop", recording: { consent: "ask", notice_version: "7" } },
    checks: 0,
    check: async () => void (place.checks += 1),
  });
  return { place, told };
}

async function customerSide() {
  const { place, told } = customerPlace();
  const side = new CustomerSide(/** @type {any} */ (place));
  side.begin(life.signal);
  life.signal.addEventListener("abort", () => side.session?.close());
  globalThis.fetch = /** @type {any} */ (async () => new Response(JSON.stringify({ entry_token: "e" }), { status: 201 }));
  await side.enter();
  FakeSocket.last.welcome({ contact_id: "ct_1" });
  await tell(contact("initiated"));
  return { side, place, told };
}

test("a customer is live once the gateway has welcomed them, with no device asked for", async () => {
  const { side } = await customerSide();
  assert.deepEqual([side.phase, side.screen, devices.asked], ["live", "connecting", []]);
  assert.equal(FakeSocket.last.of("hello")[0].entry_token, "e");
});

test("a customer who may not come in reads why, and nothing of the try is kept", async () => {
  const { place } = customerPlace();
  const side = new CustomerSide(/** @type {any} */ (place));
  globalThis.fetch = /** @type {any} */ (async () => new Response(JSON.stringify({ code: "full" }), { status: 503 }));
  await side.enter();
  assert.deepEqual([side.phase, side.code, side.session, side.call], ["refused", "full", null, null]);
  assert.equal(FakeSocket.all.length, 0);
});

test("a key of the menu is sent once, however often it is pressed, until it is answered", async () => {
  const { side } = await customerSide();
  await tell(contact("in_menu"), MENU);
  side.choose("1");
  side.choose("1");
  assert.equal(FakeSocket.last.of("menu_choice").length, 1);
  await tell({ type: "error", code: "menu_stale", detail: "" });
  side.choose("1");
  assert.equal(FakeSocket.last.of("menu_choice").length, 2);
});

test("who agreed to be recorded before is answered for with the notice they read, nobody else is", async () => {
  const { side } = await customerSide();
  await tell({ type: "recording_state", state: "awaiting_consent", notice_version: "8" });
  assert.deepEqual([FakeSocket.last.of("consent"), side.view.recording], [[], "awaiting_consent"]);
  side.agreed = true;
  await tell({ type: "recording_state", state: "awaiting_consent", notice_version: "8" });
  const [consent] = FakeSocket.last.of("consent");
  assert.deepEqual([consent.given, consent.notice_version, side.view.recording], [true, "8", "starting"]);
});

test("after the end nothing of the contact is left in the tab, and the launcher is told", async () => {
  const { side, place, told } = await customerSide();
  await tell(contact("active"), { type: "chat_history", lines: [], earlier: 0 });
  side.toggleChat();
  assert.notEqual(place.tab.getItem("visavis.customer.chat"), null);
  await tell(contact("closed", { end_reason: "completed" }));
  assert.deepEqual([side.phase, side.call, side.session, side.chat], ["ended", null, null, null]);
  for (const key of [SESSION_KEY, "visavis.customer.chat", "visavis.customer.generation", "visavis.customer.choice"]) {
    assert.equal(place.tab.getItem(key), null, key);
  }
  assert.deepEqual(told.filter(({ type }) => type === "status").map(({ live }) => live).slice(-1), [false]);
});

test("hanging up while the gateway can't be reached ends it here at once", async () => {
  const { side } = await customerSide();
  await tell(contact("active"));
  FakeSocket.last.drop(1006);
  side.hangUp();
  assert.deepEqual([side.phase, side.view.end_reason, side.session], ["ended", "left_offline", null]);
});

test("a session that ended by itself says why, one that another tab has taken says that it goes on there", async () => {
  for (const [code, phase] of [["session_over", "ended"], ["taken_over", "elsewhere"]]) {
    const { side } = await customerSide();
    await tell({ type: "bye", code, detail: "" });
    assert.equal(side.phase, phase);
    await side.again();
    assert.deepEqual([side.phase, side.code, side.place.availability === null], ["start", null, false]);
  }
});
