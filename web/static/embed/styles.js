// Styles of the panel of one call: the picture has all the room there is, and the controls stay in sight. In a desktop that
// gives it too little room, the panel scrolls under the controls.

import { css } from "../vendor/lit.js";

export const embedStyles = css`
  :host {
    display: block;
    height: 100vh;
    height: 100dvh;
  }
  .embed {
    height: 100%;
    overflow-y: auto;
    scroll-padding-bottom: 176px; /* the controls in two rows, with their words */
    display: grid;
    grid-template: auto minmax(min-content, 1fr) / minmax(0, 1fr);
    background: var(--surface);
  }
  .notes > * {
    margin: 8px;
  }
  section.call {
    display: grid;
    grid-template: minmax(110px, 1fr) auto auto / minmax(0, 1fr);
  }
  section.call.chatting {
    grid-template: minmax(110px, 1fr) auto minmax(190px, 1.2fr) auto / minmax(0, 1fr);
  }
  vv-controls {
    position: sticky;
    bottom: 0;
    z-index: 5;
    background: var(--surface);
  }
  @media (max-width: 449px) {
    .embed {
      scroll-padding-bottom: 128px; /* and without */
    }
  }
  vv-chat {
    border-top: 1px solid var(--line);
  }
  @media (min-width: 640px) {
    section.call.chatting {
      grid-template: minmax(110px, 1fr) auto auto / minmax(0, 1fr) clamp(240px, 36%, 340px);
    }
    section.call.chatting > vv-stage,
    section.call.chatting > .help,
    section.call.chatting > vv-controls {
      grid-column: 1;
    }
    .chatting vv-chat {
      grid-area: 1 / 2 / span 3 / auto;
      border-top: 0;
      border-inline-start: 1px solid var(--line);
    }
  }
  .help > * {
    margin: 8px 12px;
  }
  .work {
    padding: 12px;
  }
  .work vv-wrap-up,
  .work vv-chat {
    max-width: 620px;
    margin-inline: auto;
  }
  .work vv-chat {
    margin-top: 12px;
    max-height: 50dvh;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    overflow: clip;
  }
  .alone {
    display: grid;
    place-content: center;
    justify-items: center;
    gap: 14px;
    padding: 24px;
    text-align: center;
    max-width: 420px;
    margin-inline: auto;
  }
  .round {
    width: 64px;
    height: 64px;
    border-radius: 50%;
    display: grid;
    place-content: center;
    font-size: 1.375rem;
    background: var(--accent-soft);
    color: var(--accent-strong);
  }
  .round.done {
    background: var(--good-soft);
    color: var(--good);
  }
  .round.failed {
    background: var(--warn-soft);
    color: var(--warn);
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
  h1 {
    font-size: 1.25rem;
  }
  h1:focus {
    outline: none;
  }
`;
