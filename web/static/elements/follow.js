// The focus follows what is opened beside a call from its bar: into it, and back to the button that opened it.

/**
 * Once `host` has drawn it: into the chat or the keypad when it is there, else to its button.
 * @param {import("../vendor/lit.js").LitElement} host
 * @param {"chat" | "keypad"} what
 */
export async function followFocus(host, what) {
  await host.updateComplete;
  const root = host.renderRoot;
  const opened = /** @type {import("./chat.js").Chat | import("./keypad.js").Keypad | null} */ (root.querySelector(`vv-${what}`));
  if (opened !== null) {
    await opened.updateComplete;
    opened.takeFocus();
    return;
  }
  const controls = /** @type {import("./controls.js").Controls | null} */ (root.querySelector("vv-controls"));
  if (controls !== null) controls.focusOn(what);
  else /** @type {HTMLElement | null} */ (root.querySelector(`[data-action=${what}]`))?.focus();
}
