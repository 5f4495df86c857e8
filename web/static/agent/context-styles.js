// Styles of what is known of a customer.

import { css } from "../vendor/lit.js";

export const contextStyles = css`
  .context > div {
    padding: 10px 0;
    border-top: 1px solid var(--line);
    display: grid;
    grid-template-columns: 9.5rem minmax(0, 1fr);
    gap: 2px 12px;
  }
  .context > div.form {
    grid-template-columns: minmax(0, 1fr);
  }
  .context dt {
    color: var(--ink-2);
    display: flex;
    gap: 8px;
    align-items: flex-start;
    font-size: 0.9375rem;
    overflow-wrap: anywhere;
  }
  .context dd {
    overflow-wrap: anywhere;
  }
  .context .where {
    display: block;
  }
  .context .form dd dl {
    margin-top: 4px;
    border: 1px solid var(--line);
    border-radius: var(--radius-s);
    overflow: hidden;
  }
  .context .form dd dl > div {
    display: grid;
    grid-template-columns: minmax(0, 2fr) minmax(0, 3fr);
    gap: 12px;
    padding: 7px 12px;
  }
  .context .form dd dl > div:nth-child(odd) {
    background: var(--surface-2);
  }
  .history > h2 {
    display: flex;
    gap: 8px;
    align-items: center;
    padding-top: 12px;
    border-top: 1px solid var(--line);
    font-size: 0.9375rem;
    font-weight: 400;
    color: var(--ink-2);
  }
  .history > p {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 10px;
    align-items: center;
    margin-top: 6px;
    overflow-wrap: anywhere;
  }
  .history > ol {
    margin-top: 6px;
    border: 1px solid var(--line);
    border-radius: var(--radius-s);
    overflow: hidden;
  }
  .history > ol > li {
    display: grid;
    padding: 7px 12px;
    overflow-wrap: anywhere;
  }
  .history > ol > li:nth-child(odd) {
    background: var(--surface-2);
  }
  .history a {
    display: inline-grid;
    align-content: center;
    min-height: var(--target);
  }
`;
