// The queue as a list of items: kept in place, flashed when they change, ageing by the server's clock.
import { node } from "./dialogs.js";
import { grouped } from "./figures.js";
import { now } from "./time.js";
import { sideOf } from "./words.js";

const FLASH_MS = 700;
const SOON_MS = 15 * 60 * 1000;

export const open = (row) => row.status === "open";
export const held = (row) => row.claim && Date.parse(row.until) > now() ? row.claim : "";
export const own = (row, me) => row.trader === me;
export const needsMe = (row, me) => open(row) && !own(row, me) && !row.voters.includes(me);

export const VIEWS = [
  { word: "Needs me", has: needsMe, empty: "Nothing waits for you. Flagged orders appear here by themselves." },
  { word: "All flagged", has: open, empty: "No order is held for review." },
  { word: "Second approval", has: (row) => open(row) && row.approvals > 0, empty: "Nothing waits for a second approval." },
  { word: "Decided today", has: (row) => !open(row), empty: "Nothing was decided today." },
];

export function waited(row) {
  const seconds = Math.max(Math.floor((now() - Date.parse(row.opened)) / 1000), 0);
  const [h, m] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return h ? `${h}h ${m}m` : m ? `${m}m ${String(seconds % 60).padStart(2, "0")}s` : `${seconds}s`;
}

export function item(row, me, looking) {
  const box = node("div", undefined, "item");
  box.id = `r-${row.id}`;
  box.dataset.id = row.id;
  box.setAttribute("role", "option");
  const title = node("span", undefined, "title");
  title.append(node("span", sideOf(row), `side ${row.side}`), ` ${grouped(row.par)} ${row.sec}`);
  const age = node("span", "", "right age");
  const what = `${row.lim}${row.away ? ` (${row.away})` : ""} · ${row.acct} · ${row.trader}`;
  box.append(title, age, node("span", what, "line"), state(row, me), node("span", `⚑ ${row.failed.join(", ")}`, "line"), node("span", row.required > 1 ? `${row.approvals} of ${row.required} approvals` : "", "right face warn"), node("span", people(row, me, looking), "who"));
  age_(box, row);
  return box;
}

function people(row, me, looking) {
  const claim = open(row) ? held(row) : "";
  const parts = [];
  if (claim) parts.push(claim === me ? "claimed by you" : `claimed by ${claim}`);
  const others = [...looking].filter((user) => user !== me);
  if (others.length) parts.push(`${others.join(", ")} looking`);
  return parts.join(" · ");
}

function state(row, me) {
  if (row.status === "approved") return node("span", "✔ approved", "right face ok");
  if (row.status === "rejected") return node("span", "⊘ rejected", "right face bad");
  if (own(row, me)) return node("span", "four eyes: not yours", "right face warn");
  if (row.voters.includes(me)) return node("span", "you approved", "right face quiet");
  return node("span", `${row.failed.length} failed`, "right face warn");
}

export function age_(box, row) {
  const place = box.querySelector(".age");
  if (!open(row)) { place.textContent = ""; return; }
  const left = Date.parse(row.deadline) - now();
  place.textContent = left < SOON_MS ? `${Math.max(Math.ceil(left / 60000), 0)} min left` : waited(row);
  const minutes = (now() - Date.parse(row.opened)) / 60000;
  place.title = `waiting since ${row.opened}`;
  place.className = `right age face ${left < SOON_MS || minutes > 5 ? "bad" : minutes > 2 ? "warn" : ""}`;
}

export function flash(box) {
  box.classList.add("flash");
  setTimeout(() => box.classList.remove("flash"), FLASH_MS);
}
