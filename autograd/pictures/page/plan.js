/* The plan of a walk: which boxes are open, and the steps through what can be seen. */

/** Which boxes are open, what stands in which, and the steps that walk through what can be seen. */
const MANY = 5; // so many operands of one kind, or more, get their gradients in one step

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
    this.apart = new Set(); // the nodes that hand their gradient on to many operands one by one
    this.refresh();
  }

  /** Open boxes from the outside to the inside, while the picture stays easy to take in and fits. */
  unfold(fits) {
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
        if (kind !== "box" || this.boxes[which].count > 1 || !computes(which)) continue;
        const more = count(which) - 1;
        if (shown + more > room) continue;
        this.open.add(which);
        if (!fits()) this.open.delete(which);
        else {
          shown += more;
          waiting.push(which);
        }
      }
    }
    this.refresh();
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
          for (const operands of this.together(id)) {
            const [k] = operands;
            if (operands.length > 1) steps.push({ kind: "backward", unit, node: id, operands });
            else steps.push({ kind: "backward", unit, node: id, k, parent: graph.nodes[id].parents[k] });
          }
        }
      }
      steps.push({ kind: "done" });
    }
    this.steps = steps;
    this.split = steps.filter((step) => step.kind === "start" || step.kind === "forward").length;
  }

  /** The operands of a node to which it hands its gradient on, those of one kind in one step where they are many. */
  together(id) {
    const { nodes } = this.graph;
    const kinds = new Map();
    nodes[id].parents.forEach((parent, k) => {
      if (!nodes[parent].takes) return;
      const kind = nodes[parent].kind === "leaf" ? `leaf of ${this.home[parent]}` : "computed";
      kinds.set(kind, [...(kinds.get(kind) ?? []), k]);
    });
    const apart = (operands) => operands.length < MANY || this.apart.has(id);
    return [...kinds.values()]
      .flatMap((operands) => (apart(operands) ? operands.map((k) => [k]) : [operands]))
      .sort(([a], [b]) => a - b);
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
        else if (step.operands) for (const k of step.operands) hand(step.node, k);
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
