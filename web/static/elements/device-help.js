// What happened to a camera, microphone or screen, and the way on, in plain words: it could not be had, another one took
// its place, or the browser has paused it.

import { html, nothing } from "../vendor/lit.js";
import { codeText, t } from "../lib/i18n.js";
import { icon } from "./icons.js";

/**
 * @param {import("../lib/call.js").Call} call
 */
export function deviceHelp(call) {
  const { device_code, device_kind } = call;
  const { audio, video } = call.paused_by_browser;
  const paused = !call.published ? null : video ? "camera" : audio ? "microphone" : null;
  if (device_code === null || device_kind === null) {
    return paused === null ? nothing : html`<div class="note" role="status">${icon("info")}<p>${t(`device.paused_${paused}`)}</p></div>`;
  }
  if (device_code === "device_replaced") {
    return html`<div class="note" role="status">
      ${icon("info")}
      <div class="stack">
        <p><strong>${t(`device.${device_kind}`)}</strong><br />${t("device.device_replaced")}</p>
        <div class="row"><button class="plain" @click=${() => call.dismissDeviceCode()}>${t("app.close")}</button></div>
      </div>
    </div>`;
  }
  const again = () => {
    if (device_kind === "camera") void call.useCamera();
    else if (device_kind === "microphone") void call.useMicrophone();
    else void call.shareScreen();
  };
  const harmless = device_code === "share_cancelled";
  return html`<div class="note ${harmless ? "" : "warn"}" role="alert">
    ${icon(harmless ? "info" : "warning")}
    <div class="stack">
      <p>
        <strong>${t(`device.failed_${device_kind}`)}</strong><br />
        ${codeText("device", device_code)}
      </p>
      <div class="row">
        <button @click=${again}>${t("device.try_again")}</button>
        <button class="plain" @click=${() => call.dismissDeviceCode()}>${t("device.go_on")}</button>
      </div>
    </div>
  </div>`;
}
