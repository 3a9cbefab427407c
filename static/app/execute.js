// The execute dialog: all or part of a staged order to the books by smart order routing, or to a custodian.
import { call, freshId, order } from "./api.js";
import { clearFaults, node, showFaults } from "./dialogs.js";
import { grouped, parsePrice, parseQty, thirtySeconds } from "./figures.js";
import { toast } from "./toasts.js";
import { placed, VenueParameters } from "./venue-parameters.js";
import { sideOf } from "./words.js";

const byId = (id) => document.getElementById(id);

export class Execute {
  constructor() {
    this.box = byId("execute");
    this.form = byId("execute-form");
    this.where = new VenueParameters(byId("x-where"), "smart order routing");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.form.addEventListener("input", () => { clearFaults(this.form); this.echo(); });
    byId("x-where").addEventListener("change", () => this.tell());
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.send(); }
    });
    this.box.querySelector("[data-close]").addEventListener("click", () => this.box.close());
  }

  // `free` is what no execution order has taken yet.
  open(row, free) {
    this.row = row;
    this.id = freshId("ui");
    this.busy = false;
    this.form.reset();
    clearFaults(this.form);
    byId("execute-title").textContent = `Execute ${sideOf(row)} ${row.sec}`;
    byId("execute-what").textContent = `${grouped(free)} of ${grouped(row.par)} ${row.kind} can be sent, limit ${row.lim}.`;
    this.form.elements.amount.value = grouped(free);
    byId("execute-go").disabled = false;
    this.echo();
    this.where.open(row.kind);
    this.tell();
    this.box.showModal();
    this.form.elements.amount.select();
  }

  // What sending it means, as it is filled in now.
  tell() {
    const desk = this.where.chosen()?.house;
    const words = desk ? `${desk} works it at its desk, for accounts that it keeps.` : "Goes to the limit order books at once, by smart order routing where no venue is named.";
    byId("execute-outcome").replaceChildren(node("p", words, "hint"));
    byId("execute-go").firstChild.textContent = desk ? "Hand it over " : "Send to the book ";
  }

  echo() {
    const qty = parseQty(this.form.elements.amount.value);
    byId("x-par-echo").textContent = qty ? `${grouped(qty)} ${this.row.kind}` : "";
    const price = parsePrice(this.form.elements.limit_price.value);
    const ticks = price && this.row.cls === "treasury" ? thirtySeconds(price) : "";
    byId("x-limit-echo").textContent = price ? [price, ticks].filter(Boolean).join(" = ") : `limit ${this.row.lim}`;
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    byId("execute-go").disabled = true;
    const { amount, limit_price: limit } = this.form.elements;
    try {
      const where = this.where.asked();
      const way = where.custodian_id ? "custodian/manual" : `lob/${where.venue_id ? "manual" : "sor"}`;
      const made = await call("POST", order(this.row.id, `execution-order/${way}/`), {
        ...where,
        amount: { type: this.row.kind, value: parseQty(amount.value) ?? amount.value },
        client_execution_order_id: this.id,
        ...(limit.value.trim() && { limit_price: parsePrice(limit.value) ?? limit.value }),
      });
      this.box.close();
      toast(`Execution order ${made.id} made`);
    } catch (error) {
      showFaults(this.form, placed(error), byId("execute-outcome"));
      byId("execute-go").disabled = false;
    }
    this.busy = false;
  }
}
