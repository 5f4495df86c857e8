// What stands over the customer's picture while there is none to see: why, and what comes next.

import { awayVeil } from "../elements/away.js";
import { codeText, t } from "../lib/i18n.js";

/**
 * @param {import("./model.js").View} view
 * @param {string} name of the customer
 * @param {{call: import("../lib/call.js").Call | null, open: boolean, now: number}} page `open`: the socket carries
 */
export function veil(view, name, { call, open, now }) {
  if (!open) return { title: t("trouble.reconnecting"), text: t("trouble.kept"), busy: true };
  if (call?.peer.blocked) return { title: t("trouble.blocked_title"), text: t("trouble.blocked"), busy: true };
  if (call?.refused_code) return { title: t("trouble.refused_title"), text: codeText("leg", call.refused_code) };
  if (call?.peer.status === "reconnecting") return { title: t("trouble.reconnecting"), text: t("trouble.media"), busy: true };
  if (view.contact_state === "held") return { title: t("agent_call.held"), text: t("agent_call.held_text", { name }) };
  if (view.contact_state === "transferring") return { title: t("agent_call.transferring"), text: t("agent_call.transferring_text", { name }), busy: true };
  if (view.contact_state === "consult_ringing") return { title: t("agent_call.consult_ringing"), text: t("agent_call.consult_ringing_text", { name }), busy: true };
  if (view.contact_state === "consulting") return null;
  if (view.contact_state !== "active") return { title: t("agent_call.bridging", { name }), text: "", busy: true };
  if (view.away !== null) return awayVeil(name, view.away, now, "call_ends");
  return null;
}
