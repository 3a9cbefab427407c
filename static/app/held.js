// A reported trade that waits for a second person: one short form in an order's panel and on the review desk.
import { call, saying } from "./api.js";
import { toast } from "./toasts.js";

// Decide by the form's submitted button; `done` runs when the server has decided.
export async function decideHeld(event, done) {
  const form = event.target.closest("form[data-held]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  const word = event.submitter?.value === "reject" ? "reject" : "approve";
  const fault = form.querySelector(".fault"), annotation = form.elements.annotation.value.trim();
  const fail = (text) => { fault.textContent = text; fault.hidden = false; };
  if (!annotation) {
    fail("Say why you decide so.");
    form.elements.annotation.focus();
    return;
  }
  form.dataset.busy = "1";
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    await call("POST", `/v1/trading/external-trade-report/${encodeURIComponent(form.dataset.held)}/${word}/`, { annotation });
    toast(word === "approve" ? "Approved: the trade counts." : "Rejected: the trade never counts.");
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
