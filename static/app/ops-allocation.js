// One allocation: a booked share may be given up to another firm; another person agrees or refuses.
import { call } from "./api.js";
import { parseQty } from "./figures.js";
import { givingUp } from "./give-ups.js";
import { open, sheet, told } from "./sheet.js";

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

function show(on) {
  box.dataset.about = on.giveUp;
  document.getElementById("give-up-about").textContent = on.about;
  open(box, "select");
}

async function ask(sent) {
  const form = Object.fromEntries(new FormData(sent));
  const quantity = form.quantity.trim() ? parseQty(form.quantity) : undefined;
  if (quantity === null) throw new Error("Give a plain quantity, such as 2,000 or 2m.");
  const { clearing_firm_id, reason } = form;
  await call("POST", "/v1/ops/give-up/", { booking_id: box.dataset.about, clearing_firm_id, reason, ...(quantity && { quantity }) });
}

main.addEventListener("click", (event) => {
  const on = event.target.closest("button")?.dataset;
  if (on?.giveUp) show(on);
  else if (on) givingUp(on, act);
});
if (box) sheet(box, ask, () => location.reload());
