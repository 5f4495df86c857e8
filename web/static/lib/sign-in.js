// Where one signs in, and where that leads: to the page somebody was sent from, or to their own.
//
// Nothing else than these pages, by their whole addresses: whoever makes a link to the sign-in page leads nobody elsewhere.

/** A place of the console. */
const PLACE = /^\/admin\/(#\/[a-z]{1,20}(\/[0-9A-Za-z_-]{1,64})?)?$/;
/** The panel, or a screen pop of the phone system. */
const PANEL = /^\/agent\/(claim\/[0-9A-Za-z-]{1,40})?$/;

/** Where to go to sign in, and to come back from. @param {{pathname: string, hash: string}} [shown] */
export function signInAddress({ pathname, hash } = window.location) {
  return `/sign-in/?next=${encodeURIComponent(PLACE.test(pathname + hash) ? pathname + hash : pathname)}`;
}

/**
 * Where somebody wanted to go, if it is a page of ours that is open to them, or their own page by their roles.
 * @param {string | null} next
 * @param {string[]} roles
 */
export function destination(next, roles) {
  const console_open = roles.includes("admin") || roles.includes("supervisor");
  const panel_open = roles.includes("agent");
  if (next !== null && ((console_open && PLACE.test(next)) || (panel_open && PANEL.test(next)))) return next;
  return roles.includes("admin") || (console_open && !panel_open) ? "/admin/" : "/agent/";
}
