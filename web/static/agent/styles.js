// Styles of the agent panel.

import { css } from "../vendor/lit.js";

export const panelStyles = css`
  :host {
    display: block;
    min-height: 100vh;
    min-height: 100dvh;
  }
  .panel {
    min-height: 100vh;
    min-height: 100dvh;
    display: grid;
    grid-template: auto auto minmax(0, 1fr) / minmax(0, 1fr);
  }
  header {
    display: flex;
    flex-wrap: wrap;
    gap: 8px 20px;
    align-items: center;
    padding: 8px 16px;
    background: var(--surface);
    border-bottom: 1px solid var(--line);
  }
  .brand {
    display: flex;
    align-items: center;
    gap: 8px;
    color: var(--accent);
    font-weight: 650;
  }
  .state {
    display: flex;
    align-items: center;
    gap: 10px;
    min-width: 170px;
  }
  .state strong {
    display: block;
    line-height: 1.2;
  }
  .lamp {
    width: 14px;
    height: 14px;
    border-radius: 50%;
    flex: none;
    background: var(--edge);
  }
  [data-state="ready"] .lamp {
    background: #2fa155;
    box-shadow: 0 0 0 4px var(--good-soft);
  }
  [data-state="not_ready"] .lamp {
    background: #d08a14;
    box-shadow: 0 0 0 4px var(--warn-soft);
  }
  [data-state="reserved"] .lamp,
  [data-state="busy"] .lamp {
    background: var(--accent);
    box-shadow: 0 0 0 4px var(--accent-soft);
  }
  .actions {
    margin-inline-end: auto;
    flex-wrap: nowrap;
  }
  .actions select,
  select.language {
    width: auto;
  }
  .account {
    flex-wrap: nowrap;
  }
  .me {
    font-weight: 600;
    max-width: 16ch;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  @media (max-width: 700px) {
    .brand span,
    .me {
      display: none;
    }
    header {
      gap: 8px;
      padding: 8px 10px;
    }
    .state {
      flex: 1;
      min-width: 110px;
    }
    .account {
      gap: 2px;
    }
    .account select.language {
      padding-inline: 6px;
    }
    .actions {
      order: 3;
      width: 100%;
    }
    .actions > * {
      flex: 1;
    }
  }
  .notes {
    display: grid;
    gap: 8px;
    padding: 0 16px;
  }
  .notes > * {
    margin-top: 12px;
  }
  main {
    min-height: 0;
    padding: 16px;
  }
  .idle {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 3fr) minmax(0, 2fr);
    max-width: 1080px;
    margin: 4vh auto 0;
    align-items: stretch;
  }
  @media (max-width: 800px) {
    .idle {
      grid-template-columns: minmax(0, 1fr);
      margin-top: 0;
    }
  }
  .hero {
    justify-items: center;
    align-content: center;
    text-align: center;
    padding: 36px 20px;
  }
  .pulse {
    width: 84px;
    height: 84px;
    border-radius: 50%;
    display: grid;
    place-content: center;
    font-size: 1.75rem;
    background: var(--warn-soft);
    color: var(--warn);
  }
  .ready .pulse {
    background: var(--good-soft);
    color: var(--good);
    animation: breathe 3s ease-in-out infinite;
  }
  @keyframes breathe {
    50% {
      box-shadow: 0 0 0 14px color-mix(in srgb, var(--good-soft) 55%, transparent);
    }
  }
  .check {
    display: flex;
    gap: 12px;
    align-items: center;
    min-height: var(--target);
    cursor: pointer;
  }
  .offer {
    max-width: 620px;
    margin: 2vh auto 0;
    padding: 28px;
    box-shadow: var(--shadow);
  }
  .ringing {
    display: flex;
    gap: 20px;
    align-items: center;
  }
  .ringing h1 {
    font-size: 1.75rem;
    overflow-wrap: anywhere;
  }
  .ring {
    position: relative;
    width: 104px;
    height: 104px;
    flex: none;
    display: grid;
    place-content: center;
  }
  .ring > svg {
    position: absolute;
    inset: 0;
    transform: rotate(-90deg);
  }
  .ring > svg circle {
    fill: none;
    stroke-width: 6;
  }
  .ring .track {
    stroke: var(--line);
  }
  .ring .left {
    stroke: var(--accent);
    transition: stroke-dashoffset 500ms linear;
  }
  .avatar {
    width: 76px;
    height: 76px;
    border-radius: 50%;
    display: grid;
    place-content: center;
    font-size: 1.625rem;
    font-weight: 650;
    background: var(--accent-soft);
    color: var(--accent-strong);
  }
  .answer {
    display: grid;
    grid-template-columns: 3fr 2fr;
    gap: 12px;
  }
  .answer kbd {
    background: transparent;
    border-color: currentcolor;
    color: inherit;
    opacity: 0.85;
    white-space: nowrap;
  }
  @media (hover: none), (max-width: 480px) {
    .answer kbd {
      display: none;
    }
    .answer button {
      padding-inline: 8px;
    }
  }
  .two {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr) minmax(280px, 360px);
    height: 100%;
    align-items: start;
  }
  [data-screen="call"] .two {
    align-items: stretch;
  }
  section.call {
    display: grid;
    grid-template: minmax(0, 1fr) auto auto / minmax(0, 1fr);
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    overflow: clip;
    /* The controls stay in sight however long the context beside them is. */
    position: sticky;
    top: 16px;
    height: clamp(420px, calc(100dvh - 94px), 900px);
  }
  .help > * {
    margin: 12px;
  }
  .consultation {
    display: grid;
    gap: 10px;
  }
  .consultation p {
    display: flex;
    gap: 10px;
  }
  .side {
    display: grid;
    gap: 16px;
    align-content: start;
    min-width: 0;
  }
  vv-chat {
    height: clamp(280px, 52dvh, 560px);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    overflow: clip;
  }
  vv-chat[read_only] {
    height: auto;
    max-height: 46dvh;
  }
  aside {
    align-content: start;
  }
  .who {
    display: flex;
    gap: 12px;
    align-items: center;
  }
  .who .avatar {
    width: 48px;
    height: 48px;
    font-size: 1.0625rem;
    flex: none;
  }
  .who h1,
  .who h2 {
    font-size: 1.25rem;
    overflow-wrap: anywhere;
  }
  @media (max-width: 900px) {
    .two {
      grid-template-columns: minmax(0, 1fr);
    }
    section.call {
      position: static;
      height: 74dvh;
    }
    .chatting section.call {
      height: 44dvh;
      min-height: 300px;
    }
    vv-chat {
      height: 38dvh;
      min-height: 240px;
    }
    main {
      padding: 10px;
    }
  }
  .plain-page {
    min-height: 100vh;
    display: grid;
    place-items: center;
    padding: 16px;
  }
  .plain-page .card {
    max-width: 460px;
    justify-items: center;
    text-align: center;
    padding: 32px 24px;
    box-shadow: var(--shadow);
  }
  .plain-page .row {
    justify-content: center;
  }
  .round {
    width: 72px;
    height: 72px;
    border-radius: 50%;
    display: grid;
    place-content: center;
    font-size: 1.5rem;
    background: var(--accent-soft);
    color: var(--accent-strong);
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
  h1:focus {
    outline: none;
  }
`;
