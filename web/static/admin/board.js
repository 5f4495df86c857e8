// The live board: how many wait, for how long, who talks, who is ready; alarms first.

import { LitElement, css, html, nothing, svg } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { clock, shortId } from "../lib/format.js";
import { codeText, has, t } from "../lib/i18n.js";
import { SPARK, sparkline } from "./spark.js";
import { STATE_ORDER, pageStyles } from "./styles.js";

/** @typedef {import("../lib/messages.js").Board} BoardMessage */

class Board extends LitElement {
  static properties = { board: { attribute: false }, received_ms: { attribute: false }, trend: { attribute: false }, _now: { state: true } };

  static styles = [
    base,
    pageStyles,
    css`
      .tiles {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
        gap: 12px;
      }
      .tile {
        padding: 14px 16px;
        display: grid;
        align-content: start;
        gap: 2px;
      }
      .tile .value {
        font-size: 2rem;
        line-height: 1.15;
        font-weight: 650;
        letter-spacing: -0.02em;
        font-variant-numeric: tabular-nums;
      }
      .tile.alert .value {
        color: var(--warn);
      }
      .spark {
        width: 100%;
        height: 32px;
        display: block;
      }
      .spark polyline {
        fill: none;
        stroke: var(--accent);
        stroke-width: 1.8;
        stroke-linejoin: round;
        vector-effect: non-scaling-stroke;
      }
      .spark line {
        stroke: var(--line);
        vector-effect: non-scaling-stroke;
      }
      .columns {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 16px;
        align-items: start;
      }
      @media (max-width: 1100px) {
        .columns {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      @media (max-width: 560px) {
        /* A queue's name in a row of its own, so that its figures have room below it. */
        .queues tr {
          display: grid;
          grid-template-columns: minmax(0, 1.3fr) minmax(0, 1fr) minmax(0, 0.9fr) minmax(0, 1.15fr);
          gap: 0 8px;
        }
        .queues thead th {
          padding-inline-end: 0;
          font-size: 0.6875rem;
          line-height: 1.2;
          overflow-wrap: anywhere;
        }
        .queues thead th:first-child {
          display: none;
        }
        .queues tbody th {
          grid-column: 1 / -1;
          padding-block-end: 0;
        }
        .queues td {
          border-top: 0;
          padding-inline-end: 0;
          padding-block-start: 2px;
        }
      }
      .bar {
        display: block;
        width: 100%;
        min-width: 60px;
        height: 10px;
      }
      .bar rect.back {
        fill: var(--surface-2);
      }
      .bar rect.wait {
        fill: #d08a14;
      }
      .bar rect.talk {
        fill: var(--accent);
      }
    `,
  ];

  #timer = 0;

  constructor() {
    super();
    /** @type {BoardMessage | null} */
    this.board = null;
    this.received_ms = 0;
    /** @type {{at_ms: number, waiting: number, talking: number}[]} */
    this.trend = [];
    this._now = Date.now();
  }

  connectedCallback() {
    super.connectedCallback();
    this.#timer = window.setInterval(() => (this._now = Date.now()), 1000);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    window.clearInterval(this.#timer);
  }

  render() {
    const { board } = this;
    if (board === null) return html`<h1>${t("admin.board")}</h1><p class="hint">${t("working.text")}</p>`;
    /** Seconds since the board was made: times go on between two of them. */
    const older_s = Math.max(0, (this._now - this.received_ms) / 1000);
    return html`<div class="stack">
      <h1>${t("admin.board")}</h1>
      ${board.alarms.length > 0 ? this.#alarms(board, older_s) : nothing} ${this.#tiles(board, older_s)}
      <div class="columns">
        <div class="stack">${this.#queues(board, older_s)} ${this.#agents(board, older_s)}</div>
        ${this.#contacts(board, older_s)}
      </div>
    </div>`;
  }

  /** @param {BoardMessage} board @param {number} older_s */
  #alarms(board, older_s) {
    return html`<section class="stack" aria-label=${t("board.alarms")}>
      ${board.alarms.map(
        (alarm) => html`<div class="note bad" role="alert">
          ${icon("warning")}
          <p>
            <strong>${codeText("alarm", alarm.code)}</strong> <span class="number">${t("board.ago", { time: clock(alarm.age_s + older_s) })}</span><br />
            ${alarm.detail} ${alarm.contact_id === null ? nothing : html`<a href="#/contacts/${alarm.contact_id}">${t("board.see_contact")}</a>`}
          </p>
        </div>`,
      )}
    </section>`;
  }

  /** @param {BoardMessage} board @param {number} older_s */
  #tiles(board, older_s) {
    const waiting = board.queues.reduce((sum, queue) => sum + queue.waiting, 0);
    const longest_s = Math.max(0, ...board.queues.filter((queue) => queue.waiting > 0).map((queue) => queue.longest_wait_s + older_s));
    const talking = board.queues.reduce((sum, queue) => sum + queue.talking, 0);
    const ready = board.agents.filter((agent) => agent.state === "ready").length;
    const here = board.agents.filter((agent) => agent.state !== "logged_off").length;
    return html`<div class="tiles">
      ${tile(t("board.waiting"), String(waiting), waiting > 0 && ready === 0, this.trend.map((point) => point.waiting))}
      ${tile(t("board.longest"), clock(longest_s), longest_s > 60)}
      ${tile(t("board.talking"), String(talking), false, this.trend.map((point) => point.talking))}
      ${tile(t("board.ready"), `${ready} / ${here}`, ready === 0)}
    </div>`;
  }

  /** Roles are said: a row that is laid out as a grid is none to a reader otherwise. @param {BoardMessage} board @param {number} older_s */
  #queues(board, older_s) {
    return html`<section class="card stack">
      <h2>${t("board.queues")}</h2>
      ${board.queues.length === 0
        ? html`<p class="hint">${t("board.no_queues")}</p>`
        : html`<div class="scroll"><table class="queues" role="table">
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col" role="columnheader">${t("board.queue")}</th>
                <th scope="col" role="columnheader">${t("board.waiting_talking")}</th>
                <th scope="col" role="columnheader" class="right">${t("board.longest")}</th>
                <th scope="col" role="columnheader" class="right">${t("board.kept")}</th>
                <th scope="col" role="columnheader" class="right">${t("board.ready")}</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              ${board.queues.map((queue) => {
                const all = Math.max(6, queue.waiting + queue.talking);
                const talk = (queue.talking / all) * 100;
                const wait = (queue.waiting / all) * 100;
                return html`<tr role="row">
                  <th scope="row" role="rowheader">${queue.name}</th>
                  <td role="cell">
                    <span class="number">${queue.waiting} · ${queue.talking}</span>
                    <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                      ${svg`<rect class="back" width="100" height="10" rx="3"/><rect class="talk" width=${talk} height="10"/><rect class="wait" x=${talk} width=${wait} height="10"/>`}
                    </svg>
                  </td>
                  <td role="cell" class="right number">${queue.waiting > 0 ? clock(queue.longest_wait_s + older_s) : "–"}</td>
                  <td role="cell" class="right number" data-kept>${queue.kept ?? 0}</td>
                  <td role="cell" class="right number">${queue.agents_ready}</td>
                </tr>`;
              })}
            </tbody>
          </table></div>`}
    </section>`;
  }

  /** @param {BoardMessage} board @param {number} older_s */
  #agents(board, older_s) {
    return html`<section class="card stack">
      <h2>${t("board.agents")}</h2>
      ${board.agents.length === 0
        ? html`<p class="hint">${t("board.no_agents")}</p>`
        : html`<ul class="list">
            ${board.agents.map(
              (agent) => html`<li>
                <span class="grow"><strong>${agent.display_name}</strong></span>
                <span class="pill ${agentTone(agent.state)}">
                  ${t(`agent.${agent.state}`)}${agent.reason && agent.state === "not_ready" ? html`: ${codeText("reason", agent.reason)}` : nothing}
                </span>
                <span class="number since">${clock(agent.since_s + older_s)}</span>
              </li>`,
            )}
          </ul>`}
    </section>`;
  }

  /** @param {BoardMessage} board @param {number} older_s */
  #contacts(board, older_s) {
    const names = new Map(board.agents.map((agent) => [agent.agent_id, agent.display_name]));
    const queues = new Map(board.queues.map((queue) => [queue.queue, queue.name]));
    const contacts = [...board.contacts].sort((one, other) => STATE_ORDER.indexOf(one.state) - STATE_ORDER.indexOf(other.state) || other.age_s - one.age_s);
    return html`<section class="card stack">
      <h2>${t("board.contacts")} <span class="pill number">${contacts.length}</span></h2>
      ${contacts.length === 0
        ? html`<p class="hint">${t("board.no_contacts")}</p>`
        : html`<ul class="list">
            ${contacts.map(
              (contact) => html`<li>
                <a class="grow" href="#/contacts/${contact.contact_id}">
                  <span class="mono">${shortId(contact.contact_id)}</span>
                  <span class="hint small">${contact.queue === null ? contact.site : (queues.get(contact.queue) ?? contact.queue)}${contact.agent_id === null ? nothing : html` · ${names.get(contact.agent_id) ?? ""}`}${blame(contact.cause)}</span>
                </a>
                ${contact.quality == null ? nothing : quality(contact.quality)}
                <span class="pill ${contactTone(contact.state)}">${t(`state.${contact.state}`)}</span>
                <span class="number since">${clock(contact.since_s + older_s)}</span>
              </li>`,
            )}
          </ul>`}
    </section>`;
  }
}

/** @param {string} state */
function agentTone(state) {
  return { ready: "good", not_ready: "warn", reserved: "accent", busy: "accent" }[state] ?? "";
}

/** The worse side's connection in a word. @param {string} word */
function quality(word) {
  const grave = word === "poor" || word === "lost";
  return html`<span class="pill quality ${grave ? "bad" : word === "fair" ? "warn" : ""}">
    ${icon(grave ? "warning" : "wifi")}<span><span class="visually-hidden">${t("quality.details")}: </span>${t(`quality.word_${word}`)}</span>
  </span>`;
}

/** Whose fault it is, behind queue and agent. @param {string | null | undefined} cause */
function blame(cause) {
  return cause != null && has(`quality.cause_${cause}`) ? html` · ${t(`quality.cause_${cause}`)}` : nothing;
}

/** @param {string} state */
function contactTone(state) {
  return { queued: "warn", offered: "warn", bridging: "accent", active: "good", voice: "good", held: "accent", consult_ringing: "accent", consulting: "accent" }[state] ?? "";
}

/**
 * @param {string} label
 * @param {string} value
 * @param {boolean} alert
 * @param {number[]} [trend]
 */
function tile(label, value, alert, trend) {
  return html`<div class="card tile ${alert ? "alert" : ""}">
    <span class="hint small">${label}</span>
    <span class="value">${value}</span>
    ${trend === undefined
      ? nothing
      : html`<svg class="spark" viewBox="0 0 ${SPARK.width} ${SPARK.height}" preserveAspectRatio="none" aria-hidden="true">
          ${svg`<line x1="0" x2=${SPARK.width} y1=${SPARK.height - 1} y2=${SPARK.height - 1}/><polyline points=${sparkline(trend)}/>`}
        </svg>`}
  </div>`;
}

customElements.define("vv-board", Board);
