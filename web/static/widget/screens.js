// The screens of the customer's side: functions from what is known to what is shown.

import { html, nothing } from "../vendor/lit.js";
import { awayTitle, awayVeil } from "../elements/away.js";
import { deviceHelp } from "../elements/device-help.js";
import { icon } from "../elements/icons.js";
import { clock, spokenDuration } from "../lib/format.js";
import { codeText, has, locale, t } from "../lib/i18n.js";

/** @typedef {import("./side.js").CustomerSide} Side */
/** @typedef {import("./model.js").View} View */
/** @typedef {import("../lib/call.js").Call} Call */

/** @param {Side} side */
export function start(side) {
  const { place } = side;
  const { availability, failure } = place;
  if (availability === null) return refused(side, failure ?? "unreachable");
  const { invitation } = place;
  if (!availability.offered && invitation === null) return refused(side, availability.code ?? "closed");
  if (invitation !== null && invitation.opens_in_s > 0) return early(side, invitation);
  const { consent } = availability.recording;
  const fields = Object.entries(place.page.form).filter(([, value]) => value !== "");
  return html`<form
    class="stack"
    @submit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      void side.enter();
    }}
  >
    <div>
      <h1 tabindex="-1">${invitation === null || invitation.agent_name === "" ? t("start.title") : t("start.invited", { name: invitation.agent_name })}</h1>
      <p class="hint">${t(invitation?.by_phone ? "start.invited_text" : "start.text")}</p>
    </div>
    ${invitation?.needs_pin
      ? html`<div>
          <label for="pin">${t("start.pin")}</label>
          <input
            id="pin"
            class="pin"
            inputmode="numeric"
            autocomplete="one-time-code"
            pattern="[0-9 ]*"
            maxlength="12"
            required
            aria-describedby="pin-hint"
            .value=${side.pin}
            @input=${(/** @type {InputEvent} */ event) => (side.pin = /** @type {HTMLInputElement} */ (event.target).value)}
          />
          <p id="pin-hint" class="hint small">${t(invitation.by_phone ? "start.pin_hint" : "start.pin_hint_sent")}</p>
        </div>`
      : nothing}
    <div>
      <label for="name">${t("start.name")} <span class="hint">${t("start.optional")}</span></label>
      <input
        id="name"
        autocomplete="name"
        maxlength="80"
        .value=${side.name}
        @input=${(/** @type {InputEvent} */ event) => (side.name = /** @type {HTMLInputElement} */ (event.target).value)}
      />
    </div>
    ${told(side, consent)}
    <button class="primary big" type="submit" data-action="start">${icon("video")} ${t("start.go")}</button>
    <p class="hint small">${icon("shield")} ${t("start.camera_later")}</p>
    ${fields.length > 0
      ? html`<details class="small">
          <summary>${t("start.shared", { count: fields.length })}</summary>
          <dl class="facts">
            ${fields.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
          </dl>
        </details>`
      : nothing}
  </form>`;
}

/** What must be said of recording before somebody comes in. @param {Side} side @param {"off" | "notice" | "ask"} consent */
export function told(side, consent) {
  if (consent === "notice") return html`<div class="note">${icon("info")}<p>${t("start.recording_notice")}</p></div>`;
  if (consent === "off") return nothing;
  return html`<label class="check note">
    <input
      type="checkbox"
      .checked=${side.agreed}
      @change=${(/** @type {Event} */ event) => (side.agreed = /** @type {HTMLInputElement} */ (event.target).checked)}
    />
    <span>${t("start.recording_agree")}</span>
  </label>`;
}

/** The link is for later. @param {Side} side @param {import("./place.js").Invitation} invitation */
function early(side, invitation) {
  const name = invitation.agent_name;
  const time = new Intl.DateTimeFormat(locale(), { dateStyle: "full", timeStyle: "short" }).format(new Date(invitation.opens_at));
  return html`<div class="stack centred">
    <span class="big-icon">${icon("clock")}</span>
    <h1 tabindex="-1">${t("early.title")}</h1>
    <p>${name === "" ? t("early.text", { time }) : t("early.text_name", { time, name })}</p>
    <p class="hint">${t("early.wait")}</p>
    <div class="row">
      <button class="primary" data-action="calendar" @click=${side.saveCalendar}>${icon("clock")} ${t("early.calendar")}</button>
      <button data-action="again" @click=${side.again}>${icon("refresh")} ${t("refused.again")}</button>
    </div>
  </div>`;
}

/** @param {string} screen @param {Call | null} call */
export function working(screen, call) {
  return html`<div class="stack centred">
    <div class="wheel" aria-hidden="true"></div>
    <h1 tabindex="-1">${t(`working.${screen}`)}</h1>
    <p class="hint">${t("working.text")}</p>
    ${call === null ? nothing : trouble(call)}
  </div>`;
}

/** @param {Side} side @param {View} view @param {unknown} consent */
export function menu(side, view, consent) {
  const node = view.menu;
  if (node === null) return nothing;
  /** The second click of a double one would choose from the next node. @param {MouseEvent} event @param {string} key */
  const choose = (event, key) => {
    if (event.detail <= 1) side.choose(key);
  };
  return html`<div class="stack">
    ${consent}
    <h1 tabindex="-1" id="menu-text">${node.text}</h1>
    ${node.options.length > 0
      ? html`<ul class="menu" aria-labelledby="menu-text">
          ${node.options.map(
            (option) => html`<li>
              <button data-key=${option.key} ?disabled=${view.menu_sent} @click=${(/** @type {MouseEvent} */ event) => choose(event, option.key)}>
                <kbd aria-hidden="true">${option.key}</kbd><span>${option.label}</span>${icon("forward")}
              </button>
            </li>`,
          )}
        </ul>`
      : nothing}
    ${node.can_go_back
      ? html`<button class="plain start" data-key="back" ?disabled=${view.menu_sent} @click=${(/** @type {MouseEvent} */ event) => choose(event, "back")}>
          ${icon("back")} ${t("menu.back")}
        </button>`
      : nothing}
    ${view.error_code !== null ? html`<p class="note warn" role="alert">${icon("warning")} ${codeText("error", view.error_code)}</p>` : nothing}
    ${node.options.length > 0 ? html`<p class="hint small keys">${t("menu.keys")}</p>` : nothing}
  </div>`;
}

/** @param {Side} side @param {View} view @param {number} now_ms @param {Call | null} call @param {unknown} consent */
export function waiting(side, view, now_ms, call, consent) {
  const { queue } = view;
  const joining = view.state === "bridging";
  const title = joining
    ? t("waiting.joining")
    : queue === null
      ? t("waiting.title")
      : queue.place == null
        ? t("waiting.in_line")
        : queue.place <= 1
          ? t("waiting.next")
          : t("waiting.place", { place: queue.place });
  const waited_s = (now_ms - view.queued_at_ms) / 1000;
  return html`<div class="stack">
    <div class="waiting">
      <div>
        <h1 tabindex="-1">${title}</h1>
        <p class="hint">${queue === null ? t("waiting.text") : t("waiting.queue", { queue: queue.queue_name })}</p>
      </div>
      ${queue === null || joining
        ? nothing
        : html`<dl class="waits">
            <div>
              <dt>${t("waiting.waited")}</dt>
              <dd class="number">${clock(waited_s)}</dd>
            </div>
            ${queue.estimate_s == null
              ? nothing
              : html`<div>
                  <dt>${t("waiting.estimate")}</dt>
                  <dd>${t("waiting.about", { time: spokenDuration(Math.max(60, queue.estimate_s), locale()) })}</dd>
                </div>`}
          </dl>`}
    </div>
    ${consent}
    ${call === null
      ? nothing
      : html`${trouble(call)}
        ${call.published ? ready(call) : html`<vv-choose .call=${call}></vv-choose>`}`}
    ${view.state === "queued" && view.keep_at_ms !== null && now_ms >= view.keep_at_ms ? keep(side, view) : nothing}
  </div>`;
}

/** An offer to who would rather not sit here. @param {Side} side @param {View} view */
function keep(side, view) {
  return html`<section class="card stack" aria-labelledby="keep">
    <h2 id="keep">${t("keep.title")}</h2>
    <p class="hint">${t("keep.text")}</p>
    <div class="row">
      <button data-action="keep" ?disabled=${view.keep_sent} @click=${side.keepPlace}>${icon("clock")} ${t("keep.go")}</button>
    </div>
    ${view.keep_code === null ? nothing : html`<p class="note warn" role="alert">${icon("warning")} ${codeText("error", view.keep_code)}</p>`}
  </section>`;
}

/** Chosen already: what will be seen and heard, and how to change it. @param {Call} call */
function ready(call) {
  const seen = call.camera !== null;
  return html`<section class="card stack">
    <div class="row">
      ${icon(seen ? "video" : "mic")}
      <h2>${t(seen ? "choose.ready_camera" : "choose.ready_audio")}</h2>
    </div>
    <p class="hint">${t("choose.ready_text")}</p>
    <div class="row">
      ${seen
        ? html`<button @click=${() => call.stopCamera()}>${icon("video_off")} ${t("controls.camera_off")}</button>`
        : html`<button @click=${() => call.useCamera()}>${icon("video")} ${t("controls.camera_on")}</button>`}
    </div>
    ${deviceHelp(call)}
  </section>`;
}

/** The media does not get through: why, and what helps. @param {Call} call */
export function trouble(call) {
  if (call.peer.blocked) {
    return html`<div class="note warn" role="alert">
      ${icon("wifi")}
      <p><strong>${t("trouble.blocked_title")}</strong><br />${t("trouble.blocked")}</p>
    </div>`;
  }
  if (call.refused_code !== null) {
    return html`<div class="note warn" role="alert">
      ${icon("warning")}
      <p><strong>${t("trouble.refused_title")}</strong><br />${codeText("leg", call.refused_code)}</p>
    </div>`;
  }
  return nothing;
}

/**
 * Text over the pictures: hold, a lost connection.
 * @param {string} screen
 * @param {Call} call
 * @param {import("../lib/session.js").Session | null} session
 * @param {View} view
 * @param {number} now_ms
 */
export function veil(screen, call, session, view, now_ms) {
  if (session !== null && session.state !== "open") {
    return { title: t("trouble.reconnecting"), text: t("trouble.kept"), busy: true };
  }
  const media_lost = call.peer.status === "reconnecting";
  if (media_lost && call.peer.blocked) return { title: t("trouble.blocked_title"), text: t("trouble.blocked"), busy: true };
  if (media_lost) return { title: t("trouble.reconnecting"), text: t("trouble.media"), busy: true };
  if (screen === "held") {
    const name = view.peer?.display_name ?? "";
    return { title: t("held.title"), text: name === "" ? t("held.text") : t("held.by", { name }) };
  }
  if (screen === "voice") return { title: t("voice.title"), text: t("voice.text") };
  if (screen === "talking" && view.peer !== null && view.away !== null) {
    return awayVeil(view.peer.display_name, view.away, now_ms, "next_agent");
  }
  return null;
}

/** @param {Side} side */
export function askConsent(side) {
  return html`<section class="card stack" role="group" aria-labelledby="consent">
    <h2 id="consent">${t("consent.title")}</h2>
    <p class="hint">${t("consent.text")}</p>
    <div class="row">
      <button class="primary" data-action="agree" @click=${() => side.consent(true)}>${t("consent.yes")}</button>
      <button data-action="refuse" @click=${() => side.consent(false)}>${t("consent.no")}</button>
    </div>
  </section>`;
}

/** Whether the call is recorded just now, and the way out of it. Always there, so that nothing jumps. @param {Side} side @param {View} view */
export function recorded(side, view) {
  const state = view.recording === "on" || view.recording === "paused" ? view.recording : "off";
  return html`<div class="recorded">
    <p role="status" data-recording=${state}><i class="dot ${state}" aria-hidden="true"></i>${t(`recording.${state}`)}</p>
    ${state === "off"
      ? nothing
      : html`<button class="plain" data-action="withdraw" @click=${() => side.consent(false)}>${t("consent.withdraw")}</button>`}
  </div>`;
}

/** Refusals that mean the same to a customer. @type {Record<string, string>} */
const SAME = { too_many_sessions: "full", too_many_sockets: "full", capacity: "full", shutdown: "draining" };

/** @param {Side} side @param {string} refusal */
export function refused(side, refusal) {
  const code = SAME[refusal] ?? refusal;
  const family = has(`refused.${code}`) ? code : "other";
  return html`<div class="stack centred">
    <span class="big-icon">${icon(code === "closed" ? "clock" : code === "full" ? "users" : "info")}</span>
    <h1 tabindex="-1">${t(`refused.${family}_title`)}</h1>
    <p>${t(`refused.${family}`, { code })}</p>
    <div class="row">
      <button class="primary" data-action="again" @click=${side.again}>${icon("refresh")} ${t("refused.again")}</button>
      ${closeButton(side)}
    </div>
  </div>`;
}

/** The call goes on in another tab. @param {Side} side */
export function elsewhere(side) {
  return html`<div class="stack centred">
    <span class="big-icon">${icon("page")}</span>
    <h1 tabindex="-1">${t("elsewhere.title")}</h1>
    <p>${t("elsewhere.text")}</p>
    <div class="row">${closeButton(side)}</div>
  </div>`;
}

/** @param {Side} side @param {View} view @param {string | null} code */
export function ended(side, view, code) {
  const reason = view.end_reason ?? (view.state === "wrap_up" ? "completed" : (code ?? "other"));
  const known = has(`ended.${reason}`) ? reason : "other";
  const good = known === "completed" || known === "self_served";
  return html`<div class="stack centred">
    <span class="big-icon ${good ? "good" : ""}">${icon(good ? "check" : "info")}</span>
    <h1 tabindex="-1">${t(`ended.${known}_title`)}</h1>
    ${view.answer === "" ? nothing : html`<p class="answer">${view.answer}</p>`}
    <p class=${view.answer === "" ? "" : "hint"}>${t(`ended.${known}`)}</p>
    ${view.talk_s >= 1 ? html`<p class="hint">${t("ended.length", { time: clock(view.talk_s) })}</p>` : nothing}
    <div class="row">
      <button class=${good ? "" : "primary"} data-action="again" @click=${side.again}>${icon("video")} ${t("ended.again")}</button>
      ${closeButton(side)}
    </div>
  </div>`;
}

/** @param {Side} side */
export function closeButton(side) {
  return side.place.bridge.embedded
    ? html`<button data-action="close" @click=${side.minimise}>${t("app.close")}</button>`
    : nothing;
}

/** For a screen reader, on every change of screen. @param {string} screen @param {View} view */
export function announcement(screen, view) {
  if (screen === "waiting" && view.queue !== null) {
    return view.queue.place == null ? t("waiting.in_line") : t("waiting.place", { place: view.queue.place });
  }
  if (screen === "voice") return t("voice.title");
  if (screen === "talking" && view.away !== null) return awayTitle(view.peer?.display_name ?? "", view.away);
  if (screen === "talking") return t("talking.announce", { name: view.peer?.display_name ?? "" });
  if (screen === "held") return t("held.title");
  return "";
}
