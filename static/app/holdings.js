// Keeps the holdings page true: asks for its body again, says how old it is, and knows three keys.
import { showConnection, typing } from "./shell.js";
import { et, now } from "./time.js";

const EVERY = 5000;
const byId = (id) => document.getElementById(id);
const stand = () => byId("stand").dataset;
let failing = 0;

function tellAge() {
  const age = byId("age");
  const { at, asOf, stale } = stand();
  if (asOf) {
    age.className = "age warn";
    const olds = Number(stale) ? ` ${stale} of them were stale.` : "";
    age.textContent = `As it stood on ${asOf.replace("T", " at ")} New York time, at the last prices known by then.${olds}`;
    return;
  }
  const seconds = Math.max(0, Math.round((now() - Date.parse(at)) / 1000));
  const old = failing > 1 || seconds > 20;
  const prices = Number(stale) ? ` Prices of ${stale} positions are stale.` : "";
  age.className = `age ${old ? "bad" : Number(stale) ? "warn" : "live"}`;
  age.textContent = old
    ? `Not live: what you see is ${seconds} s old.`
    : `Live, read at ${et(Date.parse(at))} ET.${prices}`;
}

// Only what differs is replaced: the place where somebody reads, and the focus, stay.
function take(fresh) {
  const box = byId("holdings"), told = fresh.querySelector("#stand");
  Object.assign(byId("stand").dataset, told.dataset);
  const olds = [...box.children].filter((one) => one.id !== "stand");
  const news = [...fresh.children].filter((one) => one !== told);
  news.forEach((part, n) => {
    const had = olds[n];
    if (!had) { box.append(part); return; }
    if (had.innerHTML === part.innerHTML) return;
    const along = had.querySelector(".wide")?.scrollLeft || 0;
    const href = had.contains(document.activeElement) && document.activeElement.getAttribute("href");
    had.replaceWith(part);
    if (along && part.querySelector(".wide")) part.querySelector(".wide").scrollLeft = along;
    if (href) part.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
  });
  olds.slice(news.length).forEach((one) => one.remove());
}

async function refresh() {
  if (stand().asOf || document.hidden) return;
  const address = new URL(location.href);
  address.searchParams.set("part", "body");
  try {
    const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    take(new DOMParser().parseFromString(await answer.text(), "text/html").body);
    failing = 0;
  } catch {
    failing += 1;
  }
  showConnection(failing > 1 ? "closed" : failing ? "reconnecting" : "live");
  tellAge();
}

function showNow() {
  byId("as_of").value = "";
  byId("picker").requestSubmit();
}

const KEYS = { a: () => byId("account").focus(), t: () => byId("as_of").focus(), n: showNow };

byId("account").addEventListener("change", () => byId("picker").requestSubmit());
byId("now").addEventListener("click", showNow);
document.addEventListener("keydown", (event) => {
  const act = KEYS[event.key.toLowerCase()];
  if (!act || typing(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  act();
});
showConnection("live");
tellAge();
setInterval(tellAge, 1000);
setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
