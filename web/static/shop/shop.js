// The demo shop has nothing behind its form: it says so, and remembers what was typed while the tab is open.

const form = /** @type {HTMLFormElement} */ (document.getElementById("delivery"));
const answer = /** @type {HTMLElement} */ (document.getElementById("answer"));
const KEY = "shop.delivery";

for (const [name, value] of new URLSearchParams(sessionStorage.getItem(KEY) ?? "")) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement || field instanceof RadioNodeList) field.value = value;
}

form.addEventListener("input", () => {
  /** @type {[string, string][]} */
  const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  sessionStorage.setItem(KEY, new URLSearchParams(fields).toString());
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  answer.textContent = "This is where the demo ends.";
});
