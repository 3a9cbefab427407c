// Splitting a ticket over accounts by a template: the server works it out, people may change it.
import { call } from "./api.js";
import { node } from "./dialogs.js";
import { grouped, parseQty } from "./figures.js";

const SPLIT = "template:";
const WAIT_MS = 250;
const byId = (id) => document.getElementById(id);

export class Split {
  constructor(onChange) {
    this.onChange = onChange;
    this.box = byId("t-split");
    this.rows = byId("t-split-rows");
    this.sum = byId("t-split-sum");
    this.rows.addEventListener("input", (event) => { event.stopPropagation(); this.total(); this.onChange(); });
  }

  // The names of the firm's templates, below its accounts.
  offer(reference) {
    this.codes = new Map(reference.accounts.map((one) => [one.id, one.code]));
    const names = reference.templates || [];
    if (!names.length) return;
    const group = node("optgroup");
    group.label = "Split by a template";
    group.append(...names.map((name) => new Option(name, SPLIT + name)));
    byId("t-account").append(group);
  }

  chosen() {
    const value = byId("t-account").value;
    return value.startsWith(SPLIT) ? value.slice(SPLIT.length) : "";
  }

  reset() {
    this.key = "";
    this.strategy = "";
    this.rows.replaceChildren();
    this.box.hidden = true;
    this.sum.textContent = "";
  }

  // What the template makes of the amount, once both are known; edits last until one changes.
  follow(security, qty) {
    const name = this.chosen();
    const key = name && security && qty ? `${name}|${security.cusip}|${qty}` : "";
    this.box.hidden = !name;
    if (!key) this.sum.textContent = name ? "Give instrument and amount to split it." : "";
    if (key === this.key) return;
    this.key = key;
    this.rows.replaceChildren();
    this.strategy = "";
    clearTimeout(this.timer);
    if (key) this.sum.textContent = "";
    if (key) this.timer = setTimeout(() => this.ask(name, security, qty, key), WAIT_MS);
  }

  async ask(name, security, qty, key) {
    let found;
    try {
      const path = `/v1/trading/allocation-template/${encodeURIComponent(name)}/preview/`;
      found = await call("POST", path, { amount: qty, instrument_id: security.cusip });
    } catch (error) {
      if (this.key === key) this.sum.textContent = error.message;
      return;
    }
    if (this.key !== key) return;
    this.strategy = found.strategy;
    this.kind = security.cls === "equity" ? "shares" : "par";
    this.whole = qty;
    this.rows.replaceChildren(...found.account_allocations.map((one) => this.row(one)));
    this.total();
    this.onChange();
  }

  row(one) {
    const label = node("label", this.codes.get(one.account_id) || one.account_id);
    const input = node("input");
    Object.assign(input, { type: "text", inputMode: "numeric", value: String(one.requested_amount.value) });
    input.dataset.account = one.account_id;
    label.append(input);
    return label;
  }

  parts() {
    return [...this.rows.querySelectorAll("input")].map((one) => [one.dataset.account, parseQty(one.value) ?? one.value]);
  }

  total() {
    const sum = this.parts().reduce((so, [, qty]) => so + Number(qty || 0), 0);
    const left = Number(this.whole) - sum;
    const how = this.strategy.replaceAll("_", " ");
    this.sum.textContent = left === 0 ? `${how}: ${grouped(String(sum))} in all` : `${how}: ${grouped(String(Math.abs(left)))} ${left > 0 ? "not given to anybody" : "too much"}`;
    this.sum.classList.toggle("fault", left !== 0);
  }

  // The accounts of the order as it is typed now; none while the split is not known.
  accounts() {
    if (!this.chosen()) return [byId("t-account").value].filter(Boolean);
    return this.parts().filter(([, qty]) => Number(qty) !== 0).map(([account]) => account);
  }

  // For whom the order is: one account, or the parts of a block as they are typed now.
  asked(fields) {
    if (!this.chosen()) return { account_id: fields.account_id.value };
    return {
      allocations: {
        strategy: this.strategy,
        account_allocations: this.parts().filter(([, qty]) => Number(qty) !== 0).map(([account, qty]) => ({ account_id: account, requested_amount: { type: this.kind, value: qty } })),
      },
    };
  }
}
