// The desk: wires the live connection, the grid, the panel, the dialogs and the keys together.
import { Amend } from "./amend.js";
import { Ask } from "./ask.js";
import { Blotter } from "./blotter.js";
import { askToCancel } from "./cancel.js";
import { Execute } from "./execute.js";
import { sum } from "./figures.js";
import { parse } from "./filter.js";
import { Panel } from "./panel.js";
import { Quotes } from "./rfq.js";
import { showConnection, showServer, typing } from "./shell.js";
import { Plan, Schedules } from "./schedule.js";
import { LiveSocket } from "./socket.js";
import * as address from "./state.js";
import { Ticket } from "./ticket.js";
import { et } from "./time.js";
import { toast } from "./toasts.js";
import { canAmend, canCancel, canExecute, canPlan, VIEWS } from "./words.js";

const byId = (id) => document.getElementById(id);
const may = document.body.dataset;
const state = address.read();
const connection = { state: "connecting", retryAt: 0, since: null, said: "" };
let loaded = false, more = false, socket = null, painting = false;

const panel = new Panel(byId("panel"));
// The order that was just sent from here: shown as soon as its event arrives, whatever else waits.
let awaited = "";
const ticket = byId("act-new") && new Ticket((id) => { awaited = id; welcome(); });
const execute = byId("act-execute") && new Execute();
const amend = byId("act-amend") && new Amend();
const ask = byId("act-ask") && new Ask();
const quotes = new Quotes(byId("panel"));
const plan = byId("act-plan") && new Plan();
const schedules = new Schedules(byId("panel"));
const blotter = new Blotter(byId("grid"), {
  nonce: may.nonce,
  sort: state.sort,
  on: {
    focus: (row) => {
      if (panel.id !== (row?.id || "")) panel.follow(row?.id || "");
      state.order = row?.id || "";
      address.write(state);
    },
    paint: () => paintSoon(),
    sort: (sort) => { state.sort = sort; address.write(state); },
    open: (row) => open(row),
  },
});

const view = () => VIEWS.find((one) => one.key === state.view) || VIEWS[0];
const disconnected = () => !loaded || connection.state === "closed" || connection.state === "connecting" || connection.state === "reconnecting";

function open(row) {
  if (row) location.href = `/desk/orders/${encodeURIComponent(row.id)}/`;
}

// --- the picture, at most once a frame -----------------------------------------------------------
function paintSoon() {
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => { painting = false; paint(); });
}

function paint() {
  paintTabs();
  paintNotice();
  paintActions();
  const empty = byId("empty");
  empty.hidden = !loaded || blotter.shown.length > 0;
  if (!empty.hidden) empty.textContent = state.f ? "No order matches the filter. Esc clears it." : view().empty + (state.view === "all" && may.maySubmit ? " N opens a ticket." : "");
  byId("feed-facts").textContent = socket?.seq == null ? "" : `seq ${socket.seq.toLocaleString("en-US")} · ${socket.gaps} ${socket.gaps === 1 ? "gap" : "gaps"}`;
}

function paintTabs() {
  const { match } = parse(state.f);
  const rows = [...blotter.rows.values()].filter(match);
  for (const button of byId("views").children) {
    const one = VIEWS.find(({ key }) => key === button.dataset.view);
    const count = String(rows.filter(one.has).length);
    const place = button.querySelector(".count");
    if (place.textContent !== count) place.textContent = count;
    button.setAttribute("aria-pressed", String(one === view()));
  }
  const flagged = [...blotter.rows.values()].filter((row) => row.status === "review").length;
  document.title = `${flagged ? `(${flagged}) ` : ""}Desk · OEMS`;
}

function noticeNow() {
  if (connection.said) return ["closed", connection.said, "Log in", () => { location.href = `/login/?next=${encodeURIComponent(location.pathname + location.search)}`; }];
  if (connection.state === "closed" || connection.state === "reconnecting") {
    const wait = Math.max(Math.ceil((connection.retryAt - performance.now()) / 1000), 0);
    const again = connection.state === "closed" && wait ? `Trying again in ${wait} s.` : "Trying now…";
    return ["closed", `Disconnected since ${et(connection.since)} ET. What you see may be out of date: new orders and execution are off, cancel still works. ${again}`, "Try now", () => socket.retry()];
  }
  if (blotter.frozen) return ["frozen", `Frozen: ${blotter.held.size === 1 ? "1 order has" : `${blotter.held.size} orders have`} changed behind this picture.`, "Go on (F)", freeze];
  if (connection.state === "slow") return ["slow", "No message for more than 3 seconds: what you see may be late.", "", null];
  if (blotter.unplaced.size) return ["new", `${blotter.unplaced.size} new`, "Show (U)", () => blotter.layout()];
  if (!loaded) return ["", "Loading orders…", "", null];
  return ["", `Up to date. ${blotter.shown.length} of ${blotter.rows.size} orders shown${more ? ", the newest 500 open ones and today’s" : ""}.`, "", null];
}

function paintNotice() {
  const [tone, text, word, act] = noticeNow();
  const row = byId("notice"), button = byId("notice-act");
  row.className = `notice ${tone}`;
  const place = byId("notice-text");
  if (place.textContent !== text) place.textContent = text;
  button.hidden = !word;
  if (button.textContent !== word) button.textContent = word;
  button.onclick = act;
  byId("grid").classList.toggle("stale", loaded && (connection.state === "closed" || connection.state === "reconnecting" || connection.state === "slow"));
}

function paintActions() {
  const chosen = blotter.chosen();
  const live = !disconnected();
  // Par and shares are not added up.
  const sums = [...new Set(chosen.map((row) => row.kind))].map((kind) => {
    const same = chosen.filter((row) => row.kind === kind);
    return `${kind} ${sum(same.map((row) => row.par))} · leaves ${sum(same.map((row) => row.leaves))}`;
  });
  const head = blotter.selected.size ? `${blotter.selected.size} selected` : chosen.length ? "1 focused" : "Nothing selected";
  byId("selection").textContent = [head, ...sums].join(" · ");
  if (ticket) byId("act-new").disabled = !live;
  if (execute) byId("act-execute").disabled = !live || chosen.length !== 1 || !canExecute(chosen[0]);
  if (ask) byId("act-ask").disabled = !live || !chosen.some(canExecute);
  if (plan) byId("act-plan").disabled = !live || chosen.length !== 1 || !canPlan(chosen[0]);
  if (amend) byId("act-amend").disabled = !live || chosen.length !== 1 || !canAmend(chosen[0]);
  const cancel = byId("act-cancel");
  // Over HTTP: it works while the live connection is down.
  if (cancel) cancel.disabled = !chosen.some(canCancel);
}

// --- acting --------------------------------------------------------------------------------------
function press(id, act) {
  const button = byId(id);
  if (button && !button.disabled) act();
}

const newOrder = () => ticket.open();
const cancelChosen = () => askToCancel(blotter.chosen());
function openFor(dialog) {
  const [row] = blotter.chosen();
  const shown = byId("panel").querySelector(".order");
  const free = shown?.dataset.order === row.id ? shown.dataset.free : row.leaves;
  if (free === "0") toast("All of it is being executed already.", "warn");
  else dialog.open(row, free);
}
const executeChosen = () => openFor(execute);
// Several orders are a list: each line has its own outcome.
const askDealers = () => (blotter.chosen().length > 1 ? ask.openList(blotter.chosen().filter(canExecute)) : openFor(ask));
const planChosen = () => openFor(plan);
const amendChosen = () => amend.open(blotter.chosen()[0]);

function freeze() {
  blotter.freeze(!blotter.frozen);
  byId("act-freeze").setAttribute("aria-pressed", String(blotter.frozen));
  if (!blotter.frozen && panel.id) panel.refresh();
  paintSoon();
}

function choose(key) {
  state.view = key;
  address.write(state);
  filter();
}

function filter() {
  const { fault, match } = parse(state.f);
  byId("filter-fault").textContent = fault;
  byId("filter").toggleAttribute("aria-invalid", Boolean(fault));
  const { has } = view();
  blotter.show((row) => has(row) && match(row));
}

function clearTop() {
  if (blotter.selected.size) blotter.unselect();
  else if (state.f) { byId("filter").value = ""; state.f = ""; address.write(state); filter(); }
  else if (blotter.focusId) blotter.focus("");
}

const KEYS = {
  j: () => blotter.move(1), ArrowDown: () => blotter.move(1),
  k: () => blotter.move(-1), ArrowUp: () => blotter.move(-1),
  PageDown: () => blotter.move(20), PageUp: () => blotter.move(-20),
  " ": () => blotter.toggle(blotter.focusId), "*": () => blotter.selectAll(),
  Enter: () => open(blotter.rows.get(blotter.focusId)),
  Escape: clearTop,
  "/": () => { byId("filter").focus(); byId("filter").select(); },
  u: () => blotter.layout(),
  f: freeze,
  n: () => press("act-new", newOrder),
  e: () => press("act-execute", executeChosen),
  q: () => press("act-ask", askDealers),
  h: () => quotes.best(),
  c: () => quotes.counterBest(),
  a: () => press("act-amend", amendChosen),
  s: () => press("act-plan", planChosen),
  p: () => schedules.toggle(),
  t: () => schedules.askToStop(),
  x: () => press("act-cancel", cancelChosen),
};
VIEWS.forEach((one, n) => { KEYS[String(n + 1)] = () => choose(one.key); });

function onKey(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event)) {
    if (event.key === "Escape") byId("grid").focus();
    return;
  }
  // Buttons and links keep what Enter and Space mean to them.
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, a, [role=columnheader]")) return;
  if (event.target.closest("#panel") && /^(Arrow|Page)/.test(event.key)) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

// --- starting ------------------------------------------------------------------------------------
function tabs() {
  byId("views").append(...VIEWS.map((one) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.view = one.key;
    button.append(one.word, Object.assign(document.createElement("span"), { className: "count", textContent: "0" }));
    button.addEventListener("click", () => choose(one.key));
    return button;
  }));
}

function welcome() {
  if (!awaited || !blotter.rows.has(awaited) || blotter.frozen) return;
  const id = awaited;
  awaited = "";
  blotter.layout();
  blotter.goTo(id);
}

function settleFocus(touched) {
  if (panel.id && touched.some((row) => row.id === panel.id) && !blotter.frozen) panel.refresh();
}

function start() {
  tabs();
  byId("filter").value = state.f;
  byId("filter").addEventListener("input", (event) => { state.f = event.target.value.trim(); address.write(state); filter(); });
  byId("filter-form").addEventListener("submit", (event) => { event.preventDefault(); blotter.move(0); });
  byId("act-new")?.addEventListener("click", newOrder);
  byId("act-execute")?.addEventListener("click", executeChosen);
  byId("act-ask")?.addEventListener("click", askDealers);
  byId("act-plan")?.addEventListener("click", planChosen);
  byId("act-amend")?.addEventListener("click", amendChosen);
  byId("act-cancel")?.addEventListener("click", cancelChosen);
  byId("act-freeze").addEventListener("click", freeze);
  document.addEventListener("keydown", onKey);
  filter();
  socket = new LiveSocket({
    state(name, facts) {
      Object.assign(connection, { state: name, since: facts.since, retryAt: performance.now() + (facts.retryMs || 0) });
      showConnection(name);
      paintSoon();
    },
    server: showServer,
    snapshot(message) {
      loaded = true;
      more = message.more;
      blotter.replaceAll(message.rows);
      const wanted = state.order;
      if (wanted && blotter.focusId !== wanted && blotter.rows.has(wanted)) blotter.focus(wanted);
      else if (panel.id) panel.refresh();
      paintSoon();
    },
    delta(message) {
      blotter.take(message.rows);
      welcome();
      settleFocus(message.rows);
      paintSoon();
    },
    loggedOut(code) {
      connection.said = code === 4403 ? "Your role no longer allows the desk." : "Your session is over. Nothing on this page is current any more.";
      paintSoon();
    },
  });
  setInterval(() => connection.state === "closed" && paintSoon(), 1000);
}

start();
