// What the panel and the panel of one call both show of a call: the picture, the bar under it, the form after it, and
// what is said of it.

import { html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import "../elements/chat.js";
import "../elements/controls.js";
import "../elements/stage.js";
import { t } from "../lib/i18n.js";
import { nameOf } from "./context.js";
import { recordingSign } from "./model.js";
import { veil } from "./veil.js";
import "./wrap-up.js";

/** @typedef {import("./side.js").AgentSide} AgentSide */
/** @typedef {import("./model.js").View} View */
/** @typedef {NonNullable<View["assigned"]>} Assigned */

/** @param {AgentSide} side @param {Assigned} assigned @param {number} now_ms */
export function stage({ view, call, session }, assigned, now_ms) {
  const name = nameOf(assigned.customer);
  const consulting = view.contact_state === "consulting";
  return html`<vv-stage
    .call=${call}
    .peer=${view.peer === null ? null : { ...view.peer, display_name: consulting ? view.peer.display_name : name }}
    .recording=${recordingSign(view)}
    .quality=${view.quality}
    .talk_s=${view.talking_since_ms === null ? null : (now_ms - view.talking_since_ms) / 1000}
    ?talking=${view.contact_state === "active" || view.contact_state === "held" || consulting}
    .veil=${veil(view, name, { call, open: session?.state === "open", now: now_ms })}
  ></vv-stage>`;
}

/**
 * @param {AgentSide} side
 * @param {Assigned} assigned
 * @param {{toggleChat: () => void, openTransfer?: () => void}} actions without `openTransfer` the contact stays here
 */
export function controls(side, assigned, { toggleChat, openTransfer }) {
  const { view, call, may_chat } = side;
  const talking = view.contact_state === "active";
  const held = view.contact_state === "held";
  return html`<vv-controls
    shortcuts
    ?voice_apart=${assigned.voice_apart}
    ?transfer=${openTransfer !== undefined && (talking || held) && assigned.transfers.length > 0}
    @transfer=${openTransfer}
    .chat=${may_chat ? { open: side.chatting, unread: side.chat?.unread ?? 0 } : null}
    @chat=${toggleChat}
    hold=${talking ? "active" : held ? "held" : ""}
    .call=${call}
    @hang-up=${side.hangUp}
    @hold=${side.hold}
    @retrieve=${side.retrieve}
    .recording_may=${talking || held ? view.recording_may : []}
    @recording=${side.record}
  ></vv-controls>`;
}

/**
 * The form after the call.
 * @param {AgentSide} side
 * @param {Assigned} assigned
 * @param {number} now_ms
 * @param {{next?: string, hint?: string}} words what comes after it
 */
export function wrapUpForm({ view, wrapUp }, assigned, now_ms, { next = "", hint = "" }) {
  if (view.wrap_up === null) return nothing;
  const { contact_id, dispositions, ends_ms } = view.wrap_up;
  return html`<vv-wrap-up
    contact_id=${contact_id}
    customer=${nameOf(assigned.customer)}
    next=${next}
    hint=${hint}
    .dispositions=${dispositions}
    .left_s=${(ends_ms - now_ms) / 1000}
    @wrap-up=${wrapUp}
  ></vv-wrap-up>`;
}

/** What was refused can be sent again. @param {ParentNode} root of the page */
export function unlockWrapUp(root) {
  /** @type {import("./wrap-up.js").WrapUp | null} */ (root.querySelector("vv-wrap-up"))?.unlock();
}

/** What was written in the call, to be read while it is wrapped up. @param {AgentSide} side */
export function writtenChat({ chat }) {
  return chat !== null && chat.lines.length > 0 ? html`<vv-chat read_only .book=${chat}></vv-chat>` : nothing;
}

/** For a screen reader: lines that nobody has read yet. @param {AgentSide} side */
export function unreadSaid({ chat, chatting, may_chat }) {
  const unread = may_chat && !chatting ? (chat?.unread ?? 0) : 0;
  return html`<p class="visually-hidden" role="status" aria-live="polite" data-unread>${unread > 0 ? t("chat.unread", { count: unread }) : ""}</p>`;
}

/** For a screen reader: whether the call is recorded. @param {View} view @param {string} screen */
export function recordingSaid(view, screen) {
  const said = screen === "call" && (view.recording === "on" || view.recording === "paused");
  return html`<p class="visually-hidden" role="status" aria-live="polite" data-recording=${view.recording}>
    ${said ? t(`recording.${recordingSign(view)}`) : ""}
  </p>`;
}

/** @param {View} view */
export function recordingNote({ recording }) {
  return recording === "failed" ? html`<p class="note bad" role="alert">${icon("warning")}<span>${t("recording.failed")}</span></p>` : nothing;
}
