// What waits on the review desk beside the queue: the server's own lists, renewed without losing what is being typed.
import { decideHeld, sameForms } from "./held.js";

const EVERY_MS = 4000;

class Side {
  constructor(box) {
    this.box = box;
    this.asking = false;
    box.addEventListener("submit", (event) => decideHeld(event, () => this.renew()));
    setInterval(() => this.renew(), EVERY_MS);
  }

  async renew() {
    if (this.asking || document.hidden) return;
    this.asking = true;
    try {
      const answer = await fetch(this.box.dataset.renew, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      this.show(new DOMParser().parseFromString(await answer.text(), "text/html").body);
    } catch { /* the page's own notice says that the server is away */ } finally {
      this.asking = false;
    }
  }

  // Row by row in place: a form that somebody is typing in keeps its text and the focus.
  show(fresh) {
    const list = this.box.querySelector("ul"), rows = [...fresh.querySelectorAll("[data-row]")];
    if (!list || !rows.length) this.box.replaceChildren(...fresh.childNodes);
    else {
      this.box.querySelector("h2").replaceWith(fresh.querySelector("h2"));
      const olds = new Map([...list.children].map((row) => [row.dataset.row, row]));
      rows.forEach((row, n) => {
        const had = olds.get(row.dataset.row);
        olds.delete(row.dataset.row);
        if (!had) list.insertBefore(row, list.children[n] || null);
        else if (had.innerHTML !== row.innerHTML && !sameForms(had, row)) had.replaceWith(row);
      });
      for (const gone of olds.values()) gone.remove();
    }
    this.box.hidden = rows.length === 0;
  }
}

for (const box of document.querySelectorAll("[data-renew]")) new Side(box);
