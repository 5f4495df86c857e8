// The bar under a call: microphone, camera, flip, screen, devices, hold, hang up. Each button says what it will do.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { canShareScreen } from "../lib/devices.js";
import { t } from "../lib/i18n.js";
import { icon } from "./icons.js";
import { base } from "./styles.js";
import { CallWatcher } from "./watch.js";

/** @typedef {import("../lib/call.js").Call} Call */

/** @type {Record<string, import("./icons.js").IconName>} */
const RECORDING_ICONS = { start: "record", stop: "record_off", pause: "record_pause", resume: "record" };

/** Said, and in the tip of the button, but not shown. */
const unseen = css`
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
`;

/**
 * How small the buttons of a bar may be, in px, and how wide the bar is at least: with their words; with their signs alone; on the
 * smallest phone. @typedef {{button: number, gap: number, edge: number, from: number}} Size
 */
const WORDS = { button: 80, gap: 6, edge: 8, from: 450 };
const SIGNS = { button: 44, gap: 4, edge: 8, from: 360 };
const NARROW = { button: 40, gap: 2, edge: 4, from: 240 };
const LOW = 560; // a window less high has no room for two rows of words
const COUNTS = [5, 6, 7, 8, 9, 10, 11, 12]; // fewer have room in any bar, and there are no more

/** The room that a row of so many needs. @param {number} count @param {Size} size */
const room = (count, { button, gap, edge }) => count * (button + gap) - gap + 2 * edge;

/**
 * Where a bar is too narrow for all in one row: in two rows, or three, as even as can be, so that none stands alone in the last.
 * A rule is for so many buttons or more, and for a bar of this size or wider: of those that match, the last is the one.
 * @param {Size} size
 */
function evenRows(size) {
  const rules = [];
  for (const count of COUNTS) {
    for (let rows = 2, least = room(count, size); least > size.from; rows++) {
      const columns = Math.ceil(count / rows);
      rules.push(css`
        @media (min-height: ${size === WORDS ? LOW : 0}px) {
          @container (min-width: ${size.from}px) and (max-width: ${least - 1}px) {
            .bar:has(> :nth-child(${count})) {
              max-width: ${room(columns + 1, size) - size.gap}px;
            }
          }
        }
      `);
      least = room(columns, size);
    }
  }
  return rules;
}

/** A second row would leave a low window no room for the call: what needs one has its signs alone, as on a phone. */
const signsInALowWindow = COUNTS.map(
  (count) => css`
    @media (max-height: ${LOW - 1}px) {
      @container (min-width: ${WORDS.from}px) and (max-width: ${room(count, WORDS) - 1}px) {
        .bar:has(> :nth-child(${count})) {
          gap: ${SIGNS.gap}px;
        }
        .bar:has(> :nth-child(${count})) > button.control {
          flex-basis: ${SIGNS.button}px;
        }
        .bar:has(> :nth-child(${count})) span:not(.badge) {
          ${unseen}
        }
      }
    }
  `,
);

/** Events: `hang-up`, `hold`, `retrieve`, `transfer`, `chat`, `keypad`, `recording` (detail: the action). Everything else goes to the Call itself. */
export class Controls extends LitElement {
  static properties = {
    call: { attribute: false },
    hold: { type: String },
    recording_may: { attribute: false },
    transfer: { type: Boolean },
    chat: { attribute: false },
    keypad: { attribute: false },
    voice_apart: { type: Boolean },
    shortcuts: { type: Boolean },
    _open: { state: true },
  };

  static styles = [
    base,
    css`
      :host {
        display: block;
        position: relative;
        container-type: inline-size;
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: ${WORDS.gap}px;
        margin-inline: auto;
        padding: 10px ${WORDS.edge}px;
      }
      button.control {
        flex: 1 1 ${WORDS.button}px;
        max-width: 96px;
        flex-direction: column;
        gap: 3px;
        padding: 7px 2px 6px;
        min-height: 56px;
        min-width: var(--target);
        border-color: transparent;
        background: var(--surface-2);
        font-size: 0.75rem;
        line-height: 1.15;
        border-radius: 12px;
      }
      button.control:hover {
        background: var(--line);
      }
      button.control svg.icon {
        width: 24px;
        height: 24px;
      }
      button.control span {
        max-width: 100%;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      button.control.off {
        background: var(--warn-soft);
        color: var(--warn);
      }
      button.control.on {
        background: var(--accent-soft);
        color: var(--accent-strong);
      }
      button.control.danger {
        background: #b8281f;
        color: #fff;
      }
      button.control.danger:hover:not(:disabled) {
        background: #96190f;
      }
      button.control .badge {
        position: absolute;
        top: 3px;
        inset-inline-end: 50%;
        margin-inline-end: -24px;
        min-width: 20px;
        padding: 0 5px;
        border-radius: 99px;
        background: #b8281f;
        color: #fff;
        font-weight: 700;
        line-height: 20px;
      }
      button.control:has(.badge) {
        position: relative;
        overflow: visible;
      }
      @container (max-width: ${WORDS.from - 1}px) {
        button.control span:not(.badge) {
          ${unseen}
        }
        .bar {
          gap: ${SIGNS.gap}px;
        }
        button.control {
          min-height: 50px;
          flex: 1 1 ${SIGNS.button}px;
          max-width: 60px;
        }
      }
      @container (max-width: ${SIGNS.from - 1}px) {
        .bar {
          gap: ${NARROW.gap}px;
          padding-inline: ${NARROW.edge}px;
        }
        button.control {
          flex-basis: ${NARROW.button}px;
          min-width: ${NARROW.button}px;
        }
      }
      .panel {
        position: absolute;
        left: 8px;
        right: 8px;
        bottom: calc(100% + 4px);
        z-index: 10;
        max-width: 420px;
        margin-inline: auto;
        box-shadow: var(--shadow);
        max-height: 60vh;
        overflow: auto;
      }
      .panel .head {
        display: flex;
        justify-content: space-between;
        align-items: center;
      }
    `,
    evenRows(NARROW),
    evenRows(SIGNS),
    evenRows(WORDS),
    signsInALowWindow,
  ];

  constructor() {
    super();
    /** @type {Call | null} */
    this.call = null;
    new CallWatcher(this);
    /** "" has no hold button, "active" can hold, "held" can retrieve. */
    this.hold = "";
    /** What may be asked of the recording: `start`, `stop`, `pause`, `resume`. @type {string[]} */
    this.recording_may = [];
    /** Whether the contact can be sent on now. */
    this.transfer = false;
    /** The chat, where there is one: whether it is open, and how many lines nobody has read here. @type {{open: boolean, unread: number} | null} */
    this.chat = null;
    /** Whether the telephone keys are on the screen, where there are any. @type {boolean | null} */
    this.keypad = null;
    /** The voice is on a phone: no microphone here, and what ends is the video. */
    this.voice_apart = false;
    this.shortcuts = false;
    this._open = false;
  }

  /** @type {AbortController | null} */
  #abort = null;

  connectedCallback() {
    super.connectedCallback();
    this.#abort = new AbortController();
    window.addEventListener("keydown", this.#key, { signal: this.#abort.signal });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#abort?.abort();
  }

  render() {
    const { call } = this;
    if (call === null) return nothing;
    const said = call.microphone !== null && !call.muted;
    const seen = call.camera !== null;
    const can_flip = seen && call.devices.cameras.length > 1 && matchMedia("(pointer: coarse)").matches;
    return html`
      ${this._open ? this.#devices(call) : nothing}
      <div class="bar" role="toolbar" aria-label=${t("controls.toolbar")}>
        ${this.voice_apart ? nothing : this.#button(said ? "mic" : "mic_off", said ? "mute" : "unmute", said ? "" : "off", this.#mute, "M")}
        ${this.#button(seen ? "video" : "video_off", seen ? "camera_off" : "camera_on", seen ? "" : "off", this.#camera, "V")}
        ${can_flip ? this.#button("flip", "flip", "", () => call.flipCamera()) : nothing}
        ${canShareScreen()
          ? call.screen
            ? this.#button("screen_off", "stop_sharing", "on", () => call.stopScreen())
            : this.#button("screen", "share", "", () => call.shareScreen())
          : nothing}
        ${this.hold === "active" ? this.#button("pause", "hold", "", this.#once("hold"), "H") : nothing}
        ${this.hold === "held" ? this.#button("play", "retrieve", "on", this.#once("retrieve"), "H") : nothing}
        ${this.transfer ? this.#button("transfer", "transfer", "", () => this.#emit("transfer"), "T") : nothing}
        ${this.chat === null ? nothing : this.#chatButton(this.chat)}
        ${this.keypad === null ? nothing : this.#keypadButton(this.keypad)}
        ${this.recording_may.map((action) =>
          this.#button(RECORDING_ICONS[action], `record_${action}`, action === "resume" ? "on" : "", () => this.#record(action), action === "pause" || action === "resume" ? "P" : undefined),
        )}
        <button
          class="control ${this._open ? "on" : ""}"
          aria-expanded=${this._open}
          aria-controls="devices"
          title=${t("controls.devices")}
          @click=${this.#toggleDevices}
        >
          ${icon("settings")}<span>${t("controls.devices")}</span>
        </button>
        ${this.voice_apart
          ? this.#button("cross", "end_video", "danger", this.#once("hang-up"))
          : this.#button("hang_up", "hang_up", "danger", this.#once("hang-up"))}
      </div>
    `;
  }

  /**
   * @param {import("./icons.js").IconName} name
   * @param {string} action
   * @param {string} look
   * @param {(event: MouseEvent) => void} run
   * @param {string} [key] with Alt
   */
  #button(name, action, look, run, key) {
    const label = t(`controls.${action}`);
    const title = key && this.shortcuts ? `${label} (Alt+${key})` : label;
    return html`<button class="control ${look}" data-action=${action} title=${title} @click=${run}>
      ${icon(name)}<span>${label}</span>
    </button>`;
  }

  /** The second click of a double one would be refused, or undo the first. @param {string} what */
  #once(what) {
    return (/** @type {MouseEvent} */ event) => {
      if (event.detail <= 1) this.#emit(what);
    };
  }

  /** @param {{open: boolean, unread: number}} chat */
  #chatButton({ open, unread }) {
    const label = t("controls.chat");
    const name = unread > 0 ? `${label}: ${t("chat.unread", { count: unread })}` : label;
    return html`<button
      class="control ${open ? "on" : ""}"
      data-action="chat"
      aria-expanded=${open}
      aria-label=${name}
      title=${this.shortcuts ? `${name} (Alt+C)` : name}
      @click=${() => this.#emit("chat")}
    >
      ${icon("chat")}<span aria-hidden="true">${label}</span>${unread > 0 ? html`<span class="badge" aria-hidden="true">${unread > 99 ? "99+" : unread}</span>` : nothing}
    </button>`;
  }

  /** @param {boolean} open */
  #keypadButton(open) {
    const label = t("controls.keypad");
    return html`<button class="control ${open ? "on" : ""}" data-action="keypad" aria-expanded=${open} title=${label} @click=${() => this.#emit("keypad")}>
      ${icon("keypad")}<span>${label}</span>
    </button>`;
  }

  /** When the chat or the keypad is closed, the focus goes back to what opened it. @param {"chat" | "keypad"} what */
  focusOn(what) {
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(`[data-action=${what}]`))?.focus();
  }

  /** @param {Call} call */
  #devices(call) {
    const { cameras, microphones, speakers } = call.devices;
    return html`<div id="devices" class="panel card stack" role="group" aria-label=${t("controls.devices")}>
      <div class="head">
        <h2>${t("controls.devices")}</h2>
        <button class="plain" @click=${this.#toggleDevices} aria-label=${t("controls.close_devices")}>${icon("cross")}</button>
      </div>
      ${this.#select("microphone", microphones, call.microphone, (id) => call.useMicrophone(id))}
      ${this.#select("camera", cameras, call.camera, (id) => call.useCamera({ device_id: id }))}
      ${"setSinkId" in HTMLMediaElement.prototype && speakers.length > 0
        ? this.#select("speaker", speakers, null, (id) => {
            call.speaker_id = id;
            void call.refreshDevices();
          })
        : nothing}
    </div>`;
  }

  /**
   * @param {"microphone" | "camera" | "speaker"} kind
   * @param {MediaDeviceInfo[]} devices
   * @param {MediaStreamTrack | null} track
   * @param {(id: string) => void} choose
   */
  #select(kind, devices, track, choose) {
    const used = kind === "speaker" ? this.call?.speaker_id : track?.getSettings().deviceId;
    return html`<div>
      <label for=${kind}>${t(`device.${kind}`)}</label>
      <select
        id=${kind}
        ?disabled=${devices.length === 0}
        @change=${(/** @type {Event} */ event) => choose(/** @type {HTMLSelectElement} */ (event.target).value)}
      >
        ${devices.length === 0 ? html`<option>${t("device.none_known")}</option>` : nothing}
        ${kind !== "speaker" && track === null && devices.length > 0
          ? html`<option value="" selected disabled>${t("device.not_in_use")}</option>`
          : nothing}
        ${devices.map(
          (device) => html`<option value=${device.deviceId} ?selected=${device.deviceId === used}>${device.label}</option>`,
        )}
      </select>
    </div>`;
  }

  #toggleDevices = () => {
    this._open = !this._open;
    if (this._open) void this.call?.refreshDevices();
  };

  #mute = () => {
    const { call } = this;
    if (call === null) return;
    if (call.microphone === null) {
      call.muted = false;
      void call.useMicrophone();
    } else {
      void call.toggleMute();
    }
  };

  #camera = () => {
    const { call } = this;
    if (call === null) return;
    void (call.camera === null ? call.useCamera() : call.stopCamera());
  };

  /** @param {KeyboardEvent} event */
  #key = (event) => {
    if (event.key === "Escape" && this._open) {
      this._open = false;
      return;
    }
    if (!this.shortcuts || !event.altKey || event.ctrlKey || event.metaKey) return;
    const run = { KeyM: this.#muteKey, KeyV: this.#camera, KeyH: this.#holdKey, KeyP: this.#pauseKey, KeyT: this.#transferKey, KeyC: this.#chatKey }[event.code];
    if (run === undefined) return;
    event.preventDefault();
    if (!event.repeat) run(); // held down it would mute and unmute, hold and retrieve
  };

  #muteKey = () => {
    if (!this.voice_apart) this.#mute();
  };

  #chatKey = () => {
    if (this.chat !== null) this.#emit("chat");
  };

  #transferKey = () => {
    if (this.transfer) this.#emit("transfer");
  };

  #holdKey = () => {
    if (this.hold === "active") this.#emit("hold");
    else if (this.hold === "held") this.#emit("retrieve");
  };

  #pauseKey = () => {
    const action = this.recording_may.find((each) => each === "pause" || each === "resume");
    if (action !== undefined) this.#record(action);
  };

  /** @param {string} action */
  #record(action) {
    this.dispatchEvent(new CustomEvent("recording", { detail: action }));
  }

  /** @param {string} name */
  #emit(name) {
    this.dispatchEvent(new CustomEvent(name));
  }
}

customElements.define("vv-controls", Controls);
