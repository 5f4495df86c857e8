// The agent panel: <vv-agent>. Who is signed in, ready, ring, accept; which screen shows, and where the focus is.
//
// What is done with a contact is in side.js; the screens are in modules of their own.

import { LitElement, html, nothing } from "../vendor/lit.js";
import { awayTitle } from "../elements/away.js";
import { followFocus } from "../elements/follow.js";
import { icon } from "../elements/icons.js";
import { startLanguage } from "../elements/language.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { browserStore, isTyping, tabStore } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { Ring } from "../lib/ring.js";
import { signInAddress } from "../lib/sign-in.js";
import { bar } from "./bar.js";
import { callScreen, wrapUpScreen } from "./call-screen.js";
import { recordingNote, recordingSaid, unlockWrapUp } from "./call-view.js";
import { takeClaimOfAddress } from "./claim.js";
import { nameOf } from "./context.js";
import { contextStyles } from "./context-styles.js";
import { idle } from "./idle.js";
import { screenOf } from "./model.js";
import { offerCard } from "./offer.js";
import { overPage } from "./over.js";
import { AgentSide } from "./side.js";
import { panelStyles } from "./styles.js";

const CAMERA_KEY = "visavis.agent.camera";

const withCamera = () => browserStore().getItem(CAMERA_KEY) !== "off";

class Agent extends LitElement {
  static properties = { _account: { state: true }, _over: { state: true }, _now: { state: true }, _failure: { state: true } };

  static styles = [base, panelStyles, contextStyles];

  #side = new AgentSide({
    path: "/ws/agent",
    store: tabStore(),
    key: "visavis.agent",
    generation_key: (contact_id) => `visavis.generation.${contact_id}`,
    with_camera: withCamera,
  });
  #ring = new Ring();
  #abort = new AbortController();
  /** The id of a screen pop, until it is shown to the gateway. */
  #claim = "";
  #shown = "";

  constructor() {
    super();
    /** @type {import("../lib/api.js").Account | null} */
    this._account = null;
    /** Why the panel does not run. @type {string | null} */
    this._over = null;
    /** Why it could not be asked who is signed in. @type {string | null} */
    this._failure = null;
    this._now = Date.now();
  }

  async connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const side = this.#side;
    window.addEventListener("keydown", this.#key, { signal });
    side.addEventListener("change", () => this.requestUpdate(), { signal });
    side.addEventListener("folded", (event) => this.#folded(/** @type {CustomEvent<import("./side.js").Folded>} */ (event).detail), { signal });
    side.addEventListener("over", (event) => this.#sessionOver(/** @type {CustomEvent<string | null>} */ (event).detail), { signal });
    side.watch(signal);
    const tick = window.setInterval(() => (this._now = Date.now()), 500);
    signal.addEventListener("abort", () => window.clearInterval(tick));
    await this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#abort.abort();
    this.#ring.stop();
  }

  #load = async () => {
    this._failure = null;
    try {
      this._account = (await request("GET", "/api/v1/session")).account;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) window.location.replace(signInAddress());
      else this._failure = error.code;
      return;
    }
    this.#claim ||= takeClaimOfAddress(); // not before: until they are signed in it is where they come back to
    // A screen pop is where the agent looks now: a panel that is open elsewhere gives way to it.
    if (this._account?.roles.includes("agent")) this.#open(this.#claim !== "");
    else this._over = "not_an_agent";
  };

  /** @param {boolean} take_over */
  #open(take_over) {
    this._over = null;
    this.#side.open().start({ take_over });
  }

  /** @param {string | null} code */
  #sessionOver(code) {
    this.#ring.stop();
    if (code === "signed_out" || code === "not_signed_in") window.location.replace(signInAddress());
    else this._over = code;
  }

  /** @param {import("./side.js").Folded} folded */
  #folded({ message, before }) {
    const { offer } = this.#side.view;
    if (offer === null) this.#ring.stop();
    else if (offer !== before.offer) this.#ring.start(t("offer.title", { name: nameOf(offer.customer) }), offer.queue_name, offer.offer_id);
    if (message.type === "agent_state" && this.#claim !== "") {
      this.#side.send({ type: "claim_contact", correlation: this.#claim });
      this.#claim = "";
    }
    if (message.type === "error") unlockWrapUp(this.renderRoot);
  }

  // -------------------------------------------------------------- what the agent does

  #toggleChat = async () => {
    this.#side.toggleChat();
    await followFocus(this, "chat");
  };

  #openTransfer = () => {
    const dialog = /** @type {import("./transfer.js").Transfer | null} */ (this.renderRoot.querySelector("vv-transfer"));
    void dialog?.open();
  };

  #useCamera = (/** @type {boolean} */ on) => {
    browserStore().setItem(CAMERA_KEY, on ? "on" : "off");
    this.requestUpdate();
  };

  #ready = () => {
    this.#ring.prepare();
    this.#side.send({ type: "set_ready" });
  };

  #notReady = (/** @type {import("./bar.js").Reason} */ reason) => {
    this.#ring.prepare();
    this.#side.send({ type: "set_not_ready", reason });
  };

  #accept = () => {
    const { offer } = this.#side.view;
    if (offer !== null) this.#side.send({ type: "accept_offer", offer_id: offer.offer_id });
  };

  #reject = () => {
    const { offer } = this.#side.view;
    if (offer !== null) this.#side.send({ type: "reject_offer", offer_id: offer.offer_id });
  };

  #claimTyped = (/** @type {CustomEvent<string>} */ event) => this.#side.send({ type: "claim_contact", correlation: event.detail });

  #signOut = async () => {
    try {
      await request("DELETE", "/api/v1/session");
      this.#side.session?.close();
      window.location.assign("/sign-in/");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#side.fail(error.code);
    }
  };

  /** @param {KeyboardEvent} event */
  #key = (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || isTyping(event) || this.#side.view.offer === null) return;
    if (event.code !== "KeyA" && event.code !== "KeyR") return;
    event.preventDefault();
    if (event.code === "KeyA") this.#accept();
    else this.#reject();
  };

  // -------------------------------------------------------------- the page

  #bar_actions = { ready: this.#ready, notReady: this.#notReady, signOut: this.#signOut };
  #over_actions = { takeOver: () => this.#open(true), again: () => this.#open(false), signOut: this.#signOut };

  render() {
    if (this._failure !== null) return overPage(this._failure, { ...this.#over_actions, again: this.#load });
    if (this._over !== null) return overPage(this._over, this.#over_actions);
    const { view } = this.#side;
    const screen = screenOf(view);
    return html`<div class="panel" data-screen=${screen}>
      ${bar(view, this.#name, this._now, this.#bar_actions)} ${this.#notes(screen)}
      <main>${this.#screen(screen)}</main>
      <p class="visually-hidden" role="status" aria-live="assertive">${this.#announcement(screen)}</p>
      ${recordingSaid(view, screen)}
    </div>`;
  }

  get #name() {
    return this._account?.display_name ?? "";
  }

  /** @param {string} screen */
  #announcement(screen) {
    const { view } = this.#side;
    if (screen === "offer" && view.offer !== null) return t("offer.title", { name: nameOf(view.offer.customer) });
    if (screen === "call" && view.away !== null && view.assigned !== null) {
      return awayTitle(view.contact_state === "consulting" ? (view.peer?.display_name ?? "") : nameOf(view.assigned.customer), view.away);
    }
    return t(`agent.${view.state || "loading"}`);
  }

  /** What must be known now, over every screen. @param {string} screen */
  #notes(screen) {
    const { view, session } = this.#side;
    const away = session !== null && session.state !== "open" && view.state !== "";
    return html`<div class="notes">
      ${away ? html`<p class="note warn" role="alert">${icon("wifi")}<span>${t("panel.reconnecting")}</span></p>` : nothing}
      ${refusal(view.error_code, "warn")}
      ${view.offer_ended !== null && screen === "idle"
        ? html`<p class="note ${view.offer_ended === "timed_out" || view.offer_ended === "withdrawn" ? "warn" : ""}" role="alert">${icon("bell")}<span>${t(`offer.${view.offer_ended}`)}</span></p>`
        : nothing}
      ${recordingNote(view)}
    </div>`;
  }

  /** @param {string} screen */
  #screen(screen) {
    const side = this.#side;
    const { assigned, offer } = side.view;
    if (screen === "offer" && offer !== null) return offerCard(offer, side.view, this._now, { accept: this.#accept, reject: this.#reject });
    if (screen === "wrap_up" && assigned !== null) return wrapUpScreen(side, assigned, this._now);
    if (screen === "call" && assigned !== null) return callScreen(side, assigned, this._now, { toggleChat: this.#toggleChat, openTransfer: this.#openTransfer });
    return idle(side.view, this.#name, withCamera(), { ready: this.#ready, claim: this.#claimTyped, useCamera: this.#useCamera });
  }

  updated() {
    const { view } = this.#side;
    const screen = this._over ?? `${screenOf(view)} ${view.offer?.offer_id ?? ""}`;
    if (screen === this.#shown) return;
    this.#shown = screen;
    // While somebody types, the focus stays where it is; Alt+A and Alt+R work from everywhere else.
    const active = this.shadowRoot?.activeElement;
    if (active instanceof HTMLElement && active.matches("textarea, input")) return;
    const form = /** @type {import("./wrap-up.js").WrapUp | null} */ (this.renderRoot.querySelector("vv-wrap-up"));
    if (form !== null) {
      void form.takeFocus();
      return;
    }
    const answer = this.renderRoot.querySelector("[data-action=accept], [data-action=take-over]");
    const target = answer ?? this.renderRoot.querySelector("h1");
    if (target instanceof HTMLElement) target.focus();
  }
}

await startLanguage();
customElements.define("vv-agent", Agent);
