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

  constructor() {
    super();
    const store = browserStore();
    this.visitor_key = store.getItem(VISITOR_KEY) ?? randomKey();
    store.setItem(VISITOR_KEY, this.visitor_key);
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

  async check() {
    try {
      if (this.link !== "") {
        this.invitation = await request("POST", "/api/v1/widget/link", { link: this.link });
        this.site = this.invitation?.site ?? this.site;
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
