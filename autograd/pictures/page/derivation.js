/* The derivation of a gradient: the shares that a number gets along its arrows, and the paths they come by. */

class Derivation extends Words {
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
