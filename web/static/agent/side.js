// An agent's side of contacts: what the panel and the panel of one call both do, not how it looks.
//
// It owns the session, the view of what the gateway tells, and the call and the chat of the contact that is on it. It
// knows neither offers nor sign-in nor desktops, and no element: whoever shows it listens.

import { Call } from "../lib/call.js";
import { CHATS, ChatBook } from "../lib/chat.js";
import { socketUrl } from "../lib/dom.js";
import { watchReach } from "../lib/reach.js";
import { Session } from "../lib/session.js";
import { chimeIn, chimeOut } from "../lib/sound.js";
import { fold, newView } from "./model.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("../lib/messages.js").ServerMessage} ServerMessage */
/** @typedef {import("../lib/messages.js").ClientMessage} ClientMessage */
/** @typedef {{message: ServerMessage, before: View}} Folded what came, and the view before it */

/**
 * @typedef {object} AgentSideOptions
 * @property {string} path of the socket
 * @property {import("../lib/dom.js").Store} store
 * @property {string} key before the names of what is kept in the store
 * @property {(contact_id: string) => string} generation_key under which the call's generation is kept over a reload
 * @property {() => boolean} [with_camera] whether a call begins with the camera on
 */

/**
 * Events: `change`, whenever anything a page shows of it is different; `welcome`; `folded` (detail Folded), after a message
 * has had its effect here; `over` (detail the code), when the session is at its end.
 */
export class AgentSide extends EventTarget {
  view = newView();
  /** @type {Session | null} */
  session = null;
  /** @type {Call | null} */
  call = null;
  /** What is written with the customer of `assigned`. @type {ChatBook | null} */
  chat = null;
  /** Whether the chat stands beside a call. */
  chatting;

  #options;
  /** The contact that `call` belongs to. */
  #call_contact = "";

  /** @param {AgentSideOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.chatting = options.store.getItem(this.#chat_key) !== null;
  }

  get #chat_key() {
    return `${this.#options.key}.chat`;
  }

  /** Look after the session as long as the page is there. @param {AbortSignal} signal */
  watch(signal) {
    window.addEventListener("pagehide", () => this.session?.keep(), { signal });
    watchReach(() => this.session, signal);
    signal.addEventListener("abort", () => this.call?.end());
  }

  /** The session, not started; one before it is closed, and everything known forgotten. */
  open() {
    const { path, store, key } = this.#options;
    this.session?.close();
    this.#endCall();
    const session = new Session({ url: socketUrl(path), store, key });
    this.session = session;
    session.addEventListener("state", () => this.#sessionChanged(session));
    session.addEventListener("welcome", (event) => this.#welcomed(/** @type {CustomEvent} */ (event).detail));
    session.addEventListener("message", (event) => this.#receive(session, /** @type {CustomEvent} */ (event).detail));
    this.#show(newView());
    return session;
  }

  /** Nothing can be done with the contact any more, whatever comes. */
  close() {
    this.#endCall();
    this.session?.close();
  }

  /** @param {View} view */
  #show(view) {
    this.view = view;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }

  /** @param {Session} session */
  #sessionChanged(session) {
    if (session !== this.session) return;
    if (session.state === "over") {
      this.#endCall();
      this.dispatchEvent(new CustomEvent("over", { detail: session.code }));
    }
    this.#changed();
  }

  /** @param {import("../lib/messages.js").Welcome} welcome */
  #welcomed(welcome) {
    if (!welcome.resumed) {
      this.#show(newView());
      this.call?.tellMediaState();
      this.chat?.renewed();
    }
    this.dispatchEvent(new CustomEvent("welcome"));
  }

  /** @param {Session} session @param {ServerMessage} message */
  #receive(session, message) {
    if (session !== this.session || this.chat?.receive(message)) return;
    const before = this.view;
    const view = fold(before, message, Date.now());
    this.#show(view);
    if (message.type === "assigned") this.#openChat(session, message.contact_id);
    this.call?.receive(message);
    const contact_id = view.assigned?.contact_id ?? "";
    const over = contact_id === "" || view.contact_state === "wrap_up" || view.contact_state === "closed" || view.wrap_up !== null;
    if (over || contact_id !== this.#call_contact) this.#endCall();
    if (!over && message.type === "assigned") this.#startCall(session, contact_id);
    if (view.contact_state === "active" && before.contact_state === "bridging") chimeIn();
    this.dispatchEvent(new CustomEvent("folded", { detail: { message, before } }));
  }

  // -------------------------------------------------------------- the call

  /** @param {Session} session @param {string} contact_id */
  #startCall(session, contact_id) {
    if (this.call !== null) return;
    const { store, generation_key } = this.#options;
    const call = new Call({ session, store, key: generation_key(contact_id), published: true });
    this.call = call;
    this.#call_contact = contact_id;
    call.addEventListener("change", () => this.#changed());
    call.connect();
    void this.#openDevices(call, this.view.assigned?.voice_apart ?? false);
  }

  /**
   * One question after the other: some browsers ask for both at once only confusingly.
   * @param {Call} call
   * @param {boolean} voice_apart the voice is on the agent's phone: no microphone here
   */
  async #openDevices(call, voice_apart) {
    if (!voice_apart) await call.useMicrophone();
    if (call === this.call && (this.#options.with_camera?.() ?? true)) await call.useCamera();
  }

  #endCall() {
    if (this.call === null) return;
    chimeOut();
    this.call.end();
    this.#options.store.removeItem(this.#options.generation_key(this.#call_contact));
    this.call = null;
    this.#call_contact = "";
  }

  // -------------------------------------------------------------- the chat

  /** @param {Session} session @param {string} contact_id */
  #openChat(session, contact_id) {
    if (this.chat?.contact_id === contact_id) return;
    const chat = new ChatBook({ contact_id, send: (message) => session.send(message), store: this.#options.store });
    chat.addEventListener("change", () => this.#changed());
    this.chat = chat;
  }

  /** Whether the customer is this agent's to write to: not of a colleague who asks. */
  get may_chat() {
    return this.chat !== null && CHATS.has(this.view.contact_state) && this.view.assigned?.asked_by === "";
  }

  toggleChat() {
    this.chatting = !this.chatting;
    if (this.chatting) this.#options.store.setItem(this.#chat_key, "open");
    else this.#options.store.removeItem(this.#chat_key);
    this.#changed();
  }

  // -------------------------------------------------------------- what the agent does

  /** @param {ClientMessage} message */
  send(message) {
    this.session?.send(message);
  }

  /** Say that something was refused, until the next word of the gateway. @param {string} error_code */
  fail(error_code) {
    this.#show({ ...this.view, error_code });
  }

  hangUp = () => this.send({ type: "hang_up" });
  hold = () => this.send({ type: "hold" });
  retrieve = () => this.send({ type: "retrieve" });
  complete = () => this.send({ type: "complete_transfer" });

  /** @param {CustomEvent<{kind: "queue" | "agent" | "number", target: string, consult: boolean}>} event */
  transfer = (event) => this.send({ type: "transfer", ...event.detail });

  /** @param {CustomEvent<"start" | "stop" | "pause" | "resume">} event */
  record = (event) => this.send({ type: "recording", action: event.detail });

  /** @param {CustomEvent<{disposition: string, notes: string}>} event */
  wrapUp = (event) => this.send({ type: "wrap_up", ...event.detail });
}
