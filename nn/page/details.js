/* Details: one example, forward and backward, and where each of its numbers comes from. */

/** The class of a number's colour where it is a gradient. */
const sign = (slope) => (slope > 0 ? "positive" : slope < 0 ? "negative" : "");

/** The explorer's words about the graph of one example, all of whose gradients have arrived. */
class ExampleWords extends Derivation {
  constructor(graph) {
    super();
    this.graph = graph;
    this.state = { arrived: { has: () => true } };
    this.plan = { home: [], boxes: [], steps: [] };
  }

  get longest() {
    return 6;
  }

  /** There is no picture of single operations to show a path in: its names say where it goes. */
  chain(id, edges) {
    return make("span", { class: "path" }, this.along(id, edges));
  }
}

class Details extends Contributions {
  renderExample() {
    const { training, model, graph } = this;
    const row = training.data.row(this.example);
    const values = new Float64Array(model.cards.length);
    this.programs.activity(training.theta, row, values, null);
    this.values = values;
    if (graph) {
      const { nodes } = model;
      const give = (ids, number) =>
        ids.forEach((id, i) => {
          if (id >= 0) graph.given[id] = number(i);
        });
      give(nodes.parameters, (i) => training.theta[i]);
      give(nodes.inputs, (i) => row[i]);
      give(nodes.targets, (i) => row[model.inputs.length + i]);
      graph.compute();
    }
    const slope = (node) => (graph?.gradients && node >= 0 ? graph.gradients[node] : null);
    const image = model.inputs.length >= IMAGE;
    this.network.tell(
      (card) => (card.kind === "neuron" ? values[card.index] : image ? null : row[card.index]),
      (card) =>
        card.kind === "neuron"
          ? slope(model.cards[card.index].node)
          : image
            ? null
            : slope(model.nodes.inputs[card.index]),
    );
    this.tellExample(row, values);
    const busy = this.playing && $("details").contains(document.activeElement);
    if (!busy) this.renderDetails();
  }

  tellExample(row, values) {
    const { model, graph, training } = this;
    const count = model.inputs.length;
    const few = model.inputs
      .slice(0, 6)
      .flatMap((name, i) => [i ? ", " : "", make("bdi", { class: "name" }, name), ` = ${short(row[i])}`]);
    const outputs = this.outputs
      .slice(0, 10)
      .flatMap((card, i) => [
        i ? ", " : "",
        make("bdi", { class: "name" }, model.cards[card].name),
        ` = ${short3(values[card])}`,
      ]);
    const targets = Array.from({ length: model.targets }, (_, i) => short(row[count + i])).join(", ");
    const value = new Float64Array(1);
    this.programs.objective(training.theta, row, value, null);
    const label = model.classes[this.answer.label(training.data, this.example)];
    const answer = label === undefined ? targets : `${label} (y = ${targets})`;
    const open = $("told").querySelector("details")?.open;
    $("told").replaceChildren(
      make("p", {}, few, count > 6 ? ` and ${count - 6} more` : ""),
      make("p", {}, "The network gives ", outputs, this.answer.sentence(values), "."),
      make("p", {}, `The right answer is ${answer}; the loss of this example is `, make("b", {}, short(value[0])), "."),
      ...this.lossSteps(open),
      make(
        "p",
        { class: "quiet" },
        graph
          ? this.isFlat
            ? "This loss is flat here: no gradient comes back from it, so this example moves no weight."
            : "On each card stands what it gives here, and below it the gradient of this loss by that."
          : "On each card stands what it gives here. This network is too large for a page to derive its gradients one by one.",
      ),
    );
    if (document.activeElement !== $("which")) $("which").value = this.example + 1;
  }

  /** How the loss comes about from what the network gives, step by step; only the steps that depend on that. */
  lossSteps(open) {
    const { graph, model, words } = this;
    if (!graph || graph.problem) return [];
    const reached = new Set(this.outputs.map((card) => model.cards[card].node));
    for (const { id, name, parents } of graph.nodes)
      if (/^loss/.test(name) && parents?.some((parent) => reached.has(parent))) reached.add(id);
    const steps = [...reached].filter((id) => /^loss/.test(graph.nodes[id].name));
    return [
      make(
        "details",
        { open },
        make("summary", {}, "How this loss comes about"),
        ...steps.map((id) => words.forwardStory(id)[1]),
      ),
    ];
  }

  /** Whether the chosen example has no say in where the parameters go. */
  get isFlat() {
    return this.model.nodes.parameters.every((id) => id < 0 || this.graph.gradients?.[id] === 0);
  }

  choose(chosen) {
    const same = JSON.stringify(chosen) === JSON.stringify(this.chosen);
    this.chosen = same ? null : chosen;
    this.network.mark(this.chosen);
    // What was chosen is told; what changes in it afterwards, step by step, is not.
    $("details").setAttribute("aria-live", "polite");
    clearTimeout(this.telling);
    this.telling = setTimeout(() => $("details").setAttribute("aria-live", "off"), 1000);
    this.render();
    this.renderExample();
    this.allTerms = false;
    this.network.lit = this.chosen?.kind === "parameter" ? this.strongest(this.chosen.index) : new Set();
    document.body.classList.toggle("choosing", this.chosen !== null);
    this.network.place();
    if (this.chosen) this.network.reveal();
    else this.network.focus();
  }

  /** The parameters whose weights stand on the strongest path from one of them to the loss. */
  strongest(index) {
    const { graph, model } = this;
    const node = model.nodes.parameters[index];
    if (!graph?.gradients || node < 0 || !graph.paths[node]) return new Set();
    const factors = graph.strongestWay(node).flatMap(({ child, k }) => {
      const { parents, op } = graph.nodes[child];
      const half = parents.length / 2;
      return graph.model.ops[op].name === "dot" ? [parents[k < half ? k + half : k - half]] : [];
    });
    return new Set(factors.map((id) => model.nodes.parameters.indexOf(id)).filter((place) => place >= 0));
  }

  pick(example) {
    const { count } = this.training.data;
    this.example = ((example % count) + count) % count;
    this.render();
    this.renderExample();
  }

  /** A button that chooses a parameter. */
  parameter(index) {
    const focused = `p${index}`;
    return make(
      "button",
      { type: "button", "data-focus": focused, onclick: () => this.choose({ kind: "parameter", index }) },
      make("bdi", { class: "name leaf" }, this.model.parameters[index]),
    );
  }

  renderDetails() {
    const { chosen, model } = this;
    if (!chosen) {
      $("details").hidden = true;
      $("details").replaceChildren();
      return;
    }
    const focused = $("details").contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    $("details").hidden = false;
    let parts = [];
    if (chosen.kind === "parameter") parts = this.tellParameter(chosen.index);
    if (chosen.kind === "neuron") parts = this.tellNeuron(model.cards[chosen.index]);
    if (chosen.kind === "input") parts = this.tellInput(chosen.index);
    const close = make(
      "button",
      {
        type: "button",
        class: "close",
        "aria-label": "Close",
        "data-focus": "close",
        onclick: () => this.choose(chosen),
      },
      "×",
    );
    const [heading, ...rest] = parts;
    $("details").replaceChildren(
      make("div", { class: "top" }, heading, close),
      make("div", { class: chosen.kind === "neuron" ? "parts sides" : "parts" }, rest),
    );
    if (focused) $("details").querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  heading(name, kind) {
    return make("h2", {}, make("bdi", { class: "name" }, name), make("span", { class: "kind" }, ` ${kind}`));
  }

  /** Where a gradient comes from, in the explorer's words, for the chosen example. */
  derived(node) {
    const { graph, words } = this;
    if (!graph || node < 0) return [];
    if (graph.problem) return [make("p", {}, graph.problem.message, ".")];
    return [
      make(
        "p",
        { class: "quiet" },
        `For example ${this.example + 1}, whose loss is ${short(graph.values[graph.root])}${this.isFlat ? " and flat" : ""}: `,
        this.isFlat
          ? make(
              "button",
              { type: "button", "data-focus": "worst", onclick: () => this.pick(this.worst()) },
              "take the one with the largest loss",
            )
          : "",
      ),
      ...words.derivation(node),
    ];
  }

  tellParameter(index) {
    const { training, model, sizes } = this;
    const [value, mean] = [training.theta[index], training.gradient[index]];
    const settled = training.steps
      ? "In the last step its gradient, a mean over examples, was "
      : "Its mean gradient is ";
    const way = mean === 0 ? "it stays as it is" : `the optimiser pushes it ${mean > 0 ? "down" : "up"}`;
    const cancel = Math.abs(mean) < 0.5 * sizes[index] ? ": some are above 0 and some below, and cancel" : "";
    return [
      this.heading(model.parameters[index], `a parameter${model.paths[index] ? `, ${model.paths[index]}` : ""}`),
      make(
        "div",
        {},
        make(
          "p",
          { class: "equation" },
          make("bdi", { class: "name leaf" }, model.parameters[index]),
          " = ",
          make("strong", {}, short(value)),
        ),
        make("p", {}, settled, make("b", { class: sign(mean) }, short(mean)), `: ${way}.`),
        make("p", { class: "quiet" }, `Those of single examples are ${tick(sizes[index])} from 0 on average${cancel}.`),
      ),
      make("div", {}, this.derived(model.nodes.parameters[index])),
    ];
  }

  tellNeuron(card) {
    const { graph, words } = this;
    const output = card.output === null ? "a neuron" : "an output";
    const parts = [];
    const at = (node) => graph.nodes[node];
    if (graph && !graph.problem && card.node >= 0) {
      const chain = [card.node];
      while (at(chain[0]).parents?.length <= 2) {
        const inner = at(chain[0]).parents.find(
          (parent) => at(parent).parents && at(parent).name.slice(1) === card.name.slice(1),
        );
        if (inner === undefined) break;
        chain.unshift(inner);
      }
      for (const node of chain) if (at(node).parents) parts.push(...words.forwardStory(node).slice(1));
    }
    return [
      this.heading(card.name, `${output}${card.path ? `, ${card.path}` : ""}`),
      make("div", {}, parts, this.contributions(card)),
      make("div", {}, this.derived(card.node)),
    ];
  }

  tellInput(index) {
    const { model } = this;
    if (model.inputs.length >= IMAGE)
      return [this.heading(`${model.inputs.length} inputs`, "the numbers of an example")];
    return [this.heading(model.inputs[index], "an input"), make("div", {}, this.derived(model.nodes.inputs[index]))];
  }
}
