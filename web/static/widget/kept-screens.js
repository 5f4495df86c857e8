// The screens of a kept place: where it stands, how to come back, that it is due, or that it is gone.

import { html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { clock, spokenDuration } from "../lib/format.js";
import { locale, t } from "../lib/i18n.js";
import { closeButton, told } from "./screens.js";
import { canNotify } from "./turn.js";

/** @typedef {import("./side.js").CustomerSide} Side */

/** @param {import("./place.js").Standing} standing */
export function keptTitle(standing) {
  const { state, place } = standing;
  if (state !== "kept") return t(`kept.${state}_title`);
  if (place === null) return t("kept.title");
  return place <= 1 ? t("kept.next_title") : t("kept.place_title", { place });
}

/**
 * The place that the customer left is kept: where it stands, how to come back, and what happens then.
 * @param {Side} side
 * @param {import("./place.js").Standing} standing
 * @param {number} older_s since it was asked
 */
export function kept(side, standing, older_s) {
  const { state } = standing;
  const title = html`<h1 tabindex="-1" data-kept=${state}>${keptTitle(standing)}</h1>`;
  if (state === "kept") return keptNow(side, standing, older_s, title);
  if (state === "due") {
    const left_s = Math.max(0, (standing.left_s ?? 0) - older_s);
    return html`<div class="stack centred">
      <span class="big-icon good">${icon("bell")}</span>
      ${title}
      <p>${t("kept.due", { time: clock(left_s) })}</p>
      ${told(side, side.place.availability?.recording.consent ?? "off")}
      <div class="row">
        <button class="primary big" data-action="come" @click=${side.enter}>${icon("video")} ${t("start.go")}</button>
      </div>
      <button class="plain" data-action="give-up" @click=${side.giveUpPlace}>${t("kept.give_up")}</button>
    </div>`;
  }
  return html`<div class="stack centred">
    <span class="big-icon">${icon(state === "lapsed" ? "clock" : "info")}</span>
    ${title}
    <p>${t(`kept.${state}`)}</p>
    <div class="row">
      <button class="primary" data-action="again" @click=${side.callAnew}>${icon("video")} ${t("ended.again")}</button>
      ${closeButton(side)}
    </div>
  </div>`;
}

/**
 * @param {Side} side
 * @param {import("./place.js").Standing} standing
 * @param {number} older_s
 * @param {unknown} title
 */
function keptNow(side, standing, older_s, title) {
  const { place } = side;
  const copied = side.copied === place.address;
  const until = new Date(Math.round((Date.now() + (standing.lasts_s - older_s) * 1000) / 60_000) * 60_000);
  const time = new Intl.DateTimeFormat(locale(), { weekday: "long", hour: "numeric", minute: "2-digit" }).format(until);
  return html`<div class="stack">
    <div>
      ${title}
      <p class="hint">${t("kept.queue", { queue: standing.queue_name })}</p>
    </div>
    <section class="card stack">
      <h2>${t("kept.back_title")}</h2>
      <p>${t("kept.back")}</p>
      <code class="link" data-link>${place.address}</code>
      <div class="row">
        <button class="primary" data-action="copy" @click=${(/** @type {Event} */ event) => void copy(side, event)}>${icon(copied ? "check" : "page")} ${t(copied ? "kept.copied" : "kept.copy")}</button>
        ${canNotify(place.bridge.embedded)
          ? html`<button data-action="notify" @click=${side.allowNotifications}>${icon("bell")} ${t("kept.notify")}</button>`
          : nothing}
      </div>
      <p class="visually-hidden" role="status">${copied ? t("kept.copied") : ""}</p>
    </section>
    <ul class="facts-list">
      <li>${icon("bell")} <span>${t("kept.rings")}</span></li>
      <li>${icon("clock")} <span>${t("kept.window", { time: spokenDuration(standing.window_s, locale()) })}</span></li>
      <li>${icon("info")} <span>${t("kept.lasts", { time })}</span></li>
    </ul>
    ${told(side, place.availability?.recording.consent ?? "off")}
    <div class="row">
      <button data-action="come" @click=${side.enter}>${icon("users")} ${t("kept.come")}</button>
      <button class="plain" data-action="give-up" @click=${side.giveUpPlace}>${t("kept.give_up")}</button>
    </div>
  </div>`;
}

/** @param {Side} side @param {Event} event */
async function copy(side, event) {
  const root = /** @type {ShadowRoot} */ (/** @type {Element} */ (event.currentTarget).getRootNode());
  if (await side.copyLink()) return;
  const link = root.querySelector("[data-link]"); // not allowed here: they can copy what is selected
  if (link !== null) window.getSelection()?.selectAllChildren(link);
}
