// One contact: what it was, its journal drawn to time scale and as a list, and its recording.

import { LitElement, css, html, nothing, ref, svg } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { refusal } from "../elements/refusal.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { clock, moment, shortId } from "../lib/format.js";
import { has, locale, t } from "../lib/i18n.js";
import { chat, chatStyles } from "./chat.js";
import { connections } from "./connections.js";
import { outcome, outcomeTone } from "./contacts.js";
import "./player.js";
import { isSettled } from "./recordings.js";
import { STATE_ORDER, pageStyles } from "./styles.js";
import { offset_s, segmentsOf, ticks } from "./timeline.js";

/** @typedef {import("./timeline.js").JournalRow} JournalRow */
/**
 * @typedef {import("./contacts.js").ContactRow & {journal: JournalRow[], notes?: string, language?: string,
 *   display_name?: string, chat: import("./chat.js").Line[], recording: import("./player.js").Recording | null}} ContactDetail
 */

const OPEN_RELOAD_MS = 4_000;
const WIDTH = 1000;

class Contact extends LitElement {
  static properties = { contact_id: { type: String }, _contact: { state: true }, _code: { state: true }, _now: { state: true } };

  static styles = [
    base,
    pageStyles,
    chatStyles,
    css`
      .back {
        justify-self: start;
        display: inline-flex;
        align-items: center;
        min-height: var(--target);
        gap: 6px;
        text-decoration: none;
        font-weight: 600;
      }
      .facts {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 130px), 1fr));
        gap: 12px 20px;
      }
      .facts dt {
        color: var(--ink-2);
        font-size: 0.875rem;
      }
      .facts dd {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .title {
        display: flex;
        flex-wrap: wrap;
        gap: 8px 12px;
        align-items: center;
      }
      .scale {
        width: 100%;
        height: 46px;
        display: block;
      }
      .scale rect {
        stroke: var(--surface);
        stroke-width: 1;
        vector-effect: non-scaling-stroke;
      }
      .axis {
        position: relative;
        height: 1.4em;
        font-size: 0.8125rem;
        color: var(--ink-2);
      }
      .axis span {
        position: absolute;
        transform: translateX(-50%);
        font-variant-numeric: tabular-nums;
      }
      .axis span:first-child {
        transform: none;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 6px 16px;
        font-size: 0.875rem;
      }
      .legend li {
        display: inline-flex;
        gap: 8px;
        align-items: center;
      }
      .swatch {
        width: 14px;
        height: 14px;
        border-radius: 4px;
      }
      .journal li {
        display: grid;
        grid-template-columns: 4.2rem 1rem minmax(0, 1fr);
        gap: 10px;
        padding: 7px 0;
      }
      .journal time {
        color: var(--ink-2);
        text-align: end;
      }
      .journal .bead {
        position: relative;
        justify-self: center;
        width: 12px;
        height: 12px;
        border-radius: 50%;
        margin-top: 6px;
      }
      .journal li:not(:last-child) .bead::after {
        content: "";
        position: absolute;
        left: 5px;
        top: 12px;
        width: 2px;
        height: 26px;
        background: var(--line);
      }
      .journal .data {
        display: block;
        overflow-wrap: anywhere;
      }
    `,
  ];

  #timer = 0;
  #loaded_at_ms = 0;

  constructor() {
    super();
    this.contact_id = "";
    /** @type {ContactDetail | null} */
    this._contact = null;
    /** @type {string | null} */
    this._code = null;
    this._now = Date.now();
  }

  connectedCallback() {
    super.connectedCallback();
    this.#timer = window.setInterval(() => this.#tick(), 1000);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    window.clearInterval(this.#timer);
  }

  /** @param {import("../vendor/lit.js").PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has("contact_id")) {
      this._contact = null;
      void this.#load();
    }
  }

  /** A contact in progress, or one whose recording is being finished, changes by itself. */
  #tick() {
    const contact = this._contact;
    if (contact === null) return;
    const settled = contact.state === "closed" && (contact.recording === null || isSettled(contact.recording.state));
    if (settled) return;
    this._now = Date.now();
    if (this._now - this.#loaded_at_ms > OPEN_RELOAD_MS) void this.#load();
  }

  #load = async () => {
    const id = this.contact_id;
    this.#loaded_at_ms = Date.now();
    try {
      const answer = await request("GET", `/api/v1/contacts/${encodeURIComponent(id)}`);
      if (id !== this.contact_id) return;
      this._contact = readContact(answer);
      this._code = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._code = error.code;
    }
  };

  render() {
    const contact = this._contact;
    return html`<div class="stack">
      <a class="back" href="#/contacts">${icon("back")} ${t("admin.contacts")}</a>
      ${refusal(this._code)}
      ${contact === null ? (this._code === null ? html`<p class="hint">${t("working.text")}</p>` : nothing) : this.#detail(contact)}
    </div>`;
  }

  /** @param {ContactDetail} contact */
  #detail(contact) {
    return html`
      <div class="title">
        <h1>${t("contact.title", { time: moment(contact.started_at, locale(), new Date()) })}</h1>
        <span class="pill ${outcomeTone(contact)}">${outcome(contact)}</span>
      </div>
      <section class="card">${this.#facts(contact)}</section>
      ${contact.recording === null ? nothing : html`<vv-player may_download .recording=${contact.recording} agent=${contact.agent_name ?? ""}></vv-player>`}
      ${contact.chat.length === 0 ? nothing : html`<section class="card stack"><h2>${t("contact.chat")}</h2>${chat(contact.chat)}</section>`}
      ${connections(contact.journal)} ${contact.journal.length === 0 ? nothing : this.#journal(contact)}
    `;
  }

  /** @param {ContactDetail} contact */
  #facts(contact) {
    /** @type {[string, string | null | undefined][]} */
    const facts = [
      ["customer", contact.display_name],
      ["agent", contact.agent_name],
      ["queue", contact.queue],
      ["site", contact.site],
      ["wait", contact.wait_s === null ? null : clock(contact.wait_s)],
      ["talk", contact.talk_s ? clock(contact.talk_s) : null],
      ["ended", contact.ended_at === null ? null : moment(contact.ended_at, locale(), new Date())],
      ["disposition", contact.disposition === null ? null : has(`disposition.${contact.disposition}`) ? t(`disposition.${contact.disposition}`) : contact.disposition],
      ["notes", contact.notes],
      ["id", contact.contact_id],
    ];
    return html`<dl class="facts">
      ${facts.map(([name, value]) => (value ? html`<div><dt>${t(`contact.${name}`)}</dt><dd class=${name === "id" ? "mono small" : ""}>${value}</dd></div>` : nothing))}
    </dl>`;
  }

  /** @param {ContactDetail} contact */
  #journal(contact) {
    const { journal } = contact;
    const { segments, length_s } = segmentsOf(journal, this._now);
    const scale = length_s > 0 ? WIDTH / length_s : 0;
    const states = STATE_ORDER.filter((state) => segments.some((segment) => segment.state === state));
    const marks = ticks(length_s);
    return html`<section class="card stack">
      <h2>${t("contact.journal")}</h2>
      <div>
        <svg class="scale" viewBox="0 0 ${WIDTH} 46" preserveAspectRatio="none" role="img" aria-label=${t("contact.journal_picture", { time: clock(length_s) })}>
          ${segments.map(
            (segment) => svg`<rect class="s-${segment.state}" x=${segment.from_s * scale} width=${Math.max(2, (segment.to_s - segment.from_s) * scale)} y="4" height="38" rx="2">
              <title>${t(`state.${segment.state}`)} ${clock(segment.to_s - segment.from_s)}</title></rect>`,
          )}
        </svg>
        <div class="axis" aria-hidden="true">
          ${marks.filter((mark) => mark === 0 || mark < length_s * 0.97).map((mark) => html`<span ${ref(placeAt(length_s > 0 ? mark / length_s : 0))}>${clock(mark)}</span>`)}
        </div>
      </div>
      <ul class="legend">
        ${states.map((state) => {
          const in_state_s = segments.filter((segment) => segment.state === state).reduce((sum, segment) => sum + segment.to_s - segment.from_s, 0);
          return html`<li><span class="swatch s-${state}"></span>${t(`state.${state}`)} <span class="number hint">${clock(in_state_s)}</span></li>`;
        })}
      </ul>
      <ol class="journal">
        ${journal.map(
          (row) => {
            const facts = row.name === "leg_quality" ? sideText(row.data) : dataText(row.data, contact);
            return html`<li>
            <time class="number" datetime=${row.at} title=${moment(row.at, locale(), new Date())}>+${offset_s(journal, row).toFixed(1)} s</time>
            <span class="bead s-${row.state}" aria-hidden="true"></span>
            <span>
              <strong>${has(`event.${row.name}`) ? t(`event.${row.name}`) : row.name.replaceAll("_", " ")}</strong>
              <span class="hint">· ${has(`source.${row.source}`) ? t(`source.${row.source}`) : row.source}</span>
              ${row.reason ? html`<span class="pill">${reasonText(row)}</span>` : nothing}
              ${facts === "" ? nothing : html`<span class="data hint small">${facts}</span>`}
            </span>
          </li>`;
          },
        )}
      </ol>
    </section>`;
  }
}

/** Sets a position without a style attribute, which the page's policy forbids. @param {number} share 0…1 */
function placeAt(share) {
  return (/** @type {Element | undefined} */ element) => {
    if (element instanceof HTMLElement) element.style.left = `${share * 100}%`;
  };
}

/** @param {JournalRow} row */
function reasonText(row) {
  const { reason } = row;
  if (reason === null) return "";
  for (const family of ["reason_ended", "reason"]) if (has(`${family}.${reason}`)) return t(`${family}.${reason}`);
  return reason.replaceAll("_", " ");
}

/** The numbers of a connection are in the table above. @param {Record<string, unknown>} data */
function sideText(data) {
  return t(data.side === "agent" ? "quality.side_agent" : "quality.side_customer");
}

/** Facts that are for machines; the export has them. */
const UNSHOWN = new Set(["offer_id", "visitor_hash"]);

/**
 * The facts of an event. What is empty, zero or false says nothing here.
 * @param {Record<string, unknown>} data
 * @param {ContactDetail} contact
 */
function dataText(data, contact) {
  /** @type {string[]} */
  const parts = [];
  for (const [name, value] of Object.entries(data)) {
    if (!value || UNSHOWN.has(name)) continue;
    if (name === "agent_id") parts.push(value === contact.agent_id && contact.agent_name !== null ? contact.agent_name : shortId(String(value)));
    else parts.push(`${name.replaceAll("_", " ")}: ${Array.isArray(value) ? value.join(" › ") : String(value)}`);
  }
  return parts.join(" · ");
}

/** The contact and its journal, whether the answer wraps the contact or not. @param {any} answer @returns {ContactDetail} */
function readContact(answer) {
  return { ...answer, ...(answer.contact ?? {}), journal: answer.journal ?? [], chat: answer.chat ?? [], recording: answer.recording ?? null };
}

customElements.define("vv-contact", Contact);
