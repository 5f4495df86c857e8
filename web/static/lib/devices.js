// Cameras, microphones, speakers and screens: asking for them, and saying in one stable code why it did not work.
//
// Nothing here asks before somebody chose to be seen or heard: every function is called from a click.

/**
 * @typedef {"permission_denied" | "permission_system" | "no_camera" | "no_microphone" | "device_busy"
 *   | "not_supported" | "share_cancelled" | "device_failed" | "device_replaced"} DeviceCode
 */

/** Why a device could not be had. `code` has a text in every language: `device.<code>`. */
export class DeviceError extends Error {
  /**
   * @param {DeviceCode} code
   * @param {unknown} cause
   */
  constructor(code, cause) {
    super(code, { cause });
    this.code = code;
  }
}

/**
 * @param {unknown} error what getUserMedia or getDisplayMedia threw
 * @param {"camera" | "microphone" | "screen"} what
 * @returns {DeviceCode}
 */
export function deviceCode(error, what) {
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message.toLowerCase() : "";
  if (name === "NotAllowedError" || name === "SecurityError") {
    if (message.includes("system")) return "permission_system";
    return what === "screen" ? "share_cancelled" : "permission_denied";
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return what === "microphone" ? "no_microphone" : what === "camera" ? "no_camera" : "not_supported";
  }
  if (name === "NotReadableError" || name === "AbortError") return "device_busy";
  if (name === "TypeError" || name === "NotSupportedError") return "not_supported";
  return "device_failed";
}

/**
 * @param {MediaStreamConstraints} constraints
 * @param {"camera" | "microphone"} what
 */
async function open(constraints, what) {
  if (navigator.mediaDevices === undefined) throw new DeviceError("not_supported", null);
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    return stream.getTracks()[0];
  } catch (error) {
    throw new DeviceError(deviceCode(error, what), error);
  }
}

/** @param {string} [device_id] the system's choice when left out or gone */
export function openMicrophone(device_id) {
  const deviceId = device_id ? { ideal: device_id } : undefined;
  return open({ audio: { deviceId, echoCancellation: true, noiseSuppression: true, autoGainControl: true } }, "microphone");
}

/** @param {{device_id?: string, facing?: "user" | "environment"}} [which] */
export function openCamera({ device_id, facing } = {}) {
  const deviceId = device_id ? { ideal: device_id } : undefined;
  const facingMode = device_id ? undefined : (facing ?? "user");
  return open(
    { video: { deviceId, facingMode, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } } },
    "camera",
  );
}

export function canShareScreen() {
  return navigator.mediaDevices !== undefined && "getDisplayMedia" in navigator.mediaDevices;
}

export async function openScreen() {
  if (!canShareScreen()) throw new DeviceError("not_supported", null);
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({
      video: { frameRate: { ideal: 15, max: 30 }, width: { max: 2560 }, height: { max: 1600 } },
      audio: false,
    });
    const track = stream.getVideoTracks()[0];
    track.contentHint = "detail";
    return track;
  } catch (error) {
    throw new DeviceError(deviceCode(error, "screen"), error);
  }
}

/**
 * @typedef {object} DeviceList
 * @property {MediaDeviceInfo[]} cameras
 * @property {MediaDeviceInfo[]} microphones
 * @property {MediaDeviceInfo[]} speakers
 */

/** What there is to choose from. Without permission the browser gives no names; such entries are left out. */
export async function listDevices() {
  /** @type {DeviceList} */
  const list = { cameras: [], microphones: [], speakers: [] };
  if (navigator.mediaDevices?.enumerateDevices === undefined) return list;
  for (const device of await navigator.mediaDevices.enumerateDevices()) {
    if (device.deviceId === "" || device.label === "") continue;
    if (device.kind === "videoinput") list.cameras.push(device);
    else if (device.kind === "audioinput") list.microphones.push(device);
    else list.speakers.push(device);
  }
  return list;
}
