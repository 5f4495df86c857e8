// Styles of the frame around the customer's screens: header, picture, what stands beside it, footer.

import { css } from "../vendor/lit.js";

export const appStyles = css`
  :host {
    display: block;
    height: 100%;
    background: var(--ground);
  }
  .app {
    height: 100%;
    display: grid;
    grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr);
  }
  header {
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 6px 6px 6px 14px;
    border-bottom: 1px solid var(--line);
    background: var(--surface);
  }
  header .mark {
    color: var(--accent);
    flex: none;
  }
  header strong {
    flex: 1;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  header button {
    border-color: transparent;
    background: transparent;
    padding: 0;
  }
  @media (max-width: 560px) {
    header .widen {
      display: none;
    }
  }
  main {
    min-height: 0;
    display: flex;
    flex-direction: column;
    overflow: hidden;
  }
  vv-stage {
    flex: 0 0 clamp(120px, 25vh, 300px);
  }
  .talking vv-stage {
    flex: 1 1 auto;
  }
  .content {
    flex: 1 1 auto;
    min-height: 0;
    overflow: auto;
    padding: 18px 16px 22px;
  }
  .talking .content {
    flex: 0 1 auto;
    padding: 0;
    max-height: 62%;
  }
  .talking .content > * {
    margin: 12px auto;
    width: min(calc(100% - 24px), 560px);
  }
  .talking.chatting vv-stage {
    flex: 1 1 44%;
    min-height: 110px;
  }
  .talking.chatting .content {
    flex: 0 1 auto;
    max-height: 34%;
  }
  vv-chat {
    flex: 1 1 56%;
    border-top: 1px solid var(--line);
  }
  vv-keypad {
    flex: 0 0 auto;
  }
  .talking.chatting vv-keypad {
    grid-column: 1 / -1;
  }
  @media (min-width: 720px), (orientation: landscape) and (max-height: 520px) {
    .talking.chatting {
      display: grid;
      grid-template: minmax(0, 1fr) auto / minmax(0, 1fr) clamp(240px, 38%, 360px);
    }
    .talking.chatting vv-stage,
    .talking.chatting .content {
      grid-column: 1;
      max-height: none;
    }
    vv-chat {
      grid-area: 1 / 2 / span 2 / auto;
      border-top: 0;
      border-inline-start: 1px solid var(--line);
    }
  }
  .inner {
    max-width: 480px;
    margin-inline: auto;
  }
  footer {
    border-top: 1px solid var(--line);
    background: var(--surface);
    padding-bottom: env(safe-area-inset-bottom);
  }
  footer .recorded {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    min-height: 48px;
    padding: 4px 16px 0;
    max-width: 720px;
    margin-inline: auto;
    font-size: 0.875rem;
  }
  footer .recorded p {
    display: flex;
    align-items: center;
    gap: 8px;
    font-weight: 600;
  }
  footer .recorded .dot {
    width: 10px;
    height: 10px;
    border-radius: 50%;
    border: 2px solid var(--ink-2);
  }
  footer .recorded .dot.on {
    background: var(--danger);
    border-color: var(--danger);
  }
  footer .recorded .dot.paused {
    border-color: var(--warn);
  }
  footer .leave {
    padding: 10px 16px;
    display: grid;
    grid-auto-flow: column;
    grid-auto-columns: minmax(0, 1fr);
    gap: 8px;
    max-width: 512px;
    margin-inline: auto;
  }
  @media (min-width: 800px) {
    main:not(.talking) vv-stage {
      width: 640px;
      margin: 20px auto 0;
      border-radius: var(--radius);
      flex-basis: min(360px, 40vh);
    }
  }
  @media (max-height: 620px) {
    main:not(.talking) vv-stage {
      flex-basis: 96px;
    }
  }
  h1:focus {
    outline: none;
  }
`;
