// What waits for a second person or is asked of one, with a text: one short form in an order's panel and on the
// review desk. `data-path` says where it goes (a reported trade, if nothing), the button's value how it ends.
import { call, saying } from "./api.js";
import { toast } from "./toasts.js";

// Decide by the form's submitted button; `done` runs when the server has decided.
export async function decideHeld(event, done) {
  const form = event.target.closest("form[data-held]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  const word = event.submitter?.value ?? "approve";
  const path = form.dataset.path || `/v1/trading/external-trade-report/${encodeURIComponent(form.dataset.held)}/`;
  const fault = form.querySelector(".fault"), said = form.querySelector("textarea"), text = said.value.trim();
  const fail = (text) => { fault.textContent = text; fault.hidden = false; };
  if (!text) {
    fail(word ? "Say why you decide so." : "Say why.");
    said.focus();
    return;
  }
  form.dataset.busy = "1";
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    await call("POST", word ? `${path}${word}/` : path, { [said.name]: text });
    toast(event.submitter?.dataset.done || (word === "approve" ? "Approved: the trade counts." : "Rejected: the trade never counts."));
    // What was typed is dealt with: the next picture may replace the form.
    form.dataset.done = "1";
    done();
  } catch (error) {
    fail(saying(error));
    for (const button of form.querySelectorAll("button")) button.disabled = false;
    done();
  }
  delete form.dataset.busy;
}

const waiting = (part) => [...part.querySelectorAll("form[data-held]")].filter((form) => !form.dataset.done).map((form) => form.dataset.held).join();

// Whether a part that shows the same open forms may stay, with what somebody is typing there.
export const sameForms = (had, fresh) => waiting(had) !== "" && waiting(had) === waiting(fresh);
