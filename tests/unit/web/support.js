// Fakes for the tests of the pages: time that moves by hand, a socket, a peer connection.

/** Timers that fire when `advance` says so. */
export class FakeTimers {
  /** @type {{id: number, at_ms: number, callback: () => void}[]} */
  #waiting = [];
  #next_id = 1;
  now_ms = 1_000_000;
  chance = 0.5;

  setTimeout = (/** @type {() => void} */ callback, /** @type {number} */ delay_ms) => {
    const id = this.#next_id++;
    this.#waiting.push({ id, at_ms: this.now_ms + delay_ms, callback });
    return id;
  };

  clearTimeout = (/** @type {number | undefined} */ id) => {
    this.#waiting = this.#waiting.filter((each) => each.id !== id);
  };

  now = () => this.now_ms;
  random = () => this.chance;

  get waiting() {
    return this.#waiting.length;
  }

  /** @param {number} ms */
  advance(ms) {
    const until = this.now_ms + ms;
    for (;;) {
      const [next] = this.#waiting.filter((each) => each.at_ms <= until).sort((one, other) => one.at_ms - other.at_ms);
      if (next === undefined) break;
      this.now_ms = next.at_ms;
      this.clearTimeout(next.id);
      next.callback();
    }
    this.now_ms = until;
  }
}

/** One WebSocket; `FakeSocket.all` has them in the order they were opened. */
export class FakeSocket {
  /** @type {FakeSocket[]} */
  static all = [];
  /** @type {any[]} */
  said = [];
  readyState = 0;
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: {data: string}) => void) | null} */
  onmessage = null;
  /** @type {((event: {code: number, reason: string}) => void) | null} */
  onclose = null;

  /** @param {string} url @param {string} protocol */
  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
    FakeSocket.all.push(this);
  }

  static get last() {
    return FakeSocket.all[FakeSocket.all.length - 1];
  }

  /** @param {string} text */
  send(text) {
    this.said.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  // ---- the gateway's side

  accept() {
    this.readyState = 1;
    this.onopen?.();
  }

  /** @param {object} message */
  tell(message) {
    this.onmessage?.({ data: JSON.stringify({ seq: 0, ack: 0, ...message }) });
  }

  /** @param {object} [fields] */
  welcome(fields = {}) {
    this.accept();
    this.tell({ type: "welcome", version: 1, session_id: "se_00000001", secret: "first", resumed: false, grace_s: 60, ice_servers: [], ...fields });
  }

  /** @param {number} code @param {string} [reason] */
  drop(code, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** @param {string} type */
  of(type) {
    return this.said.filter((message) => message.type === type);
  }
}

/** As much of an RTCPeerConnection as Peer uses. */
export class FakeConnection {
  /** @type {FakeConnection[]} */
  static all = [];
  connectionState = "new";
  signalingState = "stable";
  closed = false;
  /** @type {{kind: string, direction: string, sender: FakeSender}[]} */
  transceivers = [];
  /** @type {any} */
  remote = null;
  /** What getStats tells. @type {object[]} */
  reports = [];
  /** @type {(() => void) | null} */
  onconnectionstatechange = null;
  ontrack = null;
  /** Set to keep createOffer from answering until it is called. @type {(() => void) | null} */
  release = null;
  static hold = false;

  /** @param {any} configuration */
  constructor(configuration) {
    this.configuration = configuration;
    FakeConnection.all.push(this);
  }

  static get last() {
    return FakeConnection.all[FakeConnection.all.length - 1];
  }

  /** @param {string} kind @param {{direction: string}} init */
  addTransceiver(kind, init) {
    const transceiver = { kind, direction: init.direction, sender: new FakeSender() };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  async createOffer() {
    if (FakeConnection.hold) await new Promise((resolve) => (this.release = () => resolve(undefined)));
    return { type: "offer", sdp: `offer ${FakeConnection.all.indexOf(this)}` };
  }

  async setLocalDescription() {
    this.signalingState = "have-local-offer";
  }

  /** @param {any} description */
  async setRemoteDescription(description) {
    if (description.sdp === "nonsense") throw new Error("no sdp");
    this.remote = description;
    this.signalingState = "stable";
  }

  async getStats() {
    return new Map(this.reports.map((report, number) => [`${number}`, report]));
  }

  /** @param {string} state */
  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close() {
    this.closed = true;
  }
}

class FakeSender {
  /** @type {any} */
  track = null;

  /** @param {any} track */
  async replaceTrack(track) {
    this.track = track;
  }
}

export class FakeStream {
  getTracks() {
    return [];
  }
}

/** Let everything that was awaited so far go on. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
