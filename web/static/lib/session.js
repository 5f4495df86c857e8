// The one WebSocket of a page: hello, welcome, resume, numbers, acknowledgements, back-off.
//
// Owns the socket and the resume secret. Knows no state of a contact or an agent: messages go out through `send` and
// come in as `message` events. A lost socket is opened again until the session is over, and nothing sent meanwhile is
// lost: what the gateway has not acknowledged is sent again, what the page has seen already is dropped.

import { PROTOCOL_VERSION, SUBPROTOCOL } from "./messages.js";
import { Numbering } from "./numbering.js";
import { SavedSession } from "./saved-session.js";

/** @typedef {import("./messages.js").ServerMessage} ServerMessage */
/** @typedef {import("./messages.js").ClientMessage} ClientMessage */
/** @typedef {import("./messages.js").Welcome} Welcome */

/** @typedef {"idle" | "connecting" | "open" | "retrying" | "over"} SessionState */
/**
 * @typedef {object} Timers time and chance, replaced in tests
 * @property {(callback: () => void, delay_ms: number) => any} setTimeout
 * @property {(id: any) => void} clearTimeout
 * @property {() => number} now milliseconds
 * @property {() => number} random 0 ≤ x < 1
 */
/**
 * @typedef {object} SessionOptions
 * @property {string} url
 * @property {Pick<Storage, "getItem" | "setItem" | "removeItem">} store
 * @property {string} key name in the store
 * @property {number} [give_up_ms] a socket lost for longer ends the session; never when left out
 * @property {typeof WebSocket} [WebSocketClass]
 * @property {Timers} [timers]
 */

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 8_000;
/** With an entry token: it is good once, so a slow answer is better than another try. */
const WELCOME_TIMEOUT_MS = 10_000;
/** A resume: TCP asks after 1 and 3 s whether the network is back, so another try after that is sooner heard. */
const RESUME_TIMEOUT_MS = 4_000;
/** A socket that says nothing for so long is asked whether it still carries. */
const QUIET_MS = 5_000;
const PING_TIMEOUT_MS = 3_000;
/** Longer is not waited for new ICE servers: the old ones may do, and most networks need none. */
const ICE_TIMEOUT_MS = 2_000;
const ACK_DELAY_MS = 1_000;
const SAVE_EVERY_MS = 5_000;

/** The gateway says goodbye for good with these; after any other the socket is opened again. */
const FINAL_BYES = new Set(["taken_over", "signed_out", "session_over"]);
/** Numbers of the two sides don't fit together any more: nothing is wrong that a full view can't mend. */
const NUMBERING_CLOSES = new Set(["sequence_gap", "sequence_missing", "ack_unknown"]);
/** Close codes that no retry can change: protocol, sign-in, rights, conflict, unknown. The reason is a stable code. */
const FINAL_CLOSES = new Map([
  [4400, "protocol_error"],
  [4401, "not_signed_in"],
  [4403, "not_authorised"],
  [4404, "not_found"],
  [4409, "conflict"],
]);

/** @type {Timers} */
const REAL_TIMERS = {
  setTimeout: (callback, delay_ms) => setTimeout(callback, delay_ms),
  clearTimeout: (id) => clearTimeout(id),
  now: () => Date.now(),
  random: () => Math.random(),
};

/**
 * How long to wait before try `attempt` (from 1): doubling from 250 ms to 8 s, of which a random half, so that a
 * restarted gateway is not stormed.
 * @param {number} attempt
 * @param {number} random 0 ≤ x < 1
 */
export function retryDelay(attempt, random) {
  const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
  return Math.round(full / 2 + (full / 2) * random);
}

/**
 * Events: `state` (detail `{state, code, retry_in_ms, attempt}`), `welcome` (detail Welcome), `message` (detail
 * ServerMessage; never welcome, ack or bye).
 */
export class Session extends EventTarget {
  /** @type {SessionState} */
  state = "idle";
  /** Why the session is over; a stable code. @type {string | null} */
  code = null;
  /** TURN servers with credentials that grow old. @type {import("./messages.js").IceServer[]} */
  ice_servers = [];

  #options;
  #timers;
  #store;
  #numbers = new Numbering();
  /** @type {WebSocket | null} */
  #socket = null;
  #welcomed = false;
  #attempt = 0;
  /** @type {number | null} */
  #lost_at_ms = null;
  /** @type {import("./saved-session.js").Saved | null} */
  #saved = null;
  /** @type {string | null} */
  #entry_token = null;
  #take_over = false;
  /** Code of the last refusal before a welcome. @type {string | null} */
  #refusal = null;
  /** Timers that run. @type {Record<"retry" | "welcome" | "ack" | "quiet" | "ping", any>} */
  #running = { retry: undefined, welcome: undefined, ack: undefined, quiet: undefined, ping: undefined };
  /** Who waits for the answer to a ping. @type {((alive: boolean) => void)[]} */
  #asking = [];
  /** When `ice_servers` are half as old as they may get. */
  #ice_stale_ms = Infinity;
  /** Who waits for new ones. @type {(() => void)[]} */
  #ice_asking = [];

  /** @param {SessionOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#timers = options.timers ?? REAL_TIMERS;
    this.#store = new SavedSession(options.store, options.key, this.#timers.now);
  }

  /** What a page before this one left, if it may still live. */
  saved() {
    return this.#store.read();
  }

  /**
   * Open the socket. A customer brings an entry token for a new contact or nothing to resume the saved session; an
   * agent's cookie speaks.
   * @param {{entry_token?: string, take_over?: boolean}} [how]
   */
  start(how = {}) {
    this.#entry_token = how.entry_token ?? null;
    this.#take_over = how.take_over ?? false;
    this.#saved = this.#entry_token === null ? (this.#saved ?? this.saved()) : null;
    this.#numbers.reset();
    this.#attempt = 0;
    this.#lost_at_ms = null;
    this.code = null;
    this.#open();
  }

  /**
   * Number a message, keep it until it is acknowledged, send it as soon as the socket is open.
   * @param {ClientMessage} message
   * @returns {number} its number
   */
  send(message) {
    const seq = this.#numbers.keep(message);
    if (this.#welcomed) this.#write({ ...message, seq });
    return seq;
  }

  /** The network changed: don't trust the socket, open another one now. */
  renew() {
    if (this.state !== "open" && this.state !== "retrying") return;
    this.#dropSocket();
    this.#attempt = 0;
    this.#open();
  }

  /**
   * Ask whether the socket still carries; one that does not is replaced at once, and a wait for the next try ends.
   * @returns {Promise<boolean>} whether it does
   */
  async probe() {
    if (this.state === "retrying") this.renew();
    if (!this.#welcomed) return false;
    const answer = new Promise((/** @type {(alive: boolean) => void} */ resolve) => this.#asking.push(resolve));
    if (this.#running.ping === undefined) {
      this.#write({ type: "ping", seq: 0 });
      this.#running.ping = this.#timers.setTimeout(() => this.renew(), PING_TIMEOUT_MS);
    }
    return answer;
  }

  /** New ICE servers when those there are are too old to begin with; null when there is nothing to wait for. */
  refreshIce() {
    if (!this.#welcomed || this.#timers.now() < this.#ice_stale_ms) return null;
    return new Promise((/** @type {(value: void) => void} */ resolve) => {
      const timer = this.#timers.setTimeout(resolve, ICE_TIMEOUT_MS);
      this.#ice_asking.push(() => {
        this.#timers.clearTimeout(timer);
        resolve();
      });
      this.#write({ type: "ice_request", seq: 0 });
    });
  }

  /** Remember that the session lives; call when the page is about to go. */
  keep() {
    if (this.#saved === null || this.state === "over") return;
    this.#saved = { ...this.#saved, seen_at_ms: this.#timers.now() };
    this.#store.write(this.#saved);
  }

  /** The next page in this tab starts anew. */
  forget() {
    this.#saved = null;
    this.#store.forget();
  }

  /** End it here: close the socket, resume nothing. @param {string} [code] */
  close(code = "closed_here") {
    if (this.state === "over") return;
    this.#dropSocket();
    this.forget();
    this.#numbers.reset();
    this.code = code;
    this.#setState("over");
  }

  // -------------------------------------------------------------- the socket

  #open() {
    this.#clear("retry");
    this.#welcomed = false;
    this.#refusal = null;
    this.#setState("connecting");
    const Socket = this.#options.WebSocketClass ?? WebSocket;
    const socket = new Socket(this.#options.url, SUBPROTOCOL);
    this.#socket = socket;
    this.#running.welcome = this.#timers.setTimeout(
      () => this.#lost(socket, 0, ""),
      this.#entry_token === null ? RESUME_TIMEOUT_MS : WELCOME_TIMEOUT_MS,
    );
    socket.onopen = () => {
      if (socket === this.#socket) this.#write(this.#hello());
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = (event) => this.#lost(socket, event.code, event.reason);
  }

  #hello() {
    /** @type {import("./messages.js").Hello & {seq: number}} */
    const hello = { type: "hello", versions: [PROTOCOL_VERSION], seq: 0 };
    if (this.#saved !== null) {
      const { session_id, secret } = this.#saved;
      hello.resume = { session_id, secret, last_seq: this.#numbers.whole ? this.#numbers.last_in : 0 };
    } else if (this.#entry_token !== null) {
      hello.entry_token = this.#entry_token;
    }
    if (this.#take_over) hello.take_over = true;
    return hello;
  }

  /** @param {{type: string, seq: number} & Record<string, any>} message */
  #write(message) {
    if (this.#socket === null || this.#socket.readyState !== 1) return;
    this.#numbers.told();
    this.#clear("ack");
    this.#socket.send(JSON.stringify({ ...message, ack: this.#numbers.last_in }));
  }

  /** @param {unknown} data */
  #receive(data) {
    /** @type {(ServerMessage & {seq: number, ack: number}) | null} */
    let message = null;
    try {
      message = typeof data === "string" ? JSON.parse(data) : null;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    if (message === null || typeof message.type !== "string") return;
    this.#heard();
    if (message.type === "welcome") {
      this.#welcome(message);
      return;
    }
    if (typeof message.ack === "number") this.#numbers.acknowledged(message.ack);
    if (message.type === "bye") {
      this.#bye(message.code);
      return;
    }
    if (!this.#welcomed) {
      if (message.type === "error") this.#refusal = message.code;
      return;
    }
    if (message.type === "ice_servers") {
      this.#useIce(message.servers, message.lifetime_s);
      return;
    }
    if (message.type !== "ack") {
      if (!this.#numbers.take(message.seq)) return;
      this.#scheduleAck();
    }
    if (this.#timers.now() - (this.#saved?.seen_at_ms ?? 0) > SAVE_EVERY_MS) this.keep();
    if (message.type !== "ack") this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** @param {Welcome & {ack: number}} welcome */
  #welcome(welcome) {
    this.#clear("welcome");
    this.#entry_token = null; // used up: from here on the secret speaks
    this.#take_over = false;
    this.#attempt = 0;
    this.#lost_at_ms = null;
    this.#numbers.welcomed(welcome.resumed, welcome.ack);
    this.#useIce(welcome.ice_servers ?? [], welcome.ice_lifetime_s ?? 0);
    this.#saved = {
      session_id: welcome.session_id,
      secret: welcome.secret,
      contact_id: welcome.contact_id ?? null,
      grace_s: welcome.grace_s,
      seen_at_ms: 0,
    };
    this.#welcomed = true;
    this.keep();
    this.#heard();
    this.#ack(); // only now is the new secret the only one
    for (const { seq, message } of this.#numbers.unacknowledged) this.#write({ ...message, seq });
    this.dispatchEvent(new CustomEvent("welcome", { detail: welcome }));
    this.#setState("open");
  }

  /**
   * @param {import("./messages.js").IceServer[]} servers
   * @param {number} lifetime_s 0: for ever
   */
  #useIce(servers, lifetime_s) {
    this.ice_servers = servers;
    this.#ice_stale_ms = lifetime_s > 0 && servers.length > 0 ? this.#timers.now() + lifetime_s * 500 : Infinity;
    for (const go_on of this.#ice_asking.splice(0)) go_on();
  }

  /** @param {string} code */
  #bye(code) {
    if (FINAL_BYES.has(code)) this.close(code);
    else if (this.#socket !== null) this.#lost(this.#socket, 1001, code);
  }

  /**
   * The socket is gone, or never came up.
   * @param {WebSocket} socket
   * @param {number} close_code 0 when it never came up
   * @param {string} reason a stable code, or empty
   */
  #lost(socket, close_code, reason) {
    if (socket !== this.#socket) return;
    const refusal = reason || this.#refusal;
    const final = FINAL_CLOSES.get(close_code);
    this.#dropSocket();
    if (this.#entry_token !== null && refusal) {
      this.close(refusal); // an entry token is good once: there is nothing to come back to
      return;
    }
    if (NUMBERING_CLOSES.has(reason)) {
      this.#numbers.whole = false;
    } else if (final !== undefined) {
      this.close(refusal || final);
      return;
    }
    const now = this.#timers.now();
    this.#lost_at_ms ??= now;
    if (this.#options.give_up_ms !== undefined && now - this.#lost_at_ms >= this.#options.give_up_ms) {
      this.close(refusal || "unreachable");
      return;
    }
    // Nobody at all answered: that burdens nobody, so there is no reason to wait longer each time.
    const unheard = close_code === 0;
    if (!unheard) this.#attempt += 1;
    const retry_in_ms = retryDelay(unheard ? 1 : this.#attempt, this.#timers.random());
    this.#running.retry = this.#timers.setTimeout(() => this.#open(), retry_in_ms);
    this.#setState("retrying", retry_in_ms);
  }

  #dropSocket() {
    for (const timer of /** @type {const} */ (["retry", "welcome", "ack", "quiet", "ping"])) this.#clear(timer);
    this.#welcomed = false;
    this.#answerAsked(false);
    for (const go_on of this.#ice_asking.splice(0)) go_on();
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  // -------------------------------------------------------------- acknowledgements and timers

  /** Something came: the socket carries. */
  #heard() {
    if (!this.#welcomed) return;
    this.#clear("ping");
    this.#clear("quiet");
    this.#running.quiet = this.#timers.setTimeout(() => void this.probe(), QUIET_MS);
    this.#answerAsked(true);
  }

  /** @param {boolean} alive */
  #answerAsked(alive) {
    const asking = this.#asking;
    this.#asking = [];
    for (const resolve of asking) resolve(alive);
  }

  #scheduleAck() {
    if (this.#numbers.ack_due) {
      this.#ack();
    } else if (this.#running.ack === undefined) {
      this.#running.ack = this.#timers.setTimeout(() => this.#ack(), ACK_DELAY_MS);
    }
  }

  /** Acknowledgements belong to the socket: not numbered, not kept, not sent again. */
  #ack() {
    this.#clear("ack");
    if (this.#welcomed) this.#write({ type: "ack", seq: 0 });
  }

  /** @param {"retry" | "welcome" | "ack" | "quiet" | "ping"} which */
  #clear(which) {
    this.#timers.clearTimeout(this.#running[which]);
    this.#running[which] = undefined;
  }

  /**
   * @param {SessionState} state
   * @param {number} [retry_in_ms]
   */
  #setState(state, retry_in_ms) {
    this.state = state;
    const detail = { state, code: this.code, retry_in_ms, attempt: this.#attempt };
    this.dispatchEvent(new CustomEvent("state", { detail }));
  }
}
