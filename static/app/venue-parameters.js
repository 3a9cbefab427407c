// What only one venue knows of an order: its algorithms and parameters, as a form made of its format.
import { node } from "./dialogs.js";

const byId = (id) => document.getElementById(id);
let asked = null;

// The venues that know more than the standard and the desks of custodians, asked for once; null where
// that failed.
async function places() {
  asked ??= fetch("/desk/reference.json", { credentials: "same-origin" }).then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)));
  try {
    const known = await asked;
    return [...(known.venues || []), ...(known.desks || []).map((one) => ({ id: `custodian:${one.id}`, custodian: one.id, house: one.name, name: `${one.name} (custodian)`, algorithms: [], parameters: [] }))];
  } catch {
    asked = null;
    return null;
  }
}

function field(prefix, one) {
  const box = node("div", undefined, "field"), id = `${prefix}-${one.name}`;
  const label = node("label", `${one.label} `);
  label.htmlFor = id;
  const hint = { time: "14:30, UTC", decimal: "a number", integer: "a whole number" }[one.kind] || "";
  label.append(node("span", [one.required ? "needed" : "", hint].filter(Boolean).join(", "), "hint"));
  const input = one.kind === "choice" || one.kind === "boolean" ? options(one) : node("input");
  Object.assign(input, { id, name: `venue:${one.name}`, required: one.required });
  if (input.tagName === "INPUT") input.maxLength = 64;
  input.setAttribute("aria-describedby", `${id}-fault`);
  const fault = node("span", undefined, "fault");
  Object.assign(fault, { id: `${id}-fault` });
  fault.dataset.fault = `venue:${one.name}`;
  box.append(label, input, fault);
  return box;
}

function options(one) {
  const given = one.kind === "boolean" ? [["Y", "yes"], ["N", "no"]] : one.choices.map((value) => [value, value]);
  const input = node("select");
  input.append(new Option("not said", ""), ...given.map(([value, words]) => new Option(words, value)));
  return input;
}

export class VenueParameters {
  // `box` is a hidden place of the dialog's form, `usual` the words for no venue at all.
  constructor(box, usual) {
    this.box = box;
    this.usual = usual;
    this.all = this.known = [];
    box.addEventListener("change", (event) => {
      if (event.target === this.venue) this.offerAlgorithms();
      if (event.target === this.venue || event.target === this.algorithm) this.offerFields();
    });
  }

  // A dialog opens: nothing is chosen. Custodians are offered where the order's kind of amount is given.
  async open(kind = "") {
    this.venue = null;
    const found = await places();
    this.all = found || [];
    this.known = [];
    this.box.hidden = found?.length === 0;
    this.box.replaceChildren();
    if (!found) this.box.append(node("p", "What venues take besides could not be asked for. Close this and open it again to name a venue.", "fault whole"));
    if (!this.all.length) return;
    const id = this.box.id;
    this.venue = this.select(`${id}-venue`, "venue_id", "Where", [["", this.usual]]);
    this.algorithm = this.select(`${id}-algorithm`, "algorithm", "Algorithm", []);
    this.rest = node("div", undefined, "fields whole");
    this.box.append(this.rest);
    this.box.hidden = true;
    this.offerAlgorithms();
    this.offerFields();
    this.narrow(kind);
  }

  // Custodians take shares, and where it is known who keeps the accounts, only for those that are all
  // theirs. What was chosen stays, or it is said that it does not.
  narrow(kind, keepers = null) {
    if (!this.venue) return;
    const known = this.all.filter((one) => !one.custodian || (kind === "shares" && (!keepers || keepers.every((each) => each === one.custodian))));
    if (known.length === this.known.length && known.every((one) => this.known.includes(one))) return;
    const before = this.chosen();
    this.known = known;
    this.box.hidden = !known.length;
    this.venue.replaceChildren(new Option(this.usual, ""), ...known.map((one) => new Option(one.name, one.id)));
    if (before && known.includes(before)) {
      this.venue.value = before.id;
      return;
    }
    if (before) byId(`${this.venue.id}-fault`).textContent = `Not with ${before.house} any more: it takes shares, for accounts that it keeps.`;
    this.offerAlgorithms();
    this.offerFields();
  }

  select(id, name, words, given) {
    const box = node("div", undefined, "field"), label = node("label", words), made = node("select"), fault = node("span", undefined, "fault");
    label.htmlFor = made.id = id;
    made.name = name;
    made.append(...given.map(([value, text]) => new Option(text, value)));
    fault.id = `${id}-fault`;
    fault.dataset.fault = name;
    made.setAttribute("aria-describedby", fault.id);
    box.append(label, made, fault);
    this.box.append(box);
    return made;
  }

  chosen() { return this.known.find((one) => one.id === this.venue?.value); }

  offerAlgorithms() {
    const found = this.chosen()?.algorithms || [];
    this.algorithm.replaceChildren(new Option("none: as it is", ""), ...found.map((one) => new Option(one.label === one.name ? one.name : `${one.name}: ${one.label}`, one.name)));
    this.algorithm.parentElement.hidden = !found.length;
  }

  offerFields() {
    const venue = this.chosen(), algorithm = venue?.algorithms.find((one) => one.name === this.algorithm.value);
    const known = algorithm ? algorithm.parameters : venue?.parameters || [];
    this.rest.replaceChildren(...known.map((one) => field(this.box.id, one)));
  }

  // How it gets there, as an instruction of the order says it.
  way() { return { protocol: this.chosen()?.custodian ? "custodian" : "limit_order_book", strategy: "manual" }; }

  // What the API is to be asked beside the rest; nothing where no venue was chosen.
  asked() {
    const venue = this.chosen();
    if (!venue) return {};
    if (venue.custodian) return { custodian_id: venue.custodian };
    const typed = [...this.rest.querySelectorAll("input, select")].map((one) => [one.name.slice("venue:".length), one.value.trim()]).filter(([, value]) => value);
    return {
      venue_id: venue.id,
      ...(this.algorithm.value && { algorithm: this.algorithm.value }),
      ...(typed.length && { venue_parameters: Object.fromEntries(typed) }),
    };
  }
}

// Faults of parameters belong to their own fields, also those of an order's only instruction.
export function placed(error) {
  for (const detail of error.details || []) {
    const own = (detail.field || "").replace(/^execution_instructions\[0\]\./, "");
    const found = /^venue_parameters\.(.+)$/.exec(own);
    if (own === "venue_id" || own === "custodian_id") detail.field = "venue_id";
    if (found) detail.field = found[1] === "algorithm" ? "algorithm" : `venue:${found[1]}`;
  }
  return error;
}
