// The bar at the top of the agent panel: the own state, how long it lasts, the way out of it, and who is signed in.

import { html, nothing } from "../vendor/lit.js";
import { icon, mark } from "../elements/icons.js";
import { languagePicker } from "../elements/language.js";
import { clock } from "../lib/format.js";
import { codeText, t } from "../lib/i18n.js";

const REASONS = /** @type {const} */ (["break", "lunch", "training", "meeting", "other"]);

/** @typedef {(typeof REASONS)[number]} Reason why an agent is not ready, by their own word */
/**
 * @typedef {object} BarActions
 * @property {() => void} ready
 * @property {(reason: Reason) => void} notReady
 * @property {() => void} signOut
 */

/**
 * @param {import("./model.js").View} view
 * @param {string} name of who is signed in
 * @param {number} now_ms
 * @param {BarActions} actions
 */
export function bar(view, name, now_ms, actions) {
  const on_contact = view.state === "busy" || view.state === "working_after_call";
  return html`<header>
    <span class="brand">${mark()}<span>Vis-à-vis</span></span>
    <div class="state" data-state=${view.state}>
      <span class="lamp" aria-hidden="true"></span>
      <span>
        <strong>${t(`agent.${view.state || "loading"}`)}</strong>
        <span class="hint small">
          ${view.state === "not_ready" && view.reason ? html`${codeText("reason", view.reason)} ·` : nothing}
          ${view.state !== "" ? html`<span class="number">${clock((now_ms - view.since_ms) / 1000)}</span>` : nothing}
          ${on_contact && view.pending_reason ? html`· ${t("agent.then", { reason: codeText("reason", view.pending_reason) })}` : nothing}
        </span>
      </span>
    </div>
    <div class="row actions">
      ${view.state === "not_ready"
        ? html`<button class="primary" data-action="ready" @click=${actions.ready}>${icon("power")} ${t("agent.go_ready")}</button>`
        : on_contact && view.pending_reason
          ? html`<button data-action="ready" @click=${actions.ready}>${t("agent.go_ready_after")}</button>`
          : nothing}
      ${reasons(view, on_contact, actions)}
    </div>
    <div class="row account">
      <span class="me" title=${name}>${name}</span>
      ${languagePicker()}
      <button class="plain" data-action="sign-out" title=${t("app.sign_out")} aria-label=${t("app.sign_out")} @click=${actions.signOut}>${icon("exit")}</button>
    </div>
  </header>`;
}

/** @param {import("./model.js").View} view @param {boolean} on_contact @param {BarActions} actions */
function reasons(view, on_contact, actions) {
  const label = t(on_contact ? "agent.pause_after" : "agent.pause");
  const choose = (/** @type {Event} */ event) => {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    const reason = REASONS.find((each) => each === select.value);
    select.value = "";
    if (reason !== undefined) actions.notReady(reason);
  };
  return html`<select data-action="not-ready" aria-label=${label} ?disabled=${view.state === "reserved" || view.state === ""} @change=${choose}>
    <option value="" selected disabled>${label}</option>
    ${REASONS.map((reason) => html`<option value=${reason}>${t(`reason.${reason}`)}</option>`)}
  </select>`;
}
