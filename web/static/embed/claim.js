// The claim in the address of the panel of one call. It is in the fragment, which a browser sends to nobody.

const CLAIM = /^[0-9A-Za-z_-]{20,200}$/;

/**
 * The claim ("" without one that can be meant) and the language wished for ("auto" when none is). It is taken out of the
 * address: nothing of it stays in the history.
 * @param {Window} [own]
 */
export function takeClaim(own = window) {
  const said = new URLSearchParams(own.location.hash.slice(1));
  own.history.replaceState(own.history.state, "", own.location.pathname);
  const claim = said.get("claim") ?? "";
  return { claim: CLAIM.test(claim) ? claim : "", language: said.get("language") ?? "auto" };
}
