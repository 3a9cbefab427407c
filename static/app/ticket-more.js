// What a ticket may ask beyond type and time: only what the policy allows is offered.
import { node } from "./dialogs.js";
import { parsePrice, parseQty } from "./figures.js";

const FIELDS = { display_qty: "t-display-field", min_qty: "t-least-field" };
const CHECKS = ["post_only", "reduce_only"];
const CLOSES = ["take_profit", "stop_loss"];
const TRAILING = new Set(["trailing_stop", "trailing_stop_limit"]);
const byId = (id) => document.getElementById(id);

export const trails = (type) => TRAILING.has(type);

// Shows the fields that the policy opens; the others are not there at all.
export function offer(policy) {
  const handling = new Set(policy.handling || []);
  for (const [name, id] of Object.entries(FIELDS)) byId(id).hidden = !handling.has(name);
  byId("t-more-checks").replaceChildren(...CHECKS.filter((name) => handling.has(name)).map((name) => {
    const label = node("label");
    const input = node("input");
    Object.assign(input, { type: "checkbox", name });
    label.append(input, ` ${name === "post_only" ? "Post only" : "Reduce only"}`);
    return label;
  }));
  byId("t-bracket-field").hidden = !(policy.contingencies || []).includes("bracket");
}

// A trail is points, or percent when it says so: "1" or "2.5%".
function trail(text) {
  const percent = text.trim().endsWith("%");
  const number = text.trim().replace(/%$/, "").trim();
  return percent ? { trail_percent: number } : { trail_amount: number };
}

// What is typed of it, as the API wants it.
export function asked(fields) {
  const found = trails(fields.type.value) ? trail(fields.trail_amount.value) : {};
  for (const name of Object.keys(FIELDS)) {
    const text = fields[name].value.trim();
    if (text && !byId(FIELDS[name]).hidden) found[name] = parseQty(text) ?? text;
  }
  for (const name of CHECKS) if (fields[name]?.checked) found[name] = true;
  return found;
}

// Only shares are sold short; a sale that is marked says where they were found.
export function mark(fields, shares) {
  byId("t-mark-field").hidden = !shares || fields.side.value !== "sell";
  byId("t-locate-field").hidden = byId("t-mark-field").hidden || !fields.mark.value;
}

// The side as the API names it, with the locate of a short sale.
export function sold(fields) {
  const side = fields.side.value;
  if (byId("t-locate-field").hidden) return { side };
  const locate = fields.locate_id.value.trim();
  return { side: `${side}_${fields.mark.value}`, ...(locate && { locate_id: locate }) };
}

// The list that an entry becomes with what closes it; null for an order of its own.
export function bracket(fields, entry) {
  const [profit, loss] = CLOSES.map((name) => fields[name].value.trim());
  if (byId("t-bracket-field").hidden || !(profit || loss)) return null;
  const close = {
    instrument_id: entry.instrument_id,
    side: entry.side === "buy" ? "sell" : "buy",
    amount: entry.amount,
    account_id: entry.account_id,
    extended_hours: entry.extended_hours,
    ...(["gtc", "gtd"].includes(entry.time_in_force) && { time_in_force: entry.time_in_force }),
    ...(entry.expire_time && { expire_time: entry.expire_time }),
  };
  return {
    client_order_list_id: entry.client_order_id,
    contingency_type: "bracket",
    orders: [
      { ...entry, client_order_id: `${entry.client_order_id}-entry` },
      { ...close, type: "limit", limit_price: parsePrice(profit) ?? profit },
      { ...close, type: "stop", stop_price: parsePrice(loss) ?? loss },
    ],
  };
}

// Faults of a list name its orders: those of what closes the entry belong to their own fields.
export function placed(error) {
  const names = { 0: (field) => field, 1: () => "take_profit", 2: () => "stop_loss" };
  for (const detail of error.details || []) {
    const found = /^orders\[(\d)\]\.(.*)$/.exec(detail.field || "");
    if (found) detail.field = names[found[1]](found[2]);
  }
  return error;
}
