// An endpoint of the valuation feed: registered, or given a new secret, which is shown this once.
import { call } from "./api.js";
import { open, sheet } from "./sheet.js";

const box = document.getElementById("register-feed");
const part = (name) => document.getElementById(`register-feed-${name}`);
const fields = box?.querySelector("form").elements, go = box?.querySelector("[type=submit]");
const WORDS = {
  new: ["Register an endpoint", "It is told of every change of a position from now on.", "Register"],
  rotate: ["A new secret", "What signs now stops signing at once: the portfolio system needs the new one.", "Make a new secret"],
};
let renew = () => {}, path = "";

// `on` is what a pressed button carries; `done` runs when the list of endpoints has changed.
export function feedSecret(on, done) {
  if (!box || !(on.registerFeed || on.rotate)) return;
  renew = done;
  path = on.rotate ? `/v1/ops/feed/${encodeURIComponent(on.rotate)}/rotate/` : "/v1/ops/feed/";
  const [title, about, word] = WORDS[on.rotate ? "rotate" : "new"];
  part("title").textContent = on.rotate ? `${title} for ${on.name}` : title;
  part("about").textContent = about;
  part("asked").hidden = Boolean(on.rotate);
  for (const name of ["name", "url"]) fields[name].disabled = Boolean(on.rotate);
  part("secret").hidden = true;
  go.hidden = false;
  go.textContent = word;
  box.querySelector("[data-close]").textContent = "Leave it";
  open(box, on.rotate ? "[data-close]" : fields.name);
}

// It stays open: what it shows now is shown this once.
async function send() {
  const asked = fields.name.disabled ? undefined : { name: fields.name.value, url: fields.url.value.trim() };
  show((await call("POST", path, asked)).secret);
  renew();
  return false;
}

function show(secret) {
  part("asked").hidden = go.hidden = true;
  part("secret").hidden = false;
  fields.secret.value = secret;
  box.querySelector("[data-close]").textContent = "I have kept it";
  fields.secret.focus();
  fields.secret.select();
}

// Closed, it is nowhere on this page any more.
box?.addEventListener("close", () => { fields.secret.value = ""; });
if (box) sheet(box, send);
