// When the device tells that its network may be another one: the session is looked after at once, not at its next timer.

/** @typedef {import("./session.js").Session} Session */

/**
 * @param {() => Session | null} current the session of the page at that moment
 * @param {AbortSignal} signal
 */
export function watchReach(current, signal) {
  const probe = () => void current()?.probe();
  window.addEventListener("online", () => current()?.renew(), { signal });
  window.addEventListener("pageshow", probe, { signal });
  // A page that comes to the front may have slept through the loss: its timers did not run.
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && probe(), { signal });
}
