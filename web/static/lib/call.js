// One side of a call as a page sees it: its own devices, what it publishes, and the peer connection.
//
// The customer's and the agent's page share it. It owns the local tracks (and stops them), tells the gateway what is
// shown and said, and forwards leg messages to the Peer. It knows nothing of queues, menus or offers.
//
// Camera and microphone can be open without being *published*: that is the preview before being seen.

import { DeviceError, listDevices, openCamera, openMicrophone, openScreen } from "./devices.js";
import { Peer } from "./peer.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./messages.js").ServerMessage} ServerMessage */

const REPORT_EVERY_MS = 2_000;

/**
 * @typedef {object} CallOptions
 * @property {Session} session
 * @property {Pick<Storage, "getItem" | "setItem">} store
 * @property {string} key under which the generation is kept over a reload
 * @property {boolean} published whether tracks go out as soon as they are open
 * @property {boolean} [seen] whether somebody can see the camera already
 * @property {boolean} [heard] whether somebody can hear the microphone already
 */

/** Events: `change`, whenever anything a page shows of it is different. */
export class Call extends EventTarget {
  /** @type {MediaStreamTrack | null} */
  microphone = null;
  /** @type {MediaStreamTrack | null} */
  camera = null;
  /** @type {MediaStreamTrack | null} */
  screen = null;
  muted = false;
  /** @type {"user" | "environment"} */
  facing = "user";
  published;
  /**
   * Whether anybody can see the camera just now. In line nobody can: then its picture stays here, which spares a phone's
   * battery and its data, and nobody is shown before they are talked to.
   */
  seen;
  /** The same of the microphone: in line and in the menu nobody listens, so nothing is sent. */
  heard;
  /** What is being asked of the browser just now: its question is on the screen. @type {string | null} */
  asking = null;
  /** Why the last wish for a device failed. @type {import("./devices.js").DeviceCode | null} */
  device_code = null;
  /** Which device that was. @type {"camera" | "microphone" | "screen" | null} */
  device_kind = null;
  /** Why the gateway refused the last offer. @type {string | null} */
  refused_code = null;
  /** @type {import("./devices.js").DeviceList} */
  devices = { cameras: [], microphones: [], speakers: [] };
  speaker_id = "";
  /** The own picture, as a stream for a video element. */
  local = new MediaStream();
  local_screen = new MediaStream();
  peer;

  #session;
  #ended = false;
  #abort = new AbortController();
  #report_timer = 0;

  /** @param {CallOptions} options */
  constructor({ session, store, key, published, seen = true, heard = true }) {
    super();
    this.#session = session;
    this.published = published;
    this.seen = seen;
    this.heard = heard;
    this.peer = new Peer({
      generation: Number(store.getItem(key)) || 0,
      remember: (generation) => store.setItem(key, String(generation)),
      sendOffer: (generation, sdp) => session.send({ type: "leg_offer", generation, sdp }),
      check: () => session.probe(),
      iceServers: () => session.ice_servers,
      refreshIce: () => session.refreshIce(),
    });
    const { signal } = this.#abort;
    const peer = this.peer;
    peer.addEventListener("status", () => this.#peerChanged(), { signal });
    peer.addEventListener("tracks", () => this.#changed(), { signal });
    peer.addEventListener(
      "refused",
      (event) => {
        this.refused_code = /** @type {CustomEvent} */ (event).detail.code;
        this.#changed();
      },
      { signal },
    );
    session.addEventListener("state", () => peer.signalingReady(session.state === "open"), { signal });
    peer.signalingReady(session.state === "open");
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.refreshDevices(), { signal });
    window.addEventListener("online", () => this.#networkChanged(), { signal });
    watchConnectionType(() => this.#networkChanged(), signal);
    void keepAwake(signal);
    this.#report_timer = window.setInterval(() => void this.#report(), REPORT_EVERY_MS);
  }

  /** Connect, when there is no connection yet. */
  connect() {
    if (this.peer.status === "idle") void this.peer.connect();
  }

  /** @param {ServerMessage} message */
  receive(message) {
    if (message.type === "leg_answer") this.refused_code = null;
    if (message.type === "leg_answer" || message.type === "leg_refused" || message.type === "leg_state") {
      void this.peer.receive(message);
    }
  }

  // -------------------------------------------------------------- devices

  /** @param {string} [device_id] */
  async useMicrophone(device_id) {
    const track = await this.#ask("microphone", () => openMicrophone(device_id));
    if (track === null) return false;
    this.microphone?.stop();
    this.microphone = track;
    this.#watchEnd(track, "microphone");
    await this.#publish();
    return true;
  }

  /** @param {{device_id?: string, facing?: "user" | "environment"}} [which] */
  async useCamera(which = {}) {
    // A phone opens one camera at a time: let go of the one in use first.
    const before = this.camera;
    if (before !== null && which.facing !== undefined) before.stop();
    const track = await this.#ask("camera", () => openCamera(which));
    if (track === null) {
      if (before?.readyState === "ended") await this.stopCamera();
      return false;
    }
    before?.stop();
    this.camera = track;
    const facing = track.getSettings().facingMode;
    this.facing = facing === "environment" || facing === "user" ? facing : (which.facing ?? "user");
    this.#watchEnd(track, "camera");
    await this.#publish();
    return true;
  }

  async stopCamera() {
    this.camera?.stop();
    this.camera = null;
    await this.#publish();
  }

  async flipCamera() {
    await this.useCamera({ facing: this.facing === "user" ? "environment" : "user" });
  }

  async shareScreen() {
    const track = await this.#ask("screen", openScreen);
    if (track === null) return false;
    this.screen = track;
    this.#watchEnd(track, "screen");
    await this.#publish();
    return true;
  }

  async stopScreen() {
    this.screen?.stop();
    this.screen = null;
    await this.#publish();
  }

  async toggleMute() {
    this.muted = !this.muted;
    await this.#publish();
  }

  /** From now on the other side gets what is open here. */
  async publish() {
    this.published = true;
    await this.#publish();
  }

  /** @param {boolean} seen whether somebody can see the camera from now on */
  async beSeen(seen) {
    if (seen === this.seen || this.#ended) return;
    this.seen = seen;
    await this.#sendCamera();
  }

  /** @param {boolean} heard whether somebody can hear the microphone from now on */
  async beHeard(heard) {
    if (heard === this.heard || this.#ended) return;
    this.heard = heard;
    await this.#sendMicrophone();
  }

  dismissDeviceCode() {
    this.device_code = this.device_kind = null;
    this.#changed();
  }

  async refreshDevices() {
    this.devices = await listDevices();
    if (!this.#ended) this.#changed();
  }

  /** Tell the gateway again, because it has forgotten. */
  tellMediaState() {
    const { audio, video, screen } = this.shown;
    this.#session.send({ type: "media_state", audio, video, screen });
  }

  /** What goes out right now. */
  get shown() {
    return {
      audio: this.published && this.microphone !== null && !this.muted && !this.microphone.muted,
      video: this.published && this.camera !== null && !this.camera.muted,
      screen: this.published && this.screen !== null,
    };
  }

  /** Stop every device and the connection. Idempotent. */
  end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#abort.abort();
    window.clearInterval(this.#report_timer);
    for (const track of [this.microphone, this.camera, this.screen]) track?.stop();
    this.microphone = this.camera = this.screen = null;
    this.peer.close();
  }

  // -------------------------------------------------------------- inside

  /**
   * @param {"camera" | "microphone" | "screen"} kind
   * @param {() => Promise<MediaStreamTrack>} open
   */
  async #ask(kind, open) {
    this.asking = kind;
    this.device_code = this.device_kind = null;
    this.#changed();
    try {
      const track = await open();
      if (this.#ended) {
        track.stop(); // the call ended while the browser was asking
        return null;
      }
      return track;
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      this.device_code = error.code;
      this.device_kind = kind;
      return null;
    } finally {
      this.asking = null;
      if (!this.#ended) {
        await this.refreshDevices();
        this.#changed();
      }
    }
  }

  /**
   * Unplugged, taken away in the browser's own bar, or the share ended there; and muted by the browser itself, which is
   * no fault: another app has it, or the phone shows something else. The track then goes on sending black or silence.
   * @param {MediaStreamTrack} track
   * @param {"camera" | "microphone" | "screen"} kind
   */
  #watchEnd(track, kind) {
    const { signal } = this.#abort;
    const ended = () => {
      if (this[kind] !== track) return;
      this[kind] = null;
      if (kind !== "screen") void this.#replace(kind);
      void this.#publish();
    };
    track.addEventListener("ended", ended, { signal });
    const muted = () => {
      if (this[kind] === track) void this.#publish();
    };
    track.addEventListener("mute", muted, { signal });
    track.addEventListener("unmute", muted, { signal });
  }

  /** A device is gone: take another one if there is any, and say so. @param {"camera" | "microphone"} kind */
  async #replace(kind) {
    this.devices = await listDevices();
    const others = kind === "camera" ? this.devices.cameras : this.devices.microphones;
    const fell = others.length > 0 && !this.#ended && (await (kind === "camera" ? this.useCamera() : this.useMicrophone()));
    if (this.#ended || (others.length > 0 && !fell)) return; // the wish that failed has said why
    this.device_code = fell ? "device_replaced" : "device_failed";
    this.device_kind = kind;
    this.#changed();
  }

  /** Tracks the browser itself sends nothing of just now. */
  get paused_by_browser() {
    return { audio: this.microphone?.muted === true, video: this.camera?.muted === true };
  }

  async #publish() {
    show(this.local, this.camera);
    show(this.local_screen, this.screen);
    const { screen } = this.shown;
    this.#changed();
    if (this.published && this.#session.state !== "over") this.tellMediaState();
    // One that the browser has muted stays attached: it goes on by itself.
    await this.#sendMicrophone();
    await this.#sendCamera();
    await this.peer.setTrack("screen", screen ? this.screen : null);
  }

  async #sendMicrophone() {
    await this.peer.setTrack("audio", this.published && this.heard && !this.muted ? this.microphone : null);
  }

  async #sendCamera() {
    await this.peer.setTrack("video", this.published && this.seen ? this.camera : null);
  }

  #peerChanged() {
    if (this.peer.status === "connected") this.refused_code = null;
    this.#changed();
  }

  #networkChanged() {
    this.#session.renew();
    this.peer.networkChanged();
  }

  async #report() {
    const report = await this.peer.stats();
    // What can't be said now is stale later: it is not kept for when the session is back.
    if (report !== null && !this.#ended && this.#session.state === "open") this.#session.send({ type: "quality_report", ...report });
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/**
 * @param {MediaStream} stream
 * @param {MediaStreamTrack | null} track
 */
function show(stream, track) {
  for (const old of stream.getTracks()) if (old !== track) stream.removeTrack(old);
  if (track !== null && !stream.getTracks().includes(track)) stream.addTrack(track);
}

/**
 * Where the browser tells the kind of network (phones): Wi-Fi to mobile data and back.
 * @param {() => void} changed
 * @param {AbortSignal} signal
 */
function watchConnectionType(changed, signal) {
  const connection = /** @type {(EventTarget & {type?: string}) | undefined} */ (
    /** @type {any} */ (navigator).connection
  );
  if (connection?.type === undefined) return;
  /** @type {string | undefined} */
  let type = connection.type;
  connection.addEventListener(
    "change",
    () => {
      if (connection.type === type) return; // the same event tells mere estimates of speed
      type = connection.type;
      if (type !== "none") changed();
    },
    { signal },
  );
}

/**
 * A phone that falls asleep in the queue loses its place: keep the screen on where the browser can.
 * @param {AbortSignal} signal
 */
async function keepAwake(signal) {
  if (!("wakeLock" in navigator)) return;
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  const ask = async () => {
    if (document.visibilityState !== "visible") return; // the browser let go of it, and will not give it now
    try {
      lock = await navigator.wakeLock.request("screen");
      if (signal.aborted) await lock.release();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // low battery, or the page around the frame forbids it
    }
  };
  document.addEventListener("visibilitychange", () => void ask(), { signal });
  signal.addEventListener("abort", () => void lock?.release());
  await ask();
}
