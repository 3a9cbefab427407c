// The panel of one order: the server's own fragment, patched part by part so that nothing typed is lost.
import { call, freshId, order, saying } from "./api.js";
import { decideHeld, sameForms } from "./held.js";
import { toast } from "./toasts.js";

const PAUSE_MS = 80;
const AGAIN_MS = 500;

export class Panel {
  constructor(box) {
    this.box = box;
    this.id = box.querySelector(".order")?.dataset.order || "";
    this.asked = 0;
    box.addEventListener("submit", (event) => this.decide(event));
    box.addEventListener("submit", (event) => decideHeld(event, () => this.load()));
  }

  // Follow another order; the last one wins when a person runs through the rows.
  follow(id) {
    clearTimeout(this.timer);
    this.id = id;
    if (!id) {
      this.box.replaceChildren(hint("Choose an order to see its executions, allocation, controls and history here."));
      return;
    }
    this.timer = setTimeout(() => this.load(), PAUSE_MS);
  }

  // Something happened to the order: read again, at most twice a second.
  refresh() {
    if (this.waiting) return;
    const due = Math.max(AGAIN_MS - (performance.now() - (this.loadedAt || 0)), 0);
    this.waiting = setTimeout(() => { this.waiting = undefined; this.load(); }, due);
  }

  async load() {
    const mine = ++this.asked;
    this.loadedAt = performance.now();
    let text;
    try {
      const answer = await fetch(`/desk/orders/${encodeURIComponent(this.id)}/?part=panel`, { credentials: "same-origin" });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      text = await answer.text();
    } catch (error) {
      if (mine === this.asked) this.fail(error);
      return;
    }
    if (mine !== this.asked) return;
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector(".order");
    if (fresh) this.patch(document.adoptNode(fresh));
  }

  fail(error) {
    if (this.box.querySelector(`.order[data-order="${CSS.escape(this.id)}"]`)) return;
    const again = document.createElement("button");
    again.textContent = "Try again";
    again.addEventListener("click", () => this.load());
    const text = hint(`The order could not be loaded. ${error.message}`);
    text.className = "fault";
    this.box.replaceChildren(text, again);
  }

  patch(fresh) {
    const old = this.box.querySelector(".order");
    if (!old || old.dataset.order !== fresh.dataset.order) {
      this.box.replaceChildren(fresh);
      this.box.scrollTop = 0;
      return;
    }
    Object.assign(old.dataset, fresh.dataset);
    const olds = new Map([...old.children].map((part) => [part.dataset.part, part]));
    const parts = [...fresh.children].map((part) => {
      const had = olds.get(part.dataset.part);
      // A form that somebody is filling in stays as long as there is still something to decide.
      const keep = had && (had.innerHTML === part.innerHTML || (part.dataset.part === "decision" && part.querySelector("form") && had.querySelector("form")) || (["held", "override"].includes(part.dataset.part) && sameForms(had, part)));
      return keep ? had : part;
    });
    const top = this.box.scrollTop;
    parts.forEach((part, n) => { if (old.children[n] !== part) old.insertBefore(part, old.children[n] || null); });
    while (old.children.length > parts.length) old.lastElementChild.remove();
    this.box.scrollTop = top;
  }

  async decide(event) {
    const form = event.target.closest("form[data-decide]");
    if (!form) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    const word = event.submitter?.value === "reject" ? "reject" : "approve";
    const fault = form.querySelector(".fault");
    const annotation = form.elements.annotation.value.trim();
    if (!annotation) {
      fault.textContent = "Say why you decide so.";
      fault.hidden = false;
      form.elements.annotation.focus();
      return;
    }
    form.dataset.busy = "1";
    form.dataset.token ||= freshId("ui");
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    try {
      await call("POST", order(form.dataset.decide, `${word}/`), { annotation, [`client_manual_${word}_id`]: `${form.dataset.token}-${word}` });
      toast(`${word === "approve" ? "Approved" : "Rejected"}: ${form.dataset.decide}`);
      this.load();
    } catch (error) {
      fault.textContent = saying(error);
      fault.hidden = false;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
    delete form.dataset.busy;
  }
}

function hint(text) {
  const node = document.createElement("p");
  node.className = "hint";
  node.textContent = text;
  return node;
}
