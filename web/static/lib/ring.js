// Making somebody look up: sound, the title of the tab, a notification of the system. Nothing else.

import { startRing, stopRing, unlockSound } from "./sound.js";

const BLINK_MS = 1_000;

export class Ring {
  #timer = 0;
  #title = "";
  /** @type {Notification | null} */
  #notification = null;

  /** Ask for what needs a gesture: call it from a click. */
  prepare() {
    unlockSound();
    if ("Notification" in window && Notification.permission === "default") void Notification.requestPermission();
  }

  /**
   * @param {string} title
   * @param {string} text
   * @param {string} tag one notification per offer
   */
  start(title, text, tag) {
    if (this.#timer !== 0) return;
    startRing();
    this.#title = document.title;
    let on = false;
    const blink = () => {
      on = !on;
      document.title = on ? `● ${title}` : this.#title;
    };
    blink();
    this.#timer = window.setInterval(blink, BLINK_MS);
    if ("Notification" in window && Notification.permission === "granted" && !document.hasFocus()) {
      this.#notification = notify(title, text, tag);
    }
  }

  stop() {
    if (this.#timer === 0) return;
    stopRing();
    window.clearInterval(this.#timer);
    this.#timer = 0;
    document.title = this.#title;
    this.#notification?.close();
    this.#notification = null;
  }
}

/**
 * @param {string} title
 * @param {string} body
 * @param {string} tag
 */
function notify(title, body, tag) {
  try {
    const notification = new Notification(title, { body, tag, icon: "/static/icon.svg", requireInteraction: true });
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
    return notification;
  } catch (error) {
    if (error instanceof TypeError) return null; // phones allow it to service workers only
    throw error;
  }
}
