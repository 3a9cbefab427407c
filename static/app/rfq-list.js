// A list of requests for quotes: the server's own table, read again while a line is open; clocks run here.
import { showConnection } from "./shell.js";
import { et, now } from "./time.js";

const READ_MS = 1500;
const TICK_MS = 200;
const box = document.getElementById("list");
const notice = document.getElementById("notice"), text = document.getElementById("notice-text");
let lost = 0;

function say(tone, words) {
  notice.className = `notice ${tone}`;
  if (text.textContent !== words) text.textContent = words;
  box.classList.toggle("stale", tone === "closed");
}

async function read() {
  try {
    const answer = await fetch(`${location.pathname}?part=body`, { credentials: "same-origin" });
    if (answer.redirected) { say("closed", "Your session is over. Load the page again to log in."); return; }
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    if (box.innerHTML !== fresh.innerHTML) box.replaceChildren(...fresh.childNodes);
    lost = 0;
    showConnection("live");
    tick();
    if (box.querySelector("[data-open='0']")) { say("", "Every line is over."); return; }
    say("", "Up to date.");
  } catch {
    lost ||= now();
    showConnection("closed");
    say("closed", `Disconnected since ${et(lost)} ET: what you see may be out of date. Trying again.`);
  }
  setTimeout(read, READ_MS);
}

function tick() {
  for (const place of box.querySelectorAll("[data-until]")) {
    const left = Math.max(Math.ceil((Date.parse(place.dataset.until) - now()) / 1000), 0);
    const words = left ? (left > 90 ? `${Math.ceil(left / 60)} min` : `${left} s`) : "expired";
    if (place.textContent !== words) place.textContent = words;
    place.closest("tr").classList.toggle("soon", left > 0 && left <= 5);
  }
}

setInterval(tick, TICK_MS);
read();
