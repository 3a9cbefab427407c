// The dialog that asks dealers: about one order or a list of them, hit by hand or by criteria.
import { call, freshId, order } from "./api.js";
import { clearFaults, node, showFaults } from "./dialogs.js";
import { grouped, parseQty } from "./figures.js";
import { now } from "./time.js";
import { toast } from "./toasts.js";
import { sideOf } from "./words.js";

const byId = (id) => document.getElementById(id);
const MOST = 50;

export class Ask {
  constructor() {
    this.box = byId("rfq");
    this.form = byId("rfq-form");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.form.addEventListener("input", () => { clearFaults(this.form); this.shape(); });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.send(); }
    });
    this.box.querySelector("[data-close]").addEventListener("click", () => this.box.close());
  }

  open(row, free) {
    byId("rfq-title").textContent = `Ask dealers: ${sideOf(row)} ${row.sec}`;
    this.begin([row]);
    this.form.elements.amount.value = grouped(free);
    this.form.elements.amount.select();
  }

  openList(rows) {
    if (rows.length > MOST) { toast(`A list has at most ${MOST} orders.`, "warn"); return; }
    byId("rfq-title").textContent = `Ask dealers about ${rows.length} orders`;
    this.begin(rows);
    this.form.elements.seconds.focus();
  }

  async begin(rows) {
    this.rows = rows;
    this.id = freshId("ui");
    this.busy = false;
    this.form.reset();
    clearFaults(this.form);
    byId("rfq-outcome").replaceChildren(node("p", "Dealers see the security, the side and the size, never your limit.", "hint"));
    byId("q-par-field").hidden = rows.length > 1;
    byId("rfq-go").disabled = false;
    this.shape();
    this.box.showModal();
    try {
      const { dealers } = await call("GET", "/v1/trading/dealer/");
      byId("rfq-dealers").replaceChildren(...dealers.filter((one) => one.status === "active").map(pick));
    } catch (error) {
      byId("rfq-outcome").replaceChildren(node("p", error.message, "face bad"));
    }
  }

  // Only what means something is shown.
  shape() {
    const { mode, bidding } = this.form.elements;
    byId("q-criteria").hidden = mode.value !== "auto";
    byId("q-due-field").hidden = bidding.value !== "bin";
    this.box.classList.toggle("wide", mode.value === "auto");
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    byId("rfq-go").disabled = true;
    const auto = this.form.elements.mode.value === "auto";
    try {
      const done = this.rows.length > 1 ? await this.sendList(auto) : await this.sendOne(auto);
      if (done) this.box.close();
    } catch (error) {
      showFaults(this.form, error, byId("rfq-outcome"));
      byId("rfq-go").disabled = false;
    }
    this.busy = false;
  }

  async sendOne(auto) {
    const [row] = this.rows, { amount } = this.form.elements;
    const qty = { type: row.kind, value: parseQty(amount.value) ?? amount.value };
    if (auto) {
      const made = await call("POST", order(row.id, "execution-order/rfq/autoex/"), {
        ...this.criteria(), amount: qty, client_execution_order_id: this.id,
      });
      toast(`Execution order ${made.id} asks dealers`);
    } else {
      const made = await call("POST", "/v1/trading/rfq/", {
        ...this.asked(), order_id: row.id, amount: qty, client_rfq_id: this.id,
      });
      toast(`${made.dealers.length} dealers asked`);
    }
    return true;
  }

  // Each line has its own outcome: those that were refused stay on the screen with their reason.
  async sendList(auto) {
    const rfqs = this.rows.map((row, n) => auto
      ? { ...this.criteria(), order_id: row.id, amount: { type: row.kind, value: row.leaves }, client_execution_order_id: `${this.id}-${n}` }
      : { ...this.asked(), order_id: row.id, client_rfq_id: `${this.id}-${n}` });
    const made = await call("POST", `/v1/trading/list-rfq/${auto ? "batch/" : ""}`, { rfqs });
    const refused = made.results.filter((line) => line.error);
    const link = node("a", "Open the list");
    link.href = `/desk/lists/${encodeURIComponent(made.list_rfq_id)}/`;
    if (refused.length === made.results.length) link.hidden = true;
    const head = node("p", `${made.results.length - refused.length} of ${made.results.length} asked. `, refused.length ? "face warn" : "face ok");
    head.append(link);
    const lines = node("ul");
    lines.append(...refused.map((line) => node("li", `${this.named(line.order_id)}: ${line.error.message}`)));
    byId("rfq-outcome").replaceChildren(head, lines);
    (link.hidden ? this.box.querySelector("[data-close]") : link).focus();
    return false;
  }

  named(id) {
    return this.rows.find((row) => row.id === id)?.sec || id;
  }

  asked() {
    const { seconds, bidding, due } = this.form.elements;
    const dealers = [...this.form.querySelectorAll("[name=dealers]:checked")].map((one) => one.value);
    const at = (after) => new Date(now() + Number(after) * 1000).toISOString();
    const bin = bidding.value === "bin" && { bidding: "bin", due_time: at(due.value) };
    return { dealers, expire_time: at(seconds.value), ...bin };
  }

  criteria() {
    const { min_quotes, min_dealers, bps, best_n, min_wait_s, fallback, skip_lob, seconds } = this.form.elements;
    const { expire_time: _, ...asked } = this.asked();
    return {
      ...asked,
      execution_criteria: {
        min_quotes: Number(min_quotes.value), min_dealers: Number(min_dealers.value), best_n: Number(best_n.value),
        min_wait_s: Number(min_wait_s.value), ...(bps.value.trim() && { max_spread_to_reference_bps: bps.value.trim() }),
      },
      exit_criteria: { max_duration_s: Number(seconds.value), fallback: fallback.value },
      skip_lob_quotes: skip_lob.checked,
    };
  }
}

function pick(dealer) {
  const label = node("label");
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", name: "dealers", value: dealer.id, checked: true });
  label.append(box, ` ${dealer.name}`);
  return label;
}
