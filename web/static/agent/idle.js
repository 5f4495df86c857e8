// The agent's screen between two contacts: ready or not, what is set up for the next one, and ways to begin one.

import { html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { t } from "../lib/i18n.js";
import "./claim.js";
import "./link.js";

/**
 * @typedef {object} IdleActions
 * @property {() => void} ready
 * @property {(event: CustomEvent<string>) => void} claim
 * @property {(on: boolean) => void} useCamera
 */

/**
 * @param {import("./model.js").View} view
 * @param {string} name of who is signed in
 * @param {boolean} with_camera whether a call begins with the camera on
 * @param {IdleActions} actions
 */
export function idle(view, name, with_camera, actions) {
  if (view.state === "") return html`<div class="idle"><div class="wheel" aria-hidden="true"></div></div>`;
  const ready = view.state === "ready";
  return html`<div class="idle">
    <section class="card stack hero ${ready ? "ready" : ""}">
      <span class="pulse" aria-hidden="true">${icon(ready ? "video" : "pause")}</span>
      <h1 tabindex="-1">${t(ready ? "idle.ready" : view.reason === "rona" || view.reason === "declined" ? `idle.${view.reason}` : "idle.not_ready", { name })}</h1>
      <p class="hint">${t(ready ? "idle.ready_text" : "idle.not_ready_text")}</p>
      ${ready ? nothing : html`<button class="primary big" @click=${actions.ready}>${icon("power")} ${t("agent.go_ready")}</button>`}
    </section>
    <section class="card stack">
      <h2>${t("idle.set_up")}</h2>
      <div>
        <p class="label">${t("idle.queues")}</p>
        <p class="row">
          ${view.queues.length > 0 ? view.queues.map((queue) => html`<span class="pill">${queue}</span>`) : html`<span class="hint">${t("idle.no_queues")}</span>`}
        </p>
      </div>
      <label class="check">
        <input
          type="checkbox"
          .checked=${with_camera}
          @change=${(/** @type {Event} */ event) => actions.useCamera(/** @type {HTMLInputElement} */ (event.target).checked)}
        />
        <span>${t("idle.with_camera")}</span>
      </label>
      <vv-claim @claim=${actions.claim}></vv-claim>
      <vv-video-link .queues=${view.queues}></vv-video-link>
      <p class="hint small">${t("idle.keys")} <kbd>Alt</kbd> <kbd>A</kbd> ${t("offer.accept")} · <kbd>Alt</kbd> <kbd>R</kbd> ${t("offer.reject")}</p>
    </section>
  </div>`;
}
