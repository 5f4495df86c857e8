// The folds of the customer's and the agent's page: which screen follows which message.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as agent from "../../../web/static/agent/model.js";
import * as customer from "../../../web/static/widget/model.js";

/** @param {string} state @param {object} [more] @returns {any} */
const contact = (state, more = {}) => ({ type: "contact_state", contact_id: "ct_1", state, ...more });
const NODE = /** @type {any} */ ({ type: "menu_node", node_id: "root", text: "?", options: [{ key: "1", label: "One" }], can_go_back: false, idle_s: 90 });
const PLACE = /** @type {any} */ ({ type: "queue_position", queue: "q", queue_name: "Q", place: 2, ahead: 1, waited_s: 30 });
const PEER = /** @type {any} */ ({ type: "peer_state", display_name: "Léa", connected: true, audio: true, video: true, screen: false });

/** @param {any[]} messages */
const customerAfter = (...messages) => messages.reduce((view, message) => customer.fold(view, message, 1_000_000), customer.newView());
/** @param {any[]} messages */
const agentAfter = (...messages) => messages.reduce((view, message) => agent.fold(view, message, 1_000_000), agent.newView());

const SCREENS = [
  ["initiated", "connecting"],
  ["queued", "waiting"],
  ["offered", "waiting"],
  ["bridging", "joining"],
  ["active", "talking"],
  ["held", "held"],
  ["transferring", "held"],
  ["consult_ringing", "held"],
  ["consulting", "held"],
  ["voice", "voice"],
  ["wrap_up", "ended"],
  ["closed", "ended"],
  ["a_state_of_a_newer_gateway", "connecting"],
];

for (const [state, screen] of SCREENS) {
  test(`a customer whose contact is ${state} sees the screen ${screen}`, () => {
    assert.equal(customer.screenOf(customerAfter(contact(state))), screen);
  });
}

test("where the phone system carries the voice, the call goes on whatever the video does", () => {
  const apart = { voice_apart: true };
  for (const state of ["voice", "bridging", "transferring"]) {
    assert.equal(customer.screenOf(customerAfter(contact("active", apart), PEER, contact(state, apart))), "voice", state);
  }
  assert.equal(customerAfter(contact("active", apart), PEER, contact("voice", apart)).peer, null);
});

test("nobody's camera is sent before an agent can see it, also not to a phone call", () => {
  const seen = ["queued", "offered", "voice", "bridging", "active", "held"].filter((state) => customer.meets(customerAfter(contact(state))));
  assert.deepEqual(seen, ["bridging", "active", "held"]);
});

test("an agent's call has its voice on the phone only where it says so", () => {
  assert.equal(agentAfter(ASSIGNED).assigned?.voice_apart, false);
  assert.equal(agentAfter({ ...ASSIGNED, voice_apart: true }).assigned?.voice_apart, true);
});

test("the menu shows once its node is there, and goes with the menu", () => {
  assert.equal(customer.screenOf(customerAfter(contact("in_menu"))), "connecting");
  assert.equal(customer.screenOf(customerAfter(contact("in_menu"), NODE)), "menu");
  assert.equal(customerAfter(contact("in_menu"), NODE, contact("queued")).menu, null);
});

/** @param {string} node_id @param {string[]} keys @returns {any} */
const node = (node_id, keys) => ({ ...NODE, node_id, options: keys.map((key) => ({ key, label: key })) });

test("keys pressed while the menu answers are used at the nodes that follow, one each", () => {
  let { view, key } = customer.press(customerAfter(contact("in_menu"), node("root", ["1"])), "1");
  assert.equal(key, "1");
  for (const ahead of ["2", "3"]) ({ view, key } = customer.press(view, ahead));
  assert.equal(key, null);
  ({ view, key } = customer.pressAhead(customer.fold(view, node("second", ["1", "2"]), 0)));
  assert.deepEqual([key, view.menu_sent], ["2", true]);
  ({ view, key } = customer.pressAhead(customer.fold(view, node("third", ["3"]), 0)));
  assert.deepEqual([key, view.menu_ahead], ["3", []]);
  assert.equal(customer.pressAhead(customer.fold(view, node("fourth", ["3"]), 0)).key, null);
});

test("keys pressed ahead are forgotten at a node that doesn't know them, after a refusal, and with the menu", () => {
  const first = customer.press(customerAfter(contact("in_menu"), node("root", ["1"])), "1").view;
  const ahead = ["7", "1"].reduce((view, key) => customer.press(view, key).view, first);
  const { view, key } = customer.pressAhead(customer.fold(ahead, node("second", ["1"]), 0));
  assert.deepEqual([key, view.menu_ahead, view.menu_sent], [null, [], false]);
  assert.deepEqual(customer.fold(ahead, /** @type {any} */ ({ type: "error", code: "menu_stale", detail: "" }), 0).menu_ahead, []);
  assert.deepEqual(customer.fold(ahead, contact("queued"), 0).menu_ahead, []);
});

test("of keys pressed ahead only so many are kept, and a key that no option has is no choice", () => {
  let { view } = customer.press(customerAfter(contact("in_menu"), NODE), "1");
  for (let pressed = 0; pressed < 50; pressed += 1) ({ view } = customer.press(view, "1"));
  assert.equal(view.menu_ahead.length, 8);
  assert.equal(customer.press(customerAfter(contact("in_menu"), NODE), "9").key, null);
  assert.equal(customer.press(customerAfter(contact("in_menu"), NODE), "back").key, null);
});

test("the menu's answer stays to be read after the contact has ended with it", () => {
  const ended = customerAfter(contact("in_menu"), { ...NODE, text: "Nine to seven.", options: [] }, contact("closed", { end_reason: "self_served" }));
  assert.equal(ended.answer, "Nine to seven.");
  assert.equal(customerAfter(contact("in_menu"), NODE, contact("closed", { end_reason: "abandoned_in_menu" })).answer, "");
});

test("waiting counts from when it began, not from when the message came", () => {
  assert.equal(customerAfter(contact("queued"), PLACE).queued_at_ms, 970_000);
});

test("an offer to an agent is nothing a customer would notice", () => {
  const before = customerAfter(contact("queued"), PLACE);
  const after = customer.fold(before, contact("offered"), 1_000_500);
  assert.equal(customer.screenOf(after), customer.screenOf(before));
  assert.equal(after.queue, before.queue);
});

test("talk time survives hold and is told at the end", () => {
  let view = customer.fold(customer.newView(), contact("active", { talk_s: 10 }), 1_000_000);
  view = customer.fold(view, contact("held"), 1_020_000);
  view = customer.fold(view, contact("active"), 1_030_000);
  view = customer.fold(view, contact("wrap_up"), 1_050_000);
  assert.equal(view.talk_s, 60);
});

test("a customer put back in the queue is in line again, without the agent who was lost", () => {
  const view = customerAfter(contact("active"), PEER, contact("queued"), PLACE);
  assert.equal(view.peer, null);
  assert.equal(view.talking_since_ms, null);
  assert.equal(customer.screenOf(view), "waiting");
});

test("a refused key can be pressed again", () => {
  const view = { ...customerAfter(contact("in_menu"), NODE), menu_sent: true };
  const after = customer.fold(view, /** @type {any} */ ({ type: "error", code: "menu_stale", detail: "" }), 0);
  assert.deepEqual([after.menu_sent, after.error_code], [false, "menu_stale"]);
});

// ---------------------------------------------------------------- agent

const CARD = { display_name: "Amina", language: "fr", site: "demo", page_url: "", page_title: "", form: {}, menu_path: [] };
const OFFER = { type: "offer", offer_id: "of_1", contact_id: "ct_1", queue: "q", queue_name: "Q", customer: CARD, waited_s: 5, deadline_s: 20 };
const ASSIGNED = { type: "assigned", contact_id: "ct_1", queue_name: "Q", customer: CARD };
const WRAP_UP = { type: "wrap_up_started", contact_id: "ct_1", dispositions: ["resolved"], deadline_s: 120 };
/** @param {string} state @param {object} [more] */
const own = (state, more = {}) => ({ type: "agent_state", state, ...more });

test("the agent's screens follow a call from ready to ready", () => {
  const steps = [
    [own("not_ready", { reason: "login" }), "idle"],
    [own("ready"), "idle"],
    [own("reserved"), "idle"],
    [OFFER, "offer"],
    [{ type: "offer_ended", offer_id: "of_1", reason: "accepted" }, "idle"],
    [own("busy", { contact_id: "ct_1" }), "idle"],
    [ASSIGNED, "call"],
    [contact("bridging"), "call"],
    [contact("active"), "call"],
    [contact("wrap_up"), "call"],
    [own("working_after_call", { contact_id: "ct_1" }), "call"],
    [WRAP_UP, "wrap_up"],
    [own("ready"), "idle"],
  ];
  let view = agent.newView();
  assert.equal(agent.screenOf(view), "loading");
  for (const [message, screen] of steps) {
    view = agent.fold(view, /** @type {any} */ (message), 0);
    assert.equal(agent.screenOf(view), screen, JSON.stringify(message));
  }
  assert.equal(view.assigned, null);
});

test("a reload in mid-call brings the call view whatever comes first", () => {
  assert.equal(agent.screenOf(agentAfter(ASSIGNED, contact("active"), own("busy"))), "call");
  assert.equal(agent.screenOf(agentAfter(own("busy"), ASSIGNED, contact("active"))), "call");
  assert.equal(agent.screenOf(agentAfter(own("working_after_call"), ASSIGNED, contact("wrap_up"), WRAP_UP)), "wrap_up");
});

test("a missed call is said until the agent is ready again", () => {
  const missed = agentAfter(own("reserved"), OFFER, { type: "offer_ended", offer_id: "of_1", reason: "timed_out" }, own("not_ready", { reason: "rona" }));
  assert.equal(missed.offer_ended, "timed_out");
  assert.equal(agent.fold(missed, /** @type {any} */ (own("ready")), 0).offer_ended, null);
});

test("a panel that rings beside others shows the call, and says that somebody else took it while it stays ready", () => {
  const rings = agentAfter(own("ready"), OFFER);
  assert.equal(agent.screenOf(rings), "offer");
  assert.notEqual(agent.fold(rings, /** @type {any} */ (own("ready")), 0).offer, null, "its own state told again ends nothing");
  for (const reason of ["taken", "unanswered"]) {
    const after = agent.fold(rings, /** @type {any} */ ({ type: "offer_ended", offer_id: "of_1", reason }), 0);
    assert.deepEqual([after.offer_ended, agent.screenOf(after), after.state], [reason, "idle", "ready"]);
    assert.equal(agent.fold(after, /** @type {any} */ (OFFER), 0).offer_ended, null, "until it rings again");
  }
});

test("who accepts too late reads that somebody else took the call, and no error beside it", () => {
  const late = agentAfter(own("ready"), OFFER, { type: "offer_ended", offer_id: "of_1", reason: "taken" }, { type: "error", code: "no_contact" });
  assert.deepEqual([late.offer_ended, late.error_code], ["taken", null]);
});

test("that a caller has left stays to be read, whichever is told first: the end or that the agent is ready as before", () => {
  const ended = { type: "offer_ended", offer_id: "of_1", reason: "withdrawn" };
  for (const told of [[ended, own("ready")], [own("ready"), ended]]) {
    const after = agentAfter(own("reserved"), OFFER, ...told, own("ready"));
    assert.deepEqual([after.offer_ended, agent.screenOf(after)], ["withdrawn", "idle"]);
    const late = agent.fold(after, /** @type {any} */ ({ type: "error", code: "offer_stale" }), 0);
    assert.equal(late.error_code, null, "an accept that crossed it needs no second note");
    for (const next of [own("not_ready", { reason: "break" }), OFFER, own("busy")]) {
      assert.equal(agent.fold(after, /** @type {any} */ (next), 0).offer_ended, null, next.type);
    }
  }
});

test("the end of another offer does not stop this one ringing", () => {
  const view = agentAfter(own("reserved"), OFFER, { type: "offer_ended", offer_id: "of_0", reason: "withdrawn" });
  assert.equal(view.offer?.offer_id, "of_1");
});

test("news of a contact that is not on the panel changes nothing", () => {
  const view = agentAfter(own("busy"), ASSIGNED, contact("active"));
  assert.equal(agent.fold(view, { ...contact("closed"), contact_id: "ct_2" }, 0), view);
});

test("the next contact starts with nothing of the one before", () => {
  const view = agentAfter(own("busy"), ASSIGNED, contact("active"), PEER, WRAP_UP, { ...ASSIGNED, contact_id: "ct_2" });
  assert.deepEqual([view.peer, view.wrap_up, view.contact_state, view.talking_since_ms], [null, null, "", null]);
});

test("keeping the place is offered from the moment the gateway named, and can be asked for again when it was refused", () => {
  assert.equal(customerAfter(contact("queued"), PLACE).keep_at_ms, null);
  const offered = customerAfter(contact("queued"), { ...PLACE, keep_in_s: 20 });
  assert.equal(offered.keep_at_ms, 1_020_000);
  const asked = { ...offered, keep_sent: true };
  for (const refusal of [{ type: "place_not_kept", code: "places_full" }, { type: "error", code: "places_full", detail: "" }]) {
    const after = customer.fold(asked, /** @type {any} */ (refusal), 0);
    assert.deepEqual([after.keep_sent, after.keep_code, after.error_code], [false, "places_full", null]);
  }
});
