// What the agent panel shows, as a fold over the gateway's messages. Pure: no DOM, no clock, no socket.

import { awayOf } from "../elements/away.js";

/** @typedef {import("../lib/messages.js").ServerMessage} ServerMessage */

/**
 * @typedef {object} View
 * @property {string} state of the agent; "" before the first word of it
 * @property {string | null} reason why not ready
 * @property {string | null} pending_reason what follows the call
 * @property {string[]} queues
 * @property {number} since_ms when the state began, by this page's clock
 * @property {import("../lib/messages.js").Offer | null} offer that rings
 * @property {number} offer_ends_ms
 * @property {number} offer_length_ms from the first sight of it to its end
 * @property {string | null} offer_ended why the last one stopped ringing without an answer
 * @property {{contact_id: string, queue_name: string, customer: import("../lib/messages.js").CustomerCard, voice_apart: boolean, transfers: string[], asked_by: string} | null} assigned
 * @property {string} contact_state
 * @property {number | null} talking_since_ms
 * @property {import("../lib/messages.js").PeerState | null} peer
 * @property {import("../elements/away.js").Away | null} away why `peer` can't be seen or heard just now
 * @property {import("../lib/messages.js").QualityState | null} quality how both connections are
 * @property {string} recording
 * @property {string[]} recording_may what may be asked of it now
 * @property {{contact_id: string, dispositions: string[], ends_ms: number} | null} wrap_up
 * @property {string | null} error_code
 */

/** @returns {View} */
export function newView() {
  return {
    state: "",
    reason: null,
    pending_reason: null,
    queues: [],
    since_ms: 0,
    offer: null,
    offer_ends_ms: 0,
    offer_length_ms: 0,
    offer_ended: null,
    assigned: null,
    contact_state: "",
    talking_since_ms: null,
    peer: null,
    quality: null,
    away: null,
    recording: "off",
    recording_may: [],
    wrap_up: null,
    error_code: null,
  };
}

/** How an offer ends that this agent has not answered. */
const UNANSWERED = new Set(["timed_out", "withdrawn", "taken", "unanswered"]);
/** Ends that an accept may cross on its way. */
const GONE = new Set(["taken", "withdrawn"]);
/** What is answered to an accept that came after the end of the offer. */
const TOO_LATE = new Set(["no_contact", "offer_stale"]);
const TALKING = new Set(["active", "held", "transferring", "consult_ringing", "consulting"]);
/** The agent's states in which a contact is on the panel. */
const ON_CONTACT = new Set(["busy", "working_after_call"]);

/**
 * @param {View} view
 * @param {ServerMessage} message
 * @param {number} now_ms
 * @returns {View}
 */
export function fold(view, message, now_ms) {
  switch (message.type) {
    case "agent_state": {
      const changed = message.state !== view.state;
      const off = ON_CONTACT.has(message.state) ? {} : { assigned: null, contact_state: "", peer: null, quality: null, away: null, wrap_up: null, talking_since_ms: null, recording: "off", recording_may: [] };
      return {
        ...view,
        ...off,
        state: message.state,
        reason: message.reason ?? null,
        pending_reason: message.pending_reason ?? null,
        queues: message.queues ?? [],
        since_ms: changed ? now_ms : view.since_ms,
        offer: message.state === "reserved" || (message.state === "ready" && !changed) ? view.offer : null, // ready: it rings at several
        offer_ended: message.state === "busy" || (changed && view.state !== "reserved") ? null : view.offer_ended, // from reserved: the end's own doing
        error_code: null,
      };
    }
    case "offer": {
      const length_ms = message.deadline_s * 1000;
      return { ...view, offer: message, offer_ends_ms: now_ms + length_ms, offer_length_ms: length_ms, offer_ended: null };
    }
    case "offer_ended": {
      if (view.offer !== null && message.offer_id !== view.offer.offer_id) return view;
      return { ...view, offer: null, offer_ended: UNANSWERED.has(message.reason) ? message.reason : null };
    }
    case "assigned": {
      const { contact_id, queue_name, customer, voice_apart = false, transfers = [], asked_by = "" } = message;
      const same = view.assigned?.contact_id === contact_id;
      const fresh = same ? {} : { contact_state: "", peer: null, quality: null, away: null, wrap_up: null, talking_since_ms: null, recording: "off", recording_may: [] };
      return { ...view, ...fresh, offer: null, assigned: { contact_id, queue_name, customer, voice_apart, transfers, asked_by } };
    }
    case "customer_known": {
      const { contact_id, history } = message;
      const offer = view.offer?.contact_id === contact_id ? { ...view.offer, customer: { ...view.offer.customer, history } } : view.offer;
      const on = view.assigned?.contact_id === contact_id ? { ...view.assigned, customer: { ...view.assigned.customer, history } } : view.assigned;
      return { ...view, offer, assigned: on };
    }
    case "contact_state": {
      if (view.assigned === null || message.contact_id !== view.assigned.contact_id) return view;
      let { talking_since_ms } = view;
      if (message.talk_s != null) talking_since_ms = now_ms - message.talk_s * 1000;
      else if (TALKING.has(message.state)) talking_since_ms ??= now_ms;
      return { ...view, contact_state: message.state, talking_since_ms };
    }
    case "peer_state":
      return { ...view, peer: message, away: awayOf(message, now_ms) };
    case "quality_state":
      return { ...view, quality: message };
    case "recording_state":
      return { ...view, recording: message.state, recording_may: message.may ?? [] };
    case "wrap_up_started": {
      const { contact_id, dispositions, deadline_s } = message;
      return { ...view, wrap_up: { contact_id, dispositions, ends_ms: now_ms + deadline_s * 1000 } };
    }
    case "error":
      if (message.code === "leg_stale") return view; // the state of the leg that comes with it leads to a newer one
      if (GONE.has(view.offer_ended ?? "") && TOO_LATE.has(message.code)) return view; // that is what it says already
      return { ...view, error_code: message.code };
    default:
      return view;
  }
}

/** Which screen it is. @param {View} view @returns {"loading" | "idle" | "offer" | "call" | "wrap_up"} */
export function screenOf(view) {
  if (view.wrap_up !== null && view.assigned !== null && view.state !== "ready") return "wrap_up";
  if (view.offer !== null) return "offer";
  if (view.assigned !== null) return "call";
  return view.state === "" ? "loading" : "idle";
}

/** What the stage says of the recording: `held` where it is paused and not the agent's to go on with. @param {View} view */
export const recordingSign = (view) => (view.recording === "paused" && !view.recording_may.includes("resume") ? "held" : view.recording);
