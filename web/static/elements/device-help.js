// What to do when a camera, microphone or screen could not be had: the reason and the way on, in plain words.

import { html, nothing } from "../vendor/lit.js";
import { codeText, t } from "../lib/i18n.js";
import { icon } from "./icons.js";

/**
 * @param {import("../lib/call.js").Call} call
 */
export function deviceHelp(call) {
  const { device_code, device_kind } = call;
  if (device_code === null || device_kind === null) return nothing;
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
