// What the pages use of lit, and nothing more: one file, because import maps would need an inline script.
export { LitElement, css, html, nothing, svg } from "lit";
export { ref } from "lit/directives/ref.js";
