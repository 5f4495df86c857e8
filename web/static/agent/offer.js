// The card of a ringing contact: who calls, from where, how long they waited, and how long it still rings.

import { html } from "../vendor/lit.js";
import { icon } from "../elements/icons.js";
import { initials } from "../elements/stage.js";
import { clock } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { context, nameOf } from "./context.js";

const RADIUS = 44;
const LENGTH = 2 * Math.PI * RADIUS;

/**
 * @param {import("../lib/messages.js").Offer} offer
 * @param {import("./model.js").View} view
 * @param {number} now_ms
 * @param {{accept: () => void, reject: () => void}} actions
 */
export function offerCard(offer, view, now_ms, actions) {
  const left_ms = Math.max(0, view.offer_ends_ms - now_ms);
  const share = view.offer_length_ms > 0 ? left_ms / view.offer_length_ms : 0;
  const name = nameOf(offer.customer);
  return html`<section class="card stack offer" role="alertdialog" aria-labelledby="offer-title" aria-describedby="offer-text">
    <div class="ringing">
      <div class="ring">
        <svg viewBox="0 0 100 100" aria-hidden="true">
          <circle class="track" cx="50" cy="50" r=${RADIUS} />
          <circle class="left" cx="50" cy="50" r=${RADIUS} stroke-dasharray=${LENGTH} stroke-dashoffset=${LENGTH * (1 - share)} />
        </svg>
        <span class="avatar" aria-hidden="true">${initials(offer.customer.display_name) || icon("user")}</span>
      </div>
      <div>
        <p class="hint">${offer.asked_by ? t("offer.asked", { name: offer.asked_by }) : t("offer.kind")}</p>
        <h1 id="offer-title" tabindex="-1">${name}</h1>
        <p id="offer-text">
          ${t("offer.waited", { time: clock(offer.waited_s) })} · <span class="number">${t("offer.left", { count: Math.ceil(left_ms / 1000) })}</span>
        </p>
      </div>
    </div>
    <div class="answer">
      <button class="primary big" data-action="accept" @click=${actions.accept}>${icon("video")} ${t("offer.accept")} <kbd>Alt A</kbd></button>
      <button class="big" data-action="reject" @click=${actions.reject}>${icon("cross")} ${t("offer.reject")} <kbd>Alt R</kbd></button>
    </div>
    ${context(offer.customer, offer.queue_name)}
  </section>`;
}
