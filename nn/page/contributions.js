/* Contributions: what each input of a neuron adds to its sum, in numbers and as a picture of weight × map. */

const SMALL = 40; // pixels on a side of a picture
const FEW_TERMS = 24; // of more, the largest are shown first

class Contributions extends Settings {
  /** What a neuron's sum is made of: each weight with the input that it multiplies, and the bias. */
  terms(card) {
    const { theta } = this.training;
    const wires = card.wires.map(([kind, tail, place]) => {
      const [name, input] = kind === "x" ? this.input(tail) : kind ? this.neuron(tail) : ["", null];
      return { place, kind, tail, name, input };
    });
    const rest = [card.bias, ...card.others].map((place) =>
      place === card.bias ? { place, name: "bias", input: 1 } : { place, name: "", input: null },
    );
    const known = [...wires, ...rest].filter(({ place }) => place >= 0);
    return known.map((term) => ({ ...term, adds: term.input === null ? null : theta[term.place] * term.input }));
  }

  /** The name of an input, and its number in the chosen example. */
  input(i) {
    return [this.model.inputs[i], this.training.data.input(this.example, i)];
  }

  neuron(i) {
    return [this.model.cards[i].name, this.values[i]];
  }

  /** A table of a neuron's parameters: weight × input in the chosen example, which add up to its sum. */
  contributions(card) {
    const terms = this.terms(card);
    const told = terms.some(({ kind }) => kind); // else there are parameters only
    const many = terms.length > FEW_TERMS && !this.allTerms;
    const bySize = [...terms].sort((a, b) => Math.abs(b.adds ?? 0) - Math.abs(a.adds ?? 0));
    const shown = many ? bySize.slice(0, FEW_TERMS) : terms;
    const maps = told && this.field.dimensions === 2 ? this.maps(shown) : null;
    const head = [
      "parameter",
      "value",
      ...(told ? ["times", "adds"] : []),
      ...(maps ? ["as a map"] : []),
      "mean gradient",
    ];
    const whole = told && terms.length === card.wires.length + 1 && terms.every(({ adds }) => adds !== null);
    const sum = terms.reduce((total, { adds }) => total + adds, 0);
    const all = () => {
      this.allTerms = true;
      this.renderDetails();
    };
    const cells = (tag, texts, attributes = {}) => texts.map((text) => make(tag, attributes, text));
    return [
      told && make("p", { class: "quiet" }, this.adding(card, maps)),
      make(
        "table",
        { class: "contributions" },
        make("thead", {}, make("tr", {}, cells("th", head, { scope: "col" }))),
        make(
          "tbody",
          {},
          shown.map((term, i) => this.term(term, told, maps?.[i])),
        ),
        whole &&
          make(
            "tfoot",
            {},
            make(
              "tr",
              {},
              make("th", { scope: "row", colspan: 3 }, `the sum of all ${terms.length}`),
              make("td", { class: "number" }, short3(sum)),
              make("td", { colspan: maps ? 2 : 1 }),
            ),
          ),
      ),
      many &&
        make(
          "button",
          { type: "button", "data-focus": "all", onclick: all },
          `These are the ${FEW_TERMS} largest: show all ${terms.length}`,
        ),
    ];
  }

  /** How the maps, or the numbers, before a neuron become its own. */
  adding({ name, node }, maps) {
    const op = this.graph?.model.ops[this.graph.nodes[node]?.op];
    const after = op?.arguments?.length === 1 && op.name !== "neg" ? `, and ${op.name} of the sum` : "";
    const what = `What each input adds to ${name} is weight × input, in numbers for example ${this.example + 1}`;
    return maps
      ? `${what}, and as a map over all inputs: green above 0, purple below. The maps added up${after}, are the map of ${name}. The line on each neuron’s card is where its own sum is 0: there it folds, and where the line of the answer meets it, the answer bends.`
      : `${what}. They are added up${after}: that is ${name}.`;
  }

  term({ place, name, input, kind, adds }, told, map) {
    const { theta, gradient } = this.training;
    const number = (x, more = "") => make("td", { class: `number ${more}` }, x === null ? "" : short3(x));
    const times = kind
      ? ["× ", make("bdi", { class: "name" }, name), " = ", make("span", { class: "number" }, short3(input))]
      : name;
    return make(
      "tr",
      {},
      make("td", {}, this.parameter(place)),
      number(theta[place]),
      told && [make("td", {}, times), number(adds)],
      map !== undefined && make("td", {}, map),
      number(gradient[place], sign(gradient[place])),
    );
  }

  /** The picture of each term over the plane, all on one scale. */
  maps(terms) {
    const { field, training, pixels } = this;
    const { width } = training.data;
    const count = field.size * field.size;
    const adds = terms.map(({ place, kind, tail, input }) => {
      const weight = training.theta[place];
      if (kind === "x") return (i) => weight * field.rows[i * width + tail];
      return kind ? (i) => weight * field.values[i * field.cards + tail] : () => weight * input;
    });
    let most = 1e-12;
    for (const one of adds) for (let i = 0; i < count; i++) most = Math.max(most, Math.abs(one(i)));
    return adds.map((one) => {
      const canvas = make("canvas", { width: SMALL, height: SMALL, "aria-hidden": "true" });
      paint(canvas, field.size, (i) => onScale(pixels, one(i) / most));
      return canvas;
    });
  }
}
