// What every page does: clocks, theme, keyboard help, connection chip and market state.
import { aheadWords, et, now, setServerTime, utcTime } from "./time.js";

const byId = (id) => document.getElementById(id);
const STATES = {
  connecting: "Connecting",
  live: "Live",
  slow: "Slow",
  reconnecting: "Reconnecting",
  reconnected: "Reconnected",
  closed: "Disconnected",
};

export function showConnection(state) {
  const chip = byId("connection");
  if (!chip || chip.dataset.state === state) return;
  chip.dataset.state = state;
  chip.querySelector(".word").textContent = STATES[state];
}

const BANNER_MS = 5000;
let told = -BANNER_MS;

// The banner of what is halted: from heartbeats, or asked for where no socket is heard.
export function showHalts(names) {
  const banner = byId("halted");
  if (!banner || !names) return;
  told = performance.now();
  const text = names.join("; ");
  if (text) banner.querySelector("span").textContent = text;
  banner.hidden = !text;
}

async function askHalts() {
  if (document.hidden || performance.now() - told < BANNER_MS) return;
  try {
    const answer = await fetch("/kill/?part=halted", { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById("halted");
    if (found) showHalts(found.hidden ? [] : [found.querySelector("span").textContent]);
  } catch { /* asked again in a moment */ }
}

// Takes over what `hello` and `hb` say of the server: its time, the sandbox shift, the market.
export function showServer(message) {
  setServerTime(message.server_time);
  showHalts(message.halts);
  const words = aheadWords(message.ahead_s);
  byId("shift").hidden = !words;
  byId("shift").textContent = words ? `Sandbox time, ${words}` : "";
  const market = byId("market");
  if (!market) return;
  market.dataset.word = message.market.word;
  market.querySelector("b").textContent = message.market.word;
  market.querySelector(".text").textContent = message.market.text;
}

function tick() {
  byId("clock-et").textContent = et(now());
  byId("clock-utc").textContent = utcTime(now());
}

function switchTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("oems.theme", next); } catch { /* private mode: for this page only */ }
}

export function typing(event) {
  const target = event.target;
  return target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
}

const helpless = () => document.querySelector("dialog[open]");

function start() {
  const given = document.body.dataset.serverNow;
  setServerTime(given || new Date().toISOString());
  if (given) {
    tick();
    setInterval(tick, 250);
  } else {
    byId("clocks").hidden = true;
  }
  if (byId("halted")) setInterval(askHalts, BANNER_MS);
  byId("theme").addEventListener("click", switchTheme);
  const more = byId("more");
  document.addEventListener("click", (event) => { if (!more.contains(event.target)) more.open = false; });
  more.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    more.open = false;
    more.querySelector("summary").focus();
  });
  byId("keys-open").addEventListener("click", () => byId("keys").showModal());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || typing(event) || helpless() || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    byId("keys").showModal();
  });
}

start();
