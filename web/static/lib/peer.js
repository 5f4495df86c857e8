// The sole owner of RTCPeerConnection: one connection at a time, each a *generation*.
//
// The browser offers, once per generation: audio, video and screen at once, without tracks and without waiting for
// candidates (the gateway is ICE-lite and learns them from the checks). Camera, microphone, screen, flip and mute are
// `replaceTrack`; nothing is ever negotiated again. What fails is replaced by the next generation. After every `await`
// the generation is compared: a newer one may have begun meanwhile, and then this one must leave nothing behind.
//
// Knows no contact, agent or page; the offer goes out through `sendOffer`, answers come in through `receive`.

import { summarise } from "./quality.js";
import { ceilingOf, setCeiling, UplinkSearch } from "./uplink.js";

/** @typedef {"audio" | "video" | "screen"} Kind */
/** @typedef {"idle" | "connecting" | "connected" | "reconnecting" | "closed"} PeerStatus */
/**
 * @typedef {object} PeerOptions
 * @property {(generation: number, sdp: string) => void} sendOffer
 * @property {(generation: number) => void} [remember] keeps the number over a reload
 * @property {number} [generation] the last one used by a page before this one
 * @property {() => import("./messages.js").IceServer[]} [iceServers]
 * @property {() => Promise<void> | null} [refreshIce] new ones, when those there are may be too old
 * @property {() => Promise<boolean>} [check] whether the gateway can be reached just now
 * @property {typeof RTCPeerConnection} [PeerConnectionClass]
 * @property {typeof MediaStream} [MediaStreamClass]
 * @property {Pick<import("./session.js").Timers, "setTimeout" | "clearTimeout">} [timers]
 */

/** @type {Kind[]} */
export const KINDS = ["audio", "video", "screen"];

/** From the offer until media can flow; longer means that something in between drops it. */
const CONNECT_TIMEOUT_MS = 12_000;
/** `disconnected` often heals by itself within this. */
const DISCONNECTED_PATIENCE_MS = 3_000;
/** What the gateway calls silent while the browser does not: it may have heard again in the meantime. */
const SILENT_PATIENCE_MS = 1_000;
/** How often it is looked whether the way up holds the picture back. */
const UPLINK_STEP_MS = 1_000;
const RETRY_DELAYS_MS = [0, 1_000, 2_000, 3_000, 3_000];
/** So many generations in a row were answered and never connected: the network blocks the media. */
const BLOCKED_AFTER = 2;

const REAL_TIMERS = {
  setTimeout: (/** @type {() => void} */ callback, /** @type {number} */ delay_ms) => setTimeout(callback, delay_ms),
  clearTimeout: (/** @type {any} */ id) => clearTimeout(id),
};

/**
 * Events: `status` (detail `{status, blocked}`), `tracks` (the remote streams changed), `refused` (detail
 * `{code, detail}`).
 */
export class Peer extends EventTarget {
  /** @type {PeerStatus} */
  status = "idle";
  /** Media does not get through although the gateway answers. */
  blocked = false;
  /** Sound and camera of the other side. @type {MediaStream} */
  remote;
  /** Their screen. @type {MediaStream} */
  remote_screen;

  #options;
  #timers;
  /** @type {RTCPeerConnection | null} */
  #connection = null;
  #generation;
  #answered = false;
  #failures = 0;
  #signaling = false;
  /** A generation is wanted as soon as signaling is there. */
  #wanted = false;
  /** @type {Record<Kind, MediaStreamTrack | null>} */
  #tracks = { audio: null, video: null, screen: null };
  /** @type {Partial<Record<Kind, RTCRtpSender>>} */
  #senders = {};
  #timer = undefined;
  /** @type {import("./quality.js").Sample | null} */
  #last_sample = null;
  #answer = "";
  /** @type {UplinkSearch | null} */
  #uplink = null;
  #uplink_timer = undefined;

  /** @param {PeerOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#timers = options.timers ?? REAL_TIMERS;
    this.#generation = options.generation ?? 0;
    const Stream = options.MediaStreamClass ?? MediaStream;
    this.remote = new Stream();
    this.remote_screen = new Stream();
  }

  get generation() {
    return this.#generation;
  }

  /** Offers can only be made while the session is open. A connection that was wanted meanwhile is made now. */
  signalingReady(/** @type {boolean} */ ready) {
    this.#signaling = ready;
    if (ready && this.#wanted) void this.connect();
  }

  /** A new generation, replacing the one there is. */
  async connect() {
    if (this.status === "closed") return;
    if (!this.#signaling) {
      this.#wanted = true;
      return;
    }
    this.#wanted = false;
    this.#drop();
    const generation = ++this.#generation;
    this.#options.remember?.(generation);
    this.#answered = false;
    this.#setStatus(this.status === "idle" || this.status === "connecting" ? "connecting" : "reconnecting");
    const refreshing = this.#options.refreshIce?.();
    if (refreshing) {
      await refreshing;
      if (generation !== this.#generation || /** @type {PeerStatus} */ (this.status) === "closed") return;
    }
    const Connection = this.#options.PeerConnectionClass ?? RTCPeerConnection;
    const connection = new Connection({
      iceServers: (this.#options.iceServers?.() ?? []).map(({ urls, username, credential }) => ({ urls, username, credential })),
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
    });
    this.#connection = connection;
    connection.onconnectionstatechange = () => this.#changed(connection);
    connection.ontrack = (event) => this.#heard(connection, event);
    for (const kind of KINDS) {
      const transceiver = connection.addTransceiver(kind === "audio" ? "audio" : "video", { direction: "sendrecv" });
      this.#senders[kind] = transceiver.sender;
    }
    this.#timer = this.#timers.setTimeout(() => this.#failed(connection), CONNECT_TIMEOUT_MS);
    for (const kind of KINDS) {
      if (this.#tracks[kind] === null) continue;
      await this.#senders[kind]?.replaceTrack(this.#tracks[kind]);
      if (generation !== this.#generation || connection !== this.#connection) return;
    }
    const offer = await connection.createOffer();
    if (generation !== this.#generation || connection !== this.#connection) return;
    await connection.setLocalDescription(offer);
    if (generation !== this.#generation || connection !== this.#connection) return;
    this.#options.sendOffer(generation, offer.sdp ?? "");
  }

  /**
   * Messages about this side's leg; those of an older generation mean nothing any more.
   * @param {import("./messages.js").LegAnswer | import("./messages.js").LegRefused | import("./messages.js").LegState} message
   */
  async receive(message) {
    if (message.type === "leg_state" && message.generation > this.#generation) {
      // A page before this one got further than was remembered: the next number must be above it.
      this.#generation = message.generation;
      if (this.#connection !== null || this.#wanted) await this.connect();
      return;
    }
    const connection = this.#connection;
    if (message.generation !== this.#generation || connection === null) return;
    if (message.type === "leg_answer") {
      if (connection.signalingState !== "have-local-offer") return;
      this.#answered = true;
      this.#answer = message.sdp;
      const ceiling_bps = ceilingOf(message.sdp);
      this.#uplink = ceiling_bps === null ? null : new UplinkSearch(ceiling_bps);
      try {
        await connection.setRemoteDescription({ type: "answer", sdp: message.sdp });
      } catch (error) {
        if (connection !== this.#connection) return;
        this.#refused("answer_invalid", error instanceof Error ? error.message : "");
      }
    } else if (message.type === "leg_refused") {
      this.#refused(message.code, message.detail);
    } else if (message.state === "failed") {
      await this.connect();
    } else if (message.state === "reconnecting") {
      this.#stopTimer();
      this.#timer = this.#timers.setTimeout(() => void this.connect(), SILENT_PATIENCE_MS);
    } else if (message.state === "connected" && this.status === "connected") {
      this.#stopTimer();
    }
  }

  /**
   * What this side sends from now on; null sends nothing. Never negotiates.
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async setTrack(kind, track) {
    this.#tracks[kind] = track;
    await this.#senders[kind]?.replaceTrack(track);
  }

  /** The device has another network now: what was nominated is gone, a fresh generation is quickest. */
  networkChanged() {
    if (this.status === "connected" || this.status === "reconnecting" || this.status === "connecting") void this.connect();
  }

  /** What the browser knows of its connection since the last call, or null while there is none. */
  async stats() {
    const connection = this.#connection;
    if (connection === null || this.status !== "connected") return null;
    const report = await connection.getStats();
    if (connection !== this.#connection) return null;
    const camera = connection.getTransceivers().find(({ sender }) => sender === this.#senders.video);
    const first = this.#last_sample === null;
    const { sample, report: said } = summarise(report, this.#last_sample, camera?.mid ?? null);
    this.#last_sample = sample;
    return first ? null : said; // the first look only begins the counting
  }

  /** Let go of everything for good. The tracks belong to who gave them and go on. */
  close() {
    if (this.status === "closed") return;
    this.#drop();
    this.#wanted = false;
    this.#setStatus("closed");
  }

  // -------------------------------------------------------------- inside

  /** @param {RTCPeerConnection} connection */
  #changed(connection) {
    if (connection !== this.#connection) return;
    const state = connection.connectionState;
    if (state === "connected") {
      this.#stopTimer();
      this.#failures = 0;
      this.#wanted = false; // healed while the gateway was out of reach
      this.blocked = false;
      this.#lookUpLater(connection);
      this.#setStatus("connected");
    } else if (state === "failed") {
      this.#failed(connection);
    } else if (state === "disconnected") {
      this.#stopTimer();
      this.#timer = this.#timers.setTimeout(() => void this.#replace(connection), DISCONNECTED_PATIENCE_MS);
      this.#setStatus("reconnecting");
      void this.#options.check?.(); // so that it is known by then
    }
  }

  /**
   * The next generation, once the gateway can be reached: an offer into a dead socket would only let go of a
   * connection that may heal. When it can't, `signalingReady` will tell when it can.
   * @param {RTCPeerConnection} connection
   */
  async #replace(connection) {
    await this.#options.check?.();
    if (connection === this.#connection && connection.connectionState !== "connected") await this.connect();
  }

  /** @param {RTCPeerConnection} connection */
  #failed(connection) {
    if (connection !== this.#connection) return;
    this.#failures += 1;
    if (this.#answered && this.#failures >= BLOCKED_AFTER) this.blocked = true;
    this.#setStatus("reconnecting");
    this.#connectLater();
  }

  /**
   * @param {string} code
   * @param {string} detail
   */
  #refused(code, detail) {
    this.#failures += 1;
    this.dispatchEvent(new CustomEvent("refused", { detail: { code, detail } }));
    if (this.#failures < RETRY_DELAYS_MS.length) this.#connectLater();
    else this.#stopTimer();
  }

  #connectLater() {
    this.#stopTimer();
    const delay_ms = RETRY_DELAYS_MS[Math.min(this.#failures - 1, RETRY_DELAYS_MS.length - 1)];
    const connection = this.#connection;
    this.#timer = this.#timers.setTimeout(
      () => void (connection === null ? this.connect() : this.#replace(connection)),
      delay_ms,
    );
  }

  /**
   * @param {RTCPeerConnection} connection
   * @param {RTCTrackEvent} event
   */
  #heard(connection, event) {
    if (connection !== this.#connection) return;
    const is_screen = event.transceiver.sender === this.#senders.screen;
    const stream = is_screen ? this.remote_screen : this.remote;
    for (const old of stream.getTracks()) {
      if (old.kind === event.track.kind) stream.removeTrack(old);
    }
    stream.addTrack(event.track);
    this.dispatchEvent(new CustomEvent("tracks"));
  }

  /** @param {RTCPeerConnection} connection */
  #lookUpLater(connection) {
    this.#timers.clearTimeout(this.#uplink_timer);
    if (this.#uplink === null) return;
    this.#uplink_timer = this.#timers.setTimeout(() => void this.#lookUp(connection), UPLINK_STEP_MS);
  }

  /** @param {RTCPeerConnection} connection */
  async #lookUp(connection) {
    const report = await connection.getStats();
    if (connection !== this.#connection || this.#uplink === null) return;
    let believed_bps = undefined;
    let held_back = false;
    for (const [, entry] of /** @type {Iterable<[string, any]>} */ (report)) {
      if (entry.type === "candidate-pair" && entry.nominated) believed_bps = entry.availableOutgoingBitrate;
      if (entry.type === "outbound-rtp") held_back ||= entry.qualityLimitationReason === "bandwidth";
    }
    const ceiling_bps = this.#uplink.step(believed_bps, held_back);
    if (ceiling_bps !== null) {
      try {
        await setCeiling(connection, this.#answer, ceiling_bps);
      } catch {
        this.#uplink = null; // a browser that does not want this does without
      }
    }
    if (connection === this.#connection) this.#lookUpLater(connection);
  }

  #drop() {
    this.#stopTimer();
    this.#timers.clearTimeout(this.#uplink_timer);
    this.#last_sample = null;
    this.#senders = {};
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) return;
    connection.onconnectionstatechange = connection.ontrack = null;
    connection.close();
  }

  #stopTimer() {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** @param {PeerStatus} status */
  #setStatus(status) {
    this.status = status;
    this.dispatchEvent(new CustomEvent("status", { detail: { status, blocked: this.blocked } }));
  }
}
