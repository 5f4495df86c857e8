// What customer and agent write to each other: <vv-chat>. Text only: nothing that is written becomes markup.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { TEXT_LIMIT, parts } from "../lib/chat.js";
import { codeText, locale, t } from "../lib/i18n.js";
import { icon } from "./icons.js";
import { base } from "./styles.js";

/** @typedef {import("../lib/chat.js").ChatBook} ChatBook */

/** The room that is left is told from here on. */
const NEAR_LIMIT = 100;
/** So far from the end still counts as at the end: what comes is scrolled to. */
const AT_END_PX = 60;

/** Event: `close`. */
export class Chat extends LitElement {
  static properties = {
    book: { attribute: false },
    customer: { type: Boolean },
    read_only: { type: Boolean },
  };

  static styles = [
    base,
    css`
      :host {
        display: grid;
        grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr);
        min-height: 0;
        background: var(--surface);
        color: var(--ink);
      }
      header {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: calc(var(--target) + 5px);
        padding: 2px 2px 2px 14px;
        border-bottom: 1px solid var(--line);
      }
      header h2 {
        flex: 1;
      }
      header button {
        padding: 0;
        border-color: transparent;
        background: transparent;
      }
      .scroll {
        overflow-y: auto;
        overscroll-behavior: contain;
        padding: 12px 14px;
        display: flex;
        flex-direction: column;
        gap: 10px;
      }
      .log {
        display: flex;
        flex-direction: column;
        gap: 10px;
      }
      .line {
        max-width: 88%;
        align-self: flex-start;
        overflow: clip;
      }
      .line.own {
        align-self: flex-end;
      }
      .who {
        font-size: 0.8125rem;
        color: var(--ink-2);
        overflow-wrap: anywhere;
      }
      .own .who {
        text-align: end;
      }
      .text {
        padding: 7px 12px;
        border-radius: 14px 14px 14px 4px;
        background: var(--surface-2);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .own .text {
        border-radius: 14px 14px 4px 14px;
        background: var(--accent-soft);
      }
      .refused .text {
        border: 1px solid var(--danger);
      }
      .refused .row {
        justify-content: flex-end;
        gap: 4px;
      }
      .refused .why {
        color: var(--danger);
        font-size: 0.875rem;
        text-align: end;
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 8px;
        padding: 8px;
        border-top: 1px solid var(--line);
        align-items: end;
      }
      textarea {
        min-height: var(--target);
        max-height: 7.5em;
        field-sizing: content;
        resize: none;
      }
      form button {
        padding: 0;
        min-width: var(--target);
      }
      .left {
        grid-column: 1 / -1;
      }
    `,
  ];

  #book_watched = /** @type {ChatBook | null} */ (null);
  #draw = () => this.requestUpdate();
  #at_end = true;

  constructor() {
    super();
    /** @type {ChatBook | null} */
    this.book = null;
    /** Whether the customer reads it: then an agent is on the other side. */
    this.customer = false;
    this.read_only = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.requestUpdate();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#watch(null);
  }

  /** @param {ChatBook | null} book */
  #watch(book) {
    if (book === this.#book_watched) return;
    this.#book_watched?.removeEventListener("change", this.#draw);
    if (this.#book_watched !== null) this.#book_watched.open = false;
    this.#book_watched = book;
    book?.addEventListener("change", this.#draw);
    if (book !== null) book.open = true;
  }

  willUpdate() {
    if (this.isConnected) this.#watch(this.book);
    const scroll = this.renderRoot?.querySelector(".scroll");
    if (scroll) this.#at_end = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < AT_END_PX;
  }

  updated() {
    const field = this.renderRoot.querySelector("textarea");
    const draft = this.book?.draft ?? "";
    if (field !== null && field.value !== draft) field.value = draft;
    const scroll = this.renderRoot.querySelector(".scroll");
    if (scroll !== null && this.#at_end) scroll.scrollTop = scroll.scrollHeight;
  }

  /** Where writing begins. */
  takeFocus() {
    const field = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("textarea") ?? this.renderRoot.querySelector(".scroll"));
    field?.focus();
  }

  render() {
    const { book } = this;
    if (book === null) return nothing;
    const empty = book.lines.length === 0 && book.pending.length === 0;
    return html`
      <header>
        <h2 id="title">${t("chat.title")}</h2>
        ${this.read_only
          ? nothing
          : html`<button type="button" data-action="close-chat" title=${t("chat.close")} aria-label=${t("chat.close")} @click=${this.#close}>${icon("cross")}</button>`}
      </header>
      <div class="scroll" tabindex="0" role="group" aria-labelledby="title" @keydown=${this.#key}>
        ${empty ? html`<p class="hint">${t(this.customer ? "chat.empty_customer" : "chat.empty")}</p>` : nothing}
        ${book.earlier > 0 ? html`<p class="hint small">${t("chat.earlier", { count: book.earlier })}</p>` : nothing}
        <div class="log" role="log" aria-live="polite" aria-relevant="additions" aria-labelledby="title">
          ${book.lines.map((line) => this.#line(line))}
        </div>
        ${book.pending.map((line) => this.#pending(line))}
      </div>
      ${this.read_only ? nothing : this.#form()}
    `;
  }

  /** @param {import("../lib/chat.js").ChatEntry} line */
  #line(line) {
    const own = line.client_id != null;
    const time = new Date(line.at).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
    return html`<div class="line ${own ? "own" : ""}" data-line=${line.number}>
      <p class="who"><bdi>${own ? t("chat.you") : line.name || t(`chat.${line.by}`)}</bdi> · <time datetime=${line.at}>${time}</time></p>
      <p class="text" dir="auto">${parts(line.text).map(({ text, href }) => (href === null ? text : html`<a href=${href} target="_blank" rel="noopener noreferrer nofollow">${text}</a>`))}</p>
    </div>`;
  }

  /** @param {import("../lib/chat.js").Pending} line */
  #pending(line) {
    const { client_id, code } = line;
    return html`<div class="line own ${code === null ? "" : "refused"}">
      <p class="who">${t("chat.you")} · ${code === null ? t("chat.sending") : t("chat.not_sent")}</p>
      <p class="text" dir="auto">${line.text}</p>
      ${code === null
        ? nothing
        : html`<p class="why" role="alert">${codeText("error", code)}</p>
            <div class="row">
              <button type="button" class="plain" @click=${() => this.book?.drop(client_id)}>${t("chat.drop")}</button>
              <button type="button" class="plain" @click=${() => this.book?.again(client_id)}>${t("chat.again")}</button>
            </div>`}
    </div>`;
  }

  #form() {
    const left = TEXT_LIMIT - (this.book?.draft.length ?? 0);
    return html`<form @submit=${this.#submit} @keydown=${this.#key}>
      <textarea
        rows="1"
        maxlength=${TEXT_LIMIT}
        aria-label=${t("chat.write")}
        placeholder=${t("chat.write")}
        title=${t("chat.keys")}
        enterkeyhint="send"
        autocomplete="off"
        @input=${this.#typed}
      ></textarea>
      <button class="primary" type="submit" data-action="send-chat" title=${t("chat.send")} aria-label=${t("chat.send")}>${icon("send")}</button>
      ${left <= NEAR_LIMIT ? html`<p class="left hint small" role="status">${t("chat.left", { count: left })}</p>` : nothing}
    </form>`;
  }

  /** @param {Event} event */
  #typed = (event) => {
    if (this.book !== null) this.book.draft = /** @type {HTMLTextAreaElement} */ (event.target).value;
    this.requestUpdate();
  };

  /** @param {Event} event */
  #submit = (event) => {
    event.preventDefault();
    const field = /** @type {HTMLTextAreaElement} */ (this.renderRoot.querySelector("textarea"));
    if (this.book?.write(field.value)) this.#at_end = true;
    field.focus();
  };

  /** Enter sends, with Shift it begins a new line; not while letters are being put together. @param {KeyboardEvent} event */
  #key = (event) => {
    if (event.key === "Escape" && !this.read_only) {
      event.stopPropagation();
      this.#close();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target instanceof HTMLTextAreaElement) {
      this.#submit(event);
    }
  };

  #close = () => {
    this.dispatchEvent(new CustomEvent("close"));
  };
}

customElements.define("vv-chat", Chat);
