// What is said over the picture while the other side can't be seen: why, for how long, and what comes next.

import { t } from "../lib/i18n.js";

/** @typedef {import("../lib/messages.js").PeerState} PeerState */
/**
 * @typedef {object} Away the other side's absence, by this page's clock
 * @property {string} cause
 * @property {number} since_ms
 * @property {number | null} until_ms when the gateway goes on without them
 */

/** Causes with words of their own; a newer gateway may know more. */
const KNOWN = new Set(["network", "reloading", "left_page", "media_restart", "media_worker_lost"]);

/**
 * @param {PeerState} peer
 * @param {number} now_ms
 * @returns {Away | null}
 */
export function awayOf(peer, now_ms) {
  const { away } = peer;
  if (away == null) return null;
  return {
    cause: away.cause,
    since_ms: now_ms - away.since_s * 1000,
    until_ms: away.deadline_s == null ? null : now_ms + away.deadline_s * 1000,
  };
}

/** One sentence, said once to a screen reader. @param {string} name @param {Away} away */
export function awayTitle(name, away) {
  return t(`away.${KNOWN.has(away.cause) ? away.cause : "network"}`, { name });
}

/**
 * @param {string} name of who is away
 * @param {Away} away
 * @param {number} now_ms
 * @param {"next_agent" | "call_ends"} then what happens when they don't come back
 */
export function awayVeil(name, away, now_ms, then) {
  const seconds = Math.max(0, Math.floor((now_ms - away.since_ms) / 1000));
  const left = away.until_ms === null ? null : Math.max(0, Math.floor((away.until_ms - now_ms) / 1000));
  const parts = [t("away_for", { count: seconds })];
  if (left !== null) parts.push(t(`away_then.${then}`, { count: left }));
  return { title: awayTitle(name, away), text: parts.join(" "), busy: true };
}
