// Start of the widget's frame: whether video is offered here and now, and the app itself once somebody opens it.
//
// On most page views nobody presses the button: until then only this module, the texts and one small request are loaded.

import { has, pickLanguage, t, useLanguage } from "../lib/i18n.js";
import { Place, SESSION_KEY } from "./place.js";
import { OPEN } from "./turn.js";

const RECHECK_MS = 60_000;

const place = new Place();
/** @type {Promise<import("./app.js").Customer> | null} */
let app = null;

/** Load the app, at the first opening or because a place is kept that it must watch. */
function loadApp() {
  app ??= import("./app.js").then(({ Customer }) => {
    const element = new Customer(place);
    document.body.append(element);
    return element;
  });
  return app;
}

/** Every opening puts the focus into it. */
async function openApp() {
  (await loadApp()).opened();
}

/** Whether a place is kept for whoever looks. */
const kept = () => OPEN.has(place.invitation?.place?.state ?? "");

function tellAvailability() {
  const { availability } = place;
  const code = availability?.code ?? "";
  const says_why = availability !== null && !availability.offered && has(`launcher.${code}`);
  place.bridge.tell({
    type: "availability",
    offered: (availability?.offered ?? false) || kept(),
    label: t(kept() ? "launcher.kept" : "launcher.open"),
    closed: says_why ? t(`launcher.${code}`) : "",
  });
}

/** @param {import("./bridge.js").PageContext} page */
async function usePage(page) {
  place.page = page;
  await useLanguage(pickLanguage([page.language, "auto"]));
}

place.bridge.addEventListener("page", async (event) => {
  const message = /** @type {CustomEvent<import("./bridge.js").PageMessage>} */ (event).detail;
  if (message.type === "payment") {
    place.usePayment(message.open);
    return;
  }
  place.usePayment(message.payment);
  await usePage(message);
  if (message.type === "opened") {
    await openApp();
    return;
  }
  await place.check();
  tellAvailability();
  if (place.tab.getItem(SESSION_KEY) !== null) {
    await openApp(); // a call was in progress when the page was reloaded: the app decides whether it still lives
  } else if (kept()) {
    await loadApp(); // it rings when the turn comes
  }
});

window.setInterval(async () => {
  if (app !== null || document.hidden || !place.bridge.embedded) return;
  await place.check();
  tellAvailability();
}, RECHECK_MS);

if (!place.bridge.embedded) {
  await usePage({ language: new URLSearchParams(window.location.search).get("language") ?? "auto", page_url: "", page_title: "", name: "", form: {}, identity: "" });
  await place.check();
  await openApp();
}
