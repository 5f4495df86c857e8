// Where signing in leads.

import assert from "node:assert/strict";
import { test } from "node:test";

import { destination, signInAddress } from "../../../web/static/lib/sign-in.js";

/** What the address to sign in at asks to come back to. @param {string} pathname @param {string} hash */
const next_of = (pathname, hash) => new URL(signInAddress({ pathname, hash }), "http://127.0.0.1").searchParams.get("next");
const EVERYBODY = ["admin", "supervisor", "agent"];

test("a link into the console is come back to, with the place in it", () => {
  for (const [pathname, hash] of [["/admin/", "#/recordings/rc_0a-B"], ["/admin/", "#/contacts"], ["/admin/", ""], ["/agent/", ""], ["/agent/claim/7K3Q-XM2P", ""]]) {
    const next = next_of(pathname, hash);
    assert.equal(next, pathname + hash);
    assert.equal(destination(next, EVERYBODY), next);
  }
});

test("a fragment that is no place of the console goes nowhere", () => {
  for (const hash of ["#token", `#${"A".repeat(43)}`, "#/recordings/../x", "#/recordings/a/b", "#/Recordings", "#link=1", "#/recordings?x=1"]) {
    assert.equal(next_of("/admin/", hash), "/admin/", hash);
    assert.equal(next_of("/agent/", hash), "/agent/", hash);
  }
  assert.equal(next_of("/agent/", "#/recordings/rc_1"), "/agent/");
});

test("signing in leads to no other page and no other site", () => {
  for (const next of [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "/admin//evil.example",
    "/admin/#/recordings/rc_1\n",
    "/admin/?x#/recordings",
    "/admin/#//evil.example",
    "/admin/#/recordings/https://evil.example",
    "/agent/#/recordings",
    "/agent/claim/",
    "/agent/embed/",
    "/widget/",
    "javascript:alert(1)",
    "",
  ]) {
    assert.equal(destination(next, EVERYBODY), "/admin/", next);
    assert.equal(destination(next, ["agent"]), "/agent/", next);
  }
});

test("who may not open it goes to their own page", () => {
  assert.equal(destination("/admin/#/contacts", ["agent"]), "/agent/");
  assert.equal(destination("/agent/claim/7K3QXM2P", ["admin"]), "/admin/");
  assert.equal(destination(null, ["agent"]), "/agent/");
  assert.equal(destination(null, ["agent", "supervisor"]), "/agent/");
  assert.equal(destination(null, ["supervisor"]), "/admin/");
  assert.equal(destination("/admin/#/recordings/rc_1", ["agent", "supervisor"]), "/admin/#/recordings/rc_1");
});
