// Sounds made on the spot: a ring for the agent, a soft chime when somebody joins or leaves. No files.

/** @type {AudioContext | null} */
let context = null;

/** Browsers are silent until a gesture: call this from a click, once. */
export function unlockSound() {
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume();
}

/**
 * @param {number} frequency_hz
 * @param {number} from_s from now
 * @param {number} length_s
 * @param {number} volume 0…1
 */
function tone(frequency_hz, from_s, length_s, volume) {
  if (context === null || context.state !== "running") return;
  const start = context.currentTime + from_s;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.type = "sine";
  oscillator.frequency.value = frequency_hz;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(volume, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, start + length_s);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + length_s);
}

const RING_EVERY_MS = 2_400;
let ring_timer = 0;

function ringOnce() {
  for (const [index, frequency] of [659.3, 830.6, 987.8].entries()) tone(frequency, index * 0.16, 0.7, 0.22);
}

export function startRing() {
  if (ring_timer !== 0) return;
  ringOnce();
  ring_timer = window.setInterval(ringOnce, RING_EVERY_MS);
}

export function stopRing() {
  window.clearInterval(ring_timer);
  ring_timer = 0;
}

export function chimeIn() {
  tone(587.3, 0, 0.5, 0.12);
  tone(880, 0.14, 0.6, 0.12);
}

export function chimeOut() {
  tone(587.3, 0, 0.5, 0.1);
  tone(440, 0.14, 0.6, 0.1);
}
