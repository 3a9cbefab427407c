// One order as a page: the same panel, kept current by the live connection.
import { Panel } from "./panel.js";
import { Quotes } from "./rfq.js";
import { showConnection, showServer } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et } from "./time.js";

const box = document.getElementById("panel");
const panel = box && new Panel(box);
if (box) new Quotes(box);
const notice = document.getElementById("notice");
const text = document.getElementById("notice-text");

function say(tone, words) {
  notice.className = `notice ${tone}`;
  text.textContent = words;
}

new LiveSocket({
  state(name, facts) {
    showConnection(name);
    box?.classList.toggle("stale", name === "closed");
    if (name === "closed") say("closed", `Disconnected since ${et(facts.since)} ET: what you see may be out of date.`);
    else if (name === "slow") say("slow", "No message for more than 3 seconds: what you see may be late.");
    else if (name === "live" || name === "reconnected") say("", "Up to date.");
  },
  server: showServer,
  snapshot() { panel?.refresh(); },
  delta(message) { if (message.rows.some((row) => row.id === panel?.id)) panel.refresh(); },
  loggedOut() { say("closed", "Your session is over. Load the page again to log in."); },
});
