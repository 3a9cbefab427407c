// Numbers as people type and read them. Decimals stay text: no quantity passes through a float.
export function grouped(text) {
  if (!text) return "";
  const [whole, part] = String(text).split(".");
  const head = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return part ? `${head}.${part}` : head;
}

const SCALE = { k: 3, m: 3, mm: 6, mn: 6, b: 9, bn: 9 };

// "2.5mm" is 2500000, "250m" and "250k" are 250000; null when it is not a quantity.
export function parseQty(text) {
  const match = /^(\d[\d,]*)?(?:\.(\d+))?\s*(k|m|mm|mn|b|bn)?$/i.exec(text.trim());
  if (!match || (match[1] === undefined && match[2] === undefined)) return null;
  const shift = match[3] ? SCALE[match[3].toLowerCase()] : 0;
  const whole = (match[1] || "0").replaceAll(",", "");
  const part = (match[2] || "").padEnd(shift, "0");
  const digits = (whole + part.slice(0, shift)).replace(/^0+(?=\d)/, "");
  const rest = part.slice(shift).replace(/0+$/, "");
  return rest ? `${digits}.${rest}` : digits;
}

// "99-16+" and "99-165" are points, 32nds and eighths of a 32nd; "99.5" stays as it is; else null.
export function parsePrice(text) {
  const given = text.trim().replaceAll(",", "");
  if (/^\d+(\.\d+)?$/.test(given)) return given;
  const match = /^(\d+)-(\d{2})([0-7+])?$/.exec(given);
  if (!match || Number(match[2]) > 31) return null;
  const eighths = match[3] === "+" ? 4 : Number(match[3] || 0);
  const ticks = Number(match[2]) * 8 + eighths;
  // 1/256 is 0.00390625: exact in eight places.
  const places = String(ticks * 390625).padStart(8, "0").replace(/0+$/, "");
  return places ? `${match[1]}.${places}` : match[1];
}

// Points, 32nds and eighths of a decimal price on the grid of 1/256; empty off it.
export function thirtySeconds(text) {
  const [whole, part = ""] = text.split(".");
  const scaled = Number(part.padEnd(8, "0").slice(0, 8));
  if (part.length > 8 || scaled % 390625) return "";
  const ticks = scaled / 390625;
  const eighths = ["", "1", "2", "3", "+", "5", "6", "7"][ticks % 8];
  return `${whole}-${String(Math.floor(ticks / 8)).padStart(2, "0")}${eighths}`;
}

// The sum of decimal texts, exact.
export function sum(texts) {
  let total = 0n;
  for (const text of texts) {
    const [whole, part = ""] = text.split(".");
    total += BigInt(whole + part.padEnd(6, "0").slice(0, 6));
  }
  const digits = total.toString().padStart(7, "0");
  const rest = digits.slice(-6).replace(/0+$/, "");
  return grouped(digits.slice(0, -6)) + (rest ? `.${rest}` : "");
}
