// The customer's side of a contact, from the first word to the last, and again: what it does, not how it looks.
//
// It owns the session, the call, the chat and the view of the contact, and keeps in the tab what a reload needs. It knows
// the place it is in and no element: whoever shows it listens for `change`.

import { ApiError, request, save } from "../lib/api.js";
import { Call } from "../lib/call.js";
import { CHATS, ChatBook } from "../lib/chat.js";
import { socketUrl } from "../lib/dom.js";
import { language, t } from "../lib/i18n.js";
import { watchReach } from "../lib/reach.js";
import { Session } from "../lib/session.js";
import { chimeIn, chimeOut, unlockSound } from "../lib/sound.js";
import { TALKING, fold, meets, newView, press, pressAhead, screenOf } from "./model.js";
import { SESSION_KEY } from "./place.js";
import { OPEN, Turn } from "./turn.js";

const CHOICE_KEY = "visavis.customer.choice";
const GENERATION_KEY = "visavis.customer.generation";
const CHAT_KEY = "visavis.customer.chat";
/** A gateway that is away for longer has lost the contact anyway (its grace is a minute). */
const GIVE_UP_MS = 150_000;
/** A browser's timer can be set for so long (a signed 32 bit number); nobody keeps a page open for longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1000;

/** @typedef {"start" | "entering" | "resuming" | "live" | "ended" | "refused" | "elsewhere"} Phase */
/** @typedef {import("../lib/messages.js").ServerMessage} ServerMessage */
/** @typedef {import("../lib/messages.js").Welcome} Welcome */

/** Event: `change`, whenever anything a screen shows of it is different. */
export class CustomerSide extends EventTarget {
  /** @type {Phase} */
  phase = "start";
  view = newView();
  /** Why there is no contact, or none any more. @type {string | null} */
  code = null;
  /** Whether the chat is on the screen, where there is one. */
  chatting = false;
  name = "";
  pin = "";
  /** The address of a kept place that was copied. */
  copied = "";
  /** Whether they agreed to be recorded before they came in. */
  agreed = false;
  /** @type {Session | null} */
  session = null;
  /** @type {Call | null} */
  call = null;
  /** @type {ChatBook | null} */
  chat = null;
  place;

  #turn;
  #opens_timer = 0;
  /** Camera and microphone had been chosen before a reload, and are to be opened again. */
  #reopening = false;

  /** @param {import("./place.js").Place} place */
  constructor(place) {
    super();
    this.place = place;
    this.#turn = new Turn(place);
  }

  /** Take up what a page before this one left, and watch what is around it. @param {AbortSignal} signal */
  begin(signal) {
    const turn = this.#turn;
    this.#lookWhenItOpens();
    turn.addEventListener("change", () => this.#show({}), { signal });
    for (const noticed of ["pointerdown", "keydown"]) window.addEventListener(noticed, () => turn.hush(), { signal });
    turn.start();
    window.addEventListener("pagehide", () => this.session?.keep(), { signal });
    watchReach(() => this.session, signal);
    this.place.addEventListener("payment", () => this.#tellPayment(), { signal });
    signal.addEventListener("abort", () => this.#stop());
    if (this.place.tab.getItem(SESSION_KEY) !== null) this.#resume();
  }

  /** The page goes: the contact may go on in the next one. */
  #stop() {
    this.#turn.stop();
    window.clearTimeout(this.#opens_timer);
    this.call?.end();
    this.session?.keep();
  }

  /** Which screen it is. */
  get screen() {
    return this.phase === "live" ? screenOf(this.view) : this.phase;
  }

  /** How long ago it was asked where the kept place stands, in seconds. @param {number} now_ms */
  placeAge(now_ms) {
    return (now_ms - this.#turn.asked_ms) / 1000;
  }

  /** An agent is there to read. */
  get may_chat() {
    return this.chat !== null && CHATS.has(this.view.state);
  }

  /** The center's phone system is on the line, and may ask for a key. */
  get may_key() {
    return this.view.voice_apart && this.view.state !== "in_menu" && screenOf(this.view) !== "ended";
  }

  /** @param {Partial<Pick<CustomerSide, "phase" | "view" | "code" | "chatting" | "copied">>} known what is different from now on */
  #show(known) {
    Object.assign(this, known);
    this.dispatchEvent(new CustomEvent("change"));
  }

  // -------------------------------------------------------------- the session

  #newSession() {
    const { place } = this;
    this.call?.end();
    this.session?.close();
    const session = new Session({ url: socketUrl("/ws/customer"), store: place.tab, key: SESSION_KEY, give_up_ms: GIVE_UP_MS });
    this.session = session;
    session.addEventListener("state", () => this.#sessionChanged(session));
    session.addEventListener("welcome", (event) => this.#welcomed(session, /** @type {CustomEvent} */ (event).detail));
    session.addEventListener("message", (event) => this.#receive(session, /** @type {CustomEvent} */ (event).detail));
    const call = new Call({ session, store: place.tab, key: GENERATION_KEY, published: false, seen: false, heard: false });
    this.call = call;
    call.addEventListener("change", () => this.#callChanged(call));
    return session;
  }

  /** After a reload: the same contact, if it still lives. */
  #resume() {
    const { place } = this;
    const session = this.#newSession();
    if (session.saved() === null) {
      this.#drop();
      return;
    }
    this.#show({ phase: "resuming" });
    this.#reopening = place.tab.getItem(CHOICE_KEY) !== null;
    place.bridge.tell({ type: "open" });
    session.start();
  }

  enter = async () => {
    const { place } = this;
    if (place.availability === null) return;
    unlockSound();
    for (const key of [CHOICE_KEY, GENERATION_KEY, CHAT_KEY]) place.tab.removeItem(key);
    this.#show({ phase: "entering", view: newView(), chatting: false });
    const { page, site, visitor_key } = place;
    const { consent, notice_version } = place.availability.recording;
    try {
      const entry = await request("POST", "/api/v1/widget/entry", {
        site,
        visitor_key,
        language: language(),
        page_url: page.page_url,
        page_title: page.page_title,
        form: page.form,
        identity: page.identity,
        display_name: this.name.trim(),
        notice_version: consent === "off" ? "" : notice_version,
        link: place.link,
        pin: this.pin.trim(),
      });
      this.#newSession().start({ entry_token: entry.entry_token });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(error.code);
    }
  };

  /** @param {Session} session @param {Welcome} welcome */
  #welcomed(session, welcome) {
    const { call, place } = this;
    if (session !== this.session || call === null) return;
    if (!welcome.resumed) {
      const { talking_since_ms } = this.view;
      this.view = { ...newView(), contact_id: welcome.contact_id ?? null, talking_since_ms };
    }
    this.#openChat(session, welcome);
    this.#show({ phase: "live" });
    this.#turn.stop();
    if (place.invitation?.place) place.forgetLink();
    if (!welcome.resumed || place.payment) this.#tellPayment();
    call.connect();
    if (!welcome.resumed && call.published) call.tellMediaState();
    if (this.#reopening) void this.#reopen(call);
  }

  /** The lines of this contact. @param {Session} session @param {Welcome} welcome */
  #openChat(session, welcome) {
    const { place } = this;
    const contact_id = welcome.contact_id ?? "";
    if (this.chat?.contact_id === contact_id) {
      if (!welcome.resumed) this.chat.renewed();
      return;
    }
    const chat = new ChatBook({ contact_id, send: (message) => session.send(message), store: place.tab });
    chat.addEventListener("change", () => this.#show({}));
    this.chat = chat;
    this.chatting = place.tab.getItem(CHAT_KEY) !== null;
  }

  /** Camera and microphone as they were before the reload: they had been chosen in this very call. @param {Call} call */
  async #reopen(call) {
    this.#reopening = false;
    const choice = this.place.tab.getItem(CHOICE_KEY);
    if (choice === null) return;
    const { video, muted } = JSON.parse(choice);
    call.muted = muted === true;
    await call.publish();
    await call.useMicrophone();
    if (video === true) await call.useCamera();
  }

  /** @param {Session} session @param {ServerMessage} message */
  #receive(session, message) {
    if (session !== this.session) return;
    if (this.chat?.receive(message)) return;
    const { call, place } = this;
    const before = this.view;
    const view = fold(before, message, Date.now());
    this.#show({ view });
    call?.receive(message);
    if (message.type === "menu_node") this.#choose(pressAhead(view));
    if (message.type === "recording_state" && message.state === "awaiting_consent" && this.agreed) this.consent(true);
    const talked = TALKING.has(before.state);
    const met = meets(view);
    void call?.beSeen(met);
    void call?.beHeard(met || view.voice_apart);
    if (TALKING.has(view.state) && !talked) chimeIn();
    if (message.type === "place_kept") place.keepLink(message.url);
    if (message.type === "recording_state") place.bridge.tell({ type: "recording", state: message.state });
    if (screenOf(view) === "ended") {
      if (talked) chimeOut();
      this.#finish("ended");
      if (view.end_reason === "callback" && place.link) void this.again();
    }
    this.#tellStatus();
  }

  /** @param {Session} session */
  #sessionChanged(session) {
    if (session !== this.session) return;
    if (session.state === "over" && this.phase !== "ended") {
      if (session.code === "taken_over") this.#finish("elsewhere");
      else if (this.phase === "entering") this.#refuse(session.code ?? "unreachable");
      else {
        this.code = session.code;
        this.#finish("ended");
      }
    }
    this.#show({});
  }

  /** @param {Call} call */
  #callChanged(call) {
    if (call !== this.call) return;
    if (call.published) {
      const choice = { video: call.camera !== null, muted: call.muted };
      this.place.tab.setItem(CHOICE_KEY, JSON.stringify(choice));
    }
    this.#show({});
  }

  /** @param {Phase} phase */
  #finish(phase) {
    this.#show({ phase });
    this.#drop();
    this.#tellStatus();
  }

  /** @param {string} code */
  #refuse(code) {
    this.#show({ code, phase: "refused" });
    this.#drop();
  }

  #drop() {
    const { call, session, place } = this;
    call?.end();
    this.call = this.session = this.chat = null;
    session?.close();
    for (const key of [SESSION_KEY, CHOICE_KEY, GENERATION_KEY, CHAT_KEY]) place.tab.removeItem(key);
  }

  // -------------------------------------------------------------- what the customer does

  /** Back to the first screen, with what the gateway says now. */
  again = async () => {
    this.#show({ code: null });
    await this.place.check();
    this.#show({ view: newView(), phase: "start" });
    this.#lookWhenItOpens();
    this.#turn.start();
  };

  /** The link is for later: the start is shown as soon as it is time, by the gateway's clock. */
  #lookWhenItOpens() {
    window.clearTimeout(this.#opens_timer);
    const opens_in_ms = (this.place.invitation?.opens_in_s ?? 0) * 1000;
    if (opens_in_ms > 0 && opens_in_ms < LONGEST_TIMER_MS) this.#opens_timer = window.setTimeout(this.again, opens_in_ms + 500);
  }

  /** Leave the page, keep the place. */
  keepPlace = () => {
    if (this.view.keep_sent) return;
    unlockSound();
    this.#show({ view: { ...this.view, keep_sent: true, keep_code: null } });
    this.session?.send({ type: "keep_place" });
  };

  /** @returns {Promise<boolean>} whether the browser allowed it */
  copyLink = async () => {
    const { address } = this.place;
    try {
      await navigator.clipboard.writeText(address);
    } catch (error) {
      if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
      return false;
    }
    this.#show({ copied: address });
    return true;
  };

  /** Ask the browser, because they have pressed for it. */
  allowNotifications = async () => {
    unlockSound();
    await Notification.requestPermission();
    this.#show({});
  };

  giveUpPlace = async () => {
    try {
      await this.place.giveUp();
      await this.again();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(error.code);
    }
  };

  /** The place is gone: a new call, from the beginning. */
  callAnew = async () => {
    this.place.forgetLink();
    await this.again();
  };

  saveCalendar = async () => {
    try {
      save(await this.place.calendar(language()), "video-call.ics");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(error.code);
    }
  };

  hangUp = () => {
    if (this.session?.state === "open") {
      this.session.send({ type: "hang_up" });
    } else {
      this.#show({ view: { ...this.view, state: "closed", end_reason: "left_offline" } });
      this.#finish("ended");
    }
  };

  /** A key of the menu: on the screen, or of the keyboard. @param {string} key */
  choose = (key) => this.#choose(press(this.view, key));

  /** @param {{view: import("./model.js").View, key: string | null}} pressed */
  #choose({ view, key }) {
    this.#show({ view });
    if (view.menu !== null && key !== null) this.session?.send({ type: "menu_choice", node_id: view.menu.node_id, key });
  }

  /** @param {boolean} given */
  consent = (given) => {
    const notice_version = this.view.notice_version || (this.place.availability?.recording.notice_version ?? "");
    this.session?.send({ type: "consent", given, notice_version, language: language() });
    this.#show({ view: { ...this.view, recording: given ? "starting" : "off" } });
  };

  /** @param {CustomEvent<string>} event */
  pressKey = (event) => this.session?.send({ type: "press_keys", keys: event.detail });

  toggleChat() {
    const { tab } = this.place;
    this.#show({ chatting: !this.chatting });
    if (this.chatting) tab.setItem(CHAT_KEY, "open");
    else tab.removeItem(CHAT_KEY);
  }

  minimise = () => this.place.bridge.tell({ type: "minimise" });

  /** What the page said last of its payment field; the gateway pauses the recording by it. */
  #tellPayment() {
    this.session?.send({ type: "payment", open: this.place.payment });
  }

  /** What the launcher says while the frame is folded away. */
  #tellStatus() {
    const live = this.phase === "live" || this.phase === "resuming";
    const talks = TALKING.has(this.view.state);
    const kept = this.place.invitation?.place;
    const label = !live ? (kept && OPEN.has(kept.state) ? "launcher.kept" : "launcher.open") : talks ? "launcher.return_call" : "launcher.return_queue";
    this.place.bridge.tell({ type: "status", live, label: t(label) });
  }
}
