// One instrument's books, live: the whole picture with every message, its age between them.
import { grouped, thirtySeconds } from "./figures.js";
import { showConnection, showServer } from "./shell.js";
import { LiveSocket } from "./socket.js";
import { et, etOf, now } from "./time.js";

const ROWS = 10;
const byId = (id) => document.getElementById(id);
const cusip = document.body.dataset.cusip;
let book = null, joined = false, connected = false;

const bare = (text) => (text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text);
// Treasuries in 32nds where the price lies on their grid; all else in decimals.
function price(text) {
  if (text === null || text === undefined) return "";
  const grid = book.asset_class === "treasury" ? thirtySeconds(text) : "";
  if (grid) return grid;
  const [whole, part = ""] = bare(text).split(".");
  return `${whole}.${part.padEnd(3, "0")}`;
}
const size = (text) => grouped(bare(text));

function cell(text, classes = "", title = "") {
  const td = document.createElement("td");
  td.textContent = text;
  if (classes) td.className = classes;
  if (title) td.title = title;
  return td;
}

function ladder() {
  const { bids, asks } = joined ? book.joined : book;
  const rows = [];
  for (let n = 0; n < ROWS; n += 1) {
    const tr = document.createElement("tr"), bid = bids[n], ask = asks[n];
    const side = (one, kind) => [
      cell(one ? one.venue_id : "", "", one ? terms(one) : ""),
      cell(one ? String(one.orders) : "", "n"),
      cell(one ? size(one.size) : "", "n"),
      cell(one ? price(one.price) : "", `n ${kind}`, one ? bare(one.price) : ""),
    ];
    tr.append(...side(bid, "bid"), ...side(ask, "ask").reverse());
    rows.push(tr);
  }
  byId("rows").replaceChildren(...rows);
}

function terms(level) {
  const said = [];
  if (Number(level.min_size)) said.push(`at least ${size(level.min_size)}`);
  if (Number(level.min_increment)) said.push(`steps of ${size(level.min_increment)}`);
  if (Number(level.min_balance_remaining)) said.push(`leaves nothing or ${size(level.min_balance_remaining)}`);
  return said.join(", ");
}

function fact(id, text, more = "") {
  const place = byId(id), small = document.createElement("small");
  small.textContent = more ? ` ${more}` : "";
  place.replaceChildren(text || "–", small);
}

// As a desk says it: 2mm, 500k.
function short(text) {
  const digits = bare(text);
  if (/^\d+000000$/.test(digits)) return `${grouped(digits.slice(0, -6))}mm`;
  return /^\d+000$/.test(digits) ? `${grouped(digits.slice(0, -3))}k` : grouped(digits);
}

// Sums as a desk says them: 1,008.2mm, cut and not rounded.
function millions(text) {
  const whole = bare(text).split(".")[0];
  if (whole.length < 7) return short(text);
  const tenth = whole.at(-6) === "0" ? "" : `.${whole.at(-6)}`;
  return `${grouped(whole.slice(0, -6))}${tenth}mm`;
}

function best() {
  const { bid, ask, last_trade: last, reference } = book;
  const side = (one) => (one ? [price(one.price), `${short(one.size)} ${one.venue_id}${one.yield_to_maturity ? `, ${Number(one.yield_to_maturity).toFixed(3)} %` : ""}`] : ["none", ""]);
  fact("best-bid", ...side(bid));
  fact("best-ask", ...side(ask));
  fact("mid", book.mid ? bare(book.mid) : "–");
  fact("spread", bid && ask ? spread(bid.price, ask.price) : "–", book.crossed ? "crossed" : "");
  fact("last", last ? price(last.price) : "none", last ? `${short(last.size)} ${last.venue_id} ${etOf(last.executed_at)} ET` : "");
  fact("reference", reference ? bare(reference.price) : "none", reference ? `${reference.crossed ? "crossed, the last before; " : ""}${reference.source} ${etOf(reference.at)} ET` : "");
}

// Exact, in units of the eighth place.
function spread(bid, ask) {
  const units = (text) => { const [w, p = ""] = text.split("."); return BigInt(w + p.padEnd(8, "0").slice(0, 8)); };
  const apart = units(ask) - units(bid), sign = apart < 0n ? "-" : "";
  const digits = String(apart < 0n ? -apart : apart).padStart(9, "0");
  return bare(`${sign}${digits.slice(0, -8)}.${digits.slice(-8)}`);
}

function venues() {
  byId("venues").replaceChildren(...book.quotes.map((one) => {
    const tr = document.createElement("tr"), stale = one.state !== "live" || !connected;
    const why = connected ? one.reason : "this page is not connected";
    tr.dataset.venue = one.venue_id;
    tr.classList.toggle("stale", stale);
    const age = Math.max(Math.round((now() - Date.parse(one.heard_at)) / 1000), 0);
    tr.append(
      cell(one.venue_id, "", one.venue_mpid),
      cell(stale ? `⚠ stale: ${why}` : "● live", "why"),
      cell(String(Math.max(one.rpt_seq, 0)), "n"),
      cell(`${age} s ago`, "n", `${etOf(one.heard_at)} ET`),
      cell(one.bid ? price(one.bid.price) : "none", "n"),
      cell(one.ask ? price(one.ask.price) : "none", "n"),
    );
    return tr;
  }));
}

// What has traded in public: each venue's volumes, then the last trades of all.
function tape() {
  const { volume } = book, stale = volume.state !== "live" || !connected;
  fact("volume", stale ? "–" : millions(volume.day_volume), stale ? "no live tape" : `${millions(volume.window_volume)} in 5 min`);
  byId("tape").classList.toggle("stale", stale);
  const state = byId("tape-state");
  state.textContent = stale ? "⚠ stale" : "● live";
  state.className = `face ${stale ? "bad" : "ok"}`;
  byId("volumes").replaceChildren(...volume.venues.map((one) => {
    const tr = document.createElement("tr"), off = one.state !== "live" || !connected;
    const why = connected ? one.reason : "this page is not connected";
    tr.dataset.venue = one.venue_id;
    tr.classList.toggle("stale", off);
    tr.append(
      cell(one.venue_id),
      cell(off ? `⚠ stale: ${why}` : "● live", "why", `trade ${Math.max(one.rpt_seq, 0)}`),
      cell(size(one.day_volume), "n"),
      cell(size(one.window_volume), "n"),
    );
    return tr;
  }));
  byId("prints").replaceChildren(...book.tape.map((one) => {
    const tr = document.createElement("tr");
    tr.append(cell(etOf(one.executed_at)), cell(one.venue_id), cell(size(one.size), "n"), cell(price(one.price), "n", bare(one.price)));
    return tr;
  }));
  byId("no-prints").hidden = book.tape.length > 0;
}

function paint() {
  if (!book) return;
  const stale = book.stale || !connected;
  byId("book").classList.toggle("stale", stale);
  const state = byId("state");
  state.textContent = stale ? "⚠ stale" : "● live";
  state.className = `face ${stale ? "bad" : "ok"}`;
  ladder();
  best();
  venues();
  tape();
}

function say(tone, words) {
  byId("notice").className = `notice ${tone}`;
  byId("notice-text").textContent = words;
}

function upToDate() {
  if (!connected) return;
  if (!book || !book.quotes.length) say("slow", "No venue has told a book of this instrument.");
  else if (book.stale) say("slow", "No book is live: these are the last levels known, and nothing routes by them.");
  else say("", "Up to date.");
}

for (const [id, value] of [["by-venue", false], ["joined", true]]) {
  byId(id).addEventListener("click", () => {
    joined = value;
    byId("by-venue").setAttribute("aria-pressed", String(!joined));
    byId("joined").setAttribute("aria-pressed", String(joined));
    paint();
  });
}

new LiveSocket({
  path: `/ws/market/?cusip=${encodeURIComponent(cusip)}`,
  state(name, facts) {
    showConnection(name);
    connected = name === "live" || name === "reconnected";
    if (name === "closed") say("closed", `Disconnected since ${et(facts.since)} ET: these prices are out of date.`);
    else if (name === "slow") say("slow", "No message for more than 3 seconds: these prices may be late.");
    else upToDate();
    paint();
  },
  server: showServer,
  snapshot(message) { book = message.book; paint(); upToDate(); },
  delta() {},
  loggedOut() { say("closed", "Your session is over. Load the page again to log in."); },
});
setInterval(() => { if (book) venues(); }, 1000);
