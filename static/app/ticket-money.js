// An order given in money, and a block that goes on without an account: what is asked, what it came to.
import { node } from "./dialogs.js";
import { grouped, parseQty } from "./figures.js";

const two = (value) => {
  const [whole, part = ""] = String(value).split(".");
  return `${grouped(whole)}.${part.padEnd(2, "0")}`;
};
let allowed = false;

// Whether the policy lets orders be given in money; the field says so then.
export function offer(policy) {
  allowed = (policy.amount_types || []).includes("notional");
  document.getElementById("t-money-hint").hidden = !allowed;
}

// "$2.5mm" is 2500000 of money; null for everything that is a quantity.
export const moneyOf = (text) => (allowed && text.trim().startsWith("$") ? parseQty(text.trim().slice(1)) : null);

// What a preview says of it, in words; nothing for an order that is given in par or shares.
export function came(told, codes) {
  return [...bought(told.money), ...without(told.rejected_accounts, codes)];
}

function bought(money) {
  if (!money) return [];
  const from = money.price_source === "limit" ? "its limit" : `the market (${money.price_source})`;
  const qty = money.parts.reduce((sum, one) => sum + Number(one.quantity), 0);
  const line = node("p", `${two(money.amount)} buys ${grouped(String(qty))} at ${Number(money.price)}, ${from}: principal ${two(money.principal)}, ${two(money.residual)} left over.`);
  line.id = "ticket-money";
  return [line];
}

function without(accounts, codes) {
  if (!accounts?.length) return [];
  const words = accounts.map((one) => `${codes?.get(one.account_id) || one.account_id}: ${one.reason}`);
  const line = node("p", `Goes on without ${words.join(" ")}`, "face warn");
  line.id = "ticket-without";
  return [line];
}
