/* Numbers as text: as a page shows them, as Python writes them, and as a reader does. */

/** A number as the page shows it, and `draw` too: four significant digits, in Python's format .4g. */
function short(x) {
  if (Number.isNaN(x)) return "undefined";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  // Of two numbers as near, the one with an even last digit, as in Python; JavaScript takes the larger one.
  const even = Number(x.toExponential(100).replace(/^(-?\d\.\d\d[02468])50+e/, "$1e"));
  const [digits, exponent] = even.toExponential(3).split("e").map(Number);
  const text = exponent < -4 || exponent >= 4 ? scientific(digits, exponent) : String(Number(even.toPrecision(4)));
  return text.replaceAll("-", "−");
}

/** Digits and a power of ten, as Python writes them. */
const scientific = (digits, exponent) =>
  `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;

/** What a reader has written as a number, with a decimal comma too, or as ∞ or inf; NaN where it is none. */
function numberOf(text) {
  const plain = text.trim().replaceAll("−", "-").replace(",", ".");
  return plain ? Number(plain.replace(/^([-+]?)(∞|inf)$/, "$1Infinity")) : NaN;
}

/** A number as one says it: 12,000, or 3.4 million. */
function spoken(x) {
  const size = Math.abs(x);
  const [unit, name] = [
    [1e12, " trillion"],
    [1e9, " billion"],
    [1e6, " million"],
  ].find(([one]) => size >= one) ?? [1, ""];
  return size >= 1e15 || size < 0.0001
    ? short(x)
    : (x / unit).toLocaleString("en", { maximumSignificantDigits: 4 }) + name;
}

/** A share of a whole in per cent, in two digits where it is small. */
function percentage(share) {
  const hundredths = 100 * share;
  const text = Math.abs(hundredths) < 10 ? short(Number(hundredths.toPrecision(2))) : short(Math.round(hundredths));
  return `${text} %`;
}

/** One epoch, 2 epochs. */
const counted = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;

/** 1st, 2nd, 3rd, and so on. */
function ordinal(number) {
  const last = Math.floor(number / 10) % 10 === 1 ? 0 : number % 10;
  return `${number}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}

/** A number as Python writes it. */
function python(x) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return Object.is(x, -0) ? "-0.0" : "0.0";
  const [, sign, digits, exponent] = /^(-?)([\d.]+)e([+-]\d+)$/.exec(x.toExponential());
  const e = Number(exponent);
  if (e < -4 || e >= 16) return scientific(sign + digits, e);
  const figures = digits.replace(".", "");
  if (e < 0) return `${sign}0.${"0".repeat(-e - 1)}${figures}`;
  const whole = figures.slice(0, e + 1).padEnd(e + 1, "0");
  return `${sign}${whole}.${figures.slice(e + 1) || "0"}`;
}
