// From getStats() to one word: how good the connection is. Pure.

/**
 * @typedef {object} Sample counters of one moment
 * @property {number} at_ms
 * @property {number} bytes_in
 * @property {number} bytes_out
 * @property {number} packets_in
 * @property {number} lost_in
 * @property {number} frames_in
 */
/** @typedef {"good" | "fair" | "poor"} Quality */
/**
 * @typedef {object} Summary
 * @property {Quality} quality
 * @property {number | null} round_trip_ms
 * @property {number} loss_in share of packets lost on the way here, 0…1
 * @property {number} loss_out share lost on the way out, as the gateway reports it, 0…1
 * @property {number} kbps_in
 * @property {number} kbps_out
 * @property {number} frames_per_s
 */

/** Above these people notice; twice as bad and they complain. Loss as a share, round trip in ms. */
const FAIR = { loss: 0.02, round_trip_ms: 250 };
const POOR = { loss: 0.08, round_trip_ms: 500 };

/**
 * @param {{loss_in: number, loss_out: number, round_trip_ms: number | null}} figures
 * @returns {Quality}
 */
export function judge({ loss_in, loss_out, round_trip_ms }) {
  const loss = Math.max(loss_in, loss_out);
  const round_trip = round_trip_ms ?? 0;
  if (loss >= POOR.loss || round_trip >= POOR.round_trip_ms) return "poor";
  if (loss >= FAIR.loss || round_trip >= FAIR.round_trip_ms) return "fair";
  return "good";
}

/**
 * @param {Iterable<[string, any]> | RTCStatsReport} report
 * @param {Sample | null} before the sample of the call before this one
 * @returns {{sample: Sample, summary: Summary}}
 */
export function summarise(report, before) {
  /** @type {Sample} */
  const sample = { at_ms: 0, bytes_in: 0, bytes_out: 0, packets_in: 0, lost_in: 0, frames_in: 0 };
  /** @type {number | null} */
  let round_trip_ms = null;
  let loss_out = 0;
  for (const [, entry] of /** @type {Iterable<[string, any]>} */ (report)) {
    sample.at_ms = Math.max(sample.at_ms, entry.timestamp ?? 0);
    if (entry.type === "inbound-rtp") {
      sample.bytes_in += entry.bytesReceived ?? 0;
      sample.packets_in += entry.packetsReceived ?? 0;
      sample.lost_in += entry.packetsLost ?? 0;
      sample.frames_in += entry.framesDecoded ?? 0;
    } else if (entry.type === "outbound-rtp") {
      sample.bytes_out += entry.bytesSent ?? 0;
    } else if (entry.type === "remote-inbound-rtp") {
      loss_out = Math.max(loss_out, entry.fractionLost ?? 0);
    } else if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") {
      if (entry.currentRoundTripTime !== undefined) round_trip_ms = entry.currentRoundTripTime * 1000;
    }
  }
  const last = before ?? sample;
  const seconds = (sample.at_ms - last.at_ms) / 1000;
  /** @param {number} change */
  const perSecond = (change) => (seconds > 0 ? Math.max(0, change) / seconds : 0);
  const lost = Math.max(0, sample.lost_in - last.lost_in);
  const expected = lost + Math.max(0, sample.packets_in - last.packets_in);
  const loss_in = expected > 0 ? lost / expected : 0;
  return {
    sample,
    summary: {
      quality: judge({ loss_in, loss_out, round_trip_ms }),
      round_trip_ms,
      loss_in,
      loss_out,
      kbps_in: (perSecond(sample.bytes_in - last.bytes_in) * 8) / 1000,
      kbps_out: (perSecond(sample.bytes_out - last.bytes_out) * 8) / 1000,
      frames_per_s: perSecond(sample.frames_in - last.frames_in),
    },
  };
}
