/* Words and formulas: what is said of a number, of a step, and of where a gradient comes from. */

class Words {
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

  boxTitle(box) {
    return box.title + (box.count > 1 ? ` ×${box.count}` : "");
  }

  /** All nodes in a box and in the boxes inside it. */
  contents(id) {
    return this.plan.boxes[id].items.flatMap(([kind, which]) =>
      kind === "node" ? [which] : kind === "box" ? this.contents(which) : [],
    );
  }

  list(ids) {
    const shown = ids.length > 5 ? ids.slice(0, 3) : ids;
    const parts = shown.flatMap((id, i) => [
      i === 0 ? "" : i === shown.length - 1 && shown.length === ids.length ? " and " : ", ",
      this.named(id),
    ]);
    return shown.length < ids.length ? [...parts, ` and ${ids.length - shown.length} more`] : parts;
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

  /** How a node came to be, in words for a screen reader. */
  origin(node) {
    if (!node.parents) return node.kind === "leaf" ? "given number" : "constant";
    const names = [...new Set(node.parents)].map((id) => this.name(id));
    const shown = names.length > 5 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
    const last = shown.pop();
    const list = shown.length ? `${shown.join(", ")} and ${last}` : last;
    return `computed by ${this.graph.model.ops[node.op].name} from ${list}`;
  }

  /** The boxes in which a step happens, the innermost first. */
  where(step) {
    if (step.unit?.key[0] !== "n") return "";
    const inside = this.within(step.unit.nodes[0]);
    return inside.length ? `, in ${inside.join(" of ")}` : "";
  }

  within(id) {
    const titles = [];
    for (let box = this.plan.home[id]; box; box = this.plan.boxes[box].outer)
      if (this.plan.boxes[box].count === 1) titles.push(this.plan.boxes[box].title);
    return titles;
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
    const share = this.graph.gradients[child] * this.graph.locals[child][k];
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

  /** What a reader is asked at a step, before its number is shown: a node, and its data or its gradient. */
  asked(step) {
    if (!this.asks || this.answered.has(this.position) || step.unit?.key[0] !== "n" || step.operands) return null;
    if (step.kind === "forward") return { node: step.unit.nodes[0], of: "data" };
    return step.kind === "backward" ? { node: step.parent, of: "grad" } : null;
  }

  /** The question of a step: what it computes, with a field for the answer. */
  question(step) {
    const { graph } = this;
    const { node: id, of } = this.asked(step);
    const right = of === "data" ? this.value(id) : graph.gradients[step.node] * graph.locals[step.node][step.k];
    const tell = make("p", { class: "quiet", role: "status" });
    const field = make("input", {
      ...{ type: "text", inputmode: "decimal", size: 10, "aria-label": "Your answer" },
      onkeydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // else it also presses the button that the focus goes to
        check();
      },
    });
    const solve = () => {
      this.answered.add(this.position);
      this.render();
    };
    const check = () => {
      const given = Number(field.value.replace("−", "-").replace(",", "."));
      const close = field.value.trim() && Math.abs(given - right) <= 0.01 * Math.abs(right) + 1e-9;
      if (close || Object.is(given, right)) solve();
      else tell.textContent = "Not that. Try again, or have it shown.";
    };
    const subject =
      of === "data"
        ? [this.named(id), " = ", this.formula(graph.model.ops[graph.nodes[id].op].value, id, false)]
        : [
            ...["the share that ", this.named(id), " gets from ", this.named(step.node), ": "],
            ...[this.total(step.node), " · ", this.local(step.node, step.k)],
          ];
    return [
      ["Predict first. What is ", ...subject, "?"],
      make(
        "p",
        { class: "answer" },
        field,
        make("button", { type: "button", onclick: check }, "Check"),
        make("button", { type: "button", onclick: solve }, "Show"),
      ),
      tell,
    ];
  }

  backwardStory(step, state) {
    if (step.operands) return this.groupStory(step, state);
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
      ...(this.plan.apart.has(child)
        ? [make("p", {}, make("button", { type: "button", onclick: () => this.takeApart(child) }, "Together again"))]
        : []),
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

  describe(node) {
    const where = this.within(node.id);
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
          "thead",
          {},
          make(
            "tr",
            {},
            ["along an arrow", "upstream × local", "share"].map((title) => make("th", { scope: "col" }, title)),
          ),
        ),
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
}
