// From getStats() to the message `quality_report`: what only the browser knows of its last two seconds. Pure.
//
// Nothing is judged here: the gateway does, because it sees both ways of both sides.

/** @typedef {Omit<import("./messages.js").QualityReport, "type">} Report */
/**
 * @typedef {object} Sample counters of one moment
 * @property {number} at_ms
 * @property {number} freezes
 * @property {number} decoded
 * @property {number} encoded
 * @property {number} played samples of sound
 * @property {number} concealed samples of sound that were made up, silence not counted
 */

/**
 * @param {Iterable<[string, any]> | RTCStatsReport} report
 * @param {Sample | null} before the sample of the call before this one
 * @param {string | null} camera_mid the camera's section, where the browser names it; the screen is not reported
 * @returns {{sample: Sample, report: Report}}
 */
export function summarise(report, before, camera_mid = null) {
  /** @type {Sample} */
  const sample = { at_ms: 0, freezes: 0, decoded: 0, encoded: 0, played: 0, concealed: 0 };
  /** @type {Report} */
  const said = { limited: "none" };
  for (const [, entry] of /** @type {Iterable<[string, any]>} */ (report)) {
    sample.at_ms = Math.max(sample.at_ms, entry.timestamp ?? 0);
    const camera = entry.kind === "video" && (camera_mid === null || entry.mid === undefined || entry.mid === camera_mid);
    if (entry.type === "inbound-rtp" && entry.kind === "audio") {
      sample.played += entry.totalSamplesReceived ?? 0;
      sample.concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
    } else if (entry.type === "inbound-rtp" && camera) {
      sample.freezes += entry.freezeCount ?? 0;
      sample.decoded += entry.framesDecoded ?? 0;
      said.width = entry.frameWidth ?? null;
      said.height = entry.frameHeight ?? null;
    } else if (entry.type === "outbound-rtp" && camera) {
      sample.encoded += entry.framesEncoded ?? 0;
      said.sent_width = entry.frameWidth ?? null;
      said.sent_height = entry.frameHeight ?? null;
      said.limited = limitOf(entry.qualityLimitationReason);
    } else if (entry.type === "candidate-pair" && entry.nominated && entry.availableOutgoingBitrate !== undefined) {
      said.available_bps = Math.round(entry.availableOutgoingBitrate);
    }
  }
  const last = before ?? sample;
  const seconds = (sample.at_ms - last.at_ms) / 1000;
  /** @param {"freezes" | "decoded" | "encoded" | "played" | "concealed"} name */
  const gained = (name) => Math.max(0, sample[name] - last[name]);
  if (seconds > 0) {
    said.freezes = Math.min(1000, gained("freezes"));
    said.frames_per_s = Math.min(1000, gained("decoded") / seconds);
    said.sent_frames_per_s = Math.min(1000, gained("encoded") / seconds);
    if (gained("played") > 0) said.concealed = Math.min(1, gained("concealed") / gained("played"));
  }
  return { sample, report: said };
}

/** @param {string | undefined} reason @returns {"none" | "cpu" | "bandwidth" | "other"} */
function limitOf(reason) {
  return reason === "cpu" || reason === "bandwidth" || reason === "other" ? reason : "none";
}
