/* The derivation of a gradient: the shares that a number gets along its arrows, and the paths they come by. */

class Derivation extends Words {
  /** Paths of so many arrows, or fewer, are told in one line. */
  get longest() {
    return 16;
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
                this.number(graph.handed(child, k)),
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
    if (graph.paths[id] <= 6 && graph.lengths[id] <= this.longest) parts.push(...this.ways(id));
    else parts.push(...this.factors(id));
    return parts;
  }

  nudge(id) {
    const { graph } = this;
    const size = Math.abs(graph.given[id]);
    const usual = size === 0 || (size >= 0.1 && size < 1e6);
    const h = Number(`1e${usual ? -3 : Math.floor(Math.log10(size)) - 3}`);
    if (!(h > 0 && h < Infinity)) return "";
    const moved = graph.rootWith(id, graph.given[id] + h);
    const now = graph.values[graph.root];
    if (moved === undefined) return "";
    const [kinks, jumps] = ["kink", "jump"].map((edge) => graph.passed(id, edge));
    const at = (step) => graph.rootWith(id, graph.given[id] + step);
    const jumped = (step) => jumps.length > 0 && Math.abs(at(step / 1e6) - now) > 0.5 * Math.abs(at(step) - now);
    const told = (step) => {
      const there = at(step);
      const share = Math.abs(there - now) / Math.max(Math.abs(now), Math.abs(there), Number.MIN_VALUE);
      if (share === 0) return [this.named(graph.root), ` stays at ${short(now)}: it does not change.`];
      if (share < 1e-12) return [this.named(graph.root), ` stays at ${short(now)}, as far as its digits can tell.`];
      const digits = Math.min(15, Math.max(4, 2 + Math.ceil(-Math.log10(share))));
      const written = (x) =>
        Number.isFinite(share) ? Number(x.toPrecision(digits)).toString().replaceAll("-", "−") : short(x);
      const [from, to] = [now, there].map(written);
      const how = jumped(step) ? "jumps" : this.rate((there - now) / h);
      return [this.named(graph.root), ` goes from ${from} to ${to}: it `, how, "."];
    };
    const parts = [make("b", {}, "Try it: "), "raise ", this.named(id), ` by ${short(h)}, and `, told(h)];
    const lowered = kinks.length + jumps.length ? at(-h) : undefined;
    const jump = jumped(h) || jumped(-h);
    const bend = moved - now + (lowered - now);
    if (jump || Math.abs(bend) > 0.01 * Math.max(Math.abs(moved - now), Math.abs(lowered - now)))
      parts.push(
        ...(lowered === undefined ? [] : [" Lower it by as much, and ", told(-h)]),
        ...[jump ? " There is a jump on the way, at " : " There is a kink on the way, at "],
        ...[this.list(jump ? jumps : kinks), jump ? "" : ", with two slopes", ": by convention the gradient is "],
        ...[this.number(graph.gradients[id]), "."],
      );
    return make("p", { class: "nudge" }, parts);
  }

  /** That an operation jumps, or has two slopes, and which derivative counts; nothing where it is smooth. */
  edge(child, k) {
    const { graph } = this;
    const jump = graph.jump(child, k);
    const kink = jump ? null : graph.kink(child, k);
    const alone =
      graph.taken(child, k) &&
      [-1e-9, 1e-9].every((h) => Number.isNaN(graph.moved(child, k, h * graph.size(child, k))));
    if (!jump && !kink && !alone) return null;
    const parent = this.named(graph.nodes[child].parents[k]);
    const here = graph.values[child];
    const taken = graph.locals[child][k];
    const convention = Number.isNaN(taken) ? "Neither is taken" : ["By convention ", this.number(taken), " is taken"];
    const begin = ["Here ", this.named(child)];
    if (alone) return [...begin, " has no value where ", parent, " is a little smaller, or larger. ", ...convention];
    const sides = (jump ?? kink).flatMap((one, i) => (one === here && jump ? [] : [[one, i ? "larger" : "smaller"]]));
    const told = sides.flatMap(([one, side], i) => [
      ...[i ? (jump ? ", and to " : ", and ") : "", this.number(one), " where "],
      ...[i ? "it" : parent, ` is a little ${side}`],
    ]);
    return [
      ...begin,
      ...(jump ? [" jumps: from ", this.number(here), " to "] : [" has a kink: two slopes, "]),
      ...[told, ". ", convention],
    ];
  }

  ways(id) {
    const { graph } = this;
    const ways = graph.waysFrom(id);
    const rows = ways.map((edges, i) =>
      make(
        "li",
        {},
        this.chain(id, edges, i),
        make(
          "span",
          { class: "product" },
          edges.length > 1
            ? [edges.flatMap(({ child, k }, j) => [j ? " × " : "", this.number(graph.locals[child][k], j > 0)]), " = "]
            : "",
          this.number(this.product(edges)),
        ),
      ),
    );
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

  product(edges) {
    if (!edges.every(({ child, k }) => this.graph.isActive(child, k))) return 0;
    return edges.reduceRight((product, { child, k }) => this.graph.handed(child, k, product), 1);
  }

  /** A path by the names on it: a button that shows it in the picture. */
  chain(id, edges, i) {
    const { nodes } = this.graph;
    const show = () =>
      this.mark(
        edges.map(({ child, k }) => [nodes[child].parents[k], child]),
        "backward",
      );
    const hide = () => this.renderLines(this.plan.steps[this.position]);
    const events = { onpointerenter: show, onpointerleave: hide, onfocus: show, onblur: hide, onclick: show };
    return make("button", { class: "path", type: "button", "data-path": i, ...events }, this.along(id, edges));
  }

  /** The names of the nodes along a path, of a long one those at its ends. */
  along(id, edges) {
    const names = [id, ...edges.map(({ child }) => child)].map((one, j) => [j ? " → " : "", this.named(one)]);
    return names.length > 40 ? [...names.slice(0, 16), " → …", ...names.slice(-16)] : names;
  }

  /** Of many paths, or a long one, the strongest with all that is multiplied along it. */
  factors(id) {
    const { graph } = this;
    const count = graph.paths[id];
    const edges = graph.strongestWay(id);
    const told = edges.filter(({ child, k }) => graph.locals[child][k] !== 1);
    const shown = told.length > 48 ? [...told.slice(0, 24), null, ...told.slice(-23)] : told;
    const rows = shown.map((edge) =>
      edge
        ? make(
            "tr",
            {},
            make("td", {}, this.whence(edge.child, edge.k)),
            make("td", {}, "× ", this.number(graph.locals[edge.child][edge.k], true)),
          )
        : make("tr", {}, make("td", { colspan: 2 }, `… ${counted(told.length - 47, "factor")} more …`)),
    );
    const heading =
      count === 1
        ? `Along its one path of ${counted(edges.length, "arrow")}, factor by factor`
        : `The strongest of its ${count.toLocaleString("en")} paths, factor by factor`;
    const product = make("strong", {}, this.number(this.product(edges)));
    return [
      make("h3", {}, heading),
      make("p", {}, this.chain(id, edges, 0)),
      ...this.reasons(edges),
      make(
        "table",
        { class: "factors" },
        make(
          "thead",
          {},
          make("tr", {}, make("th", { scope: "col" }, "local derivative"), make("th", { scope: "col" }, "factor")),
        ),
        make("tbody", {}, rows),
        make("tfoot", {}, make("tr", {}, make("th", { scope: "row" }, "multiplied"), make("td", {}, "= ", product))),
      ),
      make(
        "p",
        { class: "quiet" },
        told.length < edges.length ? "Left out are the factors of exactly 1, as of sums. " : "",
        ...(count > 1 ? this.share(id, this.product(edges)) : []),
      ),
    ];
  }

  /** What part of the gradient comes along one of its paths. */
  share(id, product) {
    const { graph } = this;
    const whole = graph.gradients[id];
    const paths = `All ${graph.paths[id].toLocaleString("en")} paths lead from here to `;
    const rest = "; the chain rule adds them up, and walks each arrow only once.";
    const sum = [paths, this.named(graph.root), " and bring ", this.number(whole), " together"];
    if (product === 0 || !Number.isFinite(product / whole)) return [...sum, rest];
    const share = product / whole;
    const against = share < 0 ? ", against the others" : share > 1 ? ", and others take some of it back" : "";
    return [...sum, `; this one brings ${percentage(share)} of that${against}`, rest];
  }

  /** Where a local derivative comes from, in one line; its number stands beside it. */
  whence(child, k) {
    const stages = this.stages(child, k);
    return [this.local(child, k), stages.length > 1 ? stages.slice(0, -1) : [stages, this.since(child)]];
  }

  /** What made a product small, or large: the slopes of its functions, and what the sums multiply by. */
  reasons(edges) {
    const { graph } = this;
    const size = (some) => Math.abs(this.product(some));
    const steps = new Map(); // the edges of functions, by their names
    const others = [];
    for (const edge of edges) {
      if (Math.abs(graph.locals[edge.child][edge.k]) === 1) continue;
      const op = graph.model.ops[graph.nodes[edge.child].op];
      if (op.arguments?.length !== 1 || !/^[a-z]\w+$/.test(op.name) || op.name === "neg") others.push(edge);
      else steps.set(op.name, [...(steps.get(op.name) ?? []), edge]);
    }
    const none = edges.find(({ child, k }) => graph.locals[child][k] === 0);
    if (none) {
      const parent = this.named(graph.nodes[none.child].parents[none.k]);
      const edge = this.edge(none.child, none.k);
      const why = edge
        ? ["One factor is 0. ", ...edge, "."]
        : ["One factor is 0: while ", parent, " changes a little, ", this.named(none.child), " does not."];
      return [make("p", {}, make("b", {}, "Nothing comes through here. "), why)];
    }
    const parts = [...steps].map(([name, some]) => {
      const most = Math.min(...some.map(({ child }) => graph.steepest(child)));
      const bound = Number.isFinite(most) ? `${some.length > 1 ? ", each" : ","} at most ${short(most)}` : "";
      return [
        some.length > 1
          ? `the ${some.length} slopes of ${name}${bound}, multiply to `
          : `the slope of ${name}${bound}, is `,
        make("b", {}, this.number(size(some))),
      ];
    });
    if (!parts.length) return [];
    if (others.length)
      parts.push([
        `the ${others.length > 1 ? `${others.length} other factors, weights and inputs, multiply` : "other factor comes"} to `,
        make("b", {}, this.number(size(others))),
      ]);
    const whole = size(edges);
    const begin = whole < 0.01 ? "Why it is so small: " : whole > 100 ? "Why it is so large: " : "What is multiplied: ";
    return [make("p", {}, make("b", {}, begin), ...parts.flatMap((part, i) => [i ? "; " : "", part]), ".")];
  }
}
