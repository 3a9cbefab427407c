// The new-order ticket: what is typed is echoed, previewed by the server, and sent once.
import { call, freshId } from "./api.js";
import { clearFaults, list, node, showFaults } from "./dialogs.js";
import { grouped, parsePrice, parseQty, thirtySeconds } from "./figures.js";
import { et, etDay, etOf } from "./time.js";
import { came, moneyOf, offer as offerMoney } from "./ticket-money.js";
import * as more from "./ticket-more.js";
import { Split } from "./ticket-split.js";
import { toast } from "./toasts.js";
import { placed, VenueParameters } from "./venue-parameters.js";

const PATH = "/v1/trading/order/";
// A second Enter or click of the same gesture must not send what has just been previewed.
const GUARD_MS = 400;
const LISTS = "/v1/trading/order-list/";
const LIMITED = new Set(["limit", "stop_limit", "limit_if_touched", "trailing_stop_limit"]);
const TYPES = { stop: "Stop", stop_limit: "Stop limit", market_if_touched: "If touched", limit_if_touched: "Limit if touched", trailing_stop: "Trailing stop", trailing_stop_limit: "Trailing limit" };
const stopped = (type) => Boolean(TYPES[type]) && !more.trails(type);
const TIMES = { day: "Day", ioc: "Immediate or cancel", fok: "Fill or kill", gtc: "Good till canceled", gtd: "Good till date", opg: "At the open", cls: "At the close" };
// What is empty is not asked at all: then it is missing, not misspelled.
const given = (field) => field.value.trim() || undefined;
const byId = (id) => document.getElementById(id);

// A sweep of the live books in words: how much, at what average and worst price, how far from mid.
function estimated(found) {
  const plain = (value) => String(Number(value));
  if (!Number(found.fillable)) return "Estimate: no live book would fill any of it at once.";
  const all = Number(found.fillable) >= Number(found.quantity);
  const much = all ? "all of it" : `${grouped(plain(found.fillable))} of ${grouped(plain(found.quantity))}`;
  const away = found.slippage == null ? "" : `, ${plain(found.slippage)} from the mid`;
  return `Estimate: the books would fill ${much} at once at ${plain(found.average_price)} on average, ${plain(found.worst_price)} at worst${away}. Nothing is promised.`;
}

// When it ends: with its day, if that is not the day on which it begins.
function until({ eligible_at: from, expires_at: end }) {
  const time = et(Date.parse(end));
  return etDay(from) === etDay(end) ? time : `${etDay(end)} ${time}`;
}

export class Ticket {
  constructor(onSent) {
    this.box = byId("ticket");
    this.form = byId("ticket-form");
    this.outcome = byId("ticket-outcome");
    this.go = byId("ticket-go");
    this.onSent = onSent;
    this.split = new Split(() => { this.echo(); this.stale(); });
    this.where = new VenueParameters(byId("t-where"), "as the rules route it");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.step(); });
    this.form.addEventListener("input", (event) => { if (event.target.name) this.changed(event.target.name); });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.step(); }
    });
    this.box.querySelector("[data-close]").addEventListener("click", () => this.box.close());
  }

  async open() {
    this.form.reset();
    this.split.reset();
    this.where.open().then(() => this.echo());
    clearFaults(this.form);
    this.id = freshId("ui");
    byId("ticket-id").textContent = `client id ${this.id.slice(0, 11)}…`;
    byId("ticket-id").title = this.id;
    this.ready = false;
    this.busy = false;
    this.echo();
    this.say(node("p", "Preview first: it runs the controls and the routing rules and sends nothing.", "hint"));
    this.label();
    this.box.showModal();
    byId("t-instrument").focus();
    try {
      await this.offer();
      this.echo(); // of what was typed meanwhile
    } catch {
      this.say(node("p", "Accounts and instruments could not be loaded. Close the ticket and open it again.", "fault"));
    }
  }

  async offer() {
    if (this.reference) return;
    const answer = await fetch("/desk/reference.json", { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    this.reference = await answer.json();
    const options = this.reference.instruments.map((one) => {
      const option = node("option");
      option.value = one.cusip;
      option.label = `${one.name}${one.symbol ? ` (${one.symbol})` : ""}`;
      return option;
    });
    byId("t-instruments").replaceChildren(...options);
    const active = this.reference.accounts.filter((one) => one.status === "active");
    this.offerTypes(this.reference.policy);
    byId("t-account").replaceChildren(...active.map((one) => new Option(one.code === one.name ? one.code : `${one.code} · ${one.name}`, one.id)));
    this.split.offer(this.reference);
  }

  // What the policy opens beyond the guide: limit and market orders for the day are always there.
  offerTypes(policy) {
    for (const type of policy.ord_types.filter((one) => TYPES[one])) {
      const label = node("label", "", "pick");
      const input = node("input");
      Object.assign(input, { type: "radio", name: "type", value: type });
      label.append(input, node("span", TYPES[type]));
      byId("t-types").append(label);
    }
    byId("t-tif").replaceChildren(...policy.time_in_force.map((one) => new Option(TIMES[one] || one, one)));
    byId("t-tif-field").hidden = policy.time_in_force.length < 2;
    more.offer(policy);
    offerMoney(policy);
  }

  // --- what is typed ---------------------------------------------------------------------------
  instrument() {
    const text = byId("t-instrument").value.trim().toLowerCase();
    if (!text || !this.reference) return null;
    const all = this.reference.instruments;
    const exact = all.find((one) => one.cusip.toLowerCase() === text || one.symbol.toLowerCase() === text || one.name.toLowerCase() === text);
    if (exact) return exact;
    const like = all.filter((one) => one.name.toLowerCase().includes(text) || one.cusip.toLowerCase().startsWith(text));
    return like.length === 1 ? like[0] : null;
  }

  // Where it may go: what is not known yet of instrument or accounts changes nothing.
  offerPlaces() {
    const security = this.instrument(), accounts = this.split.accounts();
    if (!security || !accounts.length) return;
    const keepers = new Map(this.reference.accounts.map((one) => [one.id, one.custodian]));
    this.where.narrow(security.cls === "equity" ? "shares" : "par", accounts.map((id) => keepers.get(id)));
  }

  changed(name) {
    const place = this.form.querySelector(`[data-fault="${name}"]`);
    if (place) place.textContent = "";
    this.form.querySelector(`[name="${name}"]`).removeAttribute("aria-invalid");
    this.echo();
    this.stale();
  }

  // What was previewed is not what would be sent any more.
  stale() {
    if (this.ready) this.say(node("p", "Changed since the preview: preview again.", "hint"));
    this.ready = false;
    this.label();
  }

  echo() {
    const security = this.instrument();
    byId("t-instrument-echo").textContent = security ? `${security.name} · ${security.cusip} · ${security.cls}` : "";
    const shares = security?.cls === "equity";
    byId("t-par-word").textContent = shares ? "Shares" : "Par";
    const qty = parseQty(this.form.elements.amount.value), money = moneyOf(this.form.elements.amount.value);
    byId("t-par-echo").textContent = money ? `${grouped(money)} of money, rounded down to whole steps` : qty ? `${grouped(qty)} ${shares ? "shares" : "par"}` : "";
    this.split.follow(security, qty);
    this.offerPlaces();
    more.mark(this.form.elements, shares);
    const type = this.form.elements.type.value;
    const market = !LIMITED.has(type);
    const limit = this.form.elements.limit_price;
    limit.disabled = market;
    byId("t-stop-field").hidden = !stopped(type);
    byId("t-trail-field").hidden = !more.trails(type);
    byId("t-expire-field").hidden = this.form.elements.time_in_force.value !== "gtd";
    const stop = stopped(type) ? parsePrice(this.form.elements.stop_price.value) : null;
    byId("t-stop-echo").textContent = stop ? [stop, security?.cls === "treasury" ? thirtySeconds(stop) : ""].filter(Boolean).join(" = ") : "";
    const price = market ? null : parsePrice(limit.value);
    const ticks = price && security?.cls === "treasury" ? thirtySeconds(price) : "";
    // What names its venue goes there: it is not staged.
    const stage = this.form.elements.bypass_auto_execution;
    stage.disabled = Boolean(this.where.chosen());
    if (stage.disabled) stage.checked = false;
    byId("t-limit-echo").textContent = market ? "no limit: trades at the market" : price ? [price, ticks].filter(Boolean).join(" = ") : "";
  }

  request() {
    const fields = this.form.elements;
    const security = this.instrument();
    const market = !LIMITED.has(fields.type.value);
    const tif = fields.time_in_force.value || "day";
    const until = new Date(fields.expire_time.value);
    const money = moneyOf(fields.amount.value);
    const amount = money ? { type: "notional", value: money } : { type: security?.cls === "equity" ? "shares" : "par", value: parseQty(fields.amount.value) ?? given(fields.amount) };
    const where = this.where.asked();
    return {
      client_order_id: this.id,
      instrument_id: security?.cusip || fields.instrument_id.value.trim(),
      ...more.sold(fields),
      amount,
      ...(this.where.chosen() && { execution_instructions: [{ ...this.where.way(), quantity: amount, ...where }] }),
      type: fields.type.value,
      ...(!market && { limit_price: parsePrice(fields.limit_price.value) ?? given(fields.limit_price) }),
      ...(stopped(fields.type.value) && { stop_price: parsePrice(fields.stop_price.value) ?? fields.stop_price.value }),
      ...(tif !== "day" && { time_in_force: tif }),
      ...(tif === "gtd" && !Number.isNaN(until.getTime()) && { expire_time: until.toISOString() }),
      ...more.asked(fields),
      ...this.split.asked(fields),
      extended_hours: fields.extended_hours.checked,
      bypass_auto_execution: fields.bypass_auto_execution.checked,
    };
  }

  // --- preview, then send ----------------------------------------------------------------------
  async step() {
    if (this.busy || this.go.disabled) return;
    const asked = this.request();
    const content = JSON.stringify(asked);
    this.busy = true;
    this.label();
    try {
      if (this.ready && this.previewed === content) await this.send(asked);
      else await this.preview(asked, content);
    } catch (error) {
      this.ready = false;
      showFaults(this.form, placed(error), this.outcome);
    }
    this.busy = false;
    this.label();
  }

  async preview(asked, content) {
    const told = await call("POST", `${PATH}?dry_run=true`, asked);
    clearFaults(this.form);
    this.previewed = content;
    this.ready = told.outcome !== "rejected";
    this.guard = performance.now() + GUARD_MS;
    setTimeout(() => this.label(), GUARD_MS + 10);
    this.explain(told);
    if (!this.where.chosen()?.custodian) this.estimate({ ...asked, amount: { value: String(told.quantity ?? asked.amount.value) } }, content);
  }

  // What the books would give now; a ticket without an answer is as good as before.
  async estimate(asked, content) {
    const where = `/v1/trading/market/${encodeURIComponent(asked.instrument_id)}/estimate/`;
    const query = new URLSearchParams({ side: this.form.elements.side.value, amount: asked.amount.value, ...(asked.limit_price && { limit_price: asked.limit_price }) });
    let found = null;
    try { found = await call("GET", `${where}?${query}`); } catch { return; }
    if (this.previewed !== content || !this.ready) return;
    const line = node("p", estimated(found), "hint");
    line.id = "ticket-estimate";
    this.outcome.append(line);
  }

  explain(told) {
    const words = {
      passed: ["✔ Passes its controls", "face ok"],
      flagged: ["⚑ Would be held for review by a second person", "face warn"],
      rejected: ["⊘ Would be rejected", "face bad"],
    }[told.outcome] || [told.outcome, ""];
    const route = told.route || {};
    const made = (route.instructions || []).map((one) => `${one.protocol} ${one.strategy}`.replaceAll("_", " ")).join(", ");
    const own = this.where.chosen(), algorithm = this.where.algorithm?.value;
    const way = own?.house ? `Route: handed to ${own.house}, which works it at its desk.` : own ? `Route: ${own.name}${algorithm ? `, algorithm ${algorithm}` : ""}.` : made ? `Route: ${made}${route.rule ? ` (rule ${route.rule})` : ""}.` : "Route: staged for a trader.";
    const facts = `Notional ${told.notional == null ? "unknown" : grouped(String(told.notional))}. ${way} Works ${etOf(told.eligible_at)} to ${until(told)} ET.`;
    const failed = (told.failed_controls || []).map((one) => `${one.control_id}: ${one.control_message}`);
    this.say(node("p", words[0], words[1]), node("p", facts), ...came(told, this.split.codes), ...(failed.length ? [list(failed)] : []));
  }

  async send(asked) {
    const list = more.bracket(this.form.elements, asked);
    const made = list ? await this.sendList(list) : await call("POST", PATH, asked);
    this.box.close();
    toast(list ? `Bracket of three orders received, entry ${made.id}` : `Order ${made.id} received`);
    this.onSent(made.id);
  }

  async sendList(list) {
    try {
      return (await call("POST", LISTS, list)).orders[0].order;
    } catch (error) {
      throw more.placed(error);
    }
  }

  label() {
    const guarded = this.ready && performance.now() < (this.guard || 0);
    this.go.disabled = this.busy || guarded;
    const [verb] = this.ready ? ["Send order"] : ["Preview"];
    this.go.replaceChildren(this.busy ? "Working…" : verb, node("kbd", "Ctrl ⏎"));
  }

  say(...lines) {
    this.outcome.replaceChildren(...lines);
  }
}
