// Where the widget is: its site, the page around it, who looks (a random key), and whether video is offered.

import { ApiError, calendarOf, request } from "../lib/api.js";
import { browserStore, randomKey, tabStore } from "../lib/dom.js";
import { Bridge } from "./bridge.js";

/** Name of the saved session in the tab's store. */
export const SESSION_KEY = "visavis.customer";
/** Kept in the browser, so that the same visitor always falls on the same side of a pilot share. Nothing personal. */
const VISITOR_KEY = "visavis.visitor";
/** The token of a link is in the fragment, which a browser sends to nobody. */
const LINK = /^#link=([0-9a-zA-Z-]{16,40})$/;
/** The link to a kept place, so that whoever comes back to the site in this browser finds it without the link. */
const KEPT_KEY = "visavis.place";

/**
 * @typedef {object} Standing where a kept place stands
 * @property {"kept" | "due" | "taken" | "lapsed" | "given_up"} state
 * @property {string} queue_name
 * @property {number | null} place
 * @property {number} window_s so long who is called is first
 * @property {number | null} left_s of that
 * @property {number} lasts_s it is kept no longer
 */

/**
 * @typedef {object} Availability
 * @property {boolean} offered
 * @property {string | null} code
 * @property {string} site_name
 * @property {{consent: "off" | "notice" | "ask", notice_version: string}} recording
 */

/**
 * @typedef {object} Invitation a link, as the gateway tells it
 * @property {string} link_id
 * @property {string} site
 * @property {string} agent_name empty: whoever serves the queue
 * @property {boolean} by_phone they are talking on the telephone already
 * @property {string} opens_at
 * @property {number} opens_in_s 0 once it opens
 * @property {boolean} needs_pin
 * @property {Standing | null} place the place in line it leads back to
 */

/** Everything the app needs to know of where it is. Event: `payment`, when the page opens or closes a payment field. */
export class Place extends EventTarget {
  site = new URLSearchParams(window.location.search).get("site") ?? "";
  bridge = new Bridge();
  tab = tabStore();
  visitor_key;
  /** @type {import("./bridge.js").PageContext} */
  page = { language: "auto", page_url: "", page_title: "", name: "", form: {}, identity: "" };
  /** @type {Availability | null} */
  availability = null;
  /** The page has a payment field open: nothing of that time may be recorded. */
  payment = false;
  /** The token of the link that this page was opened by, "" without one. */
  link = LINK.exec(window.location.hash)?.[1] ?? "";
  /** @type {Invitation | null} */
  invitation = null;
  /** Why availability could not be asked. @type {string | null} */
  failure = null;

  #store;

  constructor() {
    super();
    const store = browserStore();
    this.visitor_key = store.getItem(VISITOR_KEY) ?? randomKey();
    store.setItem(VISITOR_KEY, this.visitor_key);
    this.#store = store;
    if (this.link === "") {
      const [site, link] = (store.getItem(KEPT_KEY) ?? "").split(" ");
      if (site === this.site && link) this.link = link;
    }
  }

  /** What the page was opened by is now the way back to a kept place. @param {string} url */
  keepLink(url) {
    const { hash } = new URL(url);
    this.link = LINK.exec(hash)?.[1] ?? "";
    this.#store.setItem(KEPT_KEY, `${this.site} ${this.link}`);
    if (!this.bridge.embedded) window.history.replaceState(null, "", hash);
  }

  /** The link has done what it was for. */
  forgetLink() {
    this.link = "";
    this.invitation = null;
    this.#store.removeItem(KEPT_KEY);
    if (!this.bridge.embedded) window.history.replaceState(null, "", window.location.pathname + window.location.search);
  }

  /** What is opened to come back. */
  get address() {
    const url = new URL(window.location.pathname, window.location.origin);
    url.searchParams.set("site", this.site);
    url.hash = `link=${this.link}`;
    return url.href;
  }

  /** Where the kept place stands now. Nothing changes while the gateway can't be asked. */
  async look() {
    if (this.invitation === null) return;
    try {
      const place = await request("POST", "/api/v1/widget/place", { link: this.link });
      if (this.invitation !== null) this.invitation = { ...this.invitation, place };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** The place is not wanted any more. Throws ApiError. */
  async giveUp() {
    await request("POST", "/api/v1/widget/place/give-up", { link: this.link });
  }

  /** @param {boolean} open */
  usePayment(open) {
    if (this.payment === open) return;
    this.payment = open;
    this.dispatchEvent(new CustomEvent("payment"));
  }

  /** The link's calendar file, to be saved. Throws ApiError. @param {string} language @returns {Promise<Blob>} */
  calendar(language) {
    return calendarOf(this.invitation?.link_id ?? "", this.link, language);
  }

  async #checkLink() {
    try {
      this.invitation = await request("POST", "/api/v1/widget/link", { link: this.link });
      this.site = this.invitation?.site ?? this.site;
      const state = this.invitation?.place?.state;
      if (state !== undefined && state !== "kept" && state !== "due") this.#store.removeItem(KEPT_KEY); // said once
    } catch (error) {
      const remembered = this.#store.getItem(KEPT_KEY) === `${this.site} ${this.link}`;
      if (!(error instanceof ApiError && error.code === "link_unknown" && remembered)) throw error;
      this.forgetLink(); // nobody opened it: it was only remembered
    }
  }

  async check() {
    try {
      if (this.link !== "") {
        await this.#checkLink();
      }
      const { site, visitor_key } = this;
      this.availability = await request("POST", "/api/v1/widget/availability", { site, visitor_key });
      this.failure = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.availability = null;
      this.failure = error.code;
    }
  }
}
