// The kill switch: what stands renews itself; engaging needs a preview and a typed word.
import { call, saying } from "./api.js";
import { list, node } from "./dialogs.js";
import { grouped } from "./figures.js";
import { showConnection, showServer, typing } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et } from "./time.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const board = byId("board"), notice = byId("notice"), engage = byId("engage"), form = byId("engage-form");
const PATH = "/v1/kill-switch/", EVERY_MS = 1000, PAUSE_MS = 250;
let shown = "", asking = false, waiting = 0;

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
    const held = document.activeElement?.closest?.("[data-halt]")?.dataset.halt;
    shown = html;
    board.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    if (held) board.querySelector(`[data-halt="${CSS.escape(held)}"] button`)?.focus();
  } catch { /* the socket says that we are cut off */ } finally {
    asking = false;
  }
}

const asked = () => ({ scope: form.elements.scope.value, target: form.elements.target.value.trim() });
const word = () => { const { scope, target } = asked(); return scope === "organization" ? scope : target; };

function changed() {
  const { scope } = asked();
  byId("target-label").hidden = scope === "organization";
  if (scope === "organization") form.elements.target.value = "";
  const known = byId(`known-${scope}s`);
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
  if (scope !== "organization" && !target) { place.replaceChildren(node("p", "Say which one to see what it would stop.", "hint")); return; }
  try {
    const told = await call("GET", `${PATH}preview/?${new URLSearchParams({ scope, target })}`);
    const venues = told.venues.map((one) => `${one.venue_id}: ${one.orders} working, ${grouped(String(one.leaves_qty))} open`);
    place.replaceChildren(node("p", `Stops ${told.name}: ${told.orders} open orders, ${grouped(String(told.leaves_qty))} still to trade.`), ...(venues.length ? [list(venues)] : []));
  } catch (error) {
    place.replaceChildren(node("p", saying(error), "fault"));
  }
}

function open(box) {
  box.querySelector("form").reset();
  box.querySelector(".fault").hidden = true;
  box.showModal();
}

function wire(box, send) {
  box.querySelector("[data-close]").addEventListener("click", () => box.close());
  box.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const fault = box.querySelector(".fault");
    try {
      await send();
      box.close();
      await refresh();
    } catch (error) {
      fault.textContent = saying(error);
      fault.hidden = false;
    }
  });
}

function arm() {
  if (!byId("arm")) return;
  open(engage);
  changed();
  form.elements.scope.focus();
}

wire(engage, async () => {
  const { scope, target } = asked();
  const made = await call("POST", PATH, {
    scope,
    ...(target && { target }),
    reason: form.elements.reason.value.trim(),
    cancel_orders: form.elements.cancel_orders.checked,
    confirm: form.elements.confirm.value.trim(),
  });
  toast(`Engaged: ${made.name}`);
});
wire(byId("ask"), async () => {
  const reason = byId("ask-form").elements.reason.value.trim();
  await call("POST", `${PATH}${byId("ask").dataset.about}/request-release/`, { reason });
  toast("Another person has to agree.");
});
form.addEventListener("input", (event) => (["scope", "target"].includes(event.target.name) ? changed() : ready()));
byId("arm")?.addEventListener("click", arm);
board.addEventListener("click", async (event) => {
  const on = event.target.closest("button")?.dataset;
  if (on?.ask) { byId("ask").dataset.about = on.ask; open(byId("ask")); byId("ask-form").elements.reason.focus(); }
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
