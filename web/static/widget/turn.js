// A kept place, watched while the page is open: where it stands, and a ring when its turn has come.
//
// It asks the gateway again and again, because nobody holds a socket for who has left the line.

import { t } from "../lib/i18n.js";
import { Ring } from "../lib/ring.js";

const EVERY_MS = 10_000;
/** Nobody is rung at for minutes: the title goes on saying it. */
const LOUD_MS = 60_000;

/** States in which the place may still be taken. */
export const OPEN = new Set(["kept", "due"]);

/** Event: `change`. */
export class Turn extends EventTarget {
  #place;
  #ring = new Ring();
  #timer = 0;
  #loud = 0;
  /** When `place.invitation.place` was learnt. */
  asked_ms = 0;

  /** @param {import("./place.js").Place} place */
  constructor(place) {
    super();
    this.#place = place;
  }

  /** Watch from now on, if there is something to watch. */
  start() {
    this.stop();
    this.asked_ms = Date.now();
    const kept = this.#place.invitation?.place ?? null;
    if (kept === null || !OPEN.has(kept.state)) return;
    if (kept.state === "due") this.#call();
    this.#timer = window.setTimeout(this.#ask, EVERY_MS);
  }

  stop() {
    window.clearTimeout(this.#timer);
    this.#timer = 0;
    this.hush();
  }

  /** They have noticed. */
  hush() {
    window.clearTimeout(this.#loud);
    this.#ring.stop();
  }

  #ask = async () => {
    const before = this.#place.invitation?.place?.state;
    await this.#place.look();
    if (this.#timer === 0) return; // stopped meanwhile
    this.asked_ms = Date.now();
    const kept = this.#place.invitation?.place ?? null;
    if (kept !== null && kept.state === "due" && before !== "due") this.#call();
    if (kept === null || !OPEN.has(kept.state)) this.stop();
    else this.#timer = window.setTimeout(this.#ask, EVERY_MS);
    this.dispatchEvent(new CustomEvent("change"));
  };

  #call() {
    this.#place.bridge.tell({ type: "open" });
    this.#ring.start(t("kept.due_title"), t("kept.due_notice"), "visavis-turn");
    this.#loud = window.setTimeout(() => this.hush(), LOUD_MS);
  }
}

/** Whether this browser could be asked to show notifications: never from within another site's page. @param {boolean} embedded */
export const canNotify = (embedded) => !embedded && "Notification" in window && Notification.permission === "default";
