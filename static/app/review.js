// The review desk: a live queue, one review beside it, and decisions by keyboard over the REST API.
import { call, saying } from "./api.js";
import { node } from "./dialogs.js";
import { ask, deciding } from "./review-decide.js";
import { age_, flash, held, item, needsMe, open, VIEWS } from "./review-queue.js";
import { showConnection, showServer, typing } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et } from "./time.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const me = document.body.dataset.user;
const mayDecide = !!document.body.dataset.mayDecide;
const rows = new Map();
const picked = new Set();
const screens = new Map();
const PRESENT_MS = 7000;
// As many as the server decides about together.
const MOST = Number(document.body.dataset.together);
let view = mayDecide ? 0 : 1, shown = [], focused = new URLSearchParams(location.search).get("review") || "";
let loaded = false, live = false, asked = 0, wanted = "";

const looking = (id) => new Set([...screens.values()].filter((one) => one.review === id && performance.now() - one.at < PRESENT_MS).map((one) => one.user));

function visible() {
  const words = byId("filter").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const by = byId("sort").value;
  const hay = (row) => `${row.trader} ${row.acct} ${row.cusip} ${row.sec} ${row.like} ${row.order} ${row.side}`.toLowerCase();
  const found = [...rows.values()].filter((row) => VIEWS[view].has(row, me) && words.every((word) => hay(row).includes(word)));
  return found.sort((a, b) => view === 3 ? b.decided.localeCompare(a.decided) : a[by].localeCompare(b[by]) || a.id.localeCompare(b.id));
}

function paint(changed = new Set()) {
  shown = visible();
  const kept = byId("queue");
  // What is picked is what is seen to be picked, and can be decided.
  const seen = new Set(shown.map((row) => row.id));
  for (const id of picked) if (!seen.has(id) || !needsMe(rows.get(id), me)) picked.delete(id);
  kept.replaceChildren(...shown.map((row) => {
    const box = item(row, me, looking(row.id));
    box.classList.toggle("focused", row.id === focused);
    box.classList.toggle("picked", picked.has(row.id));
    box.setAttribute("aria-selected", picked.has(row.id) || row.id === focused);
    if (changed.has(row.id)) flash(box);
    return box;
  }));
  kept.setAttribute("aria-activedescendant", shown.some((row) => row.id === focused) ? `r-${focused}` : "");
  kept.hidden = !shown.length;
  byId("empty").hidden = !loaded || shown.length > 0;
  byId("empty").textContent = byId("filter").value ? "Nothing matches the filter." : VIEWS[view].empty;
  byId("views").replaceChildren(...VIEWS.map((one, n) => {
    const tab = node("button", one.word);
    tab.type = "button";
    tab.setAttribute("aria-pressed", n === view);
    tab.append(node("span", String([...rows.values()].filter((row) => one.has(row, me)).length), "count"));
    tab.onclick = () => { view = n; paint(); };
    return tab;
  }));
  document.title = `Review (${[...rows.values()].filter((row) => needsMe(row, me)).length}) · OEMS`;
  bar();
}

function bar() {
  const chosen = [...picked].map((id) => rows.get(id));
  byId("selection").textContent = chosen.length ? `${chosen.length} selected: ${chosen[0].failed.join(", ")}` : "Nothing selected";
  for (const id of ["bulk-approve", "bulk-reject"]) if (byId(id)) byId(id).disabled = !chosen.length || !live;
  for (const button of byId("one").querySelectorAll("[data-act]")) button.disabled = !live;
  const place = byId("presence");
  const others = [...looking(focused)].filter((user) => user !== me);
  const text = others.length ? `${others.join(", ")} ${others.length > 1 ? "are" : "is"} looking at this too.` : "";
  if (place && place.textContent !== text) place.textContent = text;
}

function focus(id, { scroll = true } = {}) {
  if (!id) return;
  const same = id === focused && wanted === id;
  focused = id;
  history.replaceState(null, "", `?review=${encodeURIComponent(id)}`);
  for (const box of byId("queue").children) box.classList.toggle("focused", box.dataset.id === id);
  byId("queue").setAttribute("aria-activedescendant", `r-${id}`);
  if (scroll) byId(`r-${id}`)?.scrollIntoView({ block: "nearest" });
  look();
  if (!same) load();
}

function look() {
  if (live) socket.socket.send(JSON.stringify({ type: "look", review: focused }));
}

async function load() {
  const id = wanted = focused, mine = ++asked;
  let fresh;
  try {
    const answer = await fetch(`/review/${encodeURIComponent(id)}/`, { credentials: "same-origin" });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    fresh = document.adoptNode(new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".one"));
  } catch (error) {
    if (mine !== asked) return;
    const again = node("button", "Try again");
    again.onclick = load;
    const words = node("p", `The review could not be loaded. ${error.message}`, "fault nothing");
    words.append(" ", again);
    byId("one").replaceChildren(words);
    return;
  }
  if (mine !== asked) return;
  const box = byId("one"), old = box.querySelector(".one");
  if (old && old.dataset.review === fresh.dataset.review) patch(old, fresh);
  else box.replaceChildren(fresh);
  bar();
}

// Only the parts that differ are replaced: the place where somebody reads does not move.
function patch(old, fresh) {
  Object.assign(old.dataset, fresh.dataset);
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const had = old.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (had && had.innerHTML !== part.innerHTML && !had.open) had.replaceWith(part);
  }
}

function move(step) {
  if (!shown.length) return;
  const at = shown.findIndex((row) => row.id === focused);
  focus(shown[Math.min(Math.max(at < 0 ? 0 : at + step, 0), shown.length - 1)].id);
}

function decide(approve) {
  if (!mayDecide || !live) return;
  if (picked.size) return bulk(approve);
  const row = rows.get(focused);
  if (!row) return;
  if (!open(row)) return toast("It is decided already.", "warn");
  if (row.trader === me) return toast("You are the maker: you can’t decide.", "warn");
  if (row.voters.includes(me)) return toast("You have approved: another person is needed.", "warn");
  ask([row], approve, me, others(row));
}

// Who else has claimed it.
function others(row) {
  const claim = held(row);
  return claim === me ? "" : claim;
}

function bulk(approve) {
  const chosen = [...picked].map((id) => rows.get(id)).filter((row) => needsMe(row, me));
  if (chosen.length && live) ask(chosen, approve, me, chosen.length === 1 ? others(chosen[0]) : "");
}

function pick(id) {
  const row = rows.get(id);
  if (!row || !mayDecide) return;
  if (picked.has(id)) picked.delete(id);
  else if (picked.size >= MOST) return toast(`At most ${MOST} are decided together.`, "warn");
  else if (!needsMe(row, me)) return toast("That one is not yours to decide.", "warn");
  else {
    const [first] = picked;
    if (first && rows.get(first).like !== row.like) return toast("Select only what failed the same controls.", "warn");
    picked.add(id);
  }
  paint();
}

function pickAlike() {
  const row = rows.get(focused);
  if (!row || !mayDecide) return;
  picked.clear();
  const alike = shown.filter((one) => one.like === row.like && needsMe(one, me));
  for (const one of alike.slice(0, MOST)) picked.add(one.id);
  if (alike.length > MOST) toast(`Selected the first ${MOST} of ${alike.length} alike: at most so many are decided together.`, "warn");
  paint();
}

async function claim() {
  const row = rows.get(focused);
  if (!row || !open(row) || !mayDecide) return;
  const holder = held(row);
  try {
    await call("POST", `/v1/trading/review/${encodeURIComponent(row.id)}/${holder === me ? "release" : "claim"}/`, holder && holder !== me ? { take_over: true } : {});
  } catch (error) { toast(saying(error), "bad"); }
}

const KEYS = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  c: claim, a: () => decide(true), r: () => decide(false), R: () => decide(false), x: () => pick(focused), l: pickAlike,
  Enter: () => { const facts = byId("one").querySelector(".facts-column"); if (facts) { facts.tabIndex = -1; facts.focus(); } else move(0); },
  "/": () => byId("filter").focus(),
  Escape: () => { if (picked.size) { picked.clear(); paint(); } byId("queue").focus(); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (typing(event)) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target.id === "filter")) { event.preventDefault(); byId("queue").focus(); }
    return;
  }
  if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
  const tab = Number(event.key);
  if (tab >= 1 && tab <= VIEWS.length) { view = tab - 1; paint(); return; }
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
byId("queue").addEventListener("click", (event) => {
  const id = event.target.closest(".item")?.dataset.id;
  if (id && (event.ctrlKey || event.metaKey)) pick(id);
  else if (id) focus(id, { scroll: false });
});
byId("one").addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (act === "claim") claim();
  else if (act) { picked.clear(); paint(); decide(act === "approve"); }
});
byId("filter").addEventListener("input", () => paint());
byId("filter-form").addEventListener("submit", (event) => event.preventDefault());
byId("sort").addEventListener("change", () => paint());
byId("bulk-approve")?.addEventListener("click", () => bulk(true));
byId("bulk-reject")?.addEventListener("click", () => bulk(false));
byId("decide").addEventListener("close", () => byId("queue").focus());

function take(message) {
  const changed = new Set();
  const fresh = new Map(message.rows.map((row) => [row.id, row]));
  for (const [id, row] of fresh) if (loaded && JSON.stringify(rows.get(id)) !== JSON.stringify(row)) changed.add(id);
  const gone = rows.has(focused) && !fresh.has(focused);
  const before = rows.get(focused);
  rows.clear();
  for (const [id, row] of fresh) rows.set(id, row);
  const first = !loaded;
  loaded = true;
  paint(changed);
  const after = rows.get(focused);
  if (before && open(before) && after && !open(after) && !after.voters.includes(me)) toast(`Somebody else has ${after.status} it.`, "warn");
  if (gone || changed.has(focused)) load();
  if (first) focus(focused || shown[0]?.id);
}

function say(tone, words, retry) {
  byId("notice").className = `notice ${tone}`;
  byId("notice-text").textContent = words;
  byId("notice-act").hidden = !retry;
  byId("notice-act").textContent = "Reconnect now";
}
byId("notice-act").onclick = () => socket.retry();

const socket = new LiveSocket({
  path: "/ws/review/",
  state(name, facts) {
    showConnection(name);
    live = name === "live" || name === "reconnected";
    byId("floor").classList.toggle("stale", name === "closed");
    if (name === "closed") say("closed", `Disconnected since ${et(facts.since)} ET: what you see may be out of date. Deciding waits for the connection.`, true);
    else if (name === "slow") say("slow", "No message for more than 3 seconds: what you see may be late. Deciding waits.");
    else if (live) { say("", "Up to date."); look(); }
    bar();
  },
  server: showServer,
  snapshot: take,
  delta() {},
  other(message) {
    if (message.type !== "presence") return;
    screens.set(message.screen, { user: message.user, review: message.review, at: performance.now() });
    if (!deciding()) paint();
  },
  loggedOut(code) { say("closed", code === 4403 ? "You may no longer see reviews." : "Your session is over. Load the page again to log in."); },
});

setInterval(() => {
  for (const box of byId("queue").children) { const row = rows.get(box.dataset.id); if (row) age_(box, row); }
  for (const [key, one] of screens) if (performance.now() - one.at > PRESENT_MS) { screens.delete(key); paint(); }
}, 1000);
byId("queue").focus();
