// Requests for quotes: ask dealers in a dialog; hit, count down and cancel in the panel.
import { call, freshId, order } from "./api.js";
import { clearFaults, confirm, node, showFaults } from "./dialogs.js";
import { grouped, parseQty } from "./figures.js";
import { now } from "./time.js";
import { toast } from "./toasts.js";

const byId = (id) => document.getElementById(id);
const TICK_MS = 200;

// The quotes in a panel: their clocks run here, what they are is the server's.
export class Quotes {
  constructor(box) {
    this.box = box;
    this.attempts = new Map();
    box.addEventListener("click", (event) => {
      const hit = event.target.closest("[data-hit]"), drop = event.target.closest("[data-drop]");
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
      const button = place.closest("tr")?.querySelector("[data-hit]");
      if (button && !left) button.disabled = true;
      place.closest("tr")?.classList.toggle("soon", left > 0 && left <= 5);
    }
  }

  // The best quote of the newest inquiry, by key.
  best() {
    const button = this.box.querySelector(".rfq tr.best [data-hit]:not(:disabled)");
    if (button) this.ask(button);
    else toast("No quote can be hit.", "warn");
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

// The dialog that asks.
export class Ask {
  constructor() {
    this.box = byId("rfq");
    this.form = byId("rfq-form");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.form.addEventListener("input", () => clearFaults(this.form));
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.send(); }
    });
    this.box.querySelector("[data-close]").addEventListener("click", () => this.box.close());
  }

  async open(row, free) {
    this.row = row;
    this.id = freshId("ui");
    this.busy = false;
    this.form.reset();
    clearFaults(this.form);
    byId("rfq-title").textContent = `Ask dealers: ${row.side === "buy" ? "▲ Buy" : "▼ Sell"} ${row.sec}`;
    byId("rfq-outcome").replaceChildren(node("p", "Dealers see the security, the side and the size, never your limit.", "hint"));
    this.form.elements.amount.value = grouped(free);
    byId("rfq-go").disabled = false;
    this.box.showModal();
    this.form.elements.amount.select();
    try {
      const { dealers } = await call("GET", "/v1/trading/dealer/");
      byId("rfq-dealers").replaceChildren(...dealers.filter((one) => one.status === "active").map(pick));
    } catch (error) {
      byId("rfq-outcome").replaceChildren(node("p", error.message, "face bad"));
    }
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    byId("rfq-go").disabled = true;
    const { amount, seconds } = this.form.elements;
    const dealers = [...this.form.querySelectorAll("[name=dealers]:checked")].map((one) => one.value);
    try {
      const made = await call("POST", "/v1/trading/rfq/", {
        order_id: this.row.id,
        amount: { type: this.row.kind, value: parseQty(amount.value) ?? amount.value },
        dealers,
        expire_time: new Date(now() + Number(seconds.value) * 1000).toISOString(),
        client_rfq_id: this.id,
      });
      this.box.close();
      toast(`${made.dealers.length} dealers asked`);
    } catch (error) {
      showFaults(this.form, error, byId("rfq-outcome"));
      byId("rfq-go").disabled = false;
    }
    this.busy = false;
  }
}

function pick(dealer) {
  const label = node("label");
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", name: "dealers", value: dealer.id, checked: true });
  label.append(box, ` ${dealer.name}`);
  return label;
}
