// The connections of one contact, as its journal sums them: one row for each side and each new connection of it.

import { html, nothing } from "../vendor/lit.js";
import { clock } from "../lib/format.js";
import { locale, t } from "../lib/i18n.js";

/** @typedef {import("./timeline.js").JournalRow} JournalRow */

const WORDS = /** @type {const} */ (["good", "fair", "poor", "lost"]);

/** @param {JournalRow[]} journal */
export function connections(journal) {
  const rows = journal.filter((row) => row.name === "leg_quality");
  if (rows.length === 0) return nothing;
  return html`<section class="card stack">
    <h2>${t("quality.card")}</h2>
    <div class="scroll"><table>
      <thead>
        <tr>
          <th scope="col">${t("quality.card_side")}</th>
          <th scope="col">${t("quality.card_words")}</th>
          <th scope="col" class="right">${t("quality.card_loss")}</th>
          <th scope="col" class="right">${t("quality.row_round_trip")}</th>
          <th scope="col" class="right">${t("quality.row_uplink_rate")}</th>
          <th scope="col" class="right">${t("quality.row_downlink_rate")}</th>
          <th scope="col" class="right">${t("quality.row_freezes")}</th>
        </tr>
      </thead>
      <tbody>${rows.map(({ data }) => connection(data))}</tbody>
    </table></div>
    <p class="hint small">${t("quality.card_numbers")}</p>
  </section>`;
}

/** @param {Record<string, unknown>} data */
function connection(data) {
  const side = t(data.side === "agent" ? "quality.side_agent" : "quality.side_customer");
  const generation = read(data, "generation") ?? 1;
  return html`<tr>
    <th scope="row">${generation > 1 ? t("quality.again", { side, number: generation }) : side}</th>
    <td>${spent(data)}</td>
    <td class="right number">${both(data, "uplink_loss", share)} / ${both(data, "downlink_loss", share)}</td>
    <td class="right number">${both(data, "round_trip_ms", plain, " ms")}</td>
    <td class="right number">${both(data, "uplink_bps", kilo, " kbit/s")}</td>
    <td class="right number">${both(data, "downlink_bps", kilo, " kbit/s")}</td>
    <td class="right number">${(read(data, "uplink_freezes") ?? 0) + (read(data, "downlink_freezes") ?? 0)}</td>
  </tr>`;
}

/** Words with any time in them, worst last; and what the worse ones came from. @param {Record<string, unknown>} data */
function spent(data) {
  const words = WORDS.filter((word) => (read(data, `${word}_s`) ?? 0) > 0);
  const causes = ["uplink", "downlink", "device", "gateway"].filter((cause) => (read(data, `cause_${cause}_s`) ?? 0) > 0);
  const told = words.map((word) => `${t(`quality.word_${word}`)} ${clock(read(data, `${word}_s`) ?? 0)}`).join(" · ");
  const side = data.side === "agent" ? "agent" : "customer";
  return html`<span class="number">${told}</span>
    ${causes.length === 0 ? nothing : html`<br /><span class="hint small">${causes.map((cause) => t(`quality.cause_${side}_${cause}`)).join(", ")}</span>`}`;
}

/** @param {Record<string, unknown>} data @param {string} name */
function read(data, name) {
  const value = data[name];
  return typeof value === "number" ? value : undefined;
}

/**
 * Median, with the 95th percentile where it is another.
 * @param {Record<string, unknown>} data
 * @param {string} name
 * @param {(value: number) => string} shown
 * @param {string} [unit]
 */
function both(data, name, shown, unit = "") {
  const median = read(data, `${name}_median`);
  const high = read(data, `${name}_p95`);
  if (median === undefined) return "–";
  const told = high === undefined || shown(high) === shown(median) ? shown(median) : `${shown(median)} (${shown(high)})`;
  return `${told}${unit}`;
}

/** @param {number} value */
function plain(value) {
  return value.toLocaleString(locale(), { maximumFractionDigits: 0 });
}

/** @param {number} value */
function kilo(value) {
  return plain(value / 1000);
}

/** @param {number} value */
function share(value) {
  return value.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 1 });
}
