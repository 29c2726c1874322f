/* The page of a graph. Four parts: functions that JavaScript lacks, the graph and the chain rule, the plan of steps, and
   the view. No derivative stands here: start() is given the rules, which Python has written from its own table. */

/* ---------------------------------------------------------------------------------------------------- functions --- */

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
    return rest * Math.sign(b) < 0 ? rest + b : rest;
  },

  floordiv(a, b) {
    const rest = a % b;
    const quotient = (a - rest) / b - (rest * Math.sign(b) < 0 ? 1 : 0);
    const whole = Math.floor(quotient);
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

/* ------------------------------------------------------------------------------------------------- numbers as text --- */

/** A number as the page shows it: four significant digits. */
function short(x) {
  if (Number.isNaN(x)) return "undefined";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  let text = Number(x.toPrecision(4)).toString();
  if (/e/.test(text)) text = text.replace("e+", "e");
  return text.replace(/^-/, "−").replace("e-", "e−");
}

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
  if (e < -4 || e >= 16) return `${sign}${digits}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  const figures = digits.replace(".", "");
  if (e < 0) return `${sign}0.${"0".repeat(-e - 1)}${figures}`;
  const whole = figures.slice(0, e + 1).padEnd(e + 1, "0");
  return `${sign}${whole}.${figures.slice(e + 1) || "0"}`;
}

/* ------------------------------------------------------------------------------------------------------- the graph --- */

/** The graph and its numbers: every node's value, and the derivative of every node by each of its operands. */
class Graph {
  constructor(model, rules) {
    this.model = model;
    this.rules = rules;
    this.nodes = model.nodes;
    this.root = this.nodes.length - 1;
    this.original = this.nodes.map((node) => Number(node.data));
    this.given = [...this.original];
    this.children = this.nodes.map(() => []);
    this.nodes.forEach((node, id) => {
      node.id = id;
      node.takes = node.kind !== "constant";
      for (const [k, parent] of (node.parents ?? []).entries()) this.children[parent].push({ child: id, k });
    });
    this.paths = this.countPaths();
    this.compute();
  }

  /** Compute all values and local derivatives from the leaves. A node that has no value keeps `undefined`. */
  compute() {
    this.problem = null;
    this.values = [];
    this.locals = [];
    for (const node of this.nodes) {
      const { id } = node;
      if (!node.parents) this.values[id] = this.given[id];
      else if (node.parents.every((parent) => this.values[parent] !== undefined)) this.apply(node);
    }
    this.gradients = this.problem ? null : this.backward();
  }

  apply(node) {
    const x = node.parents.map((parent) => this.values[parent]);
    const op = this.model.ops[node.op];
    const rule = this.rules[node.op];
    if (rule) {
      const names = node.parents.map((parent) => this.nodes[parent].name);
      const message = this.objection(op, rule, x, names);
      if (message) this.problem ??= { node: node.id, message };
      else {
        this.values[node.id] = rule.forward(x);
        this.locals[node.id] = rule.partials(this.values[node.id], x);
      }
    } else if (x.every((one, k) => Object.is(one, this.original[node.parents[k]]))) {
      this.values[node.id] = this.original[node.id];
      this.locals[node.id] = node.partials.map(Number);
    } else {
      const message =
        `${op.name} is an operation of the author's own, written in Python, which this page cannot run: ` +
        "it is known for the numbers that the page came with, and for no others";
      this.problem ??= { node: node.id, message };
    }
  }

  /** What Python would raise, or nothing. The operands go by these names, where Python's rule says x, or a and b. */
  objection(op, rule, x, names = op.arguments) {
    if (x.some(Number.isNaN)) return "";
    const found = op.arguments
      ? x.flatMap((one, k) => (names[k] ? `${names[k]} = ${python(one)}` : [])).join(", ") || x.map(python).join(", ")
      : `${x.length} operands between ${python(Math.min(...x))} and ${python(Math.max(...x))}`;
    const named = (text) =>
      text.replace(/[A-Za-z_]\w*/g, (word) => {
        const k = op.arguments ? op.arguments.indexOf(word) : -1;
        return k < 0 ? word : names[k] || (x[k] < 0 ? `(${python(x[k])})` : python(x[k]));
      });
    const subject = op.subject === op.call ? named(op.call) : op.subject;
    if (rule.defined && !rule.defined(x)) return `${subject} is defined for ${named(op.domain)}, got ${found}`;
    const y = rule.forward(x);
    if (Number.isNaN(y) && !op.silent && x.every(Number.isFinite)) return `${subject} gives no number for ${found}`;
    if (!Number.isFinite(y) && !op.silent && x.every(Number.isFinite))
      return `${named(op.call)} is too large for a float, got ${found}`;
    return "";
  }

  /** The slopes below and above, where an operation has a kink at one of its operands; else nothing.
   *
   * As the step gets smaller, the difference between them stays at a kink, vanishes where the function is smooth, and
   * grows where it jumps.
   */
  kink(id, k) {
    const rule = this.rules[this.nodes[id].op];
    if (!rule || !this.model.ops[this.nodes[id].op].arguments) return null; // sums of many have none
    const x = this.nodes[id].parents.map((parent) => this.values[parent]);
    const slope = (h) => {
      const moved = x.map((one, i) => (i === k ? one + h : one));
      return rule.defined && !rule.defined(moved) ? NaN : (rule.forward(moved) - this.values[id]) / (moved[k] - x[k]);
    };
    const h = 1e-7 * Math.max(1, Math.abs(x[k]));
    const [far, near] = [h, h / 64].map((step) => slope(step) - slope(-step));
    const [below, above] = [slope(-h), slope(h)].map((one) => Number(one.toPrecision(5)) + 0);
    const least = 1e-3 * Math.max(Math.abs(below), Math.abs(above)) + (1e-6 * Math.abs(this.values[id])) / h / 1e7;
    return Math.abs(near) > least && near / far > 0.5 && near / far < 2 ? [below, above] : null;
  }

  /** The operations with a kink that a node's changes pass on their way to the root. */
  kinksAbove(id) {
    const passed = new Set([id]);
    const found = [];
    for (const node of this.nodes) {
      const used = (node.parents ?? []).map((parent) => passed.has(parent));
      if (!used.includes(true) || !this.paths[node.id]) continue;
      passed.add(node.id);
      if (used.some((on, k) => on && this.kink(node.id, k))) found.push(node.id);
    }
    return found;
  }

  /** The gradient of every node: the chain rule, along every edge once, from the root. */
  backward() {
    const gradients = this.nodes.map(() => 0);
    gradients[this.root] = 1;
    for (let id = this.root; id >= 0; id--) this.handOn(id, gradients);
    return gradients;
  }

  /** Add what a node hands on to the gradients of its operands, or of one of them. */
  handOn(id, gradients, only) {
    (this.nodes[id].parents ?? []).forEach((parent, k) => {
      if (this.nodes[parent].takes && (only === undefined || only === k)) {
        gradients[parent] += gradients[id] * this.locals[id][k];
      }
    });
  }

  /** The root if one leaf had another value; nothing if it would have none. */
  rootWith(leaf, value) {
    const before = this.given[leaf];
    const { problem, values, locals, gradients } = this;
    this.given[leaf] = value;
    this.compute();
    const found = this.values[this.root];
    this.given[leaf] = before;
    Object.assign(this, { problem, values, locals, gradients });
    return found;
  }

  /** How many ways lead from each node to the root, and how many arrows the longest of them has. */
  countPaths() {
    const counts = this.nodes.map(() => 0);
    this.lengths = this.nodes.map(() => 0);
    counts[this.root] = 1;
    for (let id = this.root; id >= 0; id--) {
      for (const parent of this.nodes[id].parents ?? []) {
        counts[parent] += counts[id];
        this.lengths[parent] = Math.max(this.lengths[parent], this.lengths[id] + 1);
      }
    }
    return counts;
  }

  /** All ways from a node to the root, each a list of edges. */
  waysFrom(id) {
    if (id === this.root) return [[]];
    return this.children[id]
      .filter(({ child }) => this.paths[child] > 0)
      .flatMap((edge) => this.waysFrom(edge.child).map((rest) => [edge, ...rest]));
  }
}

/* -------------------------------------------------------------------------------------------------------- the plan --- */

/** Which boxes are open, what stands in which, and the steps that walk through what can be seen. */
class Plan {
  constructor(graph) {
    this.graph = graph;
    this.boxes = graph.model.boxes;
    this.home = [];
    for (const [id, box] of this.boxes.entries()) {
      box.id = id;
      box.outer ??= null;
      for (const [kind, which] of box.items) {
        if (kind === "box") this.boxes[which].outer = id;
        if (kind === "node") this.home[which] = id;
      }
    }
    this.open = new Set([0]);
    this.unfold();
    this.refresh();
  }

  /** Open boxes from the outside to the inside, while the picture stays easy to take in. */
  unfold() {
    const room = 26;
    const count = (id) => this.boxes[id].items.filter(([kind]) => kind === "node" || kind === "box").length;
    const computes = (id) =>
      this.boxes[id].items.some(
        ([kind, which]) => kind === "box" || (kind === "node" && this.graph.nodes[which].parents),
      );
    let shown = count(0);
    const waiting = [0];
    while (waiting.length) {
      for (const [kind, which] of this.boxes[waiting.shift()].items) {
        if (kind === "box" && this.boxes[which].count === 1 && computes(which) && shown + count(which) - 1 <= room) {
          shown += count(which) - 1;
          this.open.add(which);
          waiting.push(which);
        }
      }
    }
  }

  /** What is seen of a node: "n3", or "b2" where the closed box 2 hides it. */
  shownAs(id) {
    let key = `n${id}`;
    for (let box = this.home[id]; box !== null; box = this.boxes[box].outer) {
      if (!this.open.has(box)) key = `b${box}`;
    }
    return key;
  }

  refresh() {
    const { graph } = this;
    this.shown = graph.nodes.map((node) => this.shownAs(node.id));
    this.units = this.arrange();
    const steps = [{ kind: "start" }];
    for (const unit of this.units) {
      if (unit.nodes.every((id) => graph.values[id] !== undefined)) steps.push({ kind: "forward", unit });
    }
    if (graph.problem) steps.push({ kind: "problem" });
    else {
      steps.push({ kind: "seed" });
      for (const unit of [...this.units].reverse()) {
        if (unit.key[0] === "b") steps.push({ kind: "backward", unit, node: unit.nodes.at(-1) });
        else {
          const id = unit.nodes[0];
          graph.nodes[id].parents.forEach((parent, k) => {
            if (graph.nodes[parent].takes) steps.push({ kind: "backward", unit, node: id, k, parent });
          });
        }
      }
      steps.push({ kind: "done" });
    }
    this.steps = steps;
    this.split = steps.filter((step) => step.kind === "start" || step.kind === "forward").length;
  }

  /** The computed nodes in an order in which each comes after its operands, those in one closed box together. */
  arrange() {
    const { nodes } = this.graph;
    const members = new Map();
    for (const node of nodes) {
      if (!node.parents) continue;
      const key = this.shown[node.id];
      if (!members.has(key)) members.set(key, []);
      members.get(key).push(node.id);
    }
    const done = new Set(nodes.filter((node) => !node.parents).map((node) => node.id));
    const units = [];
    const pending = [...members.entries()].map(([key, ids]) => ({ key, ids: new Set(ids) }));
    const ready = (id, key) => nodes[id].parents.every((p) => done.has(p) || this.shown[p] === key);
    while (pending.length) {
      let which = pending.findIndex(({ key, ids }) => [...ids].every((id) => ready(id, key)));
      let taken;
      if (which >= 0) taken = [...pending[which].ids];
      else {
        // Boxes that need each other: as far as one of them comes now, the rest of it later.
        which = pending.findIndex(({ ids }) => [...ids].some((id) => nodes[id].parents.every((p) => done.has(p))));
        taken = [];
        for (const id of pending[which].ids) {
          if (nodes[id].parents.every((p) => done.has(p) || taken.includes(p))) taken.push(id);
        }
      }
      for (const id of taken) {
        done.add(id);
        pending[which].ids.delete(id);
      }
      units.push({ key: pending[which].key, nodes: taken });
      if (!pending[which].ids.size) pending.splice(which, 1);
    }
    return units;
  }

  /** What is known after a step: which values, the gradients so far, and which contributions have arrived. */
  state(position) {
    const { graph } = this;
    const known = graph.nodes.map((node) => !node.parents);
    const gradients = graph.nodes.map(() => 0);
    const arrived = new Set(); // "child/operand"
    const reached = new Set();
    const hand = (id, only) => {
      graph.handOn(id, gradients, only);
      graph.nodes[id].parents.forEach((parent, k) => {
        if ((only === undefined || only === k) && graph.nodes[parent].takes) {
          arrived.add(`${id}/${k}`);
          reached.add(parent);
        }
      });
    };
    for (const step of this.steps.slice(0, position + 1)) {
      if (step.kind === "forward") for (const id of step.unit.nodes) known[id] = true;
      if (step.kind === "seed") {
        gradients[graph.root] = 1;
        reached.add(graph.root);
      }
      if (step.kind === "backward") {
        if (step.k !== undefined) hand(step.node, step.k);
        else for (const id of [...step.unit.nodes].reverse()) hand(id);
      }
    }
    return { known, gradients, arrived, reached };
  }

  /** Whether all contributions to a node's gradient have arrived. */
  complete(id, state) {
    if (!state.reached.has(id)) return false;
    return this.graph.children[id].every(({ child, k }) => state.arrived.has(`${child}/${k}`));
  }
}

/* ------------------------------------------------------------------------------------------------------ the layout --- */

const MARGIN = { side: 14, top: 30, bottom: 12, gutter: 8 };
const ADJACENT = 80; // so far apart, at most, are neighbouring columns

/** A map of one axis that stretches some intervals, and moves what lies beyond. */
function stretch(intervals) {
  const ends = [...new Set(intervals.map(([from]) => from).concat(intervals.map(([, to]) => to)))].sort(
    (a, b) => a - b,
  );
  const pieces = [];
  let moved = 0;
  for (let i = 0; i + 1 < ends.length; i++) {
    const [from, to] = [ends[i], ends[i + 1]];
    const factor = Math.max(
      1,
      ...intervals.filter(([a, b]) => a <= from && to <= b).map(([a, b, size]) => size / (b - a)),
    );
    pieces.push({ from, to, factor, start: from + moved });
    moved += (to - from) * (factor - 1);
  }
  return (x) => {
    const piece = pieces.findLast(({ from }) => from <= x);
    if (!piece) return x;
    const { to, factor, from, start } = piece;
    return start + (Math.min(x, to) - from) * factor + Math.max(0, x - to);
  };
}

/** Place the inside of an open box, and the boxes that are open in it; everything relative to its corner. */
function arrangeBox(plan, id) {
  const box = plan.boxes[id];
  const layout = plan.graph.model.layouts[box.layout];
  const inner = box.items.map(([kind, which]) =>
    kind === "box" && plan.open.has(which) ? arrangeBox(plan, which) : null,
  );
  const across = [];
  const down = [];
  inner.forEach((child, i) => {
    if (!child) return;
    const [x, y, w, h] = layout.places[i];
    across.push([x, x + w, child.width]);
    down.push([y, y + h, child.height]);
  });
  const fx = stretch(across);
  const fy = stretch(down);
  const outermost = box.outer === null;
  const enters = box.items.some(([kind]) => kind === "in");
  const leaves = box.items.some(([kind]) => kind === "out");
  const left = outermost ? MARGIN.side : enters ? MARGIN.gutter : MARGIN.side;
  const right = outermost ? MARGIN.side : leaves ? MARGIN.gutter : MARGIN.side;
  const top = outermost ? MARGIN.bottom : MARGIN.top;
  const width = fx(layout.width) + left + right;
  const height = fy(layout.height) + top + MARGIN.bottom;
  const places = layout.places.map(([x, y, w, h], i) => {
    const [nw, nh] = inner[i] ? [inner[i].width, inner[i].height] : [w, h];
    return [(fx(x) + fx(x + w) - nw) / 2 + left, (fy(y) + fy(y + h) - nh) / 2 + top, nw, nh];
  });
  const curves = layout.curves.map((points, i) => {
    const [tail, head] = box.lines[i];
    const [tx, , tw] = layout.places[tail];
    const [hx] = layout.places[head];
    const [from, to] = [0, 1].map((end) => landing(plan, box, places, inner, i, end));
    const twins = box.lines.filter(([a, b]) => a === tail && b === head).length > 1 && box.items[head][0] === "node";
    if (hx > tx + tw && hx - tx - tw < ADJACENT && !twins) return bend(from, fx(tx + tw) + left, fx(hx) + left, to);
    const moved = points.map((number, k) => (k % 2 ? fy(number) + top : fx(number) + left));
    pull(moved, 0, 2, from);
    pull(moved, points.length - 2, points.length - 4, to);
    return moved;
  });
  return { id, width, height, places, curves, inner };
}

/** A line between neighbouring columns: straight within each of them, and bent between x0 and x1. */
function bend([x, y], x0, x1, [u, v]) {
  const middle = (x0 + x1) / 2;
  const straight = (a, b, height) => [a + (b - a) / 3, height, a + (2 * (b - a)) / 3, height, b, height];
  return [x, y, ...straight(x, x0, y), middle, y, middle, v, x1, v, ...straight(x1, u, v)];
}

/** Move an end of a curve to a place, and with it the point that gives the direction there. */
function pull(curve, end, next, [x, y]) {
  const [dx, dy] = [x - curve[end], y - curve[end + 1]];
  for (const at of [end, next]) {
    curve[at] += dx;
    curve[at + 1] += dy;
  }
}

/** Where a line begins (end 0) or ends (end 1): in the middle of a card's side; at a box, beside its port within. */
function landing(plan, box, places, inner, number, end) {
  const which = box.lines[number][end];
  const [kind, id] = box.items[which];
  const [x, y, w, h] = places[which];
  const side = end ? x : x + w;
  if (kind !== "box") return [kind === "node" ? side : x + w / 2, y + h / 2];
  const within = plan.boxes[id];
  const yards = inner[which]?.places ?? plan.graph.model.layouts[within.layout].places;
  const height = (line) => {
    const found = within.items.flatMap(([port, nodes], k) =>
      port === (end ? "in" : "out") && nodes.some((node) => line[2].includes(node))
        ? [yards[k][1] + yards[k][3] / 2]
        : [],
    );
    return found.reduce((sum, one) => sum + one, 0) / Math.max(found.length, 1);
  };
  const line = box.lines[number];
  if (inner[which]) return [side, y + height(line)];
  const beside = box.lines
    .filter((one) => one[end] === which)
    .map((one) => [height(one), one])
    .sort((a, b) => a[0] - b[0]);
  const rank = beside.findIndex(([, one]) => one === line);
  return [side, y + h / 2 + (rank - (beside.length - 1) / 2) * Math.min(10, (h - 20) / beside.length)];
}

/** Everything that is seen, in one system of coordinates: frames of open boxes, items, and lines. */
function arrangeAll(plan) {
  const frames = [];
  const items = [];
  const lines = [];
  const put = (arranged, x0, y0) => {
    const box = plan.boxes[arranged.id];
    const ends = []; // where lines cross the border of each open box in this one
    box.items.forEach(([kind, which], i) => {
      const [x, y, w, h] = arranged.places[i];
      const place = { x: x + x0, y: y + y0, w, h };
      if (arranged.inner[i]) {
        frames.push({ box: which, ...place });
        ends[i] = put(arranged.inner[i], place.x, place.y);
      } else if (kind === "node") items.push({ key: `n${which}`, node: which, ...place });
      else if (kind === "box") items.push({ key: `b${which}`, box: which, ...place });
    });
    const ports = { in: [], out: [] };
    box.items.forEach(([kind, nodes], i) => {
      if (kind === "in" || kind === "out") {
        const [x, y] = arranged.places[i];
        ports[kind].push({ nodes: new Set(nodes), x: x + x0 + 1, y: y + y0 + 1 });
      }
    });
    box.lines.forEach(([tail, head, nodes], i) => {
      const points = arranged.curves[i].map((number, k) => number + (k % 2 ? y0 : x0));
      lines.push({
        points,
        nodes,
        tail: ref(box, tail),
        head: ref(box, head),
        opened: [Boolean(ends[tail]), Boolean(ends[head])],
        bus: nodes.length > 1,
      });
      const sides = [
        [ends[tail]?.out, points.slice(0, 2), "out"],
        [ends[head]?.in, points.slice(-2), "in"],
      ];
      for (const [openPorts, [bx, by], side] of sides) {
        for (const port of openPorts ?? []) {
          const carried = nodes.filter((node) => port.nodes.has(node));
          if (!carried.length) continue;
          const [a, b] =
            side === "in"
              ? [
                  [bx, by],
                  [port.x, port.y],
                ]
              : [
                  [port.x, port.y],
                  [bx, by],
                ];
          const middle = (a[0] + b[0]) / 2;
          const curve = [...a, middle, a[1], middle, b[1], ...b];
          lines.push({
            points: curve,
            nodes: carried,
            inside: side === "in" ? box.items[head][1] : box.items[tail][1],
            bus: carried.length > 1,
          });
        }
      }
    });
    return ports;
  };
  const ref = (box, i) =>
    box.items[i][0] === "node" ? `n${box.items[i][1]}` : box.items[i][0] === "box" ? `b${box.items[i][1]}` : "";
  const whole = arrangeBox(plan, 0);
  put(whole, 0, 0);
  return { width: whole.width, height: whole.height, frames, items, lines };
}

/* -------------------------------------------------------------------------------------------------------- the view --- */

const $ = (id) => document.getElementById(id);

/** Make an element; what is given as text is text, whatever is in it. */
function make(tag, attributes = {}, ...content) {
  const svg = SVG_TAGS.has(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined && value !== null)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...content.flat(Infinity).filter((part) => part !== null && part !== undefined && part !== ""));
  return element;
}

const SVG_TAGS = new Set(["svg", "g", "rect", "path", "text", "tspan", "title", "circle"]);

class View {
  constructor(graph, plan) {
    this.graph = graph;
    this.plan = plan;
    this.position = 0;
    this.wanted = 0; // the step to come back to when a problem is solved
    this.chosen = null;
    this.playing = null;
    this.scale = 1;
    this.fitted = true;
    this.elements = new Map();
    this.current = null; // the item that arrow keys start from
    this.good = [...graph.given];
    this.title();
    this.listen();
    this.inputs();
    this.arrange();
    this.fit();
    this.render();
  }

  /* Words and formulas. */

  name(id) {
    const { name } = this.graph.nodes[id];
    return name || short(this.graph.values[id] ?? this.graph.given[id]);
  }

  /** The name of a node as an element that stands apart from text of another direction. */
  named(id) {
    return make("bdi", { class: `name ${this.kind(id)}` }, this.name(id));
  }

  kind(id) {
    return id === this.graph.root ? "root" : this.graph.nodes[id].kind;
  }

  /** d root / d node: the derivative along all ways from the node to the root. */
  total(id) {
    return make("span", { class: "partial" }, "d", this.named(this.graph.root), "/d", this.named(id));
  }

  /** ∂ child / ∂ operand: the derivative along one arrow. Which one, is said where several come from the same node. */
  local(child, k) {
    const { parents } = this.graph.nodes[child];
    const by = this.named(parents[k]);
    const place = parents.slice(0, k + 1).filter((parent) => parent === parents[k]).length;
    const several = parents.filter((parent) => parent === parents[k]).length > 1;
    const bottom = several ? [`(${ordinal(place)} `, by, ")"] : by;
    return make("span", { class: "partial" }, "∂", this.named(child), "/∂", bottom);
  }

  /** What a number does while another rises, by its derivative. */
  rate(derivative) {
    const size = Number(Math.abs(derivative).toPrecision(4));
    if (Number.isNaN(size)) return "changes in a way that no number says";
    if (size === 0) return "does not change";
    const times = { 1: "just as", 2: "twice as", Infinity: "infinitely" }[size] ?? [this.number(size), " times as"];
    return [derivative > 0 ? "rises " : "falls ", times, " fast"];
  }

  value(id) {
    return this.graph.values[id];
  }

  /** A formula of a node's operation, with names or with numbers in it. */
  formula(pieces, id, numbers) {
    const { parents } = this.graph.nodes[id];
    let parts = pieces;
    if (parts.length > 16) parts = [...parts.slice(0, 8), parts[7] === " + " ? "… + " : " … ", ...parts.slice(-3)];
    return parts.map((piece, i) => {
      if (typeof piece === "string" && piece !== "y") return piece;
      const which = piece === "y" ? id : parents[piece];
      if (!numbers && this.graph.nodes[which].name) return this.named(which);
      const before = parts[i - 1] ?? "";
      const after = parts[i + 1] ?? "";
      const bare = (i === 0 && !/^[\^⁰-⁹⁻²³¹]/.test(after)) || /[(,] ?$/.test(before);
      return this.number(this.value(which), !bare);
    });
  }

  /** A number in a formula; a negative one in parentheses where it follows an operator. */
  number(x, enclosed = false) {
    const text = short(x);
    return make("span", { class: "number" }, enclosed && text.startsWith("−") ? `(${text})` : text);
  }

  title() {
    const { title, formula } = this.graph.model;
    $("formula").append(make("bdi", {}, title), ...(formula ? [" = ", make("bdi", { dir: "ltr" }, formula)] : []));
    $("purpose").append(
      "How much does ",
      make("bdi", { class: "name root" }, title),
      " change when one number changes? Walk through the graph, and see where every gradient comes from.",
    );
  }

  /* The picture. */

  arrange() {
    const arranged = arrangeAll(this.plan);
    this.arranged = arranged;
    $("picture").setAttribute("viewBox", `0 0 ${arranged.width} ${arranged.height}`);
    const seen = new Set();
    for (const frame of arranged.frames) {
      const key = `f${frame.box}`;
      seen.add(key);
      if (!this.elements.has(key)) this.elements.set(key, this.drawFrame(frame));
      const element = this.elements.get(key);
      this.place(element, frame);
      element.firstChild.setAttribute("width", frame.w);
      element.firstChild.setAttribute("height", frame.h);
      $("frames").append(element);
    }
    // In the order in which one reads, for screen readers; what is in its place already stays, and can glide.
    let next = $("items").firstElementChild;
    for (const item of arranged.items.sort((a, b) => a.x - b.x || a.y - b.y)) {
      seen.add(item.key);
      if (!this.elements.has(item.key))
        this.elements.set(item.key, item.box === undefined ? this.drawNode(item) : this.drawBox(item));
      const element = this.elements.get(item.key);
      this.place(element, item);
      if (element === next) next = next.nextElementSibling;
      else $("items").insertBefore(element, next);
    }
    for (const [key, element] of this.elements) {
      if (!seen.has(key)) {
        element.remove();
        this.elements.delete(key);
      }
    }
    $("lines").replaceChildren();
    for (const line of arranged.lines) {
      const [x, y, ...rest] = line.points.map((number) => Math.round(number * 10) / 10);
      const arrow = line.head && !line.opened[1];
      const origin = line.tail && !line.opened[0];
      line.element = make("path", {
        class: `line${line.bus ? " bus" : ""}${arrow ? " arrow" : ""}${origin ? " origin" : ""}`,
        d: `M${x} ${y}C${rest.join(" ")}`,
      });
      $("lines").append(line.element);
    }
    this.order();
    this.resize();
  }

  place(element, { x, y }) {
    element.style.transform = `translate(${x}px, ${y}px)`;
  }

  drawFrame(frame) {
    const box = this.plan.boxes[frame.box];
    const toggle = () => this.toggle(frame.box);
    const title = this.boxTitle(box);
    return make(
      "g",
      { class: "frame" },
      make("rect", { rx: 12 }),
      make(
        "g",
        {
          class: "fold",
          role: "button",
          tabindex: -1,
          "data-key": `f${frame.box}`,
          "aria-expanded": "true",
          "aria-label": `${title}, open box; Enter closes it`,
          onclick: toggle,
        },
        make("rect", { class: "hit", x: 4, y: 3, width: Math.max(44, 30 + title.length * 8), height: 24, rx: 6 }),
        make("text", { x: 12, y: 19 }, `▾ ${title}`),
      ),
    );
  }

  boxTitle(box) {
    return box.title + (box.count > 1 ? ` ×${box.count}` : "");
  }

  /** All nodes in a box and in the boxes inside it. */
  contents(id) {
    return this.plan.boxes[id].items.flatMap(([kind, which]) =>
      kind === "node" ? [which] : kind === "box" ? this.contents(which) : [],
    );
  }

  drawBox(item) {
    const box = this.plan.boxes[item.box];
    const sheets =
      box.count > 1
        ? [6, 3].map((d) => make("rect", { class: "sheet", x: d, y: -d, width: item.w, height: item.h, rx: 10 }))
        : [];
    return make(
      "g",
      {
        class: "item box",
        role: "button",
        tabindex: -1,
        "data-key": item.key,
        "aria-expanded": "false",
        "aria-label": `${this.boxTitle(box)}, closed box of ${box.about}; Enter opens it`,
        onclick: () => this.toggle(item.box),
      },
      sheets,
      make("rect", { class: "card", width: item.w, height: item.h, rx: 10 }),
      make("text", { class: "title", x: 14, y: 26 }, `▸ ${this.boxTitle(box)}`),
      make("text", { class: "about", x: 14, y: 46 }, box.about),
    );
  }

  drawNode(item) {
    const node = this.graph.nodes[item.node];
    const [badge, pill] = node.badge ?? ["", 0];
    const x = pill / 2; // the badge straddles the left border
    const inset = node.parents ? pill + 8 : 13;
    const element = make(
      "g",
      {
        class: `item node ${this.kind(item.node)}`,
        role: "button",
        tabindex: -1,
        "data-key": item.key,
        onclick: () => element.dragged || this.choose(item.node),
      },
      make("rect", { class: "card", x, width: item.w - x, height: item.h, rx: 9 }),
    );
    if (node.parents) {
      element.append(
        make(
          "g",
          { class: "pill" },
          make("rect", { y: item.h / 2 - 14, width: pill, height: 28, rx: 14 }),
          make("text", { x: x, y: item.h / 2 + 5 }, badge),
        ),
      );
    }
    const bare = node.kind === "constant" && !node.name;
    if (!bare) {
      const letters = [...node.name];
      element.append(
        make(
          "text",
          { class: "name", x: inset, y: 18 },
          letters.length > 24 ? `${letters.slice(0, 23).join("")}…` : node.name,
        ),
      );
      if (letters.length > 24) element.append(make("title", {}, node.name));
    }
    const line = (cls, caption, y) => {
      const text = make("text", { class: cls, x: inset, y });
      if (caption) text.append(make("tspan", { class: "caption" }, `${caption} `));
      text.append(make("tspan", { class: "figure" }));
      element.append(text);
      return text.lastChild;
    };
    element.dataText = bare ? line("data", "", 21) : line("data", node.kind === "constant" ? "" : "data", 36);
    element.gradText = node.takes ? line("grad", "grad", 53) : null;
    if (!node.parents) this.drag(element, item.node);
    return element;
  }

  /** Change a leaf by dragging its card sideways. */
  drag(element, id) {
    let from = null;
    element.classList.add("draggable");
    element.addEventListener("pointerdown", (event) => {
      element.dragged = false;
      if (event.button === 0) from = { x: event.clientX, value: this.graph.given[id], moved: false };
    });
    element.addEventListener("pointermove", (event) => {
      if (!from) return;
      const distance = event.clientX - from.x;
      if (!from.moved && Math.abs(distance) < 4) return;
      if (!from.moved) element.setPointerCapture(event.pointerId);
      from.moved = true;
      const unit = this.unit(from.value);
      this.assign(id, Number((from.value + Math.round(distance / 3) * unit).toPrecision(12)));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, () => {
        element.dragged = Boolean(from?.moved); // then the click that follows is none
        if (element.dragged) this.choose(id, true);
        from = null;
      });
    }
  }

  /** A fiftieth of a number's size, rounded to 1, 2 or 5: by so much a drag changes it. */
  unit(value) {
    const size = Math.max(Math.abs(value), 0.5) / 50;
    const power = 10 ** Math.floor(Math.log10(size));
    const lead = size / power;
    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
  }

  order() {
    // One stop for the Tab key: the current item. Arrow keys move on from there.
    const keys = [...document.querySelectorAll("#picture [data-key]")];
    const current =
      keys.find((element) => element.dataset.key === this.current) ??
      keys.find((element) => element.dataset.key === this.plan.shown[this.graph.root]) ??
      keys[0];
    for (const element of keys) element.setAttribute("tabindex", element === current ? 0 : -1);
  }

  toggle(box) {
    const before = this.plan.steps[this.position];
    const key = this.plan.open.has(box) ? `b${box}` : `f${box}`;
    const focused = document.activeElement?.closest?.("#picture [data-key]");
    if (this.plan.open.has(box)) this.plan.open.delete(box);
    else this.plan.open.add(box);
    this.plan.refresh();
    this.current = key;
    this.arrange();
    if (this.fitted) this.fit();
    this.position = this.wanted = this.same(before);
    this.render();
    if (focused) document.querySelector(`#picture [data-key="${key}"]`)?.focus();
    const frame =
      this.arranged.frames.find((one) => one.box === box) ?? this.arranged.items.find((one) => one.box === box);
    if (frame) this.reveal(frame);
  }

  /** The step after folding that stands where another stood before. */
  same(step) {
    const { steps } = this.plan;
    const ids = new Set(step.unit?.nodes ?? []);
    const found = steps.findLastIndex((one) => {
      if (one.kind !== step.kind) return false;
      if (!step.unit) return true;
      if (step.k !== undefined && one.k !== undefined) return one.node === step.node && one.k === step.k;
      return one.unit.nodes.some((id) => ids.has(id));
    });
    return found >= 0 ? found : Math.min(this.position, steps.length - 1);
  }

  /* Size of the picture. */

  resize() {
    const { width, height } = this.arranged;
    $("picture").style.width = `${Math.round(width * this.scale)}px`;
    $("picture").style.height = `${Math.round(height * this.scale)}px`;
  }

  /** Choose a size that shows the whole graph, but none smaller than the least. */
  fit(least = 0.75) {
    const { width, height } = this.arranged;
    const { clientWidth, clientHeight } = $("scroller");
    this.scale = Math.max(least, Math.min(1.5, (clientWidth - 8) / width, Math.max(clientHeight, 200) / height));
    this.fitted = true;
    this.resize();
  }

  zoom(factor) {
    this.scale = Math.max(0.25, Math.min(4, this.scale * factor));
    this.fitted = false;
    this.resize();
  }

  /** Scroll so that a place of the picture is seen. */
  reveal({ x, y, w, h }) {
    const frame = $("scroller");
    const s = this.scale;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const shift = (from, size, at, extent) => {
      if (from >= at + 12 && from + size <= at + extent - 12) return at;
      return size > extent ? from - 24 : from + size / 2 - extent / 2;
    };
    frame.scrollTo({
      left: shift(x * s, w * s, frame.scrollLeft, frame.clientWidth),
      top: shift(y * s, h * s, frame.scrollTop, frame.clientHeight),
      behavior: calm ? "instant" : "smooth",
    });
  }

  /* Changing numbers. */

  assign(id, value) {
    if (!Number.isFinite(value)) return;
    this.graph.given[id] = value;
    this.recompute();
  }

  restore(given) {
    this.graph.given = [...given];
    this.recompute();
  }

  recompute() {
    this.graph.compute();
    if (!this.graph.problem) this.good = [...this.graph.given];
    this.plan.refresh();
    this.position = Math.min(this.wanted, this.plan.steps.length - 1);
    this.render();
  }

  /** The leaves that are listed beside the graph, where they are few. */
  inputs() {
    const leaves = this.graph.nodes.filter((node) => node.kind === "leaf");
    this.fields = new Map();
    const few = leaves.length <= 12;
    $("inputs").replaceChildren(
      make("h2", {}, "Change the numbers"),
      ...(few
        ? leaves.map((node) => this.field(node.id))
        : [
            make(
              "p",
              { class: "quiet" },
              `Choose one of the ${leaves.length} green numbers in the graph, or drag it sideways.`,
            ),
          ]),
      make(
        "p",
        { class: "buttons" },
        make(
          "button",
          { id: "reset", type: "button", onclick: () => this.restore(this.graph.original) },
          "Reset all numbers",
        ),
      ),
    );
  }

  field(id) {
    const { name } = this.graph.nodes[id];
    const label = name || short(this.graph.original[id]);
    const original = this.graph.original[id];
    const span = Number.isFinite(original) ? Math.max(2, 2 * Math.abs(original)) : 10;
    const middle = Number.isFinite(original) ? original : 0;
    const change = (event) => {
      if (event.target.value.trim() !== "" && event.target.validity.valid) this.assign(id, Number(event.target.value));
    };
    const slide = make("input", {
      type: "range",
      min: middle - span,
      max: middle + span,
      step: "any",
      "aria-label": `Slide ${label}`,
      oninput: (event) => this.assign(id, Number(Number(event.target.value).toPrecision(3))),
      onkeydown: (event) => {
        const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
        if (!way) return;
        event.preventDefault();
        this.assign(id, Number((this.graph.given[id] + way * this.unit(original)).toPrecision(12)));
      },
    });
    const text = make("input", {
      type: "number",
      step: "any",
      "aria-label": `Value of ${label}`,
      oninput: change,
      onchange: (event) => {
        event.target.value = Number(this.graph.given[id].toPrecision(12)); // what is no number is not kept
      },
      onfocus: () => {
        this.choose(id, true);
        this.typed = true;
      },
    });
    const row = make(
      "div",
      { class: "field", "data-node": id },
      make("bdi", { class: `name ${this.kind(id)}` }, label),
      slide,
      text,
    );
    const fields = this.fields.get(id) ?? [];
    this.fields.set(id, [...fields, { row, slide, text }]);
    return row;
  }

  /* Rendering a step. */

  go(position) {
    this.position = this.wanted = Math.max(0, Math.min(position, this.plan.steps.length - 1));
    this.render(true);
  }

  play() {
    if (this.playing) {
      clearTimeout(this.playing);
      this.playing = null;
    } else {
      if (this.position >= this.plan.steps.length - 1) this.go(0);
      const tick = () => {
        if (this.position >= this.plan.steps.length - 1) {
          this.playing = null;
          this.render();
          return;
        }
        this.go(this.position + 1);
        this.playing = setTimeout(tick, 1600 / Number($("speed").value));
      };
      this.playing = setTimeout(tick, 250);
    }
    this.render();
  }

  stop() {
    clearTimeout(this.playing);
    this.playing = null;
  }

  render(moved = false) {
    const { plan, graph } = this;
    const step = plan.steps[this.position];
    const state = plan.state(this.position);
    this.state = state;
    document.body.classList.toggle("playing", this.playing !== null);
    $("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
    document.body.dataset.phase = { start: "start", forward: "forward", problem: "forward" }[step.kind] ?? "backward";
    this.renderNodes(step, state);
    this.renderLines(step, state);
    this.renderStory(step, state);
    this.renderTransport(step);
    this.renderProblem();
    this.renderFields();
    this.renderDetails();
    if (moved) {
      const key = step.unit?.key ?? (step.kind === "seed" || step.kind === "done" ? plan.shown[graph.root] : null);
      const item = this.arranged.items.find((one) => one.key === key);
      if (item) this.reveal(item);
      else if (step.kind === "start") this.reveal({ x: 0, y: this.arranged.height / 2, w: 0, h: 0 });
    }
  }

  renderNodes(step, state) {
    const { graph, plan } = this;
    const active = step.unit?.key ?? (step.kind === "seed" ? plan.shown[graph.root] : null);
    const receiving = new Set();
    if (step.kind === "backward") {
      const targets = step.k !== undefined ? [step.parent] : step.unit.nodes.flatMap((id) => graph.nodes[id].parents);
      for (const id of targets) if (graph.nodes[id].takes) receiving.add(plan.shown[id]);
      receiving.delete(active);
    }
    const failed = graph.problem ? plan.shown[graph.problem.node] : null;
    for (const item of this.arranged.items) {
      const element = this.elements.get(item.key);
      const flags = {
        active: item.key === active,
        receiving: receiving.has(item.key),
        failed: item.key === failed,
        chosen: item.node !== undefined && item.node === this.chosen,
      };
      if (item.node === undefined) {
        const inside = this.contents(item.box).filter((id) => graph.nodes[id].parents);
        flags.known = inside.length > 0 && inside.every((id) => state.known[id]);
        flags.done =
          flags.known &&
          state.reached.size > 0 &&
          inside.every((id) =>
            graph.nodes[id].parents.every((p, k) => !graph.nodes[p].takes || state.arrived.has(`${id}/${k}`)),
          );
      } else {
        const node = graph.nodes[item.node];
        const value = graph.values[item.node];
        const known = state.known[item.node] && value !== undefined;
        flags.known = known;
        const text = known ? short(value) : value === undefined && graph.problem ? "—" : "?";
        if (element.dataText.textContent !== text) element.dataText.textContent = text;
        let spoken = "";
        if (element.gradText) {
          const reached = state.reached.has(item.node);
          flags.done = plan.complete(item.node, state);
          flags.partly = reached && !flags.done;
          flags.positive = reached && state.gradients[item.node] > 0;
          flags.negative = reached && state.gradients[item.node] < 0;
          const grad = reached ? short(state.gradients[item.node]) + (flags.partly ? " + …" : "") : "not yet";
          if (element.gradText.textContent !== grad) element.gradText.textContent = grad;
          flags.waiting = !reached;
          spoken = `, gradient ${grad}`;
        }
        const made = node.parents
          ? `computed by ${graph.model.ops[node.op].name}`
          : node.kind === "leaf"
            ? "given number"
            : "constant";
        element.setAttribute(
          "aria-label",
          `${node.name || "number"}, ${made}, data ${known ? short(value) : "not known yet"}${spoken}`,
        );
      }
      for (const [name, on] of Object.entries(flags)) element.classList.toggle(name, Boolean(on));
    }
  }

  /** The edges that a step runs along, each a parent and a child. */
  edgesOf(step) {
    const { nodes } = this.graph;
    if (step.kind === "forward") return step.unit.nodes.flatMap((id) => nodes[id].parents.map((p) => [p, id]));
    if (step.kind !== "backward") return [];
    if (step.k !== undefined) return [[step.parent, step.node]];
    return step.unit.nodes.flatMap((id) => nodes[id].parents.filter((p) => nodes[p].takes).map((p) => [p, id]));
  }

  renderLines(step) {
    const { graph } = this;
    const edges = this.edgesOf(step);
    const kind = step.kind === "forward" ? "forward" : "backward";
    this.mark(edges, kind);
    $("notes").replaceChildren();
    if (step.kind === "backward" && step.k !== undefined) {
      // An operand that is used twice has two lines: one for each step.
      const twins = this.arranged.lines.filter((one) => one.tail === `n${step.parent}` && one.head === `n${step.node}`);
      const which = graph.nodes[step.node].parents.slice(0, step.k).filter((parent) => parent === step.parent).length;
      for (const [i, twin] of twins.entries()) twin.element.classList.toggle("backward", i === which);
      const line = this.arranged.lines.find((one) => one.element.classList.contains("backward") && !one.bus);
      if (line) this.note(line, `× ${short(graph.locals[step.node][step.k])}`);
    }
  }

  /** Mark the lines that carry these edges. */
  mark(edges, kind) {
    const heads = new Map();
    for (const [parent, child] of edges) heads.set(parent, [...(heads.get(parent) ?? []), child]);
    for (const line of this.arranged.lines) {
      const on = line.nodes.some((parent) => heads.get(parent)?.some((child) => this.carries(line, parent, child)));
      line.element.classList.toggle("forward", on && kind === "forward");
      line.element.classList.toggle("backward", on && kind === "backward");
    }
  }

  carries(line, parent, child) {
    const { plan } = this;
    const within = (key, id) => {
      if (key === "") return true;
      if (key[0] === "n") return Number(key.slice(1)) === id;
      for (let box = plan.home[id]; box !== null; box = plan.boxes[box].outer)
        if (box === Number(key.slice(1))) return true;
      return false;
    };
    if (line.inside !== undefined) {
      return within(`b${line.inside}`, child) !== within(`b${line.inside}`, parent);
    }
    return within(line.head, child) && within(line.tail, parent) && !(line.tail[0] === "b" && line.tail === line.head);
  }

  note(line, text) {
    const p = line.points;
    const k = Math.floor((p.length - 2) / 12) * 6; // the piece in the middle
    const at = (axis) => (p[k + axis] + 3 * p[k + 2 + axis] + 3 * p[k + 4 + axis] + p[k + 6 + axis]) / 8;
    const width = text.length * 8 + 14;
    // Beside the line rather than on it, on the side where the cards at its ends are not.
    const rise = Math.sign(Math.round((p[k + 7] - p[k + 1]) / 8));
    const [x, y] = [at(0) + Math.abs(rise) * (width / 2 + 2), at(1) + (rise > 0 ? -14 : rise < 0 ? 14 : -20)];
    $("notes").append(
      make(
        "g",
        { class: "note" },
        make("rect", { x: x - width / 2, y: y - 12, width, height: 24, rx: 12 }),
        make("text", { x, y: y + 5 }, text),
      ),
    );
  }

  renderTransport(step) {
    const { steps, split } = this.plan;
    const last = steps.length - 1;
    $("slider").max = last;
    $("slider").value = this.position;
    $("slider").setAttribute(
      "aria-valuetext",
      `step ${this.position} of ${last}, ${step.kind === "backward" || step.kind === "seed" ? "backward" : step.kind === "done" ? "done" : "forward"}`,
    );
    const share = `${(100 * Math.max(split - 1, 0)) / Math.max(last, 1)}%`;
    $("track").style.setProperty("--split", share);
    $("first").disabled = $("back").disabled = this.position === 0;
    $("last").disabled = $("next").disabled = this.position === last;
  }

  renderProblem() {
    const { problem } = this.graph;
    const shown = $("problem").dataset.message ?? "";
    const message = problem?.message ?? "";
    if (shown === message) return;
    $("problem").dataset.message = message;
    $("problem").replaceChildren();
    if (problem) {
      $("problem").append(
        make("p", {}, make("b", {}, problem.message), "."),
        make(
          "p",
          {},
          "So ",
          this.named(this.graph.root),
          " has no value now, and no number has a gradient. What does not depend on it is still shown.",
        ),
        make(
          "button",
          { id: "undo", type: "button", onclick: () => this.restore(this.good) },
          "Back to the last numbers that worked",
        ),
      );
    }
  }

  renderFields() {
    for (const [id, fields] of this.fields) {
      const value = this.graph.given[id];
      for (const { slide, text } of fields) {
        text.placeholder = short(value);
        if (!Number.isFinite(value)) continue; // a field cannot hold it
        if (Number(text.value) !== value || text.value === "") {
          if (document.activeElement !== text) text.value = Number(value.toPrecision(12));
          else if (text.value !== "" && text.validity.valid) text.value = value;
        }
        if (Number(slide.value) !== value) slide.value = value;
      }
    }
    $("reset").disabled = this.graph.given.every((value, id) => Object.is(value, this.graph.original[id]));
  }

  /* The story of a step. */

  renderStory(step, state) {
    const [heading, ...content] = this.story(step, state);
    const last = this.plan.steps.length - 1;
    const phase = {
      start: "Start",
      seed: "Backward",
      backward: "Backward",
      forward: "Forward",
      problem: "Stopped",
      done: "Done",
    }[step.kind];
    $("story").className = step.kind;
    $("story").replaceChildren(
      make("p", { class: "count" }, make("b", {}, phase), ` step ${this.position} of ${last}`),
      make("p", { class: "sentence" }, heading),
      ...content,
    );
  }

  story(step, state) {
    const { graph } = this;
    const root = graph.root;
    if (step.kind === "start") {
      return [
        [
          "Some numbers are given; everything else is computed from them. First ",
          make("b", { class: "forward" }, "forward"),
          " to the result ",
          this.named(root),
          ", then ",
          make("b", { class: "backward" }, "backward"),
          ", to see what each number has to do with it.",
        ],
        make("p", { class: "quiet" }, "Press ▶ to play, or the arrow keys to step."),
      ];
    }
    if (step.kind === "problem")
      return [
        ["The computation stops here: ", make("b", {}, graph.problem.message), "."],
        make("p", { class: "quiet" }, "Choose other numbers, or go back to the last ones that worked."),
      ];
    if (step.kind === "seed") {
      const leaf = Math.max(
        0,
        graph.nodes.findIndex((node) => node.kind === "leaf"),
      );
      return [
        [
          "Now backward. The question at every number: if it rises a little, how many times as fast does ",
          this.named(root),
          " rise? For ",
          this.named(root),
          " itself the answer is 1; below 0, it falls. The answer is called the gradient; that of ",
          this.named(leaf),
          " is written ",
          this.total(leaf),
          ", with d for all ways through the graph together. A ∂ is for one arrow alone.",
        ],
        make("p", { class: "equation" }, this.total(root), " = ", this.number(1)),
      ];
    }
    if (step.kind === "done")
      return [
        [
          "Every number knows its gradient. Change a number on the right, or choose one in the graph to see where its gradient comes from.",
        ],
      ];
    if (step.unit.key[0] === "b") return this.boxStory(step, state);
    return step.kind === "forward"
      ? this.forwardStory(step.node ?? step.unit.nodes[0])
      : this.backwardStory(step, state);
  }

  forwardStory(id) {
    const node = this.graph.nodes[id];
    const op = this.graph.model.ops[node.op];
    return [
      [this.named(id), " is computed from ", this.list([...new Set(node.parents)]), "."],
      make(
        "p",
        { class: "equation" },
        this.named(id),
        " = ",
        this.formula(op.value, id, false),
        " = ",
        this.formula(op.value, id, true),
        " = ",
        make("strong", {}, this.number(this.value(id))),
      ),
    ];
  }

  list(ids) {
    const shown = ids.length > 5 ? ids.slice(0, 3) : ids;
    const parts = shown.flatMap((id, i) => [
      i === 0 ? "" : i === shown.length - 1 && shown.length === ids.length ? " and " : ", ",
      this.named(id),
    ]);
    return shown.length < ids.length ? [...parts, ` and ${ids.length - shown.length} more`] : parts;
  }

  backwardStory(step, state) {
    const { graph } = this;
    const { node: child, k, parent } = step;
    const root = graph.root;
    const contribution = graph.gradients[child] * graph.locals[child][k];
    const before = this.plan.state(this.position - 1);
    const first = !before.reached.has(parent);
    const local = graph.locals[child][k];
    const kink = graph.kink(child, k);
    const sentence = kink
      ? this.kinked(child, k, kink)
      : [
          "If ",
          this.named(parent),
          " rises a little, then through this arrow alone ",
          this.named(child),
          " ",
          this.rate(local),
        ];
    if (child === root) sentence.push(kink ? "." : ": that is this arrow’s share of the gradient.");
    else
      sentence.push(
        kink ? ". If " : ", and if ",
        this.named(child),
        " rises, ",
        this.named(root),
        " ",
        this.rate(graph.gradients[child]),
        ". One after the other, they multiply.",
      );
    if (!first)
      sentence.push(" This is one more way from ", this.named(parent), " to ", this.named(root), ": the ways add up.");
    if (!Number.isFinite(contribution)) sentence.push(" This derivative is not a finite number here.");
    const share = this.number(contribution);
    const sum = [this.number(before.gradients[parent]), " + ", this.number(contribution, true), " = "];
    return [
      sentence,
      make(
        "p",
        { class: "equation" },
        this.total(parent),
        " += ",
        this.total(child),
        " · ",
        this.local(child, k),
        " = ",
        this.number(graph.gradients[child]),
        " × ",
        this.number(local, true),
        " = ",
        ...(first
          ? [make("strong", {}, share)]
          : [share, ", now ", sum, make("strong", {}, this.number(state.gradients[parent]))]),
      ),
      make("p", { class: "rule" }, this.localFormula(child, k)),
    ];
  }

  /** That an operation has two slopes, and which of them counts. */
  kinked(child, k, [below, above]) {
    const parent = this.graph.nodes[child].parents[k];
    const taken = this.graph.locals[child][k];
    return [
      ...["Here ", this.named(child), " has a kink: two slopes, ", this.number(below), " where ", this.named(parent)],
      ...[" is a little smaller, and ", this.number(above), " where it is a little larger. "],
      ...(Number.isNaN(taken) ? ["Neither is taken"] : ["By convention ", this.number(taken), " is taken"]),
    ];
  }

  /** Where a local derivative comes from: ∂child/∂operand = formula = number. */
  localFormula(child, k) {
    const { graph } = this;
    const node = graph.nodes[child];
    const op = graph.model.ops[node.op];
    const parts = ["where ", this.local(child, k)];
    const formula = op.partials?.[k];
    if (formula) {
      parts.push(" = ", ...this.formula(formula, child, false));
      if (formula.length > 1 && formula.some((piece) => typeof piece !== "string" || piece === "y"))
        parts.push(" = ", ...this.formula(formula, child, true));
    }
    const alone = formula?.length === 1 && formula[0] !== "y"; // a number, which needs no second mention
    const plain = alone && (typeof formula[0] === "string" || !graph.nodes[node.parents[formula[0]]].name);
    if (!plain) parts.push(" = ", this.number(graph.locals[child][k]));
    parts.push(", since ", this.named(child), " = ", ...this.formula(op.value, child, false));
    return parts;
  }

  boxStory(step, state) {
    const { graph, plan } = this;
    const id = Number(step.unit.key.slice(1));
    const outer = plan.boxes[plan.boxes[id].outer];
    const title = this.boxTitle(plan.boxes[id]) + (outer.id && outer.count === 1 ? ` of ${outer.title}` : "");
    const inside = new Set(this.contents(id));
    const outputs = [...inside].filter(
      (one) => one === graph.root || graph.children[one].some(({ child }) => !inside.has(child)),
    );
    const enters = [
      ...new Set([...inside].flatMap((one) => (graph.nodes[one].parents ?? []).filter((p) => !inside.has(p)))),
    ];
    const box = make("bdi", { class: "name" }, title);
    const equations = (ids, of) =>
      make(
        "p",
        { class: "equation" },
        ids.slice(0, 3).flatMap((one, i) => [i ? ",  " : "", ...of(one)]),
        ids.length > 3 ? `, … (${ids.length})` : "",
      );
    if (step.kind === "forward") {
      return [
        [box, " computes ", this.list(outputs), " from ", this.list(enters), ". Open the box to see how."],
        equations(outputs, (one) => [this.named(one), " = ", make("strong", {}, this.number(this.value(one)))]),
      ];
    }
    const parameters = [...inside].filter((one) => graph.nodes[one].kind === "leaf");
    const targets = [...enters, ...parameters].filter((one) => graph.nodes[one].takes);
    return [
      [
        "The chain rule runs through ",
        box,
        " and hands gradients on to ",
        this.list(targets),
        ". Open the box to see how.",
      ],
      equations(targets, (one) => [
        this.total(one),
        plan.complete(one, state) ? " = " : " = … + ",
        make("strong", {}, this.number(state.gradients[one])),
      ]),
    ];
  }

  /* Where the gradient of the chosen number comes from. */

  choose(id, keep = false) {
    // A click on the chosen number lets it go again, but not if it was chosen by typing into its field.
    this.chosen = this.chosen === id && !keep && !this.typed ? null : id;
    this.typed = false;
    if (id !== null) this.current = this.plan.shown[id];
    this.order();
    this.render();
  }

  renderDetails() {
    const id = this.chosen;
    const details = $("details");
    const focused = details.contains(document.activeElement)
      ? (document.activeElement.getAttribute("data-path") ?? document.activeElement.type)
      : null;
    if (id === null) {
      details.dataset.node = "";
      details.replaceChildren(
        make(
          "p",
          { class: "quiet" },
          "Choose a number in the graph to see where its value and its gradient come from.",
        ),
      );
      return;
    }
    const { graph } = this;
    const node = graph.nodes[id];
    const heading = [make("h2", {}, this.named(id), make("span", { class: "kind" }, this.describe(node)))];
    let controls = details.dataset.node === String(id) ? details.querySelector(".field") : null;
    const listed = $("inputs").querySelector(`[data-node="${id}"]`);
    if (!controls && !node.parents && !listed) {
      for (const key of this.fields.keys())
        if (!$("inputs").querySelector(`[data-node="${key}"]`)) this.fields.delete(key);
      controls = this.field(id);
    }
    details.dataset.node = id;
    const parts = [...heading];
    if (controls) parts.push(controls);
    if (node.parents) {
      const op = graph.model.ops[node.op];
      parts.push(
        make(
          "p",
          { class: "equation" },
          this.named(id),
          " = ",
          this.formula(op.value, id, false),
          graph.values[id] === undefined
            ? ""
            : [
                make("br"),
                " = ",
                this.formula(op.value, id, true),
                " = ",
                make("strong", {}, this.number(this.value(id))),
              ],
        ),
      );
    }
    if (node.takes)
      parts.push(
        ...(graph.problem
          ? [make("p", { class: "quiet" }, "There is no gradient while ", this.named(graph.root), " has no value.")]
          : this.derivation(id)),
      );
    else parts.push(make("p", { class: "quiet" }, "A constant takes no gradient."));
    if (controls && details.contains(controls)) {
      for (const child of [...details.childNodes]) if (child !== controls) child.remove();
      controls.before(...heading);
      controls.after(...parts.slice(heading.length + 1));
    } else details.replaceChildren(...parts);
    if (focused && !details.contains(document.activeElement))
      details.querySelector(`[data-path="${focused}"]`)?.focus();
    this.renderFields();
  }

  describe(node) {
    const where = [];
    for (let box = this.plan.home[node.id]; box; box = this.plan.boxes[box].outer) {
      if (this.plan.boxes[box].count === 1) where.push(this.plan.boxes[box].title);
    }
    const what =
      node.id === this.graph.root
        ? "the result"
        : node.kind === "leaf"
          ? "a given number"
          : node.kind === "constant"
            ? "a constant"
            : "computed";
    return ` ${what}${where.length ? `, in ${where.join(" of ")}` : ""}`;
  }

  derivation(id) {
    const { graph } = this;
    const root = graph.root;
    if (id === root)
      return [
        make("p", { class: "equation" }, this.total(root), " = ", make("strong", {}, "1")),
        make("p", { class: "quiet" }, "A change of the result is a change of the result."),
      ];
    const edges = graph.children[id].filter(({ child }) => graph.paths[child] > 0);
    const shown = edges.slice(0, 24);
    const parts = [
      make("h3", {}, edges.length === 1 ? "It is used once" : `It is used ${edges.length} times: the shares add up`),
      make(
        "table",
        {},
        make(
          "tbody",
          {},
          shown.map(({ child, k }) => {
            const arrived = this.state.arrived.has(`${child}/${k}`);
            const row = make(
              "tr",
              { class: arrived ? "" : "waiting" },
              make("td", {}, this.total(child), " · ", this.local(child, k)),
              make(
                "td",
                {},
                "= ",
                this.number(graph.gradients[child]),
                " × ",
                this.number(graph.locals[child][k], true),
              ),
              make(
                "td",
                {},
                "= ",
                this.number(graph.gradients[child] * graph.locals[child][k]),
                arrived ? "" : make("span", { class: "unseen" }, " (not yet)"),
              ),
            );
            return shown.length <= 6
              ? [row, make("tr", { class: "why" }, make("td", { colspan: 3 }, this.localFormula(child, k)))]
              : row;
          }),
        ),
        make(
          "tfoot",
          {},
          make(
            "tr",
            {},
            make("th", { scope: "row" }, this.total(id)),
            make("td"),
            make("td", {}, "= ", make("strong", {}, this.number(graph.gradients[id]))),
          ),
        ),
      ),
    ];
    if (edges.length > shown.length)
      parts.splice(2, 0, make("p", { class: "quiet" }, `and ${edges.length - shown.length} more`));
    if (graph.nodes[id].kind === "leaf") parts.push(this.nudge(id));
    if (graph.paths[id] <= 6 && graph.lengths[id] <= 16) parts.push(...this.ways(id));
    else
      parts.push(
        make(
          "p",
          { class: "quiet" },
          graph.paths[id] === 1
            ? `One path of ${graph.lengths[id].toLocaleString("en")} arrows leads from here to `
            : `${graph.paths[id].toLocaleString("en")} paths lead from here to `,
          this.named(root),
          "; the chain rule walks each arrow only once.",
        ),
      );
    return parts;
  }

  nudge(id) {
    const h = 0.001;
    const { graph } = this;
    const moved = graph.rootWith(id, graph.given[id] + h);
    const now = graph.values[graph.root];
    if (moved === undefined) return "";
    const digits = (x) =>
      short(x).replace("−", "-") === String(x) ? short(x) : Number(x.toPrecision(7)).toString().replace("-", "−");
    const told = (there) => [
      ...[this.named(graph.root), ` goes from ${digits(now)} to ${digits(there)}: it `],
      ...[this.rate((there - now) / h), "."],
    ];
    const parts = [make("b", {}, "Try it: "), "raise ", this.named(id), ` by ${h}, and `, told(moved)];
    const kinks = graph.kinksAbove(id);
    const lowered = kinks.length ? graph.rootWith(id, graph.given[id] - h) : undefined;
    const bend = (moved - now + (lowered - now)) / h; // the difference of the slopes on both sides
    if (Math.abs(bend) > (0.01 * Math.max(Math.abs(moved - now), Math.abs(lowered - now))) / h)
      parts.push(
        ...[" Lower it by as much, and ", told(lowered), " There is a kink on the way, at ", this.list(kinks)],
        ...[", with two slopes: by convention the gradient is ", this.number(graph.gradients[id]), "."],
      );
    return make("p", { class: "nudge" }, parts);
  }

  ways(id) {
    const { graph } = this;
    const ways = graph.waysFrom(id);
    const rows = ways.map((edges, i) => {
      const product = edges.reduce((sum, { child, k }) => sum * graph.locals[child][k], 1);
      const pairs = edges.map(({ child, k }) => [graph.nodes[child].parents[k], child]);
      const show = () => this.mark(pairs, "backward");
      const hide = () => this.renderLines(this.plan.steps[this.position]);
      return make(
        "li",
        {},
        make(
          "button",
          {
            class: "path",
            type: "button",
            "data-path": i,
            onpointerenter: show,
            onpointerleave: hide,
            onfocus: show,
            onblur: hide,
            onclick: show,
          },
          this.named(id),
          edges.flatMap(({ child }) => [" → ", this.named(child)]),
        ),
        make(
          "span",
          { class: "product" },
          edges.length > 1
            ? [edges.flatMap(({ child, k }, j) => [j ? " × " : "", this.number(graph.locals[child][k], j > 0)]), " = "]
            : "",
          this.number(product),
        ),
      );
    });
    return [
      make(
        "h3",
        {},
        ways.length === 1
          ? "Along its one path, the derivatives multiply"
          : `Along each of ${ways.length} paths the derivatives multiply, and the products add up`,
      ),
      make("ol", { class: "ways" }, rows),
    ];
  }

  /* Listening. */

  listen() {
    const on = (id, event, action) => $(id).addEventListener(event, action);
    const walk = (action) => () => {
      this.stop();
      action();
    };
    on(
      "first",
      "click",
      walk(() => this.go(0)),
    );
    on(
      "back",
      "click",
      walk(() => this.go(this.position - 1)),
    );
    on(
      "next",
      "click",
      walk(() => this.go(this.position + 1)),
    );
    on(
      "last",
      "click",
      walk(() => this.go(this.plan.steps.length - 1)),
    );
    on("play", "click", () => this.play());
    on(
      "slider",
      "input",
      walk(() => this.go(Number($("slider").value))),
    );
    on("smaller", "click", () => this.zoom(1 / 1.25));
    on("larger", "click", () => this.zoom(1.25));
    on("fit", "click", () => this.fit(0.15));
    on("theme", "click", () => this.theme());
    addEventListener("resize", () => {
      if (this.fitted) this.fit();
    });
    addEventListener("keydown", (event) => this.key(event));
  }

  theme() {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target;
    if (target.matches("input[type=number], select")) return;
    const inGraph = target.closest?.("#picture [data-key]");
    if (inGraph && this.graphKey(event, inGraph)) {
      event.preventDefault();
      return;
    }
    if (target.matches("input[type=range]") && target.id !== "slider") return;
    const control = target.matches("button, summary");
    const actions = {
      ArrowRight: () => this.go(this.position + 1),
      ".": () => this.go(this.position + 1),
      ArrowLeft: () => this.go(this.position - 1),
      ",": () => this.go(this.position - 1),
      Home: () => this.go(0),
      End: () => this.go(this.plan.steps.length - 1),
      " ": control ? null : () => this.play(),
      "+": () => this.zoom(1.25),
      "-": () => this.zoom(1 / 1.25),
      0: () => this.fit(0.15),
      Escape: () => this.chosen !== null && this.choose(this.chosen),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    if (event.key !== " " && !["+", "-", "0", "Escape"].includes(event.key)) this.stop();
    action();
  }

  graphKey(event, element) {
    if (event.key === "Enter" || event.key === " ") {
      element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return true;
    }
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!way) return false;
    const place = (one) => (one.querySelector(".card, .hit") ?? one).getBoundingClientRect();
    const here = place(element);
    let best = null;
    for (const other of document.querySelectorAll("#picture [data-key]")) {
      const there = place(other);
      const [dx, dy] = [
        there.x + there.width / 2 - here.x - here.width / 2,
        there.y + there.height / 2 - here.y - here.height / 2,
      ];
      const along = dx * way[0] + dy * way[1];
      // What lies to the side: no part of it is above or below; and the other way round.
      if (other === element || along < (way[0] ? here.width : here.height) / 2) continue;
      const cost = along + 2.5 * (Math.abs(dx * way[1]) + Math.abs(dy * way[0]));
      if (!best || cost < best.cost) best = { other, cost };
    }
    if (best) {
      this.current = best.other.dataset.key;
      this.order();
      best.other.focus();
    }
    return true;
  }
}

/** Open the page: called by its last script with the rules, one for each operation of the graph. */
window.start = (rules) => {
  const graph = new Graph(JSON.parse($("graph").textContent), rules);
  window.view = new View(graph, new Plan(graph));
};
