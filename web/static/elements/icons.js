// Our own icons: 24 × 24, one line weight, drawn with the colour of the text around them.

import { html, svg } from "../vendor/lit.js";

const SHAPES = {
  video: svg`<rect x="2.5" y="6" width="12.5" height="12" rx="2.5"/><path d="M15 10.6l5.2-3a.9.9 0 0 1 1.3.8v7.2a.9.9 0 0 1-1.3.8l-5.2-3"/>`,
  video_off: svg`<path d="M9.5 6H12.5A2.5 2.5 0 0 1 15 8.5v2.1l5.2-3a.9.9 0 0 1 1.3.8v7.2c0 .5-.4.9-.8.9"/><path d="M15 15.5A2.5 2.5 0 0 1 12.5 18H5a2.5 2.5 0 0 1-2.5-2.5v-7c0-1 .6-1.900 1.500-2.300"/><path d="M3 3l18 18"/>`,
  mic: svg`<rect x="9" y="2.800" width="6" height="11" rx="3"/><path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3.200"/>`,
  mic_off: svg`<path d="M9 9V5.800a3 3 0 0 1 6 0v5c0 .3 0 .5-.1.8M12.800 13.700a3 3 0 0 1-3.800-2.900"/><path d="M5.500 11.500a6.500 6.500 0 0 0 10.300 5.300M18.500 11.500c0 .9-.2 1.700-.5 2.500M12 18v3.200M3 3l18 18"/>`,
  screen: svg`<rect x="2.500" y="4" width="19" height="12.500" rx="2"/><path d="M8.500 20.500h7M12 13V7.500M9.300 9.900L12 7.200l2.700 2.700"/>`,
  screen_off: svg`<rect x="2.500" y="4" width="19" height="12.500" rx="2"/><path d="M8.500 20.500h7M9.800 8.100l4.400 4.400M14.200 8.100l-4.400 4.400"/>`,
  flip: svg`<path d="M4 9.500V8a2 2 0 0 1 2-2h2l1.300-1.700h5.400L16 6h2a2 2 0 0 1 2 2v1.500M4 14.500V17a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-2.500"/><path d="M8.500 12.500a3.500 3.500 0 0 1 6.300-1.900M15.500 12a3.500 3.500 0 0 1-6.300 1.900M15 8.500v2.200h-2.200M9 15.700v-2.200h2.200"/>`,
  settings: svg`<path d="M4 7h9M19 7h1M4 17h1M11 17h9"/><circle cx="16" cy="7" r="2.600"/><circle cx="8" cy="17" r="2.600"/>`,
  hang_up: svg`<path d="M3.200 15.600c-.9-.9-.9-2.300 0-3.200a12.500 12.500 0 0 1 17.600 0c.9.900.9 2.300 0 3.200l-.6.600a1.500 1.500 0 0 1-1.900.200l-2.200-1.400a1.500 1.500 0 0 1-.7-1.300v-1.400a10 10 0 0 0-6.800 0v1.400c0 .5-.3 1-.7 1.300l-2.200 1.400a1.500 1.500 0 0 1-1.900-.200z"/>`,
  transfer: svg`<path d="M3.500 8h13M13 4.500L16.500 8 13 11.500M20.500 16h-13M11 12.500L7.500 16l3.500 3.500"/>`,
  keypad: svg`<path d="M6 5v.1M12 5v.1M18 5v.1M6 10.500v.1M12 10.500v.1M18 10.500v.1M6 16v.1M12 16v.1M18 16v.1M12 21v.1" stroke-width="3"/>`,
  phone: svg`<path d="M6.600 3.500H4.800A1.800 1.800 0 0 0 3 5.400 16 16 0 0 0 18.600 21a1.800 1.800 0 0 0 1.900-1.800v-2.600a1.500 1.500 0 0 0-1.100-1.500l-2.700-.7a1.500 1.500 0 0 0-1.600.6l-.7 1a12 12 0 0 1-5.400-5.400l1-.7a1.500 1.500 0 0 0 .6-1.600l-.7-2.700a1.500 1.500 0 0 0-1.500-1.100z" transform="translate(.4 -.3)"/>`,
  pause: svg`<path d="M8.500 5.500v13M15.500 5.500v13"/>`,
  play: svg`<path d="M8 5.200v13.600a.6.6 0 0 0 .9.500l10.600-6.800a.6.6 0 0 0 0-1L8.900 4.700a.6.6 0 0 0-.9.500z"/>`,
  record: svg`<circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="4" fill="currentColor"/>`,
  record_pause: svg`<circle cx="12" cy="12" r="9"/><path d="M10 9v6M14 9v6"/>`,
  record_off: svg`<circle cx="12" cy="12" r="9"/><rect x="9" y="9" width="6" height="6" rx="1" fill="currentColor"/>`,
  check: svg`<path d="M4.500 12.500l5 5 10-11"/>`,
  cross: svg`<path d="M5.500 5.500l13 13M18.500 5.500l-13 13"/>`,
  back: svg`<path d="M14.500 5.500L8 12l6.500 6.500"/>`,
  forward: svg`<path d="M9.500 5.500L16 12l-6.500 6.500"/>`,
  warning: svg`<path d="M10.700 4.200L2.900 17.700A1.500 1.500 0 0 0 4.200 20h15.600a1.500 1.500 0 0 0 1.300-2.300L13.300 4.200a1.500 1.500 0 0 0-2.600 0zM12 9.500v4.500M12 17v.1"/>`,
  info: svg`<circle cx="12" cy="12" r="9"/><path d="M12 11v5.500M12 7.600v.1"/>`,
  user: svg`<circle cx="12" cy="8" r="4"/><path d="M4.500 20.500a7.500 7.500 0 0 1 15 0"/>`,
  users: svg`<circle cx="9" cy="8.500" r="3.500"/><path d="M2.500 20a6.500 6.500 0 0 1 13 0M15.500 5.300a3.500 3.500 0 0 1 0 6.400M18 14.200a6.500 6.500 0 0 1 3.500 5.800"/>`,
  clock: svg`<circle cx="12" cy="12" r="9"/><path d="M12 7v5.200l3.300 2"/>`,
  globe: svg`<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c5 5.500 5 12.500 0 18M12 3c-5 5.500-5 12.500 0 18"/>`,
  page: svg`<path d="M6 3h8l4.500 4.500V19a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM14 3v5h4.500M8 12.500h6.500M8 16.500h6.500"/>`,
  path: svg`<circle cx="6" cy="5.500" r="2.300"/><circle cx="18" cy="18.500" r="2.300"/><path d="M6 8v4.500a3 3 0 0 0 3 3h6.700"/>`,
  shield: svg`<path d="M12 3l7.500 2.800v5.700c0 4.700-3.200 8-7.500 9.500-4.300-1.500-7.500-4.800-7.500-9.500V5.800zM8.800 12l2.300 2.300 4.200-4.600"/>`,
  bell: svg`<path d="M6 16.500V10.500a6 6 0 0 1 12 0v6l1.500 1.500h-15zM10 20.500a2.200 2.200 0 0 0 4 0"/>`,
  key: svg`<circle cx="7.500" cy="15.500" r="4"/><path d="M10.500 12.500L20 3M16 7l3 3"/>`,
  wifi: svg`<path d="M2.500 9a14 14 0 0 1 19 0M6 12.800a9 9 0 0 1 12 0M9.300 16.500a4.200 4.200 0 0 1 5.400 0M12 20v.1"/>`,
  exit: svg`<path d="M14 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h8M10 12h11M17.500 8.500L21 12l-3.500 3.500"/>`,
  power: svg`<path d="M12 3.500v8M6.800 6.700a7.500 7.500 0 1 0 10.400 0"/>`,
  board: svg`<rect x="3" y="3.500" width="7.500" height="9" rx="1.500"/><rect x="13.500" y="3.500" width="7.500" height="5" rx="1.500"/><rect x="3" y="16" width="7.500" height="4.500" rx="1.500"/><rect x="13.500" y="12" width="7.500" height="8.500" rx="1.500"/>`,
  speaker: svg`<path d="M4 9.500v5h3.500L12.500 19V5L7.500 9.500zM16 9a4.300 4.300 0 0 1 0 6M18.700 6.300a8 8 0 0 1 0 11.400"/>`,
  chat: svg`<path d="M6 4h12a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3h-6.500L7 21v-4H6a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3zM8 9h8M8 12.500h5"/>`,
  send: svg`<path d="M4 12l16-7.500-5 15-3.500-6.500zM11.500 13L20 4.500"/>`,
  search: svg`<circle cx="10.500" cy="10.500" r="6.500"/><path d="M15.500 15.500L21 21"/>`,
  refresh: svg`<path d="M20 11.500A8 8 0 0 0 5.500 7.200M4 12.500a8 8 0 0 0 14.500 4.300M5 3v4.500h4.500M19 21v-4.500h-4.500"/>`,
};

/** @typedef {keyof typeof SHAPES} IconName */

/** Decorative: the button or text beside it carries the name. @param {IconName} name */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;
}

/** Two people face to face: the mark of the product. */
export function mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false" width="28" height="28">
    <path d="M14.500 4.600A11.500 11.500 0 0 0 14.500 27.400V19.500a3.500 3.500 0 0 1 0-7z" fill="currentColor" />
    <path d="M17.500 4.600A11.500 11.500 0 0 1 17.500 27.400V19.500a3.500 3.500 0 0 0 0-7z" fill="currentColor" opacity="0.550" />
  </svg>`;
}
