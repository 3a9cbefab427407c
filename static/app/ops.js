// Operations: the board renews itself; every action says what became of it, row by row.
import { call, saying } from "./api.js";
import { node } from "./dialogs.js";
import { open, sheet } from "./sheet.js";
import { showConnection, showServer, typing } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et } from "./time.js";
import { feedSecret } from "./feed-secret.js";
import { givingUp } from "./give-ups.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const board = byId("board"), notice = byId("notice"), text = byId("notice-text");
const EVERY_MS = 2000, AT_ONCE = 20;
const picked = new Set();
let shown = "", asking = false;

function say(tone, words) {
  notice.className = `notice ${tone}`;
  text.textContent = words;
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("/ops/?part=board", { credentials: "same-origin" });
    const html = await answer.text();
    if (!answer.ok || answer.redirected || html === shown) return;
    const here = document.activeElement, row = here?.closest?.("tr"), kind = here?.dataset;
    const opened = [...board.querySelectorAll("details[open]")].map((one) => one.dataset.keep);
    shown = html;
    board.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    for (const box of board.querySelectorAll(".pick-leg")) box.checked = picked.has(box.value);
    for (const one of board.querySelectorAll("details[data-keep]")) one.open = opened.includes(one.dataset.keep);
    count();
    if (row && !document.contains(here)) focusAgain(row, kind);
  } finally {
    asking = false;
  }
}

// A renewed table gives the focus back to the same row's first control.
function focusAgain(row) {
  const [name, value] = Object.entries(row.dataset)[0] || [];
  if (!name) return;
  const attribute = `data-${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
  board.querySelector(`tr[${attribute}="${CSS.escape(value)}"] :is(input, button, a)`)?.focus();
}

function count() {
  const there = new Set([...board.querySelectorAll(".pick-leg")].map((box) => box.value));
  for (const id of picked) if (!there.has(id)) picked.delete(id);
  if (byId("retry")) byId("retry").disabled = picked.size === 0;
  byId("selected").textContent = picked.size ? `${picked.size} selected` : "";
}

async function act(method, path, body, words) {
  try {
    const answer = await call(method, path, body);
    toast(words);
    await refresh();
    return answer;
  } catch (error) {
    say("closed", saying(error));
    return null;
  }
}

// Bookings go again by their own way, confirmations and settlements by another; every row answers.
async function again(ids) {
  const bookings = ids.filter((id) => id.startsWith("bl_")), clearing = ids.filter((id) => id.startsWith("cl_"));
  const others = ids.filter((id) => !id.startsWith("bl_") && !id.startsWith("cl_"));
  const found = [];
  if (bookings.length) found.push(...(await call("POST", "/v1/ops/booking/retry/", { booking_ids: bookings })).results);
  if (clearing.length) found.push(...(await call("POST", "/v1/ops/clearing/resend/", { ids: clearing })).results);
  if (others.length) found.push(...(await call("POST", "/v1/ops/settlement/resend/", { ids: others })).results);
  return found;
}

async function retry() {
  const ids = [...picked], rows = byId("job-rows"), bar = byId("job-bar");
  if (!ids.length) return;
  byId("job").hidden = false;
  rows.replaceChildren();
  bar.max = ids.length;
  let queued = 0, done = 0;
  for (let n = 0; n < ids.length; n += AT_ONCE) {
    const part = ids.slice(n, n + AT_ONCE);
    let results;
    try {
      results = await again(part);
    } catch (error) {
      results = part.map((id) => ({ booking_id: id, outcome: "unknown", message: saying(error) }));
    }
    for (const one of results) {
      queued += one.outcome === "queued" ? 1 : 0;
      rows.append(node("li", `${one.booking_id ?? one.id}: ${one.outcome}${one.message ? `, ${one.message}` : ""}`, one.outcome === "queued" ? "face ok" : "face bad"));
    }
    done += part.length;
    bar.value = done;
    byId("job-text").textContent = `${done} of ${ids.length}, ${queued} queued again with the same keys`;
  }
  picked.clear();
  await refresh();
  count();
}

function openForm(box, about) {
  box.dataset.about = about;
  open(box, "select, textarea");
}

function wire(box, send, words = "Another person has to agree.") {
  sheet(box, (form) => send(box.dataset.about, Object.fromEntries(new FormData(form))), () => { toast(words); return refresh(); });
}

// Who decides says which version was on the screen: what has changed since is looked at again.
const seen = (version) => (version === undefined ? {} : { version: Number(version) });
const step = (id, name, words, version) => act("POST", `/v1/ops/break/${id}/${name}/`, seen(version), words);
const decide = (id, approve) => act("POST", `/v1/ops/repair/${id}/decide/`, { approve, note: "" }, approve ? "Approved: it is queued elsewhere." : "Refused.");

board.addEventListener("click", (event) => {
  const on = event.target.closest("button")?.dataset;
  if (!on) return;
  if (on.assign) step(on.assign, "assign", "It is yours.");
  if (on.agree) step(on.agree, "agree", "Closed by an adjusting entry.", on.version);
  if (on.disagree) step(on.disagree, "refuse", "Sent back.", on.version);
  if (on.explain) openForm(byId("explain"), on.explain);
  if (on.repair) openForm(byId("repair"), on.repair);
  if (on.approve) decide(on.approve, true);
  if (on.refuse) decide(on.refuse, false);
  settling(on);
  clientSide(on);
  recovering(on);
  givingUp(on, act);
  feedSecret(on, refresh);
});

const external = (id, name, version, words) => act("POST", `/v1/ops/external-order/${id}/${name}/`, { version: Number(version) }, words);
const feed = (id, name, words) => act("POST", `/v1/ops/feed/${id}/${name}/`, {}, words);

function clientSide(on) {
  if (on.agreeExternal) external(on.agreeExternal, "agree", on.version, "Decided.");
  if (on.backExternal) external(on.backExternal, "refuse", on.version, "Sent back.");
  if (on.redeliver) feed(on.redeliver, "redeliver", "Queued again under their own ids.");
  if (on.pause) feed(on.pause, "pause", "Nothing is sent there for now.");
  if (on.resume) feed(on.resume, "resume", "It is told again.");
  if (on.adopt) {
    const given = on.candidates.split(";").filter(Boolean).map((one) => one.split("|"));
    byId("adopt").querySelector("select").replaceChildren(
      ...given.map(([id, words]) => Object.assign(document.createElement("option"), { value: id, textContent: words })),
      Object.assign(document.createElement("option"), { value: "", textContent: "nobody's here: the venue's mistake" }),
    );
    openForm(byId("adopt"), on.adopt);
  }
}

const recovery = (id, name, words, version) => act("POST", `/v1/ops/recovery/${id}/${name}/`, seen(version), words);

function recovering(on) {
  if (on.agreeRecovery) recovery(on.agreeRecovery, "agree", "Booked, or it had come by itself.", on.version);
  if (on.backRecovery) recovery(on.backRecovery, "refuse", "Sent back.", on.version);
  if (on.recover) openForm(byId("recover"), on.recover);
}

const confirmed = (id, name, words, version) => act("POST", `/v1/ops/confirm/${id}/${name}/`, seen(version), words);

function settling(on) {
  if (on.take) confirmed(on.take, "assign", "It is yours.");
  if (on.affirm) confirmed(on.affirm, "affirm", "Affirmed: its settlement goes out.", on.version);
  if (on.compare) confirmed(on.compare, "compare", "Compared with the tolerances of today.");
  if (on.agreeConfirm) confirmed(on.agreeConfirm, "agree", "Accepted by an adjusting entry.", on.version);
  if (on.back) confirmed(on.back, "refuse", "Sent back.", on.version);
  if (on.dispute) openForm(byId("dispute"), on.dispute);
  if (on.accept) openForm(byId("accept"), on.accept);
}
board.addEventListener("change", (event) => {
  if (!event.target.matches(".pick-leg")) return;
  picked[event.target.checked ? "add" : "delete"](event.target.value);
  count();
});
wire(byId("explain"), (id, form) => call("POST", `/v1/ops/break/${id}/propose/`, form));
wire(byId("dispute"), (id, form) => call("POST", `/v1/ops/confirm/${id}/dispute/`, form), "They are told.");
wire(byId("accept"), (id, form) => call("POST", `/v1/ops/confirm/${id}/propose/`, form));
wire(byId("recover"), (id, form) => call("POST", `/v1/ops/recovery/${id}/propose/`, form));
wire(byId("adopt"), (id, form) => call("POST", `/v1/ops/external-order/${id}/propose/`, form));
wire(byId("repair"), (id, form) => call("POST", "/v1/ops/repair/", { booking_id: id, ...form }));

function selectAll() {
  for (const box of board.querySelectorAll(".pick-leg")) { box.checked = true; picked.add(box.value); }
  count();
}

async function reconcile() {
  say("", "Asking venues and custodians…");
  const answer = await act("POST", "/v1/ops/reconciliation/", undefined, "Compared.");
  if (!answer) return;
  // A custodian's answer has three outcomes: its bookings, what has settled, and its money.
  const parties = new Set(answer.results.map((one) => one.party)).size, unknown = answer.results.filter((one) => one.outcome === "not_checked").length;
  const differences = answer.results.reduce((sum, one) => sum + one.found, 0);
  say(unknown ? "slow" : "", `Compared with ${parties} parties: ${differences} differences${unknown ? `, ${unknown} not checked` : ""}.`);
}

byId("retry")?.addEventListener("click", retry);
byId("all")?.addEventListener("click", selectAll);
byId("reconcile")?.addEventListener("click", reconcile);

// J and K walk the rows that can be acted on.
function walk(by) {
  const rows = [...board.querySelectorAll("table.rows tbody tr")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.querySelector("input, button, a")?.focus();
}

document.addEventListener("keydown", (event) => {
  const box = event.target.matches?.("input[type=checkbox]");
  if ((typing(event) && !box) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const keys = { j: () => walk(1), k: () => walk(-1), a: selectAll, r: retry, c: reconcile };
  const run = keys[event.key];
  if (!run || (event.key === "c" && !byId("reconcile")) || ("ar".includes(event.key) && !byId("retry"))) return;
  event.preventDefault();
  run();
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
// Bookings and breaks move without their order moving: the board is asked for now and then too.
setInterval(() => document.hidden || refresh(), EVERY_MS);
