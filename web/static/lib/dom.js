// Small helpers over the browser that every page needs: storage that may be forbidden, addresses, dialogs.

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store */

/** For pages whose storage is forbidden (private windows, third-party frames): forgets with the page. @returns {Store} */
export function memoryStore() {
  /** @type {Map<string, string>} */
  const values = new Map();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

/**
 * For a frame whose storage is forbidden: what it keeps stands with its place in the history, outlives a reload of the frame
 * and is seen by nobody else.
 * @param {History} [history]
 * @returns {Store}
 */
export function historyStore(history = window.history) {
  /** @returns {Record<string, string>} */
  const values = () => (typeof history.state === "object" && history.state !== null ? history.state : {});
  return {
    getItem: (key) => values()[key] ?? null,
    setItem: (key, value) => history.replaceState({ ...values(), [key]: value }, ""),
    removeItem: (key) => {
      const { [key]: _, ...rest } = values();
      history.replaceState(rest, "");
    },
  };
}

/**
 * The browser's storage if it can be used, one of our own otherwise.
 * @param {() => Storage} which a function, because naming it may throw already
 * @param {() => Store} [otherwise]
 * @returns {Store}
 */
export function usableStore(which, otherwise = memoryStore) {
  try {
    const store = which();
    store.setItem("visavis.probe", "1");
    store.removeItem("visavis.probe");
    return store;
  } catch (error) {
    if (error instanceof DOMException) return otherwise();
    throw error;
  }
}

export const tabStore = () => usableStore(() => window.sessionStorage);
/** That of a frame in another site's page. */
export const frameStore = () => usableStore(() => window.sessionStorage, historyStore);
export const browserStore = () => usableStore(() => window.localStorage);

/** `/ws/agent` → `wss://this-host/ws/agent`. @param {string} path */
export function socketUrl(path) {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** 128 random bits as text, for what must be told apart and guessed by nobody. */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Give a video or audio element its stream, only when it is another one (setting it again restarts the picture).
 * @param {HTMLMediaElement | undefined} element
 * @param {MediaStream | null} stream
 */
export function setStream(element, stream) {
  if (element !== undefined && element.srcObject !== stream) element.srcObject = stream;
}

/** Whether a key press belongs to something that is being typed into. @param {KeyboardEvent} event */
export function isTyping(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select");
}
