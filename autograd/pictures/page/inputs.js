/* The numbers that can be changed, beside the graph and in it. */

/** A number as a field shows it. */
const inField = (x) => (Number.isFinite(x) ? Number(x.toPrecision(12)) : "");

class Inputs extends Picture {
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
    const given = this.graph.nodes.filter((node) => !node.parents);
    const listed = [given, given.filter((node) => node.kind === "constant")].find((some) => some.length <= 12) ?? [];
    this.fields = new Map();
    const rest = given.length - listed.length;
    $("inputs").replaceChildren(
      make("h2", {}, "Change the numbers"),
      ...listed.map((node) => this.field(node.id)),
      ...(rest
        ? [
            make(
              "p",
              { class: "quiet" },
              `Choose one of the ${listed.length ? "other " : ""}${rest} numbers with ↔ in the graph, or drag it sideways.`,
            ),
          ]
        : []),
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
    const size = Math.abs(original);
    const span = !Number.isFinite(original) ? 10 : size > 0 && size < 0.1 ? 10 * size : Math.max(2, 2 * size);
    const middle = Number.isFinite(original) ? original : 0;
    let before; // the number when the field was entered
    let [start, reached] = [original, original]; // where the keys began, and where they have come to
    const slide = make("input", {
      type: "range",
      min: middle - span,
      max: middle + span,
      step: "any",
      "aria-label": `Slide ${label}`,
      oninput: (event) => this.assign(id, Number(Number(event.target.value).toPrecision(3))),
      onkeydown: (event) => {
        const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
        const value = this.graph.given[id];
        if (!way || !Number.isFinite(value)) return;
        event.preventDefault();
        if (value !== reached) start = value || original;
        reached = Number((value + way * this.unit(start)).toPrecision(12));
        this.assign(id, reached);
      },
    });
    const text = make("input", {
      type: "text",
      inputmode: "decimal",
      "aria-label": `Value of ${label}`,
      oninput: (event) => this.assign(id, numberOf(event.target.value)),
      onchange: (event) => {
        // What is no number is not kept, nor is what was typed on the way, as the 1 of "1e".
        if (!Number.isFinite(numberOf(event.target.value))) {
          this.graph.given[id] = before;
          this.recompute();
        }
        before = this.graph.given[id];
        event.target.value = inField(before);
      },
      onfocus: () => {
        before = this.graph.given[id];
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

  renderFields() {
    for (const [id, fields] of this.fields) {
      const value = this.graph.given[id];
      for (const { slide, text } of fields) {
        text.placeholder = short(value);
        const typed = numberOf(text.value);
        if (typed !== value && document.activeElement !== text) text.value = inField(value);
        else if (typed !== value && Number.isFinite(typed)) text.value = value;
        if (Number(slide.value) !== value) slide.value = value; // the middle where it is not finite
      }
    }
    $("reset").disabled = this.graph.given.every((value, id) => Object.is(value, this.graph.original[id]));
  }
}
