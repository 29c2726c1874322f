/* The story: what is said of a step of the walk. */

class Story extends Derivation {
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

  /** The boxes in which a step happens, the innermost first. */
  where(step) {
    if (step.unit?.key[0] !== "n") return "";
    const inside = this.within(step.unit.nodes[0]);
    return inside.length ? `, in ${inside.join(" of ")}` : "";
  }

  /** The step in which many operands of one kind get their gradients. */
  groupStory(step, state) {
    const { graph } = this;
    const { node: child, operands } = step;
    const parents = operands.map((k) => graph.nodes[child].parents[k]);
    const shown = operands.slice(0, 3);
    return [
      [
        `${this.crowd(parents)} get their gradients: each is `,
        ...[this.total(child), " times the local derivative along its own arrow."],
      ],
      ...shown.map((k) => this.handedOn(child, k, state)),
      make(
        "p",
        {},
        operands.length > shown.length ? `… and ${operands.length - shown.length} more. ` : "",
        make("button", { type: "button", class: "apart", onclick: () => this.takeApart(child) }, "One by one"),
      ),
    ];
  }

  handedOn(child, k, state) {
    const parent = this.graph.nodes[child].parents[k];
    const sum = state.gradients[parent];
    const share = this.graph.handed(child, k);
    return make(
      "p",
      { class: "equation" },
      ...[this.total(parent), " += ", this.total(child), " · ", this.local(child, k), " = "],
      ...[this.number(this.graph.gradients[child]), " × ", this.number(this.graph.locals[child][k], true), " = "],
      Object.is(sum, share) ? make("strong", {}, this.number(share)) : this.number(share),
      Object.is(sum, share) ? "" : [", now ", make("strong", {}, this.number(sum))],
    );
  }

  /** "16 weights of Neuron 3", or what else these numbers are. */
  crowd(ids) {
    const { nodes } = this.graph;
    const all = (test) => ids.every((id) => test(nodes[id]));
    const what = all((node) => node.kind === "leaf" && /^w\d*$/.test(node.name))
      ? "weights"
      : all((node) => node.kind === "leaf")
        ? "given numbers"
        : "computed numbers";
    const [home] = this.within(ids[0]);
    return `${ids.length} ${what}${home && all((node) => this.within(node.id)[0] === home) ? ` of ${home}` : ""}`;
  }

  backwardStory(step, state) {
    if (step.operands) return this.groupStory(step, state);
    const { graph } = this;
    const { node: child, k, parent } = step;
    const root = graph.root;
    const contribution = graph.handed(child, k);
    const before = this.plan.state(this.position - 1);
    const first = !before.reached.has(parent);
    const local = graph.locals[child][k];
    const edge = this.edge(child, k);
    const sentence = edge ?? [
      "If ",
      this.named(parent),
      " rises a little, then through this arrow alone ",
      this.named(child),
      " ",
      this.rate(local),
    ];
    if (child === root) sentence.push(edge ? "." : ": that is this arrow’s share of the gradient.");
    else
      sentence.push(
        edge ? ". If " : ", and if ",
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
      ...(this.plan.apart.has(child)
        ? [make("p", {}, make("button", { type: "button", onclick: () => this.takeApart(child) }, "Together again"))]
        : []),
    ];
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
        [
          box,
          " computes ",
          this.list(outputs),
          " from ",
          this.list(enters),
          ". ",
          make("button", { type: "button", onclick: () => this.toggle(id) }, "Open the box to see how"),
        ],
        equations(outputs, (one) => [this.named(one), " = ", make("strong", {}, this.number(this.value(one)))]),
      ];
    }
    const parameters = [...inside].filter((one) => graph.nodes[one].kind === "leaf");
    const targets = [...enters, ...parameters].filter((one) => graph.nodes[one].takes);
    const told = [enters, parameters]
      .map((ids) => ids.filter((one) => graph.nodes[one].takes))
      .filter((ids) => ids.length)
      .map((ids) => (ids.length >= MANY ? this.crowd(ids) : this.list(ids)));
    const receivers = told.flatMap((words, i) => [i ? " and to " : "", words]);
    return [
      [
        ...["The chain rule runs through ", box, " and hands gradients on to ", receivers, ". "],
        make("button", { type: "button", onclick: () => this.toggle(id) }, "Open the box to see how"),
      ],
      equations(targets, (one) => [
        this.total(one),
        plan.complete(one, state) ? " = " : " = … + ",
        make("strong", {}, this.number(state.gradients[one])),
      ]),
    ];
  }
}
