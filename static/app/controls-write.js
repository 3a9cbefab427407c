// Proposing the next version of a list, a mandate or the policy; another person approves it.
import { call } from "./api.js";
import { fault, sheet } from "./sheet.js";
import { toast } from "./toasts.js";

const PATHS = { list: "/v1/control/list/", mandate: "/v1/control/mandate/", policy: "/v1/policy/version/" };
const board = document.getElementById("board");
let was = {};

const many = (field) => field.value.split(field.dataset.many === "lines" ? /\n/ : /[\s,]+/).map((one) => one.trim()).filter(Boolean);

// What a field says: a list, an object or a text; throws when an object cannot be read.
function value(field) {
  if ("many" in field.dataset) return many(field);
  const text = field.value.trim();
  if (!("json" in field.dataset)) return text;
  const found = text ? JSON.parse(text) : {};
  if (typeof found !== "object" || Array.isArray(found) || found === null) throw new SyntaxError("no object");
  return found;
}

function read(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    try {
      const said = value(field);
      if (said !== "") found[field.name] = said;
    } catch {
      throw new Error(`${field.name}: give an object such as {"approvals_required": 2}.`);
    }
  }
  return found;
}

const told = (one) => (Array.isArray(one) ? one.join(", ") : typeof one === "object" ? JSON.stringify(one) : String(one ?? ""));

function moved(name, before, after) {
  if (Array.isArray(before) && Array.isArray(after)) {
    const parts = [...after.filter((one) => !before.includes(one)).map((one) => `+${one}`), ...before.filter((one) => !after.includes(one)).map((one) => `−${one}`)];
    return parts.length ? [`${name}: ${parts.join(", ")}`] : [];
  }
  if (before && after && typeof before === "object" && typeof after === "object") {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => moved(key, before[key], after[key]));
  }
  return told(before) === told(after) ? [] : [`${name}: ${told(before) || "none"} → ${told(after) || "none"}`];
}

// The difference to what is in force, as the approver will see it.
function compare(form) {
  const place = form.querySelector("[data-moves]");
  try {
    const said = read(form);
    delete said.reason;
    const lines = Object.keys(said).flatMap((name) => moved(name, was[name] ?? (Array.isArray(said[name]) ? [] : typeof said[name] === "object" ? {} : ""), said[name]));
    place.textContent = lines.length ? lines.join(" · ") : "Nothing differs from what is in force.";
  } catch (error) {
    place.textContent = error.message;
  }
}

function show(button) {
  const box = document.getElementById(`write-${button.dataset.write}`);
  if (!box) return;
  const form = box.querySelector("form");
  form.reset();
  was = JSON.parse(button.dataset.content);
  for (const field of form.elements) {
    if (!(field.name in was)) continue;
    const held = was[field.name];
    field.value = Array.isArray(held) ? held.join("\n") : typeof held === "object" ? JSON.stringify(held, null, 1) : held;
  }
  const key = form.elements.name || form.elements.account_id;
  if (key) key.readOnly = Boolean(key.value);
  fault(box, "");
  compare(form);
  box.showModal();
  (key && !key.readOnly ? key : form.querySelector("textarea, select")).focus();
}

for (const kind of Object.keys(PATHS)) {
  const box = document.getElementById(`write-${kind}`);
  if (!box) continue;
  const form = box.querySelector("form");
  form.addEventListener("input", () => compare(form));
  sheet(box, () => call("POST", PATHS[kind], read(form)), () => toast("Proposed: another person decides."));
}

board.addEventListener("click", (event) => {
  const button = event.target.closest("[data-write]");
  if (button) show(button);
});
