// What the customer's page shows, as a fold over the gateway's messages. Pure: no DOM, no clock, no socket.

import { awayOf } from "../elements/away.js";

/** @typedef {import("../lib/messages.js").ServerMessage} ServerMessage */

/**
 * @typedef {object} View
 * @property {string | null} contact_id
 * @property {string} state of the contact; "" before the first word of it
 * @property {string | null} end_reason
 * @property {boolean} voice_apart the center's phone system carries the voice, the video comes beside it
 * @property {import("../lib/messages.js").MenuNode | null} menu the node shown now
 * @property {string} answer what the menu answered before it ended the contact
 * @property {boolean} menu_sent a key was pressed and not answered yet
 * @property {string[]} menu_ahead keys pressed since then, for the nodes to come
 * @property {import("../lib/messages.js").QueuePosition | null} queue
 * @property {number} queued_at_ms when the waiting began, by this page's clock
 * @property {number | null} keep_at_ms from then on the place may be kept for who leaves; null: that is not offered
 * @property {boolean} keep_sent that was asked for, and is not answered yet
 * @property {string | null} keep_code why the place was not kept
 * @property {import("../lib/messages.js").PeerState | null} peer
 * @property {import("../elements/away.js").Away | null} away why `peer` can't be seen or heard just now
 * @property {import("../lib/messages.js").QualityState | null} quality how both connections are
 * @property {string} recording
 * @property {string} notice_version of the notice that consent is asked for
 * @property {number | null} talking_since_ms
 * @property {number} talk_s how long the call had lasted when it ended
 * @property {string | null} error_code the last refusal, until the next word of the contact
 */

/** @returns {View} */
export function newView() {
  return {
    contact_id: null,
    state: "",
    end_reason: null,
    voice_apart: false,
    menu: null,
    answer: "",
    menu_sent: false,
    menu_ahead: [],
    queue: null,
    queued_at_ms: 0,
    keep_at_ms: null,
    keep_sent: false,
    keep_code: null,
    peer: null,
    quality: null,
    away: null,
    recording: "off",
    notice_version: "",
    talking_since_ms: null,
    talk_s: 0,
    error_code: null,
  };
}

/** States in which customer and agent are connected to each other. */
export const TALKING = new Set(["active", "held", "transferring", "consult_ringing", "consulting", "voice"]);
/** Whether an agent can see the customer: with the voice alone nobody does. @param {View} view */
export const meets = (view) => (TALKING.has(view.state) && view.state !== "voice") || view.state === "bridging";
/** For the customer it is over already while the agent writes the wrap-up. */
export const ENDED = new Set(["wrap_up", "closed"]);

/**
 * @param {View} view
 * @param {ServerMessage} message
 * @param {number} now_ms
 * @returns {View}
 */
export function fold(view, message, now_ms) {
  switch (message.type) {
    case "contact_state": {
      const talks = TALKING.has(message.state);
      const said_s = message.talk_s ?? null;
      let talking_since_ms = view.talking_since_ms;
      if (said_s !== null) talking_since_ms = now_ms - said_s * 1000;
      else if (!talks) talking_since_ms = ENDED.has(message.state) ? talking_since_ms : null;
      else talking_since_ms ??= now_ms;
      const ended = ENDED.has(message.state);
      return {
        ...view,
        contact_id: message.contact_id,
        state: message.state,
        end_reason: message.end_reason ?? null,
        voice_apart: message.voice_apart ?? false,
        menu: message.state === "in_menu" ? view.menu : null,
        answer: message.end_reason === "self_served" ? (view.menu?.text ?? view.answer) : "",
        menu_sent: message.state === "in_menu" && view.menu_sent,
        menu_ahead: message.state === "in_menu" ? view.menu_ahead : [],
        queue: message.state === "queued" || message.state === "offered" || message.state === "bridging" ? view.queue : null,
        peer: (talks && message.state !== "voice") || message.state === "bridging" ? view.peer : null,
        away: talks && message.state !== "voice" ? view.away : null,
        talking_since_ms,
        talk_s: ended && talking_since_ms !== null ? Math.max(view.talk_s, (now_ms - talking_since_ms) / 1000) : view.talk_s,
        error_code: null,
      };
    }
    case "menu_node":
      return { ...view, menu: message, menu_sent: false, error_code: null };
    case "queue_position":
      return {
        ...view,
        queue: message,
        queued_at_ms: now_ms - message.waited_s * 1000,
        keep_at_ms: message.keep_in_s == null ? null : now_ms + message.keep_in_s * 1000,
      };
    case "place_not_kept":
      return { ...view, keep_sent: false, keep_code: message.code };
    case "peer_state":
      return { ...view, peer: message, away: awayOf(message, now_ms) };
    case "quality_state":
      return { ...view, quality: message };
    case "recording_state":
      return { ...view, recording: message.state, notice_version: message.notice_version || view.notice_version };
    case "error":
      if (message.code === "leg_stale") return view; // the state of the leg that comes with it leads to a newer one
      if (view.keep_sent) return { ...view, keep_sent: false, keep_code: message.code };
      return { ...view, error_code: message.code, menu_sent: false, menu_ahead: [] };
    default:
      return view;
  }
}

/** So many keys are kept for the nodes to come; no menu is deeper, and what is pressed beyond them is lost. */
const AHEAD_LIMIT = 8;

/** @param {import("../lib/messages.js").MenuNode} menu @param {string} key */
const takes = (menu, key) => (key === "back" ? menu.can_go_back : menu.options.some((option) => option.key === key));

/**
 * A key of the menu is pressed. While the one before is being answered it is kept for the next node, as on a telephone.
 * @param {View} view
 * @param {string} key a digit, `*`, `#` or `back`
 * @returns {{view: View, key: string | null}} `key`: to be sent now
 */
export function press(view, key) {
  const { menu, menu_sent, menu_ahead } = view;
  if (menu === null) return { view, key: null };
  if (menu_sent) return { view: { ...view, menu_ahead: [...menu_ahead, key].slice(0, AHEAD_LIMIT) }, key: null };
  return takes(menu, key) ? { view: { ...view, menu_sent: true }, key } : { view, key: null };
}

/**
 * The first of the keys that were pressed ahead, at the node that shows now. One that it doesn't know means that they were
 * thinking of another menu: the rest is forgotten with it.
 * @param {View} view
 * @returns {{view: View, key: string | null}}
 */
export function pressAhead(view) {
  const [first, ...rest] = view.menu_ahead;
  if (first === undefined || view.menu_sent) return { view, key: null };
  const pressed = press(view, first);
  return { ...pressed, view: { ...pressed.view, menu_ahead: pressed.key === null ? [] : rest } };
}

/** Which screen it is. @param {View} view @returns {"connecting" | "menu" | "waiting" | "joining" | "talking" | "held" | "voice" | "ended"} */
export function screenOf(view) {
  switch (view.state) {
    case "in_menu":
      return view.menu === null ? "connecting" : "menu";
    case "queued":
    case "offered":
      return "waiting";
    case "bridging":
      return view.voice_apart ? "voice" : "joining";
    case "active":
      return "talking";
    case "held":
    case "transferring":
    case "consult_ringing":
    case "consulting":
      return view.voice_apart ? "voice" : "held";
    case "voice":
      return "voice";
    case "wrap_up":
    case "closed":
      return "ended";
    default:
      return "connecting";
  }
}
