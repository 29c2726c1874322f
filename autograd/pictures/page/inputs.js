/* The numbers that can be changed, beside the graph and in it. */

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
}
