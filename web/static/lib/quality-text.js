// One sentence about one side's connection, from the codes of the gateway. Pure.

import { t } from "./i18n.js";

/** @typedef {import("./messages.js").SideQuality} SideQuality */

/** Words that are said; good needs none, and a lost connection is told over the picture. */
export const WEAK = new Set(["fair", "poor"]);
const WAYS = new Set(["uplink", "downlink"]);

/**
 * What is said of a side that gets no pictures, or "": its browser can't show them, or its connection is too slow.
 * @param {"own" | "peer"} who
 * @param {SideQuality | null | undefined} side
 * @param {string} name of the other side
 */
export function pausedText(who, side, name) {
  if (side?.pictures_unmatched) return t(`quality.${who}_unmatched`, { name });
  return side?.pictures_paused ? t(`quality.${who}_paused`, { name }) : "";
}

/**
 * One sentence about one side, or "" while it is good, or lost, or its pictures are paused.
 * @param {"own" | "peer"} who
 * @param {SideQuality | null | undefined} side
 * @param {string} name of the other side
 */
export function qualityText(who, side, name) {
  if (side == null || !WEAK.has(side.word) || side.pictures_paused) return "";
  if (side.cause === "gateway") return t("quality.gateway");
  if (side.cause === "device") return t(`quality.${who}_device`, { name });
  const way = WAYS.has(side.cause ?? "") ? side.cause : "uplink";
  return t(`quality.${who}_${side.word}_${way}`, { name });
}
