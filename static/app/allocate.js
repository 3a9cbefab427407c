// Splits after the trade: entered by one, decided by another; quantities are exact to a millionth.
import { call, order, saying } from "./api.js";
import { fault, open, sheet } from "./sheet.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const board = byId("board"), split = byId("split"), decide = byId("decide");
const EVERY_MS = 2000, PLACES = 6;
let shown = "", asking = false;

// Decimal text as whole millionths: no quantity here ever becomes a float.
function millionths(text) {
  const match = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(text.trim().replaceAll(",", ""));
  return match && BigInt(match[1] + (match[2] || "").padEnd(PLACES, "0"));
}

function plain(units) {
  const digits = String(units).padStart(PLACES + 1, "0"), at = digits.length - PLACES;
  const whole = digits.slice(0, at).replace(/\B(?=(\d{3})+$)/g, ","), rest = digits.slice(at).replace(/0+$/, "");
  return rest ? `${whole}.${rest}` : whole;
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("/allocations/?part=board", { credentials: "same-origin" });
    const html = await answer.text();
    if (!answer.ok || answer.redirected || html === shown) return;
    if (board.contains(document.activeElement) && shown) return; // not under somebody's hands
    shown = html;
    board.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  } finally {
    asking = false;
  }
}

const rows = () => [...byId("parts").querySelectorAll("tbody tr")];

function addRow(account = "", qty = "") {
  const row = byId("part").content.cloneNode(true).firstElementChild;
  if (account) row.querySelector("select").value = account;
  row.querySelector("input").value = qty;
  byId("parts").querySelector("tbody").append(row);
  return row;
}

function left() {
  const whole = millionths(split.dataset.qty), given = rows().map((row) => millionths(row.querySelector("input").value));
  const known = given.every((one) => one !== null), sum = given.reduce((all, one) => all + (one || 0n), 0n);
  const rest = whole - sum, line = byId("left");
  line.className = known && rest === 0n ? "exact" : "off";
  line.textContent = !known ? "Give plain quantities." : rest === 0n ? `All ${plain(whole)} are given.` : rest > 0n ? `${plain(rest)} of ${plain(whole)} are left.` : `${plain(-rest)} more than the ${plain(whole)} there are.`;
}

async function byTemplate(name) {
  if (!name) return;
  fault(split, "");
  try {
    const made = await call("POST", `/v1/trading/allocation-template/${encodeURIComponent(name)}/preview/`, { amount: split.dataset.qty, instrument_id: split.dataset.instrument });
    split.querySelector("[name=strategy]").value = made.strategy;
    byId("parts").querySelector("tbody").replaceChildren();
    for (const one of made.account_allocations) addRow(one.account_id, String(one.requested_amount.value));
    left();
  } catch (error) {
    fault(split, saying(error));
  }
}

function openSplit(on) {
  split.dataset.order = on.split;
  split.dataset.qty = on.qty.replaceAll(",", "");
  split.dataset.instrument = on.instrument;
  open(split);
  byId("split-about").textContent = on.about;
  byId("parts").querySelector("tbody").replaceChildren();
  addRow();
  left();
  split.querySelector("#parts select").focus();
}

function openDecide(id, approve) {
  decide.dataset.path = `/v1/trading/allocation-entry/${id}/${approve ? "approve" : "reject"}/`;
  byId("decide-title").textContent = approve ? "Approve this split" : "Refuse this split";
  byId("decide-about").textContent = approve ? "Its fills are split and booked at once." : "Its fills stay in suspense.";
  open(decide, "textarea");
}

function send(box, request, words) {
  sheet(box, (form) => request(Object.fromEntries(new FormData(form))), () => {
    toast(words);
    document.activeElement?.blur?.();
    return refresh();
  });
}

send(split, (form) => call("POST", order(split.dataset.order, "allocate/"), {
  strategy: form.strategy,
  reason: form.reason,
  account_allocations: rows().map((row) => ({
    account_id: row.querySelector("select").value,
    requested_amount: { type: split.dataset.kind || "par", value: row.querySelector("input").value.trim().replaceAll(",", "") },
  })),
}), "Entered: another person has to agree.");
send(decide, (form) => call("POST", decide.dataset.path, { annotation: form.annotation }), "Decided.");

board.addEventListener("click", async (event) => {
  const on = event.target.closest("button")?.dataset;
  if (!on) return;
  if (on.split) { split.dataset.kind = on.kind; openSplit(on); }
  if (on.approve) openDecide(on.approve, true);
  if (on.reject) openDecide(on.reject, false);
  if (on.release) {
    try {
      await call("POST", `/v1/trading/allocation/${on.release}/release/`);
      toast("Released: its bookings are queued.");
      document.activeElement?.blur?.();
      await refresh();
    } catch (error) {
      toast(saying(error));
    }
  }
});
byId("add-part").addEventListener("click", () => addRow().querySelector("select").focus());
byId("parts").addEventListener("input", left);
byId("parts").addEventListener("click", (event) => {
  if (!event.target.closest("button") || rows().length === 1) return;
  event.target.closest("tr").remove();
  left();
});
split.querySelector("[name=template]").addEventListener("change", (event) => byTemplate(event.target.value));
setInterval(() => document.hidden || document.querySelector("dialog[open]") || refresh(), EVERY_MS);
