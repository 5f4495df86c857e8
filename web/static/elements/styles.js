// Styles that the elements of all pages share, over the tokens of styles/tokens.css.

import { css } from "../vendor/lit.js";

/** Reset, focus, type, and what people press and fill in. */
export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    font: 400 1rem/1.5 var(--font);
    color: var(--ink);
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  figure {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h1 {
    font-size: 1.375rem;
    line-height: 1.25;
    font-weight: 650;
    letter-spacing: -0.01em;
    text-wrap: balance;
  }
  h2 {
    font-size: 1.0625rem;
    line-height: 1.3;
    font-weight: 650;
  }
  a {
    color: var(--accent);
  }
  :focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: 2px;
  }
  :focus:not(:focus-visible) {
    outline: none;
  }
  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
  }
  button {
    min-height: var(--target);
    min-width: var(--target);
    padding: 8px 18px;
    border: 1px solid var(--edge);
    border-radius: var(--radius-s);
    background: var(--surface);
    font-weight: 600;
    cursor: pointer;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    transition: background-color 120ms;
  }
  button:hover {
    background: var(--surface-2);
  }
  button:disabled {
    opacity: 0.55;
    cursor: not-allowed;
  }
  button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--on-accent);
  }
  button.primary:hover:not(:disabled) {
    background: var(--accent-strong);
    border-color: var(--accent-strong);
  }
  button.danger {
    background: var(--danger);
    border-color: var(--danger);
    color: var(--on-danger);
  }
  button.danger:hover:not(:disabled) {
    background: var(--danger-strong);
    border-color: var(--danger-strong);
  }
  button.plain {
    border-color: transparent;
    background: transparent;
    color: var(--accent);
    padding-inline: 12px;
  }
  button.plain:hover {
    background: var(--accent-soft);
  }
  button.big {
    min-height: 52px;
    font-size: 1.0625rem;
    border-radius: var(--radius);
  }
  label,
  .label {
    font-weight: 600;
    font-size: 0.9375rem;
  }
  input:not([type="checkbox"]):not([type="radio"]):not([type="range"]),
  select,
  textarea {
    width: 100%;
    min-height: var(--target);
    padding: 8px 12px;
    border: 1px solid var(--edge);
    border-radius: var(--radius-s);
    background: var(--surface);
  }
  input[type="checkbox"],
  input[type="radio"] {
    width: 22px;
    height: 22px;
    margin: 0;
    flex: none;
    accent-color: var(--accent);
  }
  input[type="range"] {
    width: 100%;
    min-height: var(--target);
    accent-color: var(--accent);
  }
  textarea {
    min-height: 96px;
    resize: vertical;
  }
  .hint {
    color: var(--ink-2);
    font-size: 0.9375rem;
  }
  .small {
    font-size: 0.875rem;
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .card {
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    padding: 20px;
  }
  .stack {
    display: grid;
    gap: var(--gap);
    align-content: start;
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    gap: 12px;
    align-items: center;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  svg.icon {
    width: 1.375em;
    height: 1.375em;
    flex: none;
    fill: none;
    stroke: currentcolor;
    stroke-width: 1.8;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .note {
    display: flex;
    gap: 12px;
    align-items: flex-start;
    padding: 12px 14px;
    border-radius: var(--radius-s);
    background: var(--surface-2);
  }
  .note.warn {
    background: var(--warn-soft);
    color: var(--warn);
  }
  .note.bad {
    background: var(--danger-soft);
    color: var(--danger);
  }
  .note.good {
    background: var(--good-soft);
    color: var(--good);
  }
  .note > svg.icon {
    margin-top: 1px;
  }
  .note p,
  .note div {
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .pill {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    padding: 2px 10px;
    border-radius: 99px;
    font-size: 0.875rem;
    font-weight: 600;
    background: var(--surface-2);
    color: var(--ink);
    white-space: nowrap;
  }
  .pill.good {
    background: var(--good-soft);
    color: var(--good);
  }
  .pill.warn {
    background: var(--warn-soft);
    color: var(--warn);
  }
  .pill.bad {
    background: var(--danger-soft);
    color: var(--danger);
  }
  .pill.accent {
    background: var(--accent-soft);
    color: var(--accent-strong);
  }
  kbd {
    font: 600 0.8125rem/1 var(--font);
    padding: 3px 6px;
    border: 1px solid var(--line);
    border-bottom-width: 2px;
    border-radius: 5px;
    background: var(--surface-2);
    color: var(--ink-2);
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 0.01ms !important;
    }
  }
`;

/** A dialog over the page. */
export const dialogStyles = css`
  dialog {
    border: 1px solid var(--line);
    border-radius: var(--radius);
    padding: 24px;
    max-width: min(440px, calc(100vw - 32px));
    background: var(--surface);
    color: var(--ink);
    box-shadow: var(--shadow);
  }
  dialog::backdrop {
    background: rgb(8 14 15 / 60%);
  }
`;
