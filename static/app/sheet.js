// A dialog with a form: opened clean, sent once however often it is pressed; a fault stays in it.
import { saying } from "./api.js";

// What the server refused, with what it says of single fields.
export function told(error) {
  const details = (error.details || []).map((one) => (one.field ? `${one.field}: ${one.message}` : one.message));
  return details.join(" ") || saying(error);
}

export function fault(box, text) {
  const line = box.querySelector(".fault");
  line.textContent = text;
  line.hidden = !text;
}

export function open(box, focus) {
  box.querySelector("form").reset();
  fault(box, "");
  box.showModal();
  (typeof focus === "string" ? box.querySelector(focus) : focus)?.focus();
}

// `send` is given the form, `done` its answer once the dialog is closed; false leaves it open.
export function sheet(box, send, done = () => {}) {
  const form = box.querySelector("form"), buttons = form.querySelectorAll("[type=submit]");
  let sending = false;
  const lock = (held) => {
    sending = held;
    for (const button of buttons) button.disabled = held;
  };
  box.querySelector("[data-close]").addEventListener("click", () => box.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    lock(true);
    fault(box, "");
    try {
      const answer = await send(form);
      if (answer === false) return;
      box.close();
      await done(answer);
    } catch (error) {
      fault(box, told(error));
    } finally {
      lock(false);
    }
  });
}
