// Styles of the customer's screens.

import { css } from "../vendor/lit.js";

export const screenStyles = css`
  .centred {
    justify-items: center;
    text-align: center;
    padding-top: 24px;
  }
  .centred p {
    max-width: 40ch;
  }
  .centred .note p,
  .centred .note span {
    text-align: start;
  }
  .centred .answer {
    font-size: 1.125rem;
  }
  .centred .row {
    justify-content: center;
  }
  .big-icon {
    width: 72px;
    height: 72px;
    border-radius: 50%;
    display: grid;
    place-content: center;
    background: var(--surface-2);
    color: var(--ink-2);
    font-size: 1.5rem;
  }
  .big-icon.good {
    background: var(--good-soft);
    color: var(--good);
  }
  .wheel {
    width: 40px;
    height: 40px;
    border-radius: 50%;
    border: 3px solid var(--line);
    border-top-color: var(--accent);
    animation: turn 900ms linear infinite;
  }
  @keyframes turn {
    to {
      transform: rotate(360deg);
    }
  }
  label .hint {
    font-weight: 400;
  }
  input {
    margin-top: 4px;
  }
  .check {
    cursor: pointer;
    font-weight: 500;
    align-items: center;
  }
  .check input {
    margin: 0;
  }
  p.small svg.icon {
    vertical-align: -0.35em;
  }
  button.start {
    justify-self: start;
  }
  summary {
    cursor: pointer;
    padding: 10px 0;
    color: var(--ink-2);
    font-weight: 600;
  }
  .facts {
    display: grid;
    gap: 6px;
  }
  .facts div {
    display: flex;
    gap: 12px;
    justify-content: space-between;
    border-top: 1px solid var(--line);
    padding-top: 6px;
  }
  .facts dt,
  .facts dd {
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .facts dt {
    color: var(--ink-2);
  }
  .facts dd {
    text-align: end;
  }
  .menu {
    display: grid;
    gap: 10px;
  }
  .menu button {
    width: 100%;
    min-height: 60px;
    padding: 10px 14px;
    justify-content: flex-start;
    text-align: start;
    gap: 14px;
    border-radius: var(--radius);
    font-size: 1.0625rem;
  }
  .menu button span {
    flex: 1;
  }
  .menu kbd {
    font-size: 1rem;
    min-width: 34px;
    height: 34px;
    display: grid;
    place-content: center;
    background: var(--accent-soft);
    border-color: transparent;
    color: var(--accent-strong);
  }
  .menu svg.icon {
    color: var(--ink-2);
  }
  @media (hover: none) {
    .keys {
      display: none;
    }
  }
  .waiting {
    display: grid;
    gap: 8px;
  }
  code.link {
    display: block;
    padding: 10px 12px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface-2);
    overflow-wrap: anywhere;
    user-select: all;
  }
  .facts-list {
    display: grid;
    gap: 10px;
  }
  .facts-list li {
    display: flex;
    gap: 10px;
    align-items: flex-start;
  }
  .facts-list svg.icon {
    flex: none;
    color: var(--ink-2);
  }
  .waits {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 22px;
  }
  .waits div {
    display: flex;
    gap: 8px;
    align-items: baseline;
  }
  .waits dt {
    color: var(--ink-2);
  }
  .waits dd {
    font-weight: 650;
  }
`;
