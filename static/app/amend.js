// The amend dialog: another quantity or limit for an open order. It goes on as it was until it is answered.
import { call, freshId, order, Refusal } from "./api.js";
import { clearFaults, node, showFaults } from "./dialogs.js";
import { grouped, parsePrice, parseQty, thirtySeconds } from "./figures.js";
import { toast } from "./toasts.js";
import { sideOf } from "./words.js";

const byId = (id) => document.getElementById(id);
const SAID = {
  pending: "Amendment sent: the venue answers next",
  replaced: "Amended",
  review: "The new terms wait for a review; the order goes on as it was",
};

export class Amend {
  constructor() {
    this.box = byId("amend");
    this.form = byId("amend-form");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.form.addEventListener("input", () => { clearFaults(this.form); this.echo(); });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.send(); }
    });
    this.box.querySelector("[data-close]").addEventListener("click", () => this.box.close());
  }

  open(row) {
    this.row = row;
    this.id = freshId("ui");
    this.busy = false;
    this.form.reset();
    clearFaults(this.form);
    byId("amend-title").textContent = `Amend ${sideOf(row)} ${row.sec}`;
    byId("amend-what").textContent = `${grouped(row.par)} ${row.kind}, limit ${row.lim || "market"}, ${grouped(row.cum)} filled.`;
    this.form.elements.amount.value = grouped(row.par);
    this.form.elements.limit_price.value = row.limn;
    this.form.elements.limit_price.disabled = !row.limn;
    byId("amend-outcome").replaceChildren(node("p", "The new terms pass the controls first. Until every venue has answered, the order goes on as it is.", "hint"));
    byId("amend-go").disabled = false;
    this.echo();
    this.box.showModal();
    this.form.elements.amount.select();
  }

  echo() {
    const qty = parseQty(this.form.elements.amount.value);
    byId("m-par-echo").textContent = qty ? `${grouped(qty)} ${this.row.kind} in all` : "";
    const price = parsePrice(this.form.elements.limit_price.value);
    const ticks = price && this.row.cls === "treasury" ? thirtySeconds(price) : "";
    byId("m-limit-echo").textContent = price ? [price, ticks].filter(Boolean).join(" = ") : "";
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    byId("amend-go").disabled = true;
    const { amount, limit_price: limit } = this.form.elements;
    const qty = parseQty(amount.value) ?? amount.value, price = parsePrice(limit.value) ?? limit.value;
    try {
      const made = await call("POST", order(this.row.id, "amend/"), {
        client_amend_id: this.id,
        ...(String(qty) !== this.row.par && { amount: { type: this.row.kind, value: qty } }),
        ...(limit.value.trim() && String(price) !== this.row.limn && { limit_price: price }),
      });
      this.box.close();
      toast(SAID[made.outcome] || made.outcome);
    } catch (error) {
      // A refused request is over: what is sent next is another one.
      if (error instanceof Refusal) this.id = freshId("ui");
      showFaults(this.form, error, byId("amend-outcome"));
      byId("amend-go").disabled = false;
    }
    this.busy = false;
  }
}
