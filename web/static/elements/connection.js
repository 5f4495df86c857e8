// How the connections of a call are, in words: signs over the picture, and for agents the numbers and what to do.
//
// Nothing is said while it is good. The gateway judges; the words are made here from its codes.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { locale, t } from "../lib/i18n.js";
import { WEAK, pausedText, qualityText } from "../lib/quality-text.js";
import { icon } from "./icons.js";
import { base } from "./styles.js";

/** @typedef {import("../lib/messages.js").QualityState} QualityState */
/** @typedef {import("../lib/messages.js").SideQuality} SideQuality */

/**
 * Signs for the stage: the own connection first, then the other's. What both suffer from is said once.
 * @param {QualityState | null} quality
 * @param {string} name of the other side
 */
export function qualitySigns(quality, name) {
  const own = qualityText("own", quality?.own, name);
  const peer = qualityText("peer", quality?.peer, name);
  return html`${sign(own, quality?.own)}${peer === own ? nothing : sign(peer, quality?.peer)}`;
}

/**
 * Signs for the stage: who gets sound only, because their connection carries no picture.
 * @param {QualityState | null} quality
 * @param {string} name of the other side
 * @param {boolean} told whether it is said in the picture's place that this side gets none
 */
export function pausedSigns(quality, name, told) {
  const texts = [told ? "" : pausedText("own", quality?.own, name), pausedText("peer", quality?.peer, name)];
  return texts.map((text) => (text === "" ? nothing : html`<span class="sign quality poor">${icon("video_off")}<span>${text}</span></span>`));
}

/** @param {string} text @param {SideQuality | null | undefined} side */
function sign(text, side) {
  if (text === "") return nothing;
  return html`<span class="sign quality ${side?.word}">${icon(side?.word === "poor" ? "warning" : "wifi")}<span>${text}</span></span>`;
}

/** The agent's view of both connections: numbers, and what helps. */
export class ConnectionDetails extends LitElement {
  static properties = { quality: { attribute: false }, name: { type: String } };

  static styles = [
    base,
    css`
      :host {
        display: block;
        border-top: 1px solid var(--line);
        padding-top: 10px;
      }
      summary {
        cursor: pointer;
        min-height: 32px;
        display: list-item;
        font-weight: 600;
      }
      summary .word {
        font-weight: 400;
        color: var(--ink-2);
      }
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
        margin-top: 6px;
      }
      th,
      td {
        padding: 4px 6px;
        text-align: start;
        border-top: 1px solid var(--line);
        font-weight: 400;
      }
      thead th,
      thead td {
        border-top: 0;
      }
      thead th {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      th[scope="row"] {
        color: var(--ink-2);
      }
      .advice {
        margin-top: 8px;
        font-size: 0.875rem;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {QualityState | null} */
    this.quality = null;
    this.name = "";
  }

  render() {
    const { quality, name } = this;
    const own = quality?.own ?? null;
    const peer = quality?.peer ?? null;
    return html`<details>
      <summary>
        ${t("quality.details")}
        <span class="word">${peer === null ? "" : t(`quality.word_${peer.word}`)}</span>
      </summary>
      ${own === null && peer === null
        ? html`<p class="hint small">${t("quality.unknown")}</p>`
        : html`<table>
              <thead>
                <tr>
                  <td></td>
                  <th scope="col">${name}</th>
                  <th scope="col">${t("stage.you")}</th>
                </tr>
              </thead>
              <tbody>
                ${ROWS.map(
                  ([key, read]) => html`<tr>
                    <th scope="row">${t(`quality.${key}`)}</th>
                    <td>${peer === null ? "–" : read(peer)}</td>
                    <td>${own === null ? "–" : read(own)}</td>
                  </tr>`,
                )}
              </tbody>
            </table>
            ${[advice("peer", peer, name), advice("own", own, name)].map((text) =>
              text === "" ? nothing : html`<p class="advice">${icon("info")} ${text}</p>`,
            )}`}
    </details>`;
  }
}

/** @param {"own" | "peer"} who @param {SideQuality | null} side @param {string} name */
function advice(who, side, name) {
  if (side === null || !WEAK.has(side.word) || side.cause == null) return "";
  return t(`quality.advice_${who}_${side.cause}`, { name });
}

/** @param {number | null | undefined} value @param {number} [digits] */
function number(value, digits = 0) {
  return value == null ? "–" : value.toLocaleString(locale(), { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

/** @param {number | null | undefined} share */
function percent(share) {
  return share == null ? "–" : share.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 1 });
}

/** @param {number | null | undefined} bps */
function rate(bps) {
  return bps == null ? "–" : `${number(bps / 1000)} kbit/s`;
}

/** @type {[string, (side: SideQuality) => string][]} */
const ROWS = [
  ["row_word", (side) => t(`quality.word_${side.word}`)],
  ["row_round_trip", ({ figures }) => (figures?.round_trip_ms == null ? "–" : `${number(figures.round_trip_ms)} ms`)],
  ["row_uplink_loss", ({ figures }) => percent(figures?.uplink_loss)],
  ["row_downlink_loss", ({ figures }) => percent(figures?.downlink_loss)],
  ["row_uplink_rate", ({ figures }) => rate(figures?.uplink_bps)],
  ["row_downlink_rate", ({ figures }) => rate(figures?.downlink_bps)],
  ["row_jitter", ({ figures }) => (figures?.jitter_ms == null ? "–" : `${number(figures.jitter_ms)} ms`)],
  [
    "row_camera",
    ({ figures }) => {
      if (!figures?.frames_per_s) return "–";
      const size = figures.width && figures.height ? `${figures.width} × ${figures.height}, ` : "";
      return `${size}${number(figures.frames_per_s)}/s`;
    },
  ],
  ["row_mos", ({ figures }) => (figures?.mos == null ? "–" : t("quality.mos", { mos: number(figures.mos, 1) }))],
];

customElements.define("vv-connection", ConnectionDetails);
