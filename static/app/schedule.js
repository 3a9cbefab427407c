// Schedules: start one in a dialog; pause, resume and stop it in the panel.
import { call, freshId, order, Refusal, saying } from "./api.js";
import { clearFaults, confirm, node, showFaults } from "./dialogs.js";
import { grouped, parsePrice, parseQty } from "./figures.js";
import { now } from "./time.js";
import { toast } from "./toasts.js";
import { placed, VenueParameters } from "./venue-parameters.js";
import { sideOf } from "./words.js";

const byId = (id) => document.getElementById(id);
const TICK_MS = 500;

// The schedule in a panel: its clock runs here, what it is is the server's.
export class Schedules {
  constructor(box) {
    this.box = box;
    box.addEventListener("click", (event) => {
      const button = event.target.closest("[data-pause], [data-resume], [data-stop]");
      if (!button) return;
      if (button.dataset.stop) this.stop();
      else this.act(button, button.dataset.pause ? "pause" : "resume");
    });
    setInterval(() => this.tick(), TICK_MS);
    new MutationObserver(() => this.tick()).observe(box, { childList: true });
  }

  tick() {
    for (const place of this.box.querySelectorAll("[data-next]")) {
      const left = Math.ceil((Date.parse(place.dataset.next) - now()) / 1000);
      const text = left <= 0 ? "due" : left > 90 ? `in ${Math.ceil(left / 60)} min` : `in ${left} s`;
      if (place.textContent !== text) place.textContent = text;
    }
  }

  get id() { return this.box.querySelector(".order")?.dataset.order; }

  // By key: the button that is there now.
  toggle() {
    const button = this.box.querySelector("[data-pause]:not(:disabled), [data-resume]:not(:disabled)");
    if (button) button.click();
    else toast("No schedule to pause.", "warn");
  }

  askToStop() {
    if (this.box.querySelector("[data-stop]")) this.stop();
    else toast("No schedule to stop.", "warn");
  }

  async act(button, word) {
    button.disabled = true;
    try {
      await call("POST", order(this.id, `schedule/${word}/`), word === "pause" ? { cancel_resting: false } : undefined);
      toast(word === "pause" ? "Paused: no new slices; what rests stays" : "Resumed: the next slice goes out on time");
    } catch (error) {
      toast(saying(error), "bad");
      button.disabled = false;
    }
  }

  stop() {
    const id = this.id;
    confirm({
      title: "Stop the schedule",
      text: [
        node("p", `${this.box.querySelector(".order h2").textContent}: no more slices, and what rests at venues is asked to stop.`),
        node("p", "The order stays, staged, with what was not executed.", "hint"),
      ],
      safe: "Keep it working",
      danger: "Stop the schedule",
      act: async () => {
        await call("POST", order(id, "schedule/cancel/"), { cancel_resting: true });
        toast("The schedule is stopped");
      },
    });
  }
}

// The dialog that starts one.
export class Plan {
  constructor() {
    this.box = byId("plan");
    this.form = byId("plan-form");
    this.where = new VenueParameters(byId("p-where"), "smart order routing");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.form.addEventListener("input", () => { clearFaults(this.form); this.echo(); });
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
    byId("plan-title").textContent = `Schedule ${sideOf(row)} ${row.sec}`;
    byId("plan-what").textContent = `${grouped(free)} of ${grouped(row.par)} ${row.kind} can be sent, limit ${row.lim}.`;
    this.form.elements.amount.value = grouped(free);
    byId("plan-outcome").replaceChildren(node("p", "Every slice passes the controls again as it goes out. The order stays with you: stop it at any time.", "hint"));
    byId("plan-go").disabled = false;
    this.echo();
    this.where.open();
    this.box.showModal();
    this.form.elements.amount.select();
  }

  echo() {
    const { amount, strategy, slices } = this.form.elements;
    const qty = parseQty(amount.value);
    byId("p-par-echo").textContent = qty ? `${grouped(qty)} ${this.row.kind} in ${slices.value || "some"} slices` : "";
    byId("p-urgency-field").hidden = strategy.value !== "implementation_shortfall";
  }

  body() {
    const { amount, strategy, minutes, slices, limit_price: limit, max_slice: most, max_participation: share, urgency, randomize, remainder } = this.form.elements;
    const number = (input) => parseQty(input.value) ?? input.value.trim();
    return {
      strategy: strategy.value,
      amount: { type: this.row.kind, value: number(amount) },
      end_time: new Date(now() + Number(minutes.value) * 60000).toISOString(),
      client_schedule_id: this.id,
      ...this.where.asked(),
      remainder: remainder.value,
      ...(slices.value && { slices: Number(slices.value) }),
      ...(limit.value.trim() && { limit_price: parsePrice(limit.value) ?? limit.value }),
      ...(most.value.trim() && { max_slice: number(most) }),
      ...(share.value && { max_participation: Number(share.value) }),
      ...(strategy.value === "implementation_shortfall" && { urgency: Number(urgency.value) }),
      ...(Number(randomize.value) && { randomize: Number(randomize.value) }),
    };
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    byId("plan-go").disabled = true;
    try {
      const made = await call("POST", order(this.row.id, "schedule/"), this.body());
      this.box.close();
      toast(`Schedule started: ${made.slices.length} slices`);
    } catch (error) {
      // A refused request is over: what is sent next is another one.
      if (error instanceof Refusal) this.id = freshId("ui");
      showFaults(this.form, placed(error), byId("plan-outcome"));
      byId("plan-go").disabled = false;
    }
    this.busy = false;
  }
}
