// Closing positions out: what would be ordered is seen, typed for, and agreed to by a second person.
import { call } from "./api.js";
import { list, node } from "./dialogs.js";
import { grouped } from "./figures.js";
import { open, sheet } from "./sheet.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const box = byId("flatten"), form = byId("flatten-form"), agree = byId("agree"), agreeForm = byId("agree-form");
const WORD = "close out", PAUSE_MS = 250;
let halt = "", seen = "", waiting = 0, about = "", agreed = "";

const plain = (value) => grouped(String(value));
const price = (line) => (line.limit_price == null ? "at the market" : `at ${Number(line.limit_price)} or better`);
const ordered = (line) => `${line.side === "buy" ? "▲ Buy" : "▼ Sell"} ${plain(line.amount)} ${line.description} ${price(line)} for ${line.account_code}`;
const left = (line) => `${line.account_code}: ${plain(line.position)} ${line.description} stays. ${line.note}`;

// Everything that would be ordered, and what stays with the reason.
function told(lines) {
  const orders = lines.filter((line) => Number(line.amount)), stays = lines.filter((line) => !Number(line.amount));
  if (!lines.length) return [node("p", "Nothing is held in its scope.", "hint")];
  return [
    node("p", `${orders.length} of ${lines.length} positions would be ordered out.`),
    ...(orders.length ? [list(orders.map(ordered))] : []),
    ...(stays.length ? [list(stays.map(left))] : []),
  ];
}

const asked = () => {
  const limited = form.elements.price.value === "limit";
  return { price: form.elements.price.value, ...(limited && { collar_percent: form.elements.collar_percent.value.trim() }) };
};

function ready() {
  byId("flatten-go").disabled = !seen || form.elements.confirm.value.trim() !== WORD || !form.elements.reason.value.trim();
}

async function preview() {
  const place = byId("flatten-preview");
  seen = "";
  ready();
  try {
    const found = await call("POST", `/v1/kill-switch/${halt}/flatten/?dry_run=true`, asked());
    place.replaceChildren(...told(found.lines));
    seen = found.lines.some((line) => Number(line.amount)) ? found.seen : "";
  } catch (error) {
    place.replaceChildren(node("p", [error.message, ...(error.details || []).map((one) => one.message)].filter(Boolean)[0], "fault"));
  }
  ready();
}

function changed() {
  byId("collar-label").hidden = form.elements.price.value !== "limit";
  clearTimeout(waiting);
  waiting = setTimeout(preview, PAUSE_MS);
}

export function propose(haltId) {
  halt = haltId;
  open(box, form.elements.price);
  changed();
}

// The second person is shown what the first one saw, prices included.
export async function decide(flattenId) {
  about = flattenId;
  const found = await call("GET", `/v1/flatten/${flattenId}/`);
  agreed = found.seen;
  open(agree, agreeForm.elements.confirm);
  byId("agree-lines").replaceChildren(node("p", `${found.proposed_by}: “${found.reason}”`), ...told(found.lines));
  byId("agree-go").disabled = true;
}

export async function results(flattenId) {
  const found = await call("GET", `/v1/flatten/${flattenId}/`);
  const words = found.lines.map((line) => `${ordered(line)}: ${line.outcome}${line.order_status ? `, ${line.order_status.replaceAll("_", " ")}` : ""}${line.reason || line.note ? ` (${line.reason || line.note})` : ""}`);
  byId("results-title").textContent = "Closing out";
  byId("results-body").replaceChildren(list(words));
  byId("results").showModal();
}

export async function takeBack(flattenId) {
  await call("POST", `/v1/flatten/${flattenId}/refuse/`, { reason: "Refused on the page of the kill switch." });
  toast("Refused: nothing is ordered.");
}

export function begin(refresh) {
  if (box) {
    sheet(box, async () => {
      const reason = form.elements.reason.value.trim();
      await call("POST", `/v1/kill-switch/${halt}/flatten/`, { ...asked(), reason, seen, confirm: form.elements.confirm.value.trim() });
      toast("Proposed: another person has to agree within ten minutes.");
    }, refresh);
    form.addEventListener("input", (event) => (["confirm", "reason"].includes(event.target.name) ? ready() : changed()));
  }
  if (agree) {
    sheet(agree, async () => {
      await call("POST", `/v1/flatten/${about}/approve/`, { seen: agreed, confirm: agreeForm.elements.confirm.value.trim() });
      toast("Agreed: the orders go out.");
    }, refresh);
    agreeForm.addEventListener("input", () => { byId("agree-go").disabled = agreeForm.elements.confirm.value.trim() !== WORD; });
  }
}
