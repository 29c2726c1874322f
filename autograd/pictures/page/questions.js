/* Questions: what a reader is asked at a step, before its number is shown. */

const WHOLE = "That is the whole gradient, of all arrows. What is the share along this one?";

class Questions extends Story {
  /** What a reader is asked at a step, before its number is shown: a node, and its data or its gradient. */
  asked(step) {
    if (!this.asks || this.answered.has(this.position) || step.unit?.key[0] !== "n" || step.operands) return null;
    if (step.kind === "forward") return { node: step.unit.nodes[0], of: "data" };
    return step.kind === "backward" ? { node: step.parent, of: "grad" } : null;
  }

  /** Whether the data or the gradient of a node is to be predicted first, at this step or at a later one. */
  secret(id, of) {
    const given = of === "data" && !this.graph.nodes[id].parents;
    if (!this.asks || given) return false;
    const asked = this.asked(this.plan.steps[this.position]);
    const known = of === "data" ? this.state.known[id] : this.plan.complete(id, this.state);
    return !known || (asked?.node === id && asked.of === of);
  }

  /** The question of a step: what it computes, with a field for the answer. */
  question(step) {
    const { graph } = this;
    const { node: id, of } = this.asked(step);
    const right = of === "data" ? this.value(id) : graph.handed(step.node, step.k);
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
      const given = numberOf(field.value);
      const undefinedGiven = /^\s*(nan|undefined)\s*$/i.test(field.value);
      const is = (number) =>
        given === number ||
        (Number.isNaN(number) && undefinedGiven) ||
        (Number.isFinite(number) && Math.abs(given - number) <= (0.01 * Math.abs(number) || 1e-9));
      if (is(right)) solve();
      else
        tell.textContent = of === "grad" && is(graph.gradients[id]) ? WHOLE : "Not that. Try again, or have it shown.";
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
}
