// The quotes in a panel: hit, counter, count down and cancel. Asking is in ask.js.
import { call, freshId, order } from "./api.js";
import { clearFaults, confirm, node, showFaults } from "./dialogs.js";
import { grouped, parsePrice } from "./figures.js";
import { now } from "./time.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const TICK_MS = 200;

// The quotes in a panel: their clocks run here, what they are is the server's.
export class Quotes {
  constructor(box) {
    this.box = box;
    this.attempts = new Map();
    this.counter = new Counter();
    box.addEventListener("click", (event) => {
      const hit = event.target.closest("[data-hit]"), drop = event.target.closest("[data-drop]");
      const counter = event.target.closest("[data-counter]");
      if (counter) this.counter.open(counter.dataset);
      if (hit) this.ask(hit);
      if (drop) this.drop(drop);
    });
    setInterval(() => this.tick(), TICK_MS);
    new MutationObserver(() => this.tick()).observe(box, { childList: true });
  }

  tick() {
    for (const place of this.box.querySelectorAll("[data-until]")) {
      const left = Math.max(Math.ceil((Date.parse(place.dataset.until) - now()) / 1000), 0);
      const text = left ? (left > 90 ? `${Math.ceil(left / 60)} min` : `${left} s`) : "expired";
      if (place.textContent !== text) place.textContent = text;
      if (!left) for (const button of place.closest("tr")?.querySelectorAll("[data-hit], [data-counter]") || []) button.disabled = true;
      place.closest("tr")?.classList.toggle("soon", left > 0 && left <= 5);
    }
  }

  // The best quote of the newest inquiry, by key.
  best() {
    const button = this.box.querySelector(".rfq tr.best [data-hit]:not(:disabled)");
    if (button) this.ask(button);
    else toast("No quote can be hit.", "warn");
  }

  counterBest() {
    const button = this.box.querySelector(".rfq tr.best [data-counter]:not(:disabled)");
    if (button) this.counter.open(button.dataset);
    else toast("No quote can be countered.", "warn");
  }

  ask(button) {
    const { hit: quoteId, price, dealer, qty } = button.dataset;
    const panel = this.box.querySelector(".order");
    const id = panel.dataset.order;
    // One attempt per quote and opening: a double click is one execution order.
    if (!this.attempts.has(quoteId)) this.attempts.set(quoteId, freshId("ui"));
    confirm({
      title: `${button.textContent.trim().split(" ")[0]} ${dealer} at ${price}`,
      text: [
        node("p", `${panel.querySelector("h2").textContent}: ${grouped(qty)} at ${price}.`),
        node("p", "The dealer has the last word: nothing has traded before its report.", "hint"),
      ],
      safe: "Keep asking",
      danger: `Trade ${grouped(qty)} at ${price}`,
      act: async () => {
        const made = await call("POST", order(id, "execution-order/rfq/manual/"), {
          quote_id: quoteId,
          amount: { type: panel.dataset.kind, value: qty },
          client_execution_order_id: this.attempts.get(quoteId),
        });
        toast(`Hit: execution order ${made.id} waits for ${dealer}`);
      },
    });
  }

  async drop(button) {
    button.disabled = true;
    try {
      const answer = await call("DELETE", `/v1/trading/rfq/${encodeURIComponent(button.dataset.drop)}/`);
      toast(answer.outcome === "canceled" ? "The inquiry is canceled" : answer.reason, answer.outcome === "canceled" ? "" : "warn");
    } catch (error) {
      toast(error.message, "bad");
      button.disabled = false;
    }
  }
}

// The dialog that asks one dealer for a better price.
class Counter {
  constructor() {
    this.box = byId("counter");
    if (!this.box) return;
    this.form = byId("counter-form");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.form.addEventListener("input", () => clearFaults(this.form));
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.send(); }
    });
    this.box.querySelector("[data-close]").addEventListener("click", () => this.box.close());
  }

  open({ counter, rfqId, price, shown, dealer }) {
    this.path = `/v1/trading/rfq/${encodeURIComponent(rfqId)}/quote/${encodeURIComponent(counter)}/counter/`;
    this.dealer = dealer;
    this.form.reset();
    clearFaults(this.form);
    byId("counter-title").textContent = `Counter ${dealer}`;
    byId("counter-what").textContent = `${dealer} quotes ${shown}.`;
    byId("counter-outcome").replaceChildren(node("p", "Its quote cannot be hit any more: it may accept, improve, hold or withdraw.", "hint"));
    this.form.elements.price.value = price;
    byId("counter-go").disabled = false;
    this.box.showModal();
    this.form.elements.price.select();
  }

  async send() {
    const go = byId("counter-go"), { price } = this.form.elements;
    if (go.disabled) return;
    go.disabled = true;
    try {
      await call("POST", this.path, { price: parsePrice(price.value) ?? price.value });
      this.box.close();
      toast(`Asked ${this.dealer} for ${price.value}`);
    } catch (error) {
      showFaults(this.form, error, byId("counter-outcome"));
      go.disabled = false;
    }
  }
}
