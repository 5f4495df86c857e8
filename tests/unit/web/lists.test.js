// The lists of the console: what each was asked for is there again when one comes back to it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Lists } from "../../../web/static/admin/lists.js";
import { historyStore } from "../../../web/static/lib/dom.js";

/** As much of a tab's history as a list needs. */
class Entries {
  /** @type {unknown[]} */
  states = [null];
  at = 0;

  get state() {
    return this.states[this.at];
  }

  /** @param {unknown} state */
  replaceState(state) {
    this.states[this.at] = state;
  }

  follow() {
    this.states = [...this.states.slice(0, this.at + 1), null];
    this.at += 1;
  }
}

function opened(history = new Entries()) {
  return { history, lists: new Lists(historyStore(/** @type {any} */ (history))) };
}

test("a list that is come back to asks for what it was asked for at that place of the history", () => {
  const { history, lists } = opened();
  assert.equal(lists.arrive("contacts", ""), "");
  history.follow();
  assert.equal(lists.arrive("recordings", "contacts"), "");
  lists.ask("recordings", "state=failed");
  history.follow(); // one of them
  history.at = 1;
  assert.equal(lists.arrive("recordings", "recordings"), "state=failed");
  history.at = 0;
  assert.equal(lists.arrive("contacts", "recordings"), "");
});

test("a reload forgets nothing", () => {
  const { history, lists } = opened();
  lists.arrive("customers", "");
  lists.ask("customers", "key=48213");
  assert.equal(opened(history).lists.arrive("customers", ""), "key=48213");
});

test("a link leads to the whole list, and from one of its own items back to what was asked", () => {
  const { history, lists } = opened();
  lists.arrive("contacts", "");
  lists.ask("contacts", "state=active");
  history.follow(); // a contact
  history.follow();
  assert.equal(lists.arrive("contacts", "contacts"), "state=active");
  history.follow();
  assert.equal(lists.arrive("contacts", "board"), "");
});

test("a list that was asked for everything stays so, whatever another visit to it asked for", () => {
  const { history, lists } = opened();
  lists.arrive("contacts", "");
  history.follow(); // a contact
  history.follow();
  lists.arrive("contacts", "board");
  lists.ask("contacts", "state=active");
  history.at = 0;
  assert.equal(lists.arrive("contacts", "contacts"), "");
});
