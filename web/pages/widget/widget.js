// The element <video-call site="…" language="auto">: a launcher on any page, and a frame from the gateway behind it.
//
//   <script src="https://video.example/widget.js" defer></script>
//   <video-call site="shop"></video-call>
//
// It runs in the company's page, so it brings nothing along: no library, no style outside its shadow root, no text of its
// own (the frame says what the button is called). It floats, so the page never moves. Camera, microphone and secrets
// stay in the frame; the two talk by postMessage only, each knowing the other's origin.
//
// Attributes: `site` (required), `language` (`en`, `fr`, `es`, `auto`), `when-closed` (`text` says so in place of the
// button, `hide` shows nothing). Form fields marked `data-video-call-field="Label"` are passed to the agent, masked:
// only that something is filled in, unless the page says `data-video-call-mask="none"` (as it is) or `"last4"`. The field
// marked `data-video-call-name` is offered to the customer as their name.
//
// A site whose customers sign in says who they are by a token that its server signs: the attribute `identity`, read when
// the button is pressed.
//
// While the page takes a payment it sets the attribute `payment` on the element (`element.payment = true`): the gateway
// then records nothing, and nobody in the call can change that. The event `recording` (detail: `on`, `paused`, `off`, …)
// says what is true in the call.

(() => {
  "use strict";
  if (customElements.get("video-call")) return;

  const MARK = "visavis";
  const VERSION = 1;
  const FIELD_LIMIT = 20;
  const NAME_LENGTH = 40;
  const VALUE_LENGTH = 200;
  const TEXT_LENGTH = 120;
  const IDENTITY_LENGTH = 4000;

  const script =
    /** @type {HTMLScriptElement | null} */ (document.currentScript) ??
    /** @type {HTMLScriptElement | null} */ (document.querySelector('script[src*="/widget.js"]'));
  const gateway = new URL(script?.src || window.location.href).origin;

  const STYLE = `
    :host { position: fixed; inset: auto 0 0 auto; z-index: 2147483000; display: block;
      font: 600 16px/1.3 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    [hidden] { display: none !important; }
    button { position: fixed; right: max(16px, env(safe-area-inset-right)); bottom: max(16px, env(safe-area-inset-bottom));
      display: flex; align-items: center; gap: 10px; min-height: 56px; padding: 0 24px 0 20px; border: 2px solid #fff;
      border-radius: 99px; background: #0b6b66; color: #fff; font: inherit; cursor: pointer;
      box-shadow: 0 6px 24px rgb(10 40 40 / 32%); transition: background-color 120ms, transform 120ms; }
    button:hover { background: #08524e; }
    button:active { transform: translateY(1px); }
    button:focus-visible { outline: 3px solid #0b6b66; outline-offset: 3px; }
    button.live { background: #8a1f18; }
    svg { width: 24px; height: 24px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
    p { position: fixed; right: 16px; bottom: 16px; margin: 0; max-width: min(300px, calc(100vw - 32px)); padding: 10px 16px;
      border-radius: 12px; background: #fff; color: #39474a; font-weight: 500; font-size: 15px; border: 1px solid #d9d5ca;
      box-shadow: 0 4px 16px rgb(10 40 40 / 14%); }
    iframe { position: fixed; border: 0; background: #f6f5f1; right: 16px; bottom: 16px; width: 408px; height: 680px;
      max-width: calc(100vw - 32px); max-height: calc(100vh - 32px); max-height: calc(100dvh - 32px); border-radius: 18px;
      box-shadow: 0 18px 60px rgb(10 30 30 / 34%); color-scheme: light dark; visibility: hidden; opacity: 0; pointer-events: none;
      transition: opacity 140ms; }
    iframe.open { visibility: visible; opacity: 1; pointer-events: auto; }
    iframe.wide { width: 1000px; height: 760px; }
    @media (max-width: 560px) {
      iframe, iframe.wide { inset: 0; width: 100%; height: 100%; max-width: none; max-height: none; border-radius: 0; }
    }
    @media (prefers-color-scheme: dark) {
      iframe { background: #12181a; }
      p { background: #1b2326; color: #c6d0d1; border-color: #354146; }
    }
    @media (prefers-reduced-motion: reduce) { button, iframe { transition: none; } }
  `;

  /** @param {string} text @param {number} length */
  const cut = (text, length) => text.trim().slice(0, length);

  /** @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} field */
  function shown(field) {
    const mask = field.getAttribute("data-video-call-mask");
    const value = (field instanceof HTMLSelectElement ? field.selectedOptions[0]?.text : field.value) ?? "";
    if (value.trim() === "") return "";
    if (mask === "none") return cut(value, VALUE_LENGTH);
    if (mask === "last4" && value.trim().length > 4) return `••• ${value.trim().slice(-4)}`;
    return "•••";
  }

  /** The marked fields of the page, masked. Passwords and card numbers never leave it, whatever the marks say. */
  function form() {
    /** @type {Record<string, string>} */
    const fields = {};
    for (const field of document.querySelectorAll("[data-video-call-field]")) {
      if (Object.keys(fields).length >= FIELD_LIMIT) break;
      const name = cut(field.getAttribute("data-video-call-field") ?? "", NAME_LENGTH);
      if (name === "") continue;
      if (
        field instanceof HTMLInputElement ||
        field instanceof HTMLSelectElement ||
        field instanceof HTMLTextAreaElement
      ) {
        if (field.type === "password" || /^cc-|password|one-time-code/.test(field.autocomplete)) continue;
        const checkable = field instanceof HTMLInputElement && (field.type === "checkbox" || field.type === "radio");
        if (checkable && !field.checked) fields[name] ??= "";
        else fields[name] = shown(field);
      } else {
        fields[name] = cut(field.textContent ?? "", VALUE_LENGTH); // a heading, a step, an article: public on the page
      }
    }
    return fields;
  }

  /** The name typed into the page already. The customer sees it in the frame and may change it. */
  function customerName() {
    const field = document.querySelector("[data-video-call-name]");
    return field instanceof HTMLInputElement ? cut(field.value, NAME_LENGTH) : "";
  }

  class VideoCall extends HTMLElement {
    static observedAttributes = ["payment"];

    #root = this.attachShadow({ mode: "open" });
    #button = document.createElement("button");
    #label = document.createElement("span");
    #closed = document.createElement("p");
    /** @type {HTMLIFrameElement | null} */
    #frame = null;
    /** @type {AbortController | null} */
    #abort = null;
    #open = false;

    constructor() {
      super();
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      this.#root.adoptedStyleSheets = [sheet];
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 24 24");
      svg.setAttribute("aria-hidden", "true");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", "M5 6h7.500A2.500 2.500 0 0 1 15 8.500v7a2.500 2.500 0 0 1-2.500 2.500H5a2.500 2.500 0 0 1-2.500-2.500v-7A2.500 2.500 0 0 1 5 6zM15 10.600l5.200-3a.9.9 0 0 1 1.300.8v7.200a.9.9 0 0 1-1.300.8l-5.200-3");
      svg.append(path);
      this.#button.type = "button";
      this.#button.hidden = true;
      this.#button.setAttribute("part", "button");
      this.#button.append(svg, this.#label);
      this.#closed.hidden = true;
      this.#closed.setAttribute("role", "status");
      this.#closed.setAttribute("part", "closed");
      this.#root.append(this.#button, this.#closed);
    }

    connectedCallback() {
      const site = this.getAttribute("site");
      if (!site) {
        console.error("<video-call> needs the attribute site");
        return;
      }
      this.#abort = new AbortController();
      const { signal } = this.#abort;
      window.addEventListener("message", (event) => this.#receive(event), { signal });
      this.#button.addEventListener("click", () => this.#show(), { signal });
      const frame = document.createElement("iframe");
      frame.src = `${gateway}/widget/?site=${encodeURIComponent(site)}`;
      frame.allow = "camera; microphone; display-capture; autoplay; fullscreen; speaker-selection; screen-wake-lock; clipboard-write";
      frame.referrerPolicy = "origin";
      frame.tabIndex = -1;
      frame.setAttribute("aria-hidden", "true");
      frame.addEventListener("load", () => this.#tell("hello"), { signal });
      this.#frame = frame;
      this.#root.append(frame);
    }

    disconnectedCallback() {
      this.#abort?.abort();
      this.#frame?.remove();
      this.#frame = null;
      this.#open = false;
      this.#button.hidden = this.#closed.hidden = true;
    }

    attributeChangedCallback() {
      this.#post({ type: "payment", open: this.payment });
    }

    /** What the site's server signed of who this is; one that is too long is none. */
    get #identity() {
      const identity = this.getAttribute("identity") ?? "";
      return identity.length <= IDENTITY_LENGTH ? identity : "";
    }

    /** Whether the page takes a payment just now. */
    get payment() {
      return this.hasAttribute("payment");
    }

    set payment(open) {
      this.toggleAttribute("payment", open);
    }

    /** Open the frame, as a press of the button does: for a page's own button. */
    open() {
      if (!this.#button.hidden) this.#show();
    }

    /** @param {"hello" | "opened"} type */
    #tell(type) {
      this.#post({
        type,
        language: this.getAttribute("language") ?? "auto",
        page: { url: (window.location.origin + window.location.pathname).slice(0, 2000), title: cut(document.title, VALUE_LENGTH) },
        name: customerName(),
        form: form(),
        identity: this.#identity,
        payment: this.payment,
      });
    }

    /** @param {object} message */
    #post(message) {
      this.#frame?.contentWindow?.postMessage({ [MARK]: VERSION, ...message }, gateway);
    }

    #show() {
      const frame = this.#frame;
      if (frame === null) return;
      this.#open = true;
      this.#button.hidden = true;
      frame.classList.add("open");
      frame.removeAttribute("aria-hidden");
      frame.tabIndex = 0;
      frame.title = this.#label.textContent ?? "";
      this.#tell("opened");
      frame.focus();
    }

    #hide() {
      const frame = this.#frame;
      if (frame === null) return;
      this.#open = false;
      frame.classList.remove("open");
      frame.setAttribute("aria-hidden", "true");
      frame.tabIndex = -1;
      this.#button.hidden = false;
      this.#button.focus();
    }

    /** @param {MessageEvent} event */
    #receive(event) {
      if (this.#frame === null || event.source !== this.#frame.contentWindow || event.origin !== gateway) return;
      const message = event.data;
      if (typeof message !== "object" || message === null || message[MARK] !== VERSION) return;
      /** @param {unknown} text */
      const text = (text) => (typeof text === "string" ? cut(text, TEXT_LENGTH) : "");
      switch (message.type) {
        case "availability": {
          const offered = message.offered === true;
          this.#label.textContent = text(message.label);
          this.#button.hidden = !offered || this.#open;
          const closed = text(message.closed);
          this.#closed.textContent = closed;
          this.#closed.hidden = offered || this.#open || closed === "" || this.getAttribute("when-closed") === "hide";
          break;
        }
        case "status":
          this.#label.textContent = text(message.label);
          this.#button.classList.toggle("live", message.live === true);
          break;
        case "open":
          if (!this.#open) this.#show();
          break;
        case "minimise":
          this.#hide();
          break;
        case "recording":
          this.dispatchEvent(new CustomEvent("recording", { detail: text(message.state) }));
          break;
        case "size":
          this.#frame.classList.toggle("wide", message.wide === true);
          break;
        default: // a newer gateway may say more than this page knows
      }
    }
  }

  customElements.define("video-call", VideoCall);
})();
