// The pilot switch: who is offered video, and which agents take it. Says what it will do before it does it.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { base } from "../elements/styles.js";
import { request } from "../lib/api.js";
import { Asking } from "../lib/asking.js";
import { moment, percent } from "../lib/format.js";
import { codeText, locale, t } from "../lib/i18n.js";
import "./confirm.js";
import { pageStyles } from "./styles.js";

/**
 * @typedef {object} Group
 * @property {string} id
 * @property {string} name
 * @property {boolean} enabled
 * @property {number} share_percent
 * @property {string[]} agents
 * @property {number} version
 * @property {string} changed_at
 * @property {string} changed_by
 */
/** @typedef {{agent_id: string, name: string, display_name: string, queues: string[]}} AgentRow */
/** @typedef {Pick<Group, "enabled" | "share_percent" | "agents">} Draft */

/** @param {Group} group @param {Draft} draft */
export function isChanged(group, draft) {
  const same_agents = group.agents.length === draft.agents.length && group.agents.every((id) => draft.agents.includes(id));
  return group.enabled !== draft.enabled || group.share_percent !== draft.share_percent || !same_agents;
}

class Pilot extends LitElement {
  static properties = { _groups: { state: true }, _agents: { state: true }, _drafts: { state: true }, _saved: { state: true } };

  static styles = [
    base,
    pageStyles,
    css`
      .switch {
        display: flex;
        gap: 14px;
        align-items: center;
        justify-content: space-between;
        flex-wrap: wrap;
      }
      .share {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 5.5rem;
        gap: 12px;
        align-items: center;
      }
      .people {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(220px, 1fr));
        gap: 8px;
      }
      .people label {
        display: flex;
        gap: 12px;
        align-items: center;
        min-height: 52px;
        padding: 6px 14px;
        border: 1px solid var(--line);
        border-radius: var(--radius-s);
        cursor: pointer;
      }
      .people label:has(:checked) {
        border-color: var(--accent);
        background: var(--accent-soft);
      }
      .people label:has(:checked) .hint {
        color: var(--ink);
      }
      .people span {
        min-width: 0;
      }
      .people .hint {
        display: block;
        font-weight: 400;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
      }
      legend {
        padding: 0;
        margin-bottom: 8px;
      }
    `,
  ];

  #asking = new Asking(() => this.requestUpdate());

  constructor() {
    super();
    /** @type {Group[] | null} */
    this._groups = null;
    /** @type {AgentRow[]} */
    this._agents = [];
    /** @type {Record<string, Draft>} */
    this._drafts = {};
    /** The group that was saved last. @type {string | null} */
    this._saved = null;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  #load = () =>
    this.#asking.run(async () => {
      const [pilot, agents] = await Promise.all([request("GET", "/api/v1/pilot-groups"), request("GET", "/api/v1/agents")]);
      this._groups = pilot.groups;
      this._agents = agents.agents;
      this._drafts = {};
    });

  render() {
    const { code } = this.#asking;
    return html`<div class="stack narrow">
      <div>
        <h1>${t("admin.pilot")}</h1>
        <p class="hint">${t("pilot.text")}</p>
      </div>
      ${code !== null
        ? html`<div class="note bad" role="alert">
            ${icon("warning")}
            <div class="stack">
              <p>${codeText("error", code)}</p>
              <div><button @click=${this.#load}>${icon("refresh")} ${t("pilot.reload")}</button></div>
            </div>
          </div>`
        : nothing}
      ${this._groups === null ? (code === null ? html`<p class="hint">${t("working.text")}</p>` : nothing) : this._groups.map((group) => this.#group(group))}
      ${this._groups?.length === 0 ? html`<p class="card">${t("pilot.none")}</p>` : nothing}
      <vv-confirm></vv-confirm>
    </div>`;
  }

  /** @param {Group} group */
  #group(group) {
    const draft = this._drafts[group.id] ?? { enabled: group.enabled, share_percent: group.share_percent, agents: group.agents };
    const changed = isChanged(group, draft);
    const share = percent(draft.share_percent / 100, locale());
    return html`<section class="card stack" aria-labelledby="group-${group.id}">
      <div class="switch">
        <div>
          <h2 id="group-${group.id}">${group.name}</h2>
          <span class="pill ${group.enabled ? "good" : "warn"}">${t(group.enabled ? "pilot.on" : "pilot.off")}</span>
        </div>
        ${group.enabled
          ? html`<button class="danger" data-action="stop" ?disabled=${this.#asking.busy} @click=${() => this.#stop(group)}>${icon("power")} ${t("pilot.stop")}</button>`
          : html`<button class="primary" data-action="start" ?disabled=${this.#asking.busy} @click=${() => this.#save(group, { ...draft, enabled: true })}>${icon("power")} ${t("pilot.start")}</button>`}
      </div>
      <div>
        <label for="share-${group.id}">${t("pilot.share")}</label>
        <div class="share">
          <input
            id="share-${group.id}"
            type="range"
            min="0"
            max="100"
            step="1"
            .value=${String(draft.share_percent)}
            @input=${(/** @type {Event} */ event) => this.#draft(group, { share_percent: Number(/** @type {HTMLInputElement} */ (event.target).value) })}
          />
          <input
            type="number"
            min="0"
            max="100"
            aria-label=${t("pilot.share_number")}
            .value=${String(draft.share_percent)}
            @change=${(/** @type {Event} */ event) => this.#draft(group, { share_percent: clamp(Number(/** @type {HTMLInputElement} */ (event.target).value)) })}
          />
        </div>
      </div>
      <fieldset>
        <legend class="label">${t("pilot.agents", { count: draft.agents.length })}</legend>
        <div class="people">
          ${this._agents.map(
            (agent) => html`<label>
              <input
                type="checkbox"
                .checked=${draft.agents.includes(agent.agent_id)}
                @change=${(/** @type {Event} */ event) => this.#toggleAgent(group, draft, agent.agent_id, /** @type {HTMLInputElement} */ (event.target).checked)}
              />
              <span>${agent.display_name}<span class="hint small">${agent.queues.join(", ")}</span></span>
            </label>`,
          )}
        </div>
      </fieldset>
      <div class="note">
        ${icon("info")}
        <p>${group.enabled ? t(draft.share_percent === 0 ? "pilot.means_nobody" : "pilot.means", { share, count: draft.agents.length }) : t("pilot.means_off", { share })}</p>
      </div>
      <div class="row">
        <button class="primary" data-action="save" ?disabled=${!changed || this.#asking.busy} @click=${() => this.#save(group, draft)}>${icon("check")} ${t("pilot.save")}</button>
        ${changed ? html`<button class="plain" @click=${() => this.#reset(group)}>${t("pilot.discard")}</button>` : nothing}
        <span role="status">${this._saved === group.id && !changed ? html`<span class="pill good">${icon("check")} ${t("pilot.saved")}</span>` : nothing}</span>
      </div>
      <p class="hint small">${t("pilot.changed", { time: moment(group.changed_at, locale(), new Date()), who: group.changed_by || "–", version: group.version })}</p>
    </section>`;
  }

  /** @param {Group} group @param {Partial<Draft>} change */
  #draft(group, change) {
    const { enabled, share_percent, agents } = group;
    const before = this._drafts[group.id] ?? { enabled, share_percent, agents };
    this._drafts = { ...this._drafts, [group.id]: { ...before, ...change } };
  }

  /** @param {Group} group @param {Draft} draft @param {string} agent_id @param {boolean} member */
  #toggleAgent(group, draft, agent_id, member) {
    const others = draft.agents.filter((id) => id !== agent_id);
    this.#draft(group, { agents: member ? [...others, agent_id] : others });
  }

  /** @param {Group} group */
  #reset(group) {
    const drafts = { ...this._drafts };
    delete drafts[group.id];
    this._drafts = drafts;
  }

  /** The kill switch does that alone: changes not saved yet stay on the page. @param {Group} group */
  async #stop(group) {
    const confirm = /** @type {import("./confirm.js").Confirm} */ (this.renderRoot.querySelector("vv-confirm"));
    const { name, share_percent, agents } = group;
    const sure = await confirm.ask({ title: t("pilot.stop_title", { name }), text: t("pilot.stop_text"), yes: t("pilot.stop"), no: t("pilot.keep"), icon: "power" });
    if (sure) await this.#save(group, { enabled: false, share_percent, agents });
  }

  /** @param {Group} group @param {Draft} draft */
  async #save(group, { enabled, share_percent, agents }) {
    this._saved = null;
    await this.#asking.run(async () => {
      const body = { enabled, share_percent, agents, version: group.version };
      const saved = await request("PUT", `/api/v1/pilot-groups/${encodeURIComponent(group.id)}`, body);
      this._groups = (this._groups ?? []).map((each) => (each.id === group.id ? saved : each));
      this.#reset(group);
      this._saved = group.id;
    });
  }
}

/** @param {number} value */
function clamp(value) {
  return Number.isFinite(value) ? Math.min(100, Math.max(0, Math.round(value))) : 0;
}

customElements.define("vv-pilot", Pilot);
