/* Rendering: the step that is shown, in the picture and in the panels around it. */

class Panels extends Inputs {
  render(moved = false) {
    const { plan } = this;
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
    this.renderResult();
    if (moved) {
      this.keepInSight(this.elements.get(this.reveal(step)));
    }
  }

  /** Show the card of a step with those of its operands, at the start those of the first step, and return its key. */
  reveal(step) {
    const shown = step.kind === "start" ? this.plan.steps[1] : step;
    const key = shown.unit?.key ?? this.plan.shown[this.graph.problem?.node ?? this.graph.root];
    const item = (wanted) => this.arranged.items.find((one) => one.key === wanted);
    const operands = shown.unit ? this.edgesOf(shown).map(([parent]) => item(this.plan.shown[parent])) : [];
    this.viewport.reveal(item(key), operands);
    return key;
  }

  renderNodes(step, state) {
    const { graph, plan } = this;
    const active = step.unit?.key ?? (step.kind === "seed" ? plan.shown[graph.root] : null);
    const receiving = new Set();
    if (step.kind === "backward") {
      for (const [parent] of this.edgesOf(step)) receiving.add(plan.shown[parent]);
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
        const contents = this.contents(item.box);
        const inside = contents.filter((id) => graph.nodes[id].parents);
        flags.root = contents.includes(graph.root);
        const shown = flags.root && state.known[graph.root] && graph.values[graph.root] !== undefined;
        const about = plan.boxes[item.box].about;
        element.aboutText.textContent = shown ? `= ${short(graph.values[graph.root])}` : about;
        const seen = `${this.boxTitle(plan.boxes[item.box])} ${element.aboutText.textContent}`;
        element.setAttribute("aria-label", `${seen}, closed box of ${about}; Enter opens it`);
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
        const asked = this.asked(step)?.node === item.node ? this.asked(step).of : "";
        const text = known && asked !== "data" ? short(value) : value === undefined && graph.problem ? "—" : "?";
        if (element.dataText.textContent !== text) element.dataText.textContent = text;
        if (element.gradText) {
          const reached = state.reached.has(item.node);
          flags.done = plan.complete(item.node, state);
          flags.partly = reached && !flags.done;
          flags.positive = reached && state.gradients[item.node] > 0;
          flags.negative = reached && state.gradients[item.node] < 0;
          const sum = asked === "grad" ? "?" : short(state.gradients[item.node]);
          const grad = reached ? sum + (flags.partly ? " + …" : "") : "not yet";
          if (element.gradText.textContent !== grad) element.gradText.textContent = grad;
          flags.waiting = !reached;
        }
        // What is seen comes first, as who speaks to the page says it; then where the number is from.
        const lines = [...element.querySelectorAll("text")].map((line) => line.textContent);
        element.setAttribute("aria-label", `${lines.join(" ")}, ${this.origin(node)}`);
      }
      for (const [name, on] of Object.entries(flags)) element.classList.toggle(name, Boolean(on));
    }
    this.viewport.squeeze();
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

  /** The result in one line, which is read out when it changes. */
  renderResult() {
    const { root, values, problem } = this.graph;
    const shown = problem ? "no value" : this.secret(root, "data") ? "?" : short(values[root]);
    const { chosen } = this;
    const told = chosen !== null && chosen !== root && !problem && this.graph.nodes[chosen].takes;
    const line = [
      ...[this.named(root), " = ", make("strong", {}, shown)],
      told && !this.secret(chosen, "grad")
        ? [", ", this.total(chosen), " = ", make("strong", {}, short(this.graph.gradients[chosen]))]
        : "",
    ];
    const whole = make("span", {}, line);
    if ($("result").textContent !== whole.textContent) $("result").replaceChildren(whole);
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

  renderStory(step, state) {
    const [heading, ...content] = this.asked(step) ? this.question(step) : this.story(step, state);
    const last = this.plan.steps.length - 1;
    const phase = {
      start: "Start",
      seed: "Backward",
      backward: "Backward",
      forward: "Forward",
      problem: "Stopped",
      done: "Done",
    }[step.kind];
    const focused = $("story").contains(document.activeElement);
    $("story").className = step.kind;
    $("story").replaceChildren(
      make("p", { class: "count" }, make("b", {}, phase), ` step ${this.position} of ${last}`, this.where(step)),
      make("p", { class: "sentence" }, heading),
      ...content,
    );
    if (focused) ($("story").querySelector("button, input") ?? $("next")).focus(); // not lost with what was there
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
      const isShown = graph.values[id] !== undefined && !this.secret(id, "data");
      parts.push(this.equation(id, isShown && [make("br"), this.inNumbers(id)]));
    }
    if (node.takes)
      parts.push(
        ...(graph.problem
          ? [make("p", { class: "quiet" }, "There is no gradient while ", this.named(graph.root), " has no value.")]
          : this.secret(id, "grad")
            ? [make("p", { class: "quiet" }, "Where its gradient comes from is shown when it has been asked for.")]
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
}
