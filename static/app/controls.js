// Controls: what is shown renews itself; every step asks for its reason and goes over the API.
import { call, saying } from "./api.js";
import { open, sheet } from "./sheet.js";
import { showConnection, showServer, typing } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et } from "./time.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const board = byId("board"), notice = byId("notice"), ask = byId("ask"), version = byId("version");
const { path: HOME, version: VERSION, part: PART } = document.body.dataset;
const EVERY_MS = 2000;
const WORDS = {
  approve: ["Approve", "It counts from the next order on.", "Approve", false],
  reject: ["Refuse or withdraw", "What is in force stays as it is.", "Refuse", true],
  submit: ["Submit for approval", "Another person decides whether it comes into force.", "Submit", false],
  suspend: ["Suspend", "Once another person approves, orders pass without this control.", "Ask to suspend", true],
  resume: ["Resume", "It counts again once another person approves.", "Ask to resume", true],
  retire: ["Retire", "Once another person approves, it is out of force for ever.", "Ask to retire", true],
  discard: ["Discard the draft", "It was never in force.", "Discard", false],
};
let shown = "", asking = false, about = null;

function say(tone, words) {
  notice.className = `notice ${tone}`;
  byId("notice-text").textContent = words;
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const where = new URL(location.href);
    where.searchParams.set("part", PART);
    const answer = await fetch(where, { credentials: "same-origin" });
    const html = await answer.text();
    if (!answer.ok || answer.redirected || html === shown) return;
    const here = document.activeElement, href = board.contains(here) && here.getAttribute("href");
    const held = board.contains(here) && { step: here.dataset.step, path: here.dataset.path || "" };
    shown = html;
    board.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    filter();
    if (href) board.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
    else if (held?.step) [...board.querySelectorAll("[data-step]")].find((one) => one.dataset.step === held.step && (one.dataset.path || "") === held.path)?.focus();
  } catch { /* the socket says that we are cut off */ } finally {
    asking = false;
  }
}

function filter() {
  const field = byId("filter");
  if (!field) return;
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...board.querySelectorAll("[data-row]")];
  let count = 0;
  for (const row of rows) {
    row.hidden = !words.every((word) => row.dataset.words.includes(word));
    if (!row.hidden) count += 1;
  }
  byId("found").textContent = words.length ? `${count} of ${rows.length}` : "";
  if (byId("none")) byId("none").hidden = count > 0;
}

function step(button) {
  const [title, text, go, required] = WORDS[button.dataset.step];
  about = { step: button.dataset.step, path: button.dataset.path || HOME, version: button.dataset.version || (button.dataset.path ? "" : VERSION) };
  byId("ask-title").textContent = button.dataset.title ? `${title}: ${button.dataset.title}` : title;
  byId("ask-text").textContent = text;
  byId("ask-go").textContent = go;
  byId("ask-form").elements.reason.required = required;
  open(ask, "[name=reason]");
}

async function simulate(button) {
  button.disabled = true;
  say("", "Running over the orders of the last 30 days…");
  try {
    const made = await call("POST", `${HOME}simulate/`, { version: Number(VERSION), days: 30 });
    toast(`Simulated over ${made.tickets} orders.`);
    say("", "Up to date.");
    await refresh();
  } catch (error) {
    say("closed", saying(error));
  } finally {
    button.disabled = false;
  }
}

sheet(ask, async (form) => {
  const reason = form.elements.reason.value.trim();
  await call("POST", `${about.path}${about.step}/`, { ...(reason && { reason }), ...(about.version && { version: Number(about.version) }) });
  toast(`${WORDS[about.step][0]}: done.`);
}, refresh);

function value(field) {
  const text = field.value.trim();
  if (field.dataset.text || !text) return text;
  try { return JSON.parse(text); } catch { return text; }
}

// Only what differs is sent: the rest is as in the version it is based on.
function changes(form) {
  const found = {}, params = {};
  let moved = false;
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.name === "reason") continue;
    const name = field.name.replace(/^params\./, ""), differs = field.value.trim() !== field.dataset.was;
    if (name !== field.name) {
      if (field.value.trim()) params[name] = value(field);
      moved ||= differs;
    } else if (differs) {
      found[name] = name === "slice" ? JSON.parse(field.value) : field.value.trim();
    }
  }
  return moved ? { ...found, params } : found;
}

if (version) {
  sheet(version, async (form) => {
    let stated;
    try { stated = changes(form); } catch { throw new Error("For: give an object such as {\"side\": [\"buy\"]}."); }
    const made = await call("POST", `${HOME}version/`, { ...stated, base: Number(VERSION), reason: form.elements.reason.value.trim() });
    location.assign(`${location.pathname}?version=${made.version}`);
  });
}

board.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.open) open(version, "input, select");
  else if (button.dataset.step === "simulate") simulate(button);
  else if (button.dataset.step) step(button);
});
byId("filter")?.addEventListener("input", filter);

function move(by) {
  const links = [...board.querySelectorAll("[data-row]:not([hidden]) th a")];
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target === byId("filter")) { event.target.value = ""; filter(); event.target.blur(); }
  if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const button = [...board.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
  if (button) { event.preventDefault(); button.click(); }
  else if (event.key === "/" && byId("filter")) { event.preventDefault(); byId("filter").focus(); }
  else if (event.key === "j" || event.key === "ArrowDown") { event.preventDefault(); move(1); }
  else if (event.key === "k" || event.key === "ArrowUp") { event.preventDefault(); move(-1); }
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
