// The kill switch: what stands renews itself; engaging and mass cancels need a preview and a typed word.
import { call, freshId, saying } from "./api.js";
import { list, node } from "./dialogs.js";
import { grouped } from "./figures.js";
import * as flatten from "./flatten.js";
import { open, sheet } from "./sheet.js";
import { showConnection, showServer, typing } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et } from "./time.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const board = byId("board"), notice = byId("notice"), engage = byId("engage"), form = byId("engage-form");
const mass = byId("mass"), massForm = byId("mass-form");
const PATH = "/v1/kill-switch/", MASS = "/v1/trading/mass-cancel/", WHOLE = ["organization", "all"];
const CHOOSES = ["side", "instrument_id", "account_id", "trader", "desk", "api_key", "strategy", "venue_id"];
const EVERY_MS = 1000, PAUSE_MS = 250;
let shown = "", asking = false, waiting = 0, massId = "";

function say(tone, words) {
  notice.className = `notice ${tone}`;
  byId("notice-text").textContent = words;
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("/kill/?part=board", { credentials: "same-origin" });
    const html = await answer.text();
    if (!answer.ok || answer.redirected || html === shown) return;
    const focused = document.activeElement?.closest?.("[data-halt], [data-mass], [data-closing]");
    const named = focused && ["halt", "mass", "closing"].find((name) => focused.dataset[name]);
    const held = named && `[data-${named}="${CSS.escape(focused.dataset[named])}"]`;
    shown = html;
    board.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    if (held) board.querySelector(`${held} button`)?.focus();
  } catch { /* the socket says that we are cut off */ } finally {
    asking = false;
  }
}

const count = (n) => `${n} open ${n === 1 ? "order" : "orders"}`;
// Par of bonds and shares of equities are never added up.
const size = ({ par, shares }) => [[par, "par"], [shares, shares === 1 ? "share" : "shares"]].filter(([qty]) => Number(qty)).map(([qty, word]) => `${grouped(String(qty))} ${word}`).join(" and ") || "nothing";
// What a preview says: how much it is, what it is worth, and where it works.
function sized(what, told, colon = ":") {
  const venues = told.venues.map((one) => `${one.venue_id}: ${one.orders} working, ${size(one)} open`);
  const worth = told.notional.map((one) => `${grouped(String(one.amount))} ${one.currency}`).join(" and ");
  const priced = told.unpriced ? `, ${told.unpriced} without a price left out` : "";
  return [node("p", `${what}${colon} ${count(told.orders)}, ${size(told)} still to trade${worth && `, worth ${worth}`}${priced}.`), ...(venues.length ? [list(venues)] : [])];
}
const asked = () => ({ scope: form.elements.scope.value, target: form.elements.target.value.trim() });
const word = () => { const { scope, target } = asked(); return WHOLE.includes(scope) ? scope : target; };

function changed() {
  const { scope } = asked();
  byId("target-label").hidden = WHOLE.includes(scope);
  if (WHOLE.includes(scope)) form.elements.target.value = "";
  const known = byId(`known-${scope}`);
  byId("targets").replaceChildren(...[...(known?.children || [])].map((one) => new Option(one.textContent)));
  byId("confirm-word").textContent = word() || "its name";
  ready();
  clearTimeout(waiting);
  waiting = setTimeout(preview, PAUSE_MS);
}

function ready() {
  const { confirm, reason } = form.elements;
  byId("engage-go").disabled = !word() || confirm.value.trim() !== word() || !reason.value.trim();
}

async function preview() {
  const { scope, target } = asked(), place = byId("preview");
  if (!WHOLE.includes(scope) && !target) { place.replaceChildren(node("p", "Say which one to see what it would stop.", "hint")); return; }
  try {
    const told = await call("GET", `${PATH}preview/?${new URLSearchParams({ scope, target })}`);
    place.replaceChildren(...sized(`Stops ${told.name}`, told));
  } catch (error) {
    place.replaceChildren(node("p", saying(error), "fault"));
  }
}

function arm() {
  if (!byId("arm")) return;
  open(engage, form.elements.scope);
  changed();
}

sheet(engage, async () => {
  const { scope, target } = asked();
  const made = await call("POST", PATH, {
    scope,
    ...(target && { target }),
    reason: form.elements.reason.value.trim(),
    mode: form.elements.mode.value,
    cancel_orders: form.elements.cancel_orders.checked,
    confirm: form.elements.confirm.value.trim(),
  });
  toast(`Engaged: ${made.name}`);
}, refresh);
sheet(byId("ask"), async () => {
  const reason = byId("ask-form").elements.reason.value.trim();
  await call("POST", `${PATH}${byId("ask").dataset.about}/request-release/`, { reason });
  toast("Another person has to agree.");
}, refresh);

function chosen() {
  const found = Object.fromEntries(CHOOSES.map((name) => [name, massForm.elements[name].value.trim()]).filter(([, value]) => value));
  if (massForm.elements.everything.checked) found.everything = true;
  return found;
}

function massReady() {
  const { confirm, reason } = massForm.elements;
  byId("mass-go").disabled = confirm.value.trim() !== "cancel" || !reason.value.trim() || !Object.keys(chosen()).length;
}

function massChanged() {
  massReady();
  clearTimeout(waiting);
  waiting = setTimeout(massPreview, PAUSE_MS);
}

async function massPreview() {
  const place = byId("mass-preview"), asks = chosen();
  if (!Object.keys(asks).length) { place.replaceChildren(node("p", "Choose by at least one field to see what it would cancel.", "hint")); return; }
  try {
    const told = await call("POST", `${MASS}preview/`, asks);
    place.replaceChildren(...sized("Cancels", told, ""));
  } catch (error) {
    place.replaceChildren(node("p", saying(error), "fault"));
  }
}

function openMass() {
  if (!byId("mass-open")) return;
  massId = freshId("ui");
  open(mass, massForm.elements.instrument_id);
  massChanged();
}

async function showResults(id) {
  const told = await call("GET", `${MASS}${encodeURIComponent(id)}/?limit=1000`);
  const table = node("table", undefined, "plain rows"), head = table.createTHead().insertRow(), body = table.createTBody();
  head.append(...["Order", "Result", "Why", "Order is"].map((word) => node("th", word)));
  for (const one of told.results) {
    const row = body.insertRow(), link = node("a", one.client_order_id || one.order_id);
    link.href = `/desk/orders/${encodeURIComponent(one.order_id)}/`;
    row.insertCell().append(link);
    for (const word of [one.result, one.reason || "", one.order_status.replaceAll("_", " ")]) row.insertCell().textContent = word;
  }
  const more = told.orders > told.results.length ? [node("p", `The first ${told.results.length} of ${told.orders}.`, "hint")] : [];
  byId("results-title").textContent = "Mass cancel";
  byId("results-body").replaceChildren(table, ...more);
  byId("results").showModal();
}

sheet(mass, async () => {
  const made = await call("POST", MASS, { ...chosen(), client_mass_cancel_id: massId, reason: massForm.elements.reason.value.trim(), confirm: massForm.elements.confirm.value.trim() });
  toast(`Asked: ${made.orders} orders`);
}, refresh);
massForm.addEventListener("input", (event) => (["confirm", "reason"].includes(event.target.name) ? massReady() : massChanged()));
flatten.begin(refresh);
byId("mass-open")?.addEventListener("click", openMass);
form.elements.mode.addEventListener("change", () => { form.elements.cancel_orders.checked = form.elements.mode.value === "halt"; });
form.addEventListener("input", (event) => (["scope", "target"].includes(event.target.name) ? changed() : ready()));
byId("arm")?.addEventListener("click", arm);
board.addEventListener("click", async (event) => {
  const on = event.target.closest("button")?.dataset;
  if (on?.ask) { byId("ask").dataset.about = on.ask; open(byId("ask"), "[name=reason]"); }
  if (on?.results) {
    try { await showResults(on.results); } catch (error) { say("closed", saying(error)); }
  }
  const closing = { flatten: flatten.propose, agree: flatten.decide, outcome: flatten.results, refuse: flatten.takeBack };
  for (const [name, act] of Object.entries(closing).filter(([name]) => on?.[name])) {
    try { await act(on[name]); await refresh(); } catch (error) { say("closed", saying(error)); }
  }
  if (on?.reset) {
    try {
      await call("POST", `/v1/trading/order-group/${on.reset}/reset/`);
      toast("Reset: the group takes orders again.");
      await refresh();
    } catch (error) {
      say("closed", saying(error));
    }
  }
  if (on?.release) {
    try {
      await call("POST", `${PATH}${on.release}/release/`);
      toast("Released: trading goes on.");
      await refresh();
    } catch (error) {
      say("closed", saying(error));
    }
  }
});
document.addEventListener("keydown", (event) => {
  if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "e") { event.preventDefault(); arm(); }
  if (event.key === "m") { event.preventDefault(); openMass(); }
});

new LiveSocket({
  state(name, facts) {
    showConnection(name);
    if (name === "closed") say("closed", `Disconnected since ${et(facts.since)} ET: what you see may be out of date.`);
    else if (name === "slow") say("slow", "No message for more than 3 seconds: what you see may be late.");
    else if (name === "live" || name === "reconnected") say("", "Up to date.");
  },
  server: showServer,
  snapshot: refresh,
  delta: refresh,
  loggedOut() { say("closed", "Your session is over. Load the page again to log in."); },
});
setInterval(() => document.hidden || refresh(), EVERY_MS);
