// The confirm dialog: it states the consequence in words and focuses the safe button.
const byId = (id) => document.getElementById(id);

// `act` runs while the dialog stays open; it closes on success and shows the fault otherwise.
export function confirm({ title, text, safe, danger, act }) {
  const box = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").replaceChildren(...text);
  byId("confirm-fault").hidden = true;
  const keep = byId("confirm-safe"), go = byId("confirm-act");
  keep.textContent = safe;
  go.textContent = danger;
  go.disabled = false;
  keep.onclick = () => box.close();
  go.onclick = async () => {
    go.disabled = true;
    try {
      await act();
      box.close();
    } catch (error) {
      byId("confirm-fault").textContent = error.message;
      byId("confirm-fault").hidden = false;
      go.disabled = false;
    }
  };
  box.showModal();
  keep.focus();
}

export function node(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function list(texts) {
  const made = node("ul");
  made.append(...texts.map((text) => node("li", text)));
  return made;
}

// Faults of the server beside their fields; what names no field of the form goes to `rest`.
export function showFaults(form, error, rest) {
  clearFaults(form);
  const lost = [];
  for (const { field, message } of error.details || []) {
    const name = (field || "").split(/[.[]/)[0];
    const place = form.querySelector(`[data-fault="${CSS.escape(name)}"]`);
    if (!place) { lost.push(field ? `${field}: ${message}` : message); continue; }
    place.textContent = message;
    const input = form.querySelector(`[name="${CSS.escape(name)}"]`);
    input?.setAttribute("aria-invalid", "true");
  }
  const named = (error.details || []).length - lost.length;
  const head = named ? `Not accepted: ${named === 1 ? "one field needs" : `${named} fields need`} a change.` : error.message;
  const lines = [node("p", head, "face bad")];
  if (lost.length) lines.push(list(lost));
  if (error.requestId) lines.push(node("p", `Request ${error.requestId}`, "hint"));
  rest.replaceChildren(...lines);
  // The first on the screen, whichever the server named first.
  form.querySelector("[aria-invalid]")?.focus();
}

export function clearFaults(form) {
  for (const place of form.querySelectorAll("[data-fault]")) place.textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}
