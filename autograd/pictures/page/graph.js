/* The graph and the chain rule. */

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
    this.reached = this.reach();
    this.compute();
  }

  /** Compute all values and local derivatives from the leaves. A node that has no value keeps `undefined`. */
  compute() {
    this.problem = null;
    this.values = [];
    this.locals = [];
    this.changed = this.nodes.flatMap(({ id }) => (Object.is(this.given[id], this.original[id]) ? [] : [id]));
    for (const node of this.nodes) {
      const { id } = node;
      if (!node.parents) this.values[id] = this.given[id];
      else if (this.model.ops[node.op].made && !this.holds(node)) this.refuse(node);
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

  /** Whether a choice by a plain bool is still the one that was made: what the bool depended on, the graph does not know.
   *
   * Of a choice between two numbers the condition itself may be changed: it is the first of three operands.
   */
  holds(node) {
    const condition = node.parents.length > 1 ? node.parents[0] : null;
    return this.changed.every((id) => id === condition);
  }

  /** Say that a choice is not known any more; also where its side has no value, for the other side may have one. */
  refuse(node) {
    const message =
      "where got a plain bool or number, such as that of x > 0, when this graph was built: the side that it chose is " +
      "known for the numbers that the page came with, and for no others; build the graph with other numbers to explore it there";
    if (this.problem?.message !== message) this.problem = { node: node.id, message };
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
    if (!Number.isFinite(y) && !op.overflows && x.every(Number.isFinite))
      return `${named(op.call)} is too large for a float, got ${found}`;
    return "";
  }

  /** What an operation gives where one of its operands is moved; NaN of sums of many, which are smooth. */
  moved(id, k, h) {
    const rule = this.rules[this.nodes[id].op];
    const x = this.nodes[id].parents.map((parent) => this.values[parent]);
    x[k] += h;
    const known = rule && this.model.ops[this.nodes[id].op].arguments && (!rule.defined || rule.defined(x));
    return known ? rule.forward(x) : NaN;
  }

  /** The size of an operand, of which small steps are parts: where it is 0, that of the smallest of the others, or 1. */
  size(id, k) {
    const sizes = this.nodes[id].parents.map((parent) => Math.abs(this.values[parent]));
    return sizes[k] || Math.min(1, ...sizes.filter((size) => size > 0));
  }

  /** The values below and above, where an operation jumps at one of its operands; else nothing.
   *
   * As the step gets smaller, the difference stays.
   */
  jump(id, k) {
    const here = this.values[id];
    const h = 1e-12 * this.size(id, k);
    const sides = [-h, h].map((step) => {
      const [far, near] = [step, step / 64].map((one) => this.moved(id, k, one));
      const stays = far === near || Math.abs(far - near) < 1e-6 * Math.abs(near - here);
      return stays && Math.abs(near - here) > 1e-9 * Math.abs(here) ? near : here;
    });
    return sides.some((one) => !Object.is(one, here)) ? sides : null;
  }

  /** The slopes below and above, where an operation has a kink at one of its operands; else nothing.
   *
   * As the step gets smaller, the difference between them stays at a kink, vanishes where the function is smooth, and
   * grows where it jumps.
   */
  kink(id, k) {
    const x = this.values[this.nodes[id].parents[k]];
    const slope = (h) => (this.moved(id, k, h) - this.values[id]) / (x + h - x);
    const h = 1e-7 * this.size(id, k);
    const [far, near] = [h, h / 64].map((step) => slope(step) - slope(-step));
    const [below, above] = [slope(-h), slope(h)].map((one) => Number(one.toPrecision(5)) + 0);
    const least = 1e-3 * Math.max(Math.abs(below), Math.abs(above)) + (1e-6 * Math.abs(this.values[id])) / h / 1e7;
    return Math.abs(near) > least && near / far > 0.5 && near / far < 2 ? [below, above] : null;
  }

  /** Whether a derivative is a number by convention, where the formula of textbooks has none, as 0 × log(0). */
  taken(id, k) {
    const { textbook } = this.rules[this.nodes[id].op] ?? {};
    if (!textbook || !Number.isFinite(this.locals[id][k])) return false;
    const x = this.nodes[id].parents.map((parent) => this.values[parent]);
    return !Number.isFinite(textbook(this.values[id], x)[k]);
  }

  /** The operations with a kink, or a jump, that a node's changes pass on their way to the root. */
  passed(id, edge) {
    const passed = new Set([id]);
    const found = [];
    for (const node of this.nodes) {
      const used = (node.parents ?? []).map((parent) => passed.has(parent));
      if (!used.includes(true) || !this.paths[node.id]) continue;
      passed.add(node.id);
      if (used.some((on, k) => on && this[edge](node.id, k))) found.push(node.id);
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
      if (this.nodes[parent].takes && (only === undefined || only === k))
        gradients[parent] += this.handed(id, k, gradients[id]);
    });
  }

  /** What a node hands on to an operand, of this gradient: nothing to a condition, or where nothing has arrived. */
  handed(id, k, gradient = this.gradients[id]) {
    const slope = this.locals[id][k];
    const nothing = !this.reached[id] || !this.isActive(id, k) || (slope === 0 && this.masks(id, k));
    return nothing ? 0 : gradient * slope;
  }

  isActive(id, k) {
    return this.model.ops[this.nodes[id].op].slopes?.[k] !== "inactive";
  }

  /** Whether a derivative of 0 makes 0 of whatever arrives, as that by the side of a choice that is not chosen. */
  masks(id, k) {
    return this.model.ops[this.nodes[id].op].slopes?.[k] === "mask";
  }

  /** Which nodes the chain rule reaches from the root. */
  reach() {
    const reached = this.nodes.map(() => false);
    reached[this.root] = true;
    for (let id = this.root; id >= 0; id--)
      (this.nodes[id].parents ?? []).forEach((parent, k) => {
        if (reached[id] && this.isActive(id, k)) reached[parent] = true;
      });
    return reached;
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

  /** The way from a node to the root along which the largest product comes, as a list of edges.
   *
   * Where there is a 0 on every way, that with the fewest of them, and then with the largest product of its others.
   */
  strongestWay(id) {
    const best = this.nodes.map(() => null);
    best[this.root] = { zeros: 0, size: 0 };
    for (let node = this.root - 1; node >= id; node--)
      for (const edge of this.children[node]) {
        const rest = best[edge.child];
        if (!rest) continue;
        const factor = Math.abs(this.locals[edge.child][edge.k]);
        const zeros = rest.zeros + (factor === 0);
        const size = rest.size + (factor > 0 ? Math.log(factor) : 0);
        const known = best[node];
        if (!known || zeros < known.zeros || (zeros === known.zeros && size > known.size))
          best[node] = { zeros, size, edge };
      }
    const way = [];
    for (let node = id; node !== this.root; node = way.at(-1).child) way.push(best[node].edge);
    return way;
  }

  /** How steep an operation of one operand can be at most, as far as that is known: 1/4 for the sigmoid. */
  steepest(id) {
    const rule = this.rules[this.nodes[id].op];
    if (!rule || rule.defined || this.nodes[id].parents.length !== 1) return Infinity;
    const most = (from) => {
      const slopes = Array.from({ length: 201 }, (_, i) => {
        const x = [from * (i / 100 - 1)];
        return Math.abs(rule.partials(rule.forward(x), x)[0]);
      });
      return Math.max(...slopes);
    };
    return most(20) <= 1.001 * most(10) ? most(20) : Infinity;
  }
}
