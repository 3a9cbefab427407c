// The server's clock in the browser (sandbox shift included), and times as the desk writes them.
const hms = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const newYork = new Intl.DateTimeFormat("en-US", { ...hms, timeZone: "America/New_York" });
const newYorkDay = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone: "America/New_York" });
const utc = new Intl.DateTimeFormat("en-US", { ...hms, timeZone: "UTC" });
let ahead = 0, today = "", turns = 0;

// performance.now() does not jump when somebody sets the computer's clock.
export function setServerTime(iso) {
  const found = Date.parse(iso) - performance.now();
  if (Math.abs(found - ahead) > 1000) turns = 0;
  ahead = found;
}

export function now() {
  return ahead + performance.now();
}

export const et = (millis) => newYork.format(millis);
export const utcTime = (millis) => utc.format(millis);

// The day in New York, as 2026-11-23.
export const etDay = (iso) => (iso ? newYorkDay.format(Date.parse(iso)) : "");

// The time in New York, with the day unless it is today.
const cache = new Map();
export function etOf(iso) {
  if (!iso) return "";
  const at = now();
  if (!(at < turns)) {
    cache.clear();
    today = newYorkDay.format(at);
    // A day ends on a full hour.
    turns = (Math.floor(at / 3600000) + 1) * 3600000;
  }
  let text = cache.get(iso);
  if (text === undefined) {
    if (cache.size > 20000) cache.clear();
    const moment = Date.parse(iso), day = newYorkDay.format(moment);
    text = day === today ? et(moment) : `${day} ${et(moment)}`;
    cache.set(iso, text);
  }
  return text;
}

// For a narrow column: the time today, else the day alone.
export const etShort = (iso) => etOf(iso).split(" ")[0];

export function aheadWords(seconds) {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const parts = [[Math.floor(minutes / 1440), "d"], [Math.floor(minutes / 60) % 24, "h"], [minutes % 60, "min"]];
  const told = parts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).slice(0, 2);
  return told.length ? `${told.join(" ")} ${seconds > 0 ? "ahead of" : "behind"} real time` : "";
}
