// widget/bridge.js: the frame hears its own page only, in one shape, and tells nobody else anything.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bridge, readPageMessage } from "../../../web/static/widget/bridge.js";

const HELLO = { visavis: 1, type: "hello", language: "auto", page: { url: "https://shop.example/cart", title: "Cart" }, name: "Amina", form: { Step: "2" } };

test("a well-formed hello is read into plain values", () => {
  assert.deepEqual(readPageMessage(HELLO), { type: "hello", language: "auto", page_url: "https://shop.example/cart", page_title: "Cart", name: "Amina", identity: "", payment: false, form: { Step: "2" } });
});

test("a page says when a payment field opens and closes, and says it in its hello too", () => {
  assert.deepEqual(readPageMessage({ visavis: 1, type: "payment", open: true }), { type: "payment", open: true });
  assert.equal(readPageMessage({ visavis: 1, type: "payment", open: "yes" }), null);
  assert.deepEqual(readPageMessage({ ...HELLO, payment: true }), { ...readPageMessage(HELLO), payment: true });
});

const BAD = {
  "nothing": null,
  "a text": "hello",
  "another's message": { ...HELLO, visavis: undefined },
  "another version": { ...HELLO, visavis: 2 },
  "an unknown type": { ...HELLO, type: "hang_up" },
  "a huge name": { ...HELLO, name: "x".repeat(41) },
  "no page": { ...HELLO, page: null },
  "a page that is no web page": { ...HELLO, page: { url: "javascript:alert(1)", title: "" } },
  "a huge title": { ...HELLO, page: { ...HELLO.page, title: "x".repeat(201) } },
  "too many fields": { ...HELLO, form: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`f${index}`, "x"])) },
  "a huge value": { ...HELLO, form: { a: "x".repeat(201) } },
  "a payment that is neither open nor closed": { ...HELLO, payment: "perhaps" },
  "a value that is no text": { ...HELLO, form: { a: { b: 1 } } },
};

for (const [what, data] of Object.entries(BAD)) {
  test(`${what} is ignored`, () => assert.equal(readPageMessage(data), null));
}

function setUp() {
  /** @type {((event: any) => void)[]} */
  const listeners = [];
  /** @type {[any, string][]} */
  const told = [];
  const parent = { postMessage: (/** @type {any} */ message, /** @type {string} */ origin) => told.push([message, origin]) };
  const own = /** @type {any} */ ({ parent, addEventListener: (/** @type {string} */ _type, /** @type {any} */ listener) => listeners.push(listener) });
  const bridge = new Bridge(own);
  /** @type {any[]} */
  const heard = [];
  bridge.addEventListener("page", (event) => heard.push(/** @type {CustomEvent} */ (event).detail));
  const post = (/** @type {any} */ data, origin = "https://shop.example", source = /** @type {any} */ (parent)) => listeners[0]({ data, origin, source });
  return { bridge, heard, told, post };
}

test("nothing is told before the page has said hello, and then to its origin only", () => {
  const { bridge, told, post } = setUp();
  bridge.tell({ type: "open" });
  assert.deepEqual(told, []);
  post(HELLO);
  bridge.tell({ type: "open" });
  assert.deepEqual(told, [[{ visavis: 1, type: "open" }, "https://shop.example"]]);
});

test("another window, a nested frame and another origin are not heard", () => {
  const { heard, post } = setUp();
  post(HELLO, "https://evil.example", {});
  assert.equal(heard.length, 0);
  post(HELLO);
  post(HELLO, "https://evil.example");
  assert.equal(heard.length, 1);
});

test("the origin is fixed by a hello, never by an opening or by a page without origin", () => {
  const { heard, post } = setUp();
  post({ ...HELLO, type: "opened" });
  post(HELLO, "null");
  assert.equal(heard.length, 0);
});
