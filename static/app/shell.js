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

// Takes over what `hello` and `hb` say of the server: its time, the sandbox shift, the market.
export function showServer(message) {
  setServerTime(message.server_time);
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
  byId("theme").addEventListener("click", switchTheme);
  byId("keys-open").addEventListener("click", () => byId("keys").showModal());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || typing(event) || helpless() || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    byId("keys").showModal();
  });
}

start();
