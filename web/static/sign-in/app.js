// Signing in: by name and password, or by a one-time link whose token is in the fragment of the address.
//
// The fragment never reaches a server by itself; it is taken out of the address before anything else happens, so that it
// stays in no history and no screenshot.

import { LitElement, css, html, nothing } from "../vendor/lit.js";
import { icon, mark } from "../elements/icons.js";
import { languagePicker, startLanguage } from "../elements/language.js";
import { base } from "../elements/styles.js";
import { ApiError, request } from "../lib/api.js";
import { codeText, t } from "../lib/i18n.js";
import { destination } from "../lib/sign-in.js";

const token = window.location.hash.slice(1);
if (token !== "") window.history.replaceState(null, "", window.location.pathname + window.location.search);

class SignIn extends LitElement {
  static properties = { _busy: { state: true }, _code: { state: true }, _link: { state: true } };

  static styles = [
    base,
    css`
      :host {
        min-height: 100vh;
        min-height: 100dvh;
        display: grid;
        place-items: center;
        padding: 16px;
      }
      .card {
        width: min(100%, 400px);
        padding: 28px;
        box-shadow: var(--shadow);
      }
      .head {
        display: flex;
        align-items: center;
        gap: 10px;
        color: var(--accent);
        font-weight: 650;
      }
      .foot {
        margin-top: 4px;
      }
      input {
        margin-top: 4px;
      }
    `,
  ];

  constructor() {
    super();
    this._busy = false;
    /** @type {string | null} */
    this._code = null;
    this._link = token !== "";
  }

  connectedCallback() {
    super.connectedCallback();
    if (this._link) void this.#signIn({ link_token: token });
  }

  render() {
    return html`<main class="card stack">
      <div class="head">${mark()} Vis-à-vis</div>
      <h1>${t(this._link && this._busy ? "sign_in.link_working" : "sign_in.title")}</h1>
      ${this._code !== null
        ? html`<p class="note bad" role="alert">${icon("warning")}<span>${codeText("sign_in", this._code)}</span></p>`
        : nothing}
      ${this._link && this._busy
        ? html`<p class="hint">${t("working.text")}</p>`
        : html`<form class="stack" @submit=${this.#submit}>
            <div>
              <label for="name">${t("sign_in.name")}</label>
              <input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="80" />
            </div>
            <div>
              <label for="password">${t("sign_in.password")}</label>
              <input id="password" name="password" type="password" autocomplete="current-password" required maxlength="200" />
            </div>
            <button class="primary big" type="submit" ?disabled=${this._busy}>${t("sign_in.go")}</button>
          </form>`}
      <div class="foot">${languagePicker()}</div>
    </main>`;
  }

  /** @param {SubmitEvent} event */
  #submit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    this._link = false;
    void this.#signIn({ name: String(form.get("name")), password: String(form.get("password")) });
  };

  /** @param {{name: string, password: string} | {link_token: string}} proof */
  async #signIn(proof) {
    this._busy = true;
    this._code = null;
    try {
      const { account } = await request("POST", "/api/v1/session", proof);
      const next = new URLSearchParams(window.location.search).get("next");
      window.location.replace(destination(next, account.roles));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._busy = false;
      this._code = this._link && error.status === 401 ? "link_used" : error.code;
    }
  }
}

await startLanguage();
customElements.define("vv-sign-in", SignIn);
