// The agent panel's screens of a contact: the call, and the form after it, each with what is known of the customer.

import { html, nothing } from "../vendor/lit.js";
import "../elements/connection.js";
import { deviceHelp } from "../elements/device-help.js";
import { icon } from "../elements/icons.js";
import { initials } from "../elements/stage.js";
import { codeText, t } from "../lib/i18n.js";
import { controls, stage, unreadSaid, wrapUpForm, writtenChat } from "./call-view.js";
import { context, nameOf } from "./context.js";
import "./transfer.js";

/** @typedef {import("./side.js").AgentSide} AgentSide */
/** @typedef {import("./call-view.js").Assigned} Assigned */

/**
 * @param {AgentSide} side
 * @param {Assigned} assigned
 * @param {number} now_ms
 * @param {{toggleChat: () => void, openTransfer: () => void}} actions
 */
export function callScreen(side, assigned, now_ms, actions) {
  const { call, view } = side;
  const { voice_apart, transfers } = assigned;
  const chatting = side.may_chat && side.chatting;
  return html`<div class="two ${chatting ? "chatting" : ""}">
    <section class="call">
      ${stage(side, assigned, now_ms)}
      ${call === null
        ? nothing
        : html`<div class="help">
            ${consultation(side, assigned)}
            ${voice_apart ? html`<p class="note">${icon("phone")}<span>${t("agent_call.voice_apart")}</span></p>` : nothing}
            ${deviceHelp(call)}
          </div>`}
      ${controls(side, assigned, actions)}
      <vv-transfer customer=${nameOf(assigned.customer)} .kinds=${transfers} ?voice_apart=${voice_apart} @transfer=${side.transfer}></vv-transfer>
    </section>
    <div class="side">
      ${chatting ? html`<vv-chat .book=${side.chat} @close=${actions.toggleChat}></vv-chat>` : nothing}
      ${aside(assigned, html`<h1 tabindex="-1">${nameOf(assigned.customer)}</h1>`, html`<vv-connection .quality=${view.quality} name=${nameOf(assigned.customer)}></vv-connection>`)}
    </div>
    ${unreadSaid(side)}
  </div>`;
}

/** @param {AgentSide} side @param {Assigned} assigned @param {number} now_ms */
export function wrapUpScreen(side, assigned, now_ms) {
  const { pending_reason } = side.view;
  return html`<div class="two">
    ${wrapUpForm(side, assigned, now_ms, { next: pending_reason === null ? "" : codeText("reason", pending_reason) })}
    <div class="side">${writtenChat(side)} ${aside(assigned, html`<h2>${nameOf(assigned.customer)}</h2>`, nothing)}</div>
  </div>`;
}

/** Two agents about a customer: who waits, and how it goes on. @param {AgentSide} side @param {Assigned} assigned */
function consultation({ view, complete, retrieve }, assigned) {
  const rings = view.contact_state === "consult_ringing";
  if (!rings && view.contact_state !== "consulting") return nothing;
  const name = nameOf(assigned.customer);
  if (assigned.asked_by !== "") {
    return html`<p class="note" role="status">${icon("users")}<span>${t("agent_call.asked", { colleague: assigned.asked_by, name })}</span></p>`;
  }
  const colleague = view.peer?.display_name ?? "";
  return html`<div class="note consultation">
    ${rings ? nothing : html`<p role="status">${icon("users")}<span>${t("agent_call.consulting", { colleague, name })}</span></p>`}
    <div class="row">
      ${rings ? nothing : html`<button class="primary" data-action="complete" ?disabled=${!(view.peer?.connected ?? false)} @click=${complete}>${icon("transfer")} ${t("agent_call.complete", { colleague })}</button>`}
      <button data-action="back" @click=${retrieve}>${icon("back")} ${t("agent_call.back", { name })}</button>
    </div>
  </div>`;
}

/**
 * Who it is, and what is known of them.
 * @param {Assigned} assigned
 * @param {unknown} title names the page in a call; the form after it has a title of its own
 * @param {unknown} more below
 */
function aside({ customer, queue_name }, title, more) {
  return html`<aside class="card stack" aria-label=${t("context.title")}>
    <div class="who"><span class="avatar" aria-hidden="true">${initials(customer.display_name) || icon("user")}</span>${title}</div>
    ${context(customer, queue_name)} ${more}
  </aside>`;
}
