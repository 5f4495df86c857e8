// The chat of a page: one order, each line once however often the connection breaks, and no link that hides where it leads.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CHATS, ChatBook, parts } from "../../../web/static/lib/chat.js";
import { memoryStore } from "../../../web/static/lib/dom.js";

function rig(store = memoryStore()) {
  /** @type {import("../../../web/static/lib/messages.js").Chat[]} */
  const sent = [];
  let made = 0;
  const book = new ChatBook({
    contact_id: "ct_1",
    send: (message) => sent.push(message),
    store,
    new_id: () => `line-${String(++made).padStart(4, "0")}`,
  });
  return { book, sent, store };
}

/** @param {number} number @param {string} text @param {string | null} [client_id] */
const line = (number, text, client_id = null) => ({ type: /** @type {const} */ ("chat_line"), number, by: client_id === null ? "agent" : "customer", name: "A", at: "2026-03-02T09:00:00Z", text, client_id });
/** @param {ReturnType<typeof line>[]} lines */
const history = (lines, earlier = 0) => ({ type: /** @type {const} */ ("chat_history"), lines: lines.map(({ type: _, ...rest }) => rest), earlier });
/** @param {ChatBook} book */
const texts = (book) => book.lines.map((each) => each.text);

test("a line is on its way until the gateway tells it back", () => {
  const { book, sent } = rig();
  assert.equal(book.write("  "), false);
  assert.equal(book.write(" Hi "), true);
  assert.deepEqual(sent, [{ type: "chat", client_id: "line-0001", text: "Hi" }]);
  assert.equal(book.pending.length, 1);
  book.receive(line(1, "Hi", "line-0001"));
  assert.equal(book.pending.length, 0);
  assert.deepEqual(texts(book), ["Hi"]);
});

test("what is being written stays until it is sent", () => {
  const { book } = rig();
  book.draft = "  ";
  book.write(book.draft);
  assert.equal(book.draft, "  ");
  book.draft = "Hi";
  book.open = false;
  assert.equal(book.draft, "Hi");
  book.write(book.draft);
  assert.equal(book.draft, "");
});

test("lines stand in the gateway's order, and each once", () => {
  const { book } = rig();
  book.receive(line(2, "two"));
  book.receive(line(1, "one"));
  book.receive(line(2, "two"));
  assert.deepEqual(texts(book), ["one", "two"]);
});

test("after a new beginning what is on its way is sent again under the same id", () => {
  const { book, sent } = rig();
  book.receive(line(1, "before"));
  book.write("Hi");
  book.renewed();
  assert.deepEqual(texts(book), []);
  assert.deepEqual(sent.map((each) => each.client_id), ["line-0001", "line-0001"]);
  book.receive(history([line(1, "before"), line(2, "Hi", "line-0001")]));
  assert.equal(book.pending.length, 0);
  book.receive(line(2, "Hi", "line-0001"));
  assert.deepEqual(texts(book), ["before", "Hi"]);
});

test("a refused line stays, and is sent again or given up by the person", () => {
  const { book, sent } = rig();
  book.write("Hi");
  const refusal = { type: /** @type {const} */ ("error"), code: "chat_too_fast", detail: "", re_seq: 1 };
  assert.equal(book.receive(refusal), true);
  assert.equal(book.pending[0].code, "chat_too_fast");
  book.renewed();
  assert.equal(sent.length, 1, "nobody sends it again by themselves");
  book.again("line-0001");
  assert.equal(book.pending[0].code, null);
  assert.equal(sent.length, 2);
  book.drop("line-0001");
  assert.equal(book.pending.length, 1, "what is on its way can't be given up");
  book.receive({ ...refusal, re_seq: 2 });
  book.drop("line-0001");
  assert.equal(book.pending.length, 0);
});

test("what is said of another message is not for the chat", () => {
  const { book } = rig();
  book.write("Hi");
  assert.equal(book.receive({ type: "error", code: "menu_stale", detail: "", re_seq: 7 }), false);
  assert.equal(book.receive({ type: "error", code: "menu_stale", detail: "", re_seq: null }), false);
  assert.equal(book.receive({ type: "menu_node", node_id: "a", text: "", options: [], can_go_back: false, idle_s: 1 }), false);
});

test("only lines of the other side that were not on the screen count as unread, after a reload too", () => {
  const { book, store } = rig();
  book.receive(line(1, "one"));
  book.receive(line(2, "mine", "line-0009"));
  assert.equal(book.unread, 1);
  book.open = true;
  assert.equal(book.unread, 0);
  book.receive(line(3, "three"));
  assert.equal(book.unread, 0);
  book.open = false;
  book.receive(line(4, "four"));
  assert.equal(book.unread, 1);
  const again = rig(store).book;
  again.receive(history([line(1, "one"), line(2, "mine", "line-0009"), line(3, "three"), line(4, "four")]));
  assert.equal(again.unread, 1);
});

test("nobody is written to before an agent has the contact, or with the voice alone", () => {
  for (const state of ["initiated", "in_menu", "queued", "offered", "voice", "wrap_up", "closed", ""]) assert.equal(CHATS.has(state), false, state);
  for (const state of ["bridging", "active", "held", "consulting"]) assert.equal(CHATS.has(state), true, state);
});

test("an https address can be pressed, what stands around it can not", () => {
  assert.deepEqual(parts("see (https://shop.example/a?b=1#c)."), [
    { text: "see (", href: null },
    { text: "https://shop.example/a?b=1#c", href: "https://shop.example/a?b=1#c" },
    { text: ").", href: null },
  ]);
});

for (const text of [
  "javascript:alert(1)",
  "http://shop.example",
  "data:text/html,x",
  "HTTPS//shop.example",
  "https://user:pass@evil.example/",
  "https://shop.example@evil.example/",
  "https://shоp.example/", // a Cyrillic o
  "https://xn--shp-8cd.example/",
  "https://",
  "https://0x7f.1/",
  '"><img src=x onerror=alert(1)>',
]) {
  test(`${text} is text`, () => {
    assert.deepEqual(parts(text).filter((part) => part.href !== null), []);
    assert.equal(parts(text).map((part) => part.text).join(""), text);
  });
}
