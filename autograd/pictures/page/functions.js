/* Functions that JavaScript lacks and the rules call, as `fn.erf`. No derivative stands here: start() is given the
   rules, which Python has written from its own table. */

const SQRT_PI = 1.7724538509055161;

/** exp(-x²), without the error that rounding x² would make for large x. */
function gauss(x) {
  const high = Math.fround(x); // its square is exact
  return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
}

/** The sum of numbers as if computed exactly and rounded once (Shewchuk 1997). */
function exactSum(numbers) {
  const parts = []; // they do not overlap, the smallest first
  let special = 0;
  for (let x of numbers) {
    if (!Number.isFinite(x)) {
      special += x;
      continue;
    }
    let kept = 0;
    for (const part of parts) {
      const [large, small] = Math.abs(x) < Math.abs(part) ? [part, x] : [x, part];
      const sum = large + small;
      const rest = small - (sum - large);
      if (rest !== 0) parts[kept++] = rest;
      x = sum;
    }
    parts.length = kept;
    parts.push(x);
  }
  if (special !== 0) return special; // infinite, or not a number
  let sum = parts.pop() ?? 0;
  while (parts.length) {
    const part = parts.pop();
    const before = sum;
    sum = before + part;
    const rest = part - (sum - before);
    if (rest !== 0) {
      // A tie was rounded to even; what is left of the parts may say that it was none.
      const below = parts.at(-1) ?? 0;
      if (rest > 0 === below > 0 && below !== 0) {
        const twice = 2 * rest;
        if (sum + twice - sum === twice) sum += twice;
      }
      break;
    }
  }
  return sum;
}

const products = (x) => x.slice(0, x.length / 2).map((a, i) => a * x[x.length / 2 + i]);

// biome-ignore lint/correctness/noUnusedVariables: the rules call these functions
const fn = {
  fsum: exactSum,

  dot: (x) => exactSum(products(x)),

  openDot(x) {
    const sum = exactSum(products(x));
    return Number.isFinite(sum) ? sum : products(x).reduce((a, b) => a + b, 0);
  },

  mean(x) {
    const sum = exactSum(x);
    return Number.isFinite(sum) ? sum / x.length : exactSum(x.map((one) => one / x.length));
  },

  largest: (x) => Math.max(...x),

  logsumexp(x) {
    if (x.some(Number.isNaN)) return NaN;
    const largest = Math.max(...x);
    if (!Number.isFinite(largest)) return largest;
    const position = x.indexOf(largest); // the largest term is the 1 of log1p
    const rest = x.filter((_, i) => i !== position).map((one) => Math.exp(one - largest));
    return largest + Math.log1p(exactSum(rest));
  },

  maximum: (a, b) => (a >= b || Number.isNaN(a) ? a : b),

  minimum: (a, b) => (a <= b || Number.isNaN(a) ? a : b),

  /** The remainder of Python, which has the sign of the divisor; that of JavaScript has the sign of the dividend. */
  mod(a, b) {
    const rest = a % b;
    if (rest === 0) return b < 0 ? -0 : 0;
    return rest * Math.sign(b) < 0 ? rest + b : rest;
  },

  floordiv(a, b) {
    const rest = a % b;
    const quotient = (a - rest) / b - (rest * Math.sign(b) < 0 ? 1 : 0);
    const whole = Math.floor(quotient);
    if (quotient === 0) return (a / b) * 0; // with the sign of a / b
    return quotient - whole > 0.5 ? whole + 1 : whole;
  },

  power: (a, b) => (a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) ? 1 : a ** b),

  /** a ** (b - k), also where b - k is rounded. */
  powerBelow(a, b, k) {
    if (b - k + k === b || a === 0 || Math.abs(a) === Infinity || k % 1 > 0 || k < 0) return fn.power(a, b - k);
    let y = fn.power(a, b);
    for (let i = 0; i < k; i++) y /= a;
    return y;
  },

  /** a / hypot(a, b), also where the hypotenuse is too large or too small. */
  unit(a, b) {
    const scale = Math.max(Math.abs(a), Math.abs(b));
    if (scale === Infinity) return a / scale;
    return scale > 0 ? a / scale / Math.hypot(a / scale, b / scale) : NaN;
  },

  /** 1 / cosh(x)², also where the cosine is too large. */
  sech2(x) {
    const e = Math.exp(-Math.abs(x));
    const sech = (2 * e) / (1 + e * e);
    return sech * sech;
  },

  sigmoid(x) {
    if (x >= 0) return 1 / (1 + Math.exp(-x));
    const e = Math.exp(x);
    return e / (1 + e);
  },

  softplus: (x) => (Number.isNaN(x) ? x : Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),

  silu(x) {
    if (x >= 0) return x / (1 + Math.exp(-x));
    const e = Math.exp(0.5 * x);
    return x * e * (e / (1 + e * e));
  },

  gelu: (x) => 0.5 * x * fn.erfc(-x / Math.SQRT2),

  /** The error function: its series in x, whose terms are all of one sign, or what erfc leaves of 1. */
  erf(x) {
    if (Math.abs(x) > 1) return Math.sign(x) * (1 - fn.erfc(Math.abs(x)));
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / SQRT_PI) * gauss(x) * sum;
  },

  /** 1 - erf(x), from its continued fraction where the difference would lose digits (Abramowitz & Stegun 7.1.14). */
  erfc(x) {
    if (Number.isNaN(x)) return x;
    if (x < 0.5) return x < -1 ? 2 - fn.erfc(-x) : 1 - fn.erf(x);
    if (x > 27.3) return 0;
    let fraction = x;
    for (let n = Math.ceil(180 / (x * x)) + 12; n > 0; n--) fraction = x + n / 2 / fraction;
    return gauss(x) / (SQRT_PI * fraction);
  },
};
