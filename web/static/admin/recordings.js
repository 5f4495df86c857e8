// The list of recordings, newest first, with filters, a page at a time.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { clock, moment, shortId, size } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { listStyles, pageStyles } from "./styles.js";

const LIMIT = 50;
const STATES = /** @type {const} */ (["complete", "limit_reached", "failed", "aborted", "expired", "active", "paused", "ending"]);

/**
 * @typedef {object} RecordingRow
 * @property {string} recording_id
 * @property {string} contact_id
 * @property {string | null} queue
 * @property {string} state
 * @property {string} consent
 * @property {string} requested_at
 * @property {number} duration_s
 * @property {number} size_bytes
 */

/** How a recording stands, in one text. @param {string} state */
export const stateText = (state) => codeText("recording_state", state);

/** @param {string} state */
export function stateTone(state) {
  if (state === "complete" || state === "limit_reached") return "good";
  if (state === "failed") return "bad";
  return state === "aborted" || state === "expired" ? "" : "accent";
}

const FIELDS = /** @type {const} */ (["queue", "state", "since", "until"]);

/** What the gateway is asked: the days are those of who asks. @param {string} asked */
function queryOf(asked) {
  const query = new URLSearchParams(asked);
  const since = query.get("since");
  if (since !== null) query.set("since", new Date(`${since}T00:00:00`).toISOString());
  const until = query.get("until");
  if (until !== null) {
    const end = new Date(`${until}T00:00:00`);
    end.setDate(end.getDate() + 1); // the day itself is meant too
    query.set("until", end.toISOString());
  }
  return query;
}

const SETTLED = new Set(["complete", "limit_reached", "failed", "aborted", "expired"]);

/** Whether it stays as it is by itself. @param {string} state of a recording */
export function isSettled(state) {
  return SETTLED.has(state);
}

/** Event: `ask` (detail: what it shall ask for from now on). */
class Recordings extends LitElement {
  static properties = { _rows: { state: true }, _next: { state: true }, asked: { attribute: false } };

  static styles = [
    base,
    pageStyles,
    listStyles,
    css`
      :host {
        --columns: 11rem minmax(15rem, 1.2fr) minmax(0, 1fr) minmax(0, 1fr) 5rem 5rem 1.4rem;
      }
      @media (max-width: 1120px) {
        :host {
          --columns: 9.5rem minmax(0, 1.2fr) minmax(0, 1fr) minmax(0, 1.1fr) 4rem 4.5rem 1.4rem;
        }
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 12px;
        align-items: end;
      }
      form > * {
        flex: 0 1 10rem;
      }
      form > .state {
        flex-basis: 15rem; /* the longest of its choices */
      }
      form > button {
        flex: 0 0 auto;
      }
      @media (max-width: 560px) {
        form > div {
          flex: 1 1 100%;
        }
        form > .day {
          flex: 1 1 8rem;
          min-width: 0;
        }
        #since,
        #until {
          padding-inline: 6px;
        }
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    /** @type {RecordingRow[] | null} */
    this._rows = null;
    /** @type {string | null} */
    this._next = null;
    /** See Lists. */
    this.asked = "";
  }

  /** @param {Map<PropertyKey, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("asked")) void this.#load(false);
  }

  /** @param {boolean} more */
  async #load(more) {
    const { asked } = this;
    const query = queryOf(asked);
    query.set("limit", String(LIMIT));
    if (more && this._next !== null) query.set("before", this._next);
    await this.#asking.run(async () => {
      const page = await request("GET", `/api/v1/recordings?${query}`);
      if (asked !== this.asked) return; // another filter was chosen meanwhile
      this._rows = more ? [...(this._rows ?? []), ...page.recordings] : page.recordings;
      this._next = page.next_before ?? null;
    });
  }

  render() {
    const asked = new URLSearchParams(this.asked);
    const since = asked.get("since") ?? "";
    const until = asked.get("until") ?? "";
    return html`<div class="stack">
      <h1>${t("admin.recordings")}</h1>
      <form class="card" @submit=${this.#search}>
        <div><label for="queue">${t("contact.queue")}</label><input id="queue" name="queue" .value=${asked.get("queue") ?? ""} pattern="[a-z0-9\\-]{1,40}" autocomplete="off" /></div>
        <div class="state">
          <label for="state">${t("contacts.filter")}</label>
          <select id="state" name="state">
            <option value="" .selected=${!asked.has("state")}>${t("recordings.all")}</option>
            ${STATES.map((state) => html`<option value=${state} .selected=${state === asked.get("state")}>${stateText(state)}</option>`)}
          </select>
        </div>
        <div class="day"><label for="since">${t("recordings.since")}</label><input id="since" name="since" type="date" .value=${since} /></div>
        <div class="day"><label for="until">${t("recordings.until")}</label><input id="until" name="until" type="date" .value=${until} /></div>
        <button class="primary" type="submit" ?disabled=${this.#asking.busy}>${icon("refresh")} ${t("recordings.search")}</button>
      </form>
      ${refusal(this.#asking.code)}
      ${this._rows === null ? html`<p class="hint">${t("working.text")}</p>` : this.#rows(this._rows)}
      ${this._next !== null ? html`<div><button ?disabled=${this.#asking.busy} @click=${() => this.#load(true)}>${t("contacts.more")}</button></div>` : nothing}
    </div>`;
  }

  /** @param {RecordingRow[]} rows */
  #rows(rows) {
    if (rows.length === 0) return html`<p class="card">${t("recordings.none")}</p>`;
    const tag = locale();
    return html`<div class="card rows">
      <div class="names" aria-hidden="true">
        <span>${t("recordings.begun")}</span><span>${t("list.state")}</span><span>${t("contact.queue")}</span><span>${t("recordings.consent")}</span><span>${t("list.length")}</span><span>${t("list.size")}</span>
      </div>
      <ul>${rows.map(
        (row) => html`<li>
          <a href="#/recordings/${row.recording_id}">
            <span class="pair"><span>${moment(row.requested_at, tag, new Date())}</span><span class="mono small hint">${shortId(row.recording_id)}</span></span>
            <span class="state"><span class="pill ${stateTone(row.state)}">${stateText(row.state)}</span></span>
            <span class="wide"><span class="visually-hidden">${t("contact.queue")}: </span>${row.queue ?? "–"}</span>
            <span class="wide hint"><span class="visually-hidden">${t("recordings.consent")}: </span>${row.consent === "" ? "–" : codeText("recorded_consent", row.consent)}</span>
            <span class="number"><span class="visually-hidden">${t("list.length")}: </span>${row.duration_s > 0 ? clock(row.duration_s) : "–"}</span>
            <span class="wide number"><span class="visually-hidden">${t("list.size")}: </span>${row.size_bytes > 0 ? size(row.size_bytes, tag) : "–"}</span>
            ${icon("forward")}
          </a>
        </li>`,
      )}</ul>
    </div>`;
  }

  /** @param {SubmitEvent} event */
  #search = (event) => {
    event.preventDefault();
    const said = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const asked = new URLSearchParams();
    for (const name of FIELDS) {
      const value = String(said.get(name) ?? "").trim();
      if (value !== "") asked.set(name, value);
    }
    const detail = String(asked);
    if (detail === this.asked) void this.#load(false);
    else this.dispatchEvent(new CustomEvent("ask", { detail }));
  };
}

customElements.define("vv-recordings", Recordings);
