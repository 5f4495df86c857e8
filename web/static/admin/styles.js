// Styles of the admin console, and the colours of a contact's states.

import { css } from "../vendor/lit.js";

/** A contact's states in the order of its life. */
export const STATE_ORDER = ["initiated", "in_menu", "queued", "offered", "bridging", "active", "held", "transferring", "consult_ringing", "consulting", "voice", "wrap_up", "closed"];

export const pageStyles = css`
  :host {
    display: block;
  }
  .narrow {
    max-width: 820px;
  }
  .scroll {
    overflow-x: auto;
  }
  table {
    width: 100%;
    border-collapse: collapse;
  }
  th {
    text-align: start;
    font-weight: 600;
  }
  thead th {
    font-size: 0.875rem;
    color: var(--ink-2);
    padding: 0 10px 6px 0;
  }
  tbody th,
  td {
    padding: 9px 10px 9px 0;
    border-top: 1px solid var(--line);
  }
  .right {
    text-align: end;
  }
  .mono {
    font-family: var(--mono);
  }
  .list li {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 10px;
    align-items: center;
    border-top: 1px solid var(--line);
    padding: 6px 0;
    min-height: 48px;
  }
  .list li:first-child {
    border-top: 0;
  }
  .grow {
    flex: 1 1 9rem;
    min-width: 0;
  }
  a.grow {
    color: inherit;
    text-decoration: none;
    min-height: 44px;
    display: grid;
    align-content: center;
  }
  @media (max-width: 560px) {
    /* The name in a row of its own; below it how it stands, and since when. */
    .list li > .grow {
      flex-basis: 100%;
    }
    .list .since {
      margin-inline-start: auto;
      min-width: 0;
    }
  }
  a.grow .mono {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  .since {
    min-width: 4rem;
    text-align: end;
    color: var(--ink-2);
  }
  .s-initiated {
    fill: #9aa3a5;
    background: #9aa3a5;
  }
  .s-in_menu {
    fill: #7f78c9;
    background: #7f78c9;
  }
  .s-queued {
    fill: #d08a14;
    background: #d08a14;
  }
  .s-offered {
    fill: #e0b44c;
    background: #e0b44c;
  }
  .s-bridging {
    fill: #6fb5c9;
    background: #6fb5c9;
  }
  .s-active {
    fill: #12857e;
    background: #12857e;
  }
  .s-held {
    fill: #5a7d9a;
    background: #5a7d9a;
  }
  .s-transferring {
    fill: #b0679b;
    background: #b0679b;
  }
  .s-consult_ringing {
    fill: #8a6fb0;
    background: #8a6fb0;
  }
  .s-consulting {
    fill: #6f5aa0;
    background: #6f5aa0;
  }
  .s-voice {
    fill: #4f8f5b;
    background: #4f8f5b;
  }
  .s-wrap_up {
    fill: #8a8f63;
    background: #8a8f63;
  }
  .s-closed {
    fill: #555c5f;
    background: #555c5f;
  }
`;

/** A list whose items are links, each a row of columns. The host says which columns there are, in `--columns`. */
export const listStyles = css`
  .rows {
    padding: 0;
    overflow: hidden;
  }
  .rows .names,
  .rows a {
    display: grid;
    grid-template-columns: var(--columns);
    gap: 4px 12px;
    align-items: center;
    padding: 8px 16px;
  }
  .rows .names {
    color: var(--ink-2);
    font-size: 0.8125rem;
    font-weight: 600;
    line-height: 1.2;
  }
  .rows a {
    min-height: 56px;
    color: inherit;
    text-decoration: none;
    border-top: 1px solid var(--line);
  }
  .rows a:hover {
    background: var(--surface-2);
  }
  .rows a svg {
    color: var(--ink-2);
  }
  .rows .state .pill {
    white-space: normal;
    border-radius: 14px;
    line-height: 1.3;
  }
  .rows .wide {
    overflow-wrap: anywhere;
  }
  .pair {
    min-width: 0;
  }
  .pair > * {
    display: block;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  @media (max-width: 900px) {
    .rows a {
      grid-template-columns: minmax(0, 1fr) auto 1.4rem;
    }
    .rows li:first-child a {
      border-top: 0;
    }
    .rows a > .state {
      grid-area: 2 / 1 / 3 / 3;
    }
    .rows a > svg {
      grid-area: 1 / 3 / 3;
    }
    .rows .names,
    .rows a > .wide {
      display: none;
    }
  }
`;

export const frameStyles = css`
  :host {
    display: block;
  }
  .frame {
    min-height: 100vh;
    min-height: 100dvh;
    display: grid;
    grid-template: minmax(0, 1fr) / 232px minmax(0, 1fr);
  }
  nav {
    position: sticky;
    top: 0;
    height: 100vh;
    display: flex;
    flex-direction: column;
    gap: 4px;
    padding: 16px 12px;
    background: var(--surface);
    border-inline-end: 1px solid var(--line);
  }
  .brand {
    display: flex;
    gap: 10px;
    align-items: center;
    padding: 0 10px 16px;
    color: var(--accent);
    font-weight: 650;
  }
  .links {
    display: flex;
    flex-direction: column;
    gap: 4px;
  }
  nav a {
    display: flex;
    gap: 12px;
    align-items: center;
    min-height: var(--target);
    padding: 6px 12px;
    border-radius: var(--radius-s);
    color: var(--ink);
    text-decoration: none;
    font-weight: 600;
  }
  nav a:hover {
    background: var(--surface-2);
  }
  nav a[aria-current="page"] {
    background: var(--accent-soft);
    color: var(--accent-strong);
  }
  .count {
    margin-inline-start: auto;
    min-width: 24px;
    padding: 0 7px;
    border-radius: 99px;
    text-align: center;
    background: var(--danger);
    color: var(--on-danger);
    font-size: 0.875rem;
  }
  .account {
    margin-top: auto;
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 8px;
    align-items: center;
    padding: 8px 4px 0;
  }
  .me {
    grid-column: 1 / -1;
    font-weight: 600;
    padding-inline: 8px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  main {
    padding: 24px;
    min-width: 0;
    max-width: 1440px;
  }
  main:focus {
    outline: none;
  }
  main > .note {
    margin-bottom: 16px;
  }
  @media (max-width: 760px) {
    .frame {
      grid-template: auto minmax(0, 1fr) / minmax(0, 1fr);
      padding-bottom: 72px;
    }
    nav {
      position: static;
      height: auto;
      flex-direction: row;
      align-items: center;
      padding: 6px 10px;
      border: 0;
      border-bottom: 1px solid var(--line);
    }
    .brand {
      padding: 0;
    }
    nav .account {
      margin: 0 0 0 auto;
      padding: 0;
    }
    .me {
      display: none;
    }
    .links {
      position: fixed;
      inset: auto 0 0;
      flex-direction: row;
      gap: 0;
      background: var(--surface);
      border-top: 1px solid var(--line);
      z-index: 20;
    }
    .links a {
      position: relative;
      flex: 1 1 var(--target);
      min-width: 0;
      min-height: 64px;
      flex-direction: column;
      justify-content: center;
      gap: 2px;
      padding: 4px 6px;
      font-size: 0.8125rem;
      text-align: center;
      border-radius: 0;
    }
    /* All of them have room side by side when only the page that shows has its word; the others have it as their name. */
    .links a[aria-current="page"] {
      flex: 0 0 auto;
      padding-inline: 12px;
    }
    .links a:not([aria-current="page"]) > .word {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .count {
      position: absolute;
      top: 4px;
      inset-inline-start: calc(50% + 6px);
      min-width: 20px;
      padding: 0 5px;
      line-height: 20px;
      font-size: 0.75rem;
    }
    main {
      padding: 14px 12px;
    }
  }
  .plain-page {
    min-height: 100vh;
    display: grid;
    place-items: center;
    max-width: none;
  }
  .plain-page .card {
    max-width: 460px;
  }
`;
