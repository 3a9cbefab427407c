// One allocation: a booked share may be given up to another firm; another person agrees or refuses.
import { call, saying } from "./api.js";
import { parseQty } from "./figures.js";
import { givingUp } from "./give-ups.js";

const box = document.getElementById("give-up");
const main = document.getElementById("main");

// The page is the server's: after a change it is asked for again.
async function act(method, path, body) {
  try {
    await call(method, path, body);
    location.reload();
  } catch (error) {
    document.getElementById("notice-text").textContent = told(error);
  }
}

function open(on) {
  box.dataset.about = on.giveUp;
  box.querySelector("form").reset();
  document.getElementById("give-up-about").textContent = on.about;
  fault("");
  box.showModal();
  box.querySelector("select").focus();
}

function fault(text) {
  const line = box.querySelector(".fault");
  line.textContent = text;
  line.hidden = !text;
}

async function ask(event) {
  event.preventDefault();
  const form = Object.fromEntries(new FormData(event.target));
  const quantity = form.quantity.trim() ? parseQty(form.quantity) : undefined;
  if (quantity === null) { fault("Give a plain quantity, such as 2,000 or 2m."); return; }
  const { clearing_firm_id, reason } = form;
  try {
    await call("POST", "/v1/ops/give-up/", { booking_id: box.dataset.about, clearing_firm_id, reason, ...(quantity && { quantity }) });
    location.reload();
  } catch (error) {
    fault(told(error));
  }
}

const told = (error) => [saying(error), ...(error.details || []).map((one) => one.message)].join(" ");

main.addEventListener("click", (event) => {
  const on = event.target.closest("button")?.dataset;
  if (on?.giveUp) open(on);
  else if (on) givingUp(on, act);
});
box?.querySelector("[data-close]").addEventListener("click", () => box.close());
box?.querySelector("form").addEventListener("submit", ask);
