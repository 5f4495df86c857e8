// What was written in a contact, as those read it who may.

import { css, html, nothing } from "../vendor/lit.js";
import { moment } from "../lib/format.js";
import { locale, t } from "../lib/i18n.js";

/** @typedef {{number: number, by: string, name: string, at: string, text: string}} Line */

export const chatStyles = css`
  .chat {
    display: grid;
    gap: 8px;
    max-height: 28rem;
    overflow-y: auto;
  }
  .chat li {
    display: grid;
    grid-template-columns: minmax(6rem, 11rem) minmax(0, 1fr);
    gap: 2px 14px;
  }
  .chat .who {
    color: var(--ink-2);
    font-size: 0.875rem;
    overflow-wrap: anywhere;
  }
  .chat .text {
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  @media (max-width: 560px) {
    .chat li {
      grid-template-columns: minmax(0, 1fr);
    }
  }
`;

/** @param {Line[]} lines */
export function chat(lines) {
  if (lines.length === 0) return nothing;
  return html`<ol class="chat" tabindex="0" aria-label=${t("contact.chat")}>
    ${lines.map(
      (line) => html`<li>
        <span class="who"><bdi>${line.name || t(`chat.${line.by}`)}</bdi> · <time class="number" datetime=${line.at}>${moment(line.at, locale(), new Date())}</time></span>
        <span class="text" dir="auto">${line.text}</span>
      </li>`,
    )}
  </ol>`;
}
