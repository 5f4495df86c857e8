// Types of lit.js, for `tsc` only: the same exports as web/vendor/lit.entry.js.
export * from "../../vendor/lit.entry.js";
export type { PropertyValues } from "lit";
