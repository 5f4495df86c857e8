// The panel of one call in another's desktop: what it takes from its address, and whom it tells.

import assert from "node:assert/strict";
import { test } from "node:test";

import { takeClaim } from "../../../web/static/embed/claim.js";
import { historyStore } from "../../../web/static/lib/dom.js";
import { Desktop } from "../../../web/static/embed/desktop.js";

const CLAIM = "A".repeat(43);

/** @param {string} hash */
function page(hash) {
  /** @type {string[]} */
  const addresses = [];
  const own = { location: { hash, pathname: "/agent/embed/" }, history: { state: null, replaceState: (/** @type {any} */ _, /** @type {any} */ __, /** @type {string} */ to) => addresses.push(to) } };
  return { own: /** @type {any} */ (own), addresses };
}

test("the claim leaves the address and the history", () => {
  const { own, addresses } = page(`#claim=${CLAIM}&language=fr`);
  assert.deepEqual(takeClaim(own), { claim: CLAIM, language: "fr" });
  assert.deepEqual(addresses, ["/agent/embed/"]);
});

test("what can be no claim is none", () => {
  for (const hash of ["", "#", "#claim=", "#claim=short", `#claim=${CLAIM}<b>`, `#claim=${"A".repeat(201)}`]) {
    assert.equal(takeClaim(page(hash).own).claim, "", hash);
  }
});

/** @param {{around?: string, popup?: boolean}} where */
function framed({ around, popup = false }) {
  /** @type {[string, string][]} */
  const said = [];
  const outer = { postMessage: (/** @type {any} */ message, /** @type {string} */ origin) => said.push([message.event, origin]) };
  /** @type {any} */
  const own = { location: { ancestorOrigins: around === undefined ? undefined : [around] }, opener: popup ? outer : null };
  own.parent = popup ? own : outer;
  return { desktop: new Desktop(own), said };
}

const ALLOWED = ["https://desk.example", "https://other.example"];

test("a frame tells the allowed origin around it and no other", () => {
  const { desktop, said } = framed({ around: "https://desk.example" });
  desktop.allow(ALLOWED);
  desktop.tell("ready");
  desktop.tell("ready");
  desktop.tell("connected");
  assert.deepEqual(said, [["ready", "https://desk.example"], ["connected", "https://desk.example"]]);
});

test("a frame in a page that is not allowed tells nobody", () => {
  const { desktop, said } = framed({ around: "https://evil.example" });
  desktop.allow(ALLOWED);
  desktop.tell("ready");
  assert.deepEqual(said, []);
});

test("where the browser does not say who is around it, each message names its one origin", () => {
  for (const where of [{}, { popup: true }]) {
    const { desktop, said } = framed(where);
    desktop.allow(ALLOWED);
    desktop.tell("failed", "panel_claim_used");
    assert.deepEqual(said, ALLOWED.map((origin) => ["failed", origin]));
  }
});

test("before it is known who may hear it, nothing is said", () => {
  const { desktop, said } = framed({ around: "https://desk.example" });
  desktop.tell("ready");
  assert.deepEqual(said, []);
});

test("where storage is forbidden, what a frame keeps stands in its history and outlives its reload", () => {
  const history = { state: /** @type {any} */ (null), replaceState: (/** @type {any} */ state) => (history.state = structuredClone(state)) };
  const store = historyStore(/** @type {any} */ (history));
  assert.equal(store.getItem("a"), null);
  store.setItem("a", "1");
  store.setItem("b", "2");
  store.removeItem("a");
  const loaded_again = historyStore(/** @type {any} */ (history));
  assert.deepEqual([loaded_again.getItem("a"), loaded_again.getItem("b")], [null, "2"]);
});
