// Reported trades on the review desk: the server's own list, renewed without losing what is being typed.
import { decideHeld, sameForms } from "./held.js";

const EVERY_MS = 4000;
const box = document.getElementById("reported");
let asking = false;

async function renew() {
  if (asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch("/review/reported/", { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    show(new DOMParser().parseFromString(await answer.text(), "text/html").body);
  } catch { /* the page's own notice says that the server is away */ } finally {
    asking = false;
  }
}

// Row by row in place: a form that somebody is typing in keeps its text and the focus.
function show(fresh) {
  const list = box.querySelector("ul"), rows = [...fresh.querySelectorAll("[data-row]")];
  if (!list || !rows.length) box.replaceChildren(...fresh.childNodes);
  else {
    box.querySelector("h2").replaceWith(fresh.querySelector("h2"));
    const olds = new Map([...list.children].map((row) => [row.dataset.row, row]));
    for (const row of rows) {
      const had = olds.get(row.dataset.row);
      olds.delete(row.dataset.row);
      if (!had) list.append(row);
      else if (had.innerHTML !== row.innerHTML && !sameForms(had, row)) had.replaceWith(row);
    }
    for (const gone of olds.values()) gone.remove();
  }
  box.hidden = rows.length === 0;
}

box.addEventListener("submit", (event) => decideHeld(event, renew));
setInterval(renew, EVERY_MS);
