// All instruments with their latest prices: the table renews itself, the filter and the focus stay.
import { showConnection, showServer, typing } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et } from "./time.js";

const EVERY_MS = 2000;
const byId = (id) => document.getElementById(id);
const table = byId("overview"), narrow = byId("narrow");
let shown = "", asking = false, connected = false;

function say(tone, words) {
  byId("notice").className = `notice ${tone}`;
  byId("notice-text").textContent = words;
}

const rows = () => [...table.querySelectorAll("tbody tr")];

function filter() {
  const wanted = narrow.value.trim().toLowerCase();
  let count = 0;
  for (const row of rows()) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    count += row.hidden ? 0 : 1;
  }
  byId("shown").textContent = wanted ? `${count} of ${rows().length}` : String(rows().length);
  byId("none").hidden = count > 0 || !rows().length;
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("/market/?part=overview", { credentials: "same-origin" });
    const html = await answer.text();
    if (!answer.ok || answer.redirected) throw new Error("refused");
    if (html !== shown) {
      const here = document.activeElement?.closest?.("tr")?.dataset.cusip;
      shown = html;
      table.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
      filter();
      if (here) table.querySelector(`tr[data-cusip="${CSS.escape(here)}"] a`)?.focus();
    }
    if (connected) say("", "Up to date.");
  } catch {
    if (connected) say("slow", "The prices could not be renewed: what you see may be late.");
  } finally {
    asking = false;
  }
}

function walk(by) {
  const seen = rows().filter((row) => !row.hidden);
  const at = seen.findIndex((row) => row.contains(document.activeElement));
  seen[Math.min(Math.max(at + by, 0), seen.length - 1)]?.querySelector("a")?.focus();
}

narrow.addEventListener("input", filter);
narrow.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "Enter") { event.preventDefault(); walk(1); }
});
document.addEventListener("keydown", (event) => {
  if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const run = { j: () => walk(1), k: () => walk(-1), "/": () => narrow.focus() }[event.key];
  if (!run) return;
  event.preventDefault();
  run();
});

filter();
new LiveSocket({
  state(name, facts) {
    showConnection(name);
    connected = name === "live" || name === "reconnected";
    if (name === "closed") say("closed", `Disconnected since ${et(facts.since)} ET: these prices are out of date.`);
    else if (name === "slow") say("slow", "No message for more than 3 seconds: these prices may be late.");
    else refresh();
  },
  server: showServer,
  snapshot: refresh,
  delta() {},
  loggedOut() { say("closed", "Your session is over. Load the page again to log in."); },
});
setInterval(() => document.hidden || refresh(), EVERY_MS);
