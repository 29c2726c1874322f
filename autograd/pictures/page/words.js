/* Words and formulas: what a number is called, what it is computed from, how fast it rises. */

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

  /** What a number does while another rises, by its derivative, in as many digits as a person reads. */
  rate(derivative) {
    const size = Math.abs(derivative);
    if (Number.isNaN(size)) return "changes in a way that no number says";
    if (size === 0) return "does not change";
    const way = derivative > 0 ? "rises " : "falls ";
    if (size === Infinity) return [way, "infinitely fast"];
    const slow = size < 0.1 && Number.isFinite(1 / size);
    const exact = slow ? 1 / size : size;
    const told = Number(exact.toPrecision(slow ? 2 : 3));
    const about = Math.abs(told - exact) > 1e-5 * exact ? "about " : "";
    const plain = { 0.5: "half as fast", 1: about ? "as fast" : "just as fast", 2: "twice as fast" }[told];
    const many = make("span", { class: "number" }, spoken(told));
    return [way, about, ...(plain ? [plain] : [many, slow ? " times more slowly" : " times as fast"])];
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

  /** A number in a formula; a negative one, or one with an exponent, in parentheses beside an operator. */
  number(x, enclosed = false) {
    const text = short(x);
    return make("span", { class: "number" }, enclosed && /^−|\de/.test(text) ? `(${text})` : text);
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

  forwardStory(id) {
    const { parents } = this.graph.nodes[id];
    return [
      [this.named(id), " is computed from ", this.list([...new Set(parents)]), "."],
      this.equation(id, this.inNumbers(id)),
    ];
  }

  /** What a node is computed from, as a formula with names, and what follows it. */
  equation(id, ...rest) {
    return make("p", { class: "equation" }, this.named(id), " = ", this.formula(this.op(id).value, id, false), rest);
  }

  /** The same formula with numbers, and the number that it gives. */
  inNumbers(id) {
    return [" = ", this.formula(this.op(id).value, id, true), " = ", make("strong", {}, this.number(this.value(id)))];
  }

  op(id) {
    return this.graph.model.ops[this.graph.nodes[id].op];
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

  within(id) {
    const titles = [];
    for (let box = this.plan.home[id]; box; box = this.plan.boxes[box].outer)
      if (this.plan.boxes[box].count === 1) titles.push(this.plan.boxes[box].title);
    return titles;
  }

  /** What a local derivative is: its formula in names, in numbers, and its number; what reads the same comes once. */
  stages(child, k) {
    const { graph } = this;
    const formula = this.op(child).partials?.[k];
    if (formula?.length === 1 && formula[0] !== "y" && typeof formula[0] === "string") return [[" = ", formula]];
    const written = formula ? [false, true].map((numbers) => this.formula(formula, child, numbers)) : [];
    const texts = written.map((parts) => make("p", {}, parts).textContent);
    const number = this.number(graph.locals[child][k]);
    const told = written.filter((_, i) => texts.indexOf(texts[i]) === i && texts[i] !== number.textContent);
    return [...told.map((parts) => [" = ", parts]), [graph.taken(child, k) ? ", taken as " : " = ", number]];
  }

  /** Where a local derivative comes from: ∂child/∂operand = formula = number. */
  localFormula(child, k) {
    return ["where ", this.local(child, k), ...this.stages(child, k), ...this.since(child)];
  }

  since(child) {
    return [", since ", this.named(child), " = ", this.formula(this.op(child).value, child, false)];
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
}
