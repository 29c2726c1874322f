/* The playground: what is shown of the training, and what a reader can do. */

const FRAME = 1000 / 60;
const STEPPING = 9; // milliseconds of a frame for steps
const VIEWING = 9; // and for what is drawn, which skips frames where it takes longer
const RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];
const STRENGTHS = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1];
const PENALTIES = { none: "none", l1: "L1, Σ |p|", l2: "L2, Σ p²", own: "the model’s own" };

/** The class of a number's colour where it is a gradient. */
const sign = (slope) => (slope > 0 ? "positive" : slope < 0 ? "negative" : "");

/** The explorer's words about the graph of one example, all of whose gradients have arrived. */
class ExampleWords extends Words {
  constructor(graph) {
    super();
    this.graph = graph;
    this.state = { arrived: { has: () => true } };
    this.plan = { home: [], boxes: [], steps: [] };
  }

  mark() {}

  renderLines() {}
}

class Playground {
  constructor(model, rules, programs, updates) {
    this.model = model;
    this.programs = programs;
    this.training = new Training(model, programs, updates);
    this.graph = model.graph && new Graph(model.graph, rules);
    this.words = this.graph && new ExampleWords(this.graph);
    this.example = 0;
    this.chosen = null;
    this.playing = false;
    this.timing = { steps: [], view: [] };
    this.cost = 0;
    this.outputs = model.cards.flatMap((card, i) => (card.output === null ? [] : [[card.output, i]]));
    this.outputs = this.outputs.sort((a, b) => a[0] - b[0]).map(([, i]) => i);
    this.field = new Field(this.training, programs);
    this.theme();
    $("title").textContent = model.title;
    this.network = new NetworkView(this);
    this.answer = new Answer(this);
    this.settings();
    this.listen();
    this.start();
    this.pick(this.worst());
  }

  start() {
    this.training.gradient = this.training.wholeGradient();
    this.training.record();
    this.render();
  }

  /* Settings. */

  settings() {
    const { model, training } = this;
    const { wanted } = training;
    const choice = (id, choices, value, change) => {
      const options = choices.map(([key, name]) =>
        make("option", { value: String(key), selected: String(key) === String(value) }, name),
      );
      $(id).replaceChildren(...options);
      $(id).onchange = () => {
        change($(id).value);
        this.render();
      };
    };
    const sorted = (numbers) => [...new Set(numbers)].sort((a, b) => a - b).map((one) => [one, short(one)]);
    const fixed = wanted.lr === null ? [] : [wanted.lr];
    const rates = sorted([...RATES, ...fixed, ...model.optimizers.map((one) => one.lr)]);
    choice("lr", model.start.rates ? [["", "its schedule"], ...rates] : rates, wanted.lr ?? "", (value) => {
      wanted.lr = value === "" ? null : Number(value);
    });
    choice(
      "optimizer",
      model.optimizers.map(({ name }) => [name, name]),
      wanted.optimizer,
      (name) => {
        wanted.optimizer = name;
        const { lr } = model.optimizers.find((one) => one.name === name);
        wanted.lr = name === model.optimizers[0].name && model.start.rates ? null : lr;
        this.settings();
        this.say(`${name}, with its learning rate ${short(lr)}`);
      },
    );
    const { count } = training.data;
    const sizes = sorted(
      [1, 4, 10, 16, 32, 64, 128, ...(model.batch ? [model.batch] : [])].filter((size) => size < count),
    );
    choice("batch", [...sizes, ["", `all ${count}`]], wanted.batch ?? "", (value) => {
      wanted.batch = value === "" ? null : Number(value);
    });
    const penalties = Object.entries(PENALTIES).filter(([key]) => key !== "own" || model.penalised);
    choice("penalty", penalties, wanted.penalty, (value) => {
      if (value !== "none") wanted.strength = value === "own" ? 1 : Math.min(wanted.strength, 0.001);
      wanted.penalty = value;
      this.settings();
    });
    choice("strength", sorted([...STRENGTHS, wanted.strength]), wanted.strength, (value) => {
      wanted.strength = Number(value);
    });
    $("strength-label").hidden = wanted.penalty === "none";
    this.options();
  }

  /** A field for each option of the optimiser. */
  options() {
    const { wanted } = this.training;
    const options = wanted.options[wanted.optimizer];
    const field = (name, value, set) => {
      const input = make("input", { type: "checkbox", checked: value });
      if (typeof value !== "boolean") {
        const share = !["eps", "weight_decay"].includes(name.split(" ")[0]);
        Object.assign(input, { type: "number", min: 0, step: "any", value });
        if (share) input.max = 0.999999;
      }
      input.addEventListener("change", () => {
        if (!input.validity.valid || input.value === "") input.value = value;
        else set(typeof value === "boolean" ? input.checked : Number(input.value));
        this.render();
      });
      return make("label", {}, `${name.replace("_", " ")} `, input);
    };
    const fields = Object.entries(options).flatMap(([name, option]) =>
      Array.isArray(option)
        ? option.map((one, i) =>
            field(`${name} ${i + 1}`, one, (value) => {
              option[i] = value;
            }),
          )
        : [
            field(name, option, (value) => {
              options[name] = value;
            }),
          ],
    );
    $("more").hidden = !fields.length;
    $("options").replaceChildren(...fields);
  }

  /* Running. */

  play() {
    this.playing = !this.playing;
    document.body.classList.toggle("playing", this.playing);
    $("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
    $("details").setAttribute("aria-live", this.playing ? "off" : "polite");
    if (this.playing) {
      this.due = 0;
      this.before = undefined;
      this.frames = 0;
      this.spoken = performance.now();
      requestAnimationFrame((now) => this.frame(now));
    } else this.render();
    this.say(this.playing ? "Playing." : this.summary());
  }

  frame(now) {
    if (!this.playing) return;
    const passed = Math.min(now - (this.before ?? now - FRAME), 100);
    this.before = now;
    const speed = Number($("speed").value);
    this.due = Math.min(this.due + (speed * passed) / 1000, speed === Infinity ? Infinity : Math.max(speed / 10, 1));
    const begin = performance.now();
    let going = true;
    while (going && this.due >= 1 && performance.now() - begin < STEPPING) {
      going = this.training.step();
      this.due--;
    }
    const stepped = performance.now();
    // What takes long to draw is drawn in some of the frames only, so that all of them are on time.
    if (this.frames++ % Math.max(1, Math.ceil(this.cost / VIEWING)) === 0) this.render();
    const done = performance.now();
    this.note(this.timing.steps, stepped - begin);
    this.note(this.timing.view, done - stepped);
    if (now - this.spoken > 10_000) {
      this.spoken = now;
      this.say(this.summary());
    }
    if (going) requestAnimationFrame((next) => this.frame(next));
    else this.play();
  }

  note(list, time) {
    list.push(time);
    if (list.length > 600) list.shift();
  }

  /** Take one step, or take one back; a reader does that by hand. */
  walk(act) {
    if (this.playing) this.play();
    act();
    this.render();
    this.say(this.summary());
  }

  run(steps) {
    for (let i = 0; i < steps && this.training.step(); i++);
    this.render();
  }

  reset() {
    this.training.reset();
    this.start();
  }

  undo() {
    this.training.undo();
    this.training.gradient = this.training.wholeGradient();
    this.training.record();
  }

  summary() {
    const { training } = this;
    if (training.problem) return training.problem;
    const [step, loss, held] = training.curve.at(-1);
    const { right: share, heldRight } = this.answer;
    const also = heldRight === null || share === null ? "" : ` (held out ${this.percent(heldRight)})`;
    const right = share === null ? "" : `, ${this.percent(share)}${also} right`;
    return `Step ${step}: loss ${short(loss)}${held === null ? "" : `, held out ${short(held)}`}${right}.`;
  }

  say(text) {
    $("status").textContent = text;
  }

  percent(share) {
    return `${(100 * share).toFixed(share === 1 || share === 0 ? 0 : 1)} %`;
  }

  /* Rendering. */

  theme() {
    this.colours = pageColours();
    const { below, surface, above } = this.colours;
    this.pixels = scale(below, surface, above);
  }

  render() {
    const begin = performance.now();
    const { training } = this;
    training.record();
    this.field.refresh(this.playing);
    this.answer.render();
    this.renderCounts();
    const now = performance.now();
    if (!this.playing || now - (this.told ?? 0) > 200) {
      this.told = now;
      this.renderExample();
    }
    this.network.drawWires();
    this.renderCharts();
    this.cost = 0.7 * this.cost + 0.3 * (performance.now() - begin);
    this.hand?.();
  }

  renderCounts() {
    const { training } = this;
    const [, loss, held] = training.curve.at(-1);
    $("steps").textContent = training.steps;
    $("epochs").textContent = training.epochs;
    $("loss").textContent = short3(loss);
    $("held-count").hidden = held === null;
    $("held").textContent = held === null ? "" : short3(held);
    $("right-count").hidden = this.answer.right === null;
    const { right, heldRight } = this.answer;
    $("right").textContent = right === null ? "" : this.percent(right);
    $("right-held").textContent = right === null || heldRight === null ? "" : ` held out ${this.percent(heldRight)}`;
    $("undo").disabled = !training.undoable.length && !training.problem;
    $("reset").disabled = training.steps === 0 && !training.problem;
    $("play").disabled = $("step").disabled = Boolean(training.problem);
    $("waiting").textContent = training.waiting ? `From epoch ${training.epochs + 2} on, as chosen.` : "";
    const message = training.problem && `${training.problem}. Undo takes this message away.`;
    if ($("problem").textContent !== message) $("problem").textContent = message;
  }

  renderCharts() {
    const { training, colours, network } = this;
    drawCurve($("curve"), training.curve, colours);
    $("curve").setAttribute("aria-label", `The loss: ${this.summary()}`);
    const scaled = isLogarithmic(training.curve) ? "; a logarithmic axis" : "";
    const kinds = training.held ? "solid: examples to train on; dashed: held out" : "on the examples to train on";
    $("curve-key").textContent = kinds + scaled;
    const told = drawGradients($("gradients"), this.model.layers, training.gradient, colours);
    const text = told.map(
      ({ name, median, zeros, count }) =>
        `${name}: ${median ? `about ${tick(median)}` : "all 0"}, ${zeros} of ${count} are 0`,
    );
    $("gradients").setAttribute("aria-label", `Sizes of the gradients. ${text.join(". ")}`);
    $("gradients-note").textContent = this.verdict(told);
    const which = network.lines === "weights" ? ["above", "below", "weight"] : ["positive", "negative", "gradient"];
    const few =
      network.shown && network.shown.length < network.wires.length
        ? ` The ${network.shown.length} strongest of ${network.wires.length} are drawn.`
        : "";
    const key = `${which}${few}`;
    if (key === this.keyShown) return;
    this.keyShown = key;
    $("meaning").replaceChildren(
      make("b", { class: which[0] }, "solid"),
      `: ${which[2]} above 0; `,
      make("b", { class: which[1] }, "dashed"),
      `: below; the thicker, the larger.${few}`,
    );
  }

  /** What the sizes of the gradients say: whether they vanish on the way back, or blow up. */
  verdict(told) {
    const [first, last] = [told[0], told.at(-1)];
    if (told.length < 2 || !first.median || !last.median)
      return "How many gradients are of each size, in powers of ten.";
    const ratio = first.median / last.median;
    const word = ratio < 0.01 ? "Vanishing: those" : ratio > 100 ? "Exploding: those" : "Those";
    const times = short(Number(Math.max(ratio, 1 / ratio).toPrecision(2)));
    return `${word} of ${first.name} are ${times} times as ${ratio < 1 ? "small" : "large"} as those of ${last.name}.`;
  }

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
    const named = label === undefined || label === targets ? "" : `, ${label}`;
    $("told").replaceChildren(
      make("p", {}, few, count > 6 ? ` and ${count - 6} more` : ""),
      make("p", {}, "The network gives ", outputs, this.answer.sentence(values), "."),
      make(
        "p",
        {},
        `The right answer is ${targets}${named}; the loss of this example is `,
        make("b", {}, short(value[0])),
        ".",
      ),
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

  /** Whether the chosen example has no say in where the parameters go. */
  get isFlat() {
    return this.model.nodes.parameters.every((id) => id < 0 || this.graph.gradients?.[id] === 0);
  }

  /* What is chosen. */

  choose(chosen) {
    const same = JSON.stringify(chosen) === JSON.stringify(this.chosen);
    this.chosen = same ? null : chosen;
    this.network.mark(this.chosen);
    this.render();
    this.renderExample();
    $("details").scrollTop = 0;
    if (!this.chosen) this.network.focus();
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
    const focused = $("details").contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    $("details").hidden = !chosen;
    let parts = [];
    if (chosen?.kind === "parameter") parts = this.tellParameter(chosen.index);
    if (chosen?.kind === "neuron") parts = this.tellNeuron(model.cards[chosen.index]);
    if (chosen?.kind === "input") parts = this.tellInput(chosen.index);
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
    $("details").replaceChildren(close, ...parts);
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
    const { training, model } = this;
    const [value, mean] = [training.theta[index], training.gradient[index]];
    const settled = training.steps
      ? "In the last step its gradient, a mean over examples, was "
      : "Its mean gradient is ";
    const way = mean === 0 ? "it stays as it is" : `the optimiser pushes it ${mean > 0 ? "down" : "up"}`;
    return [
      make(
        "div",
        {},
        this.heading(model.parameters[index], `a parameter${model.paths[index] ? `, ${model.paths[index]}` : ""}`),
        make(
          "p",
          { class: "equation" },
          make("bdi", { class: "name leaf" }, model.parameters[index]),
          " = ",
          make("strong", {}, short(value)),
        ),
        make("p", {}, settled, make("b", { class: sign(mean) }, short(mean)), `: ${way}.`),
      ),
      make("div", {}, this.derived(model.nodes.parameters[index])),
    ];
  }

  tellNeuron(card) {
    const { model, graph, words, training } = this;
    const output = card.output === null ? "a neuron" : "an output";
    const parts = [this.heading(card.name, `${output}${card.path ? `, ${card.path}` : ""}`)];
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
    const rows = [...card.wires.map(([, , place]) => place), card.bias, ...card.others].filter((place) => place >= 0);
    const from = (place) => {
      const wire = card.wires.find(([, , other]) => other === place);
      if (!wire) return place === card.bias ? "bias" : "";
      return wire[0] === "x" ? model.inputs[wire[1]] : wire[0] === "card" ? model.cards[wire[1]].name : "";
    };
    const shown = rows.slice(0, 80);
    if (rows.length) {
      parts.push(
        make(
          "table",
          {},
          make(
            "thead",
            {},
            make(
              "tr",
              {},
              ["parameter", "of", "value", "last gradient"].map((name) => make("th", { scope: "col" }, name)),
            ),
          ),
          make(
            "tbody",
            {},
            shown.map((place) =>
              make(
                "tr",
                {},
                make("td", {}, this.parameter(place)),
                make("td", {}, make("bdi", {}, from(place))),
                make("td", { class: "number" }, short(training.theta[place])),
                make(
                  "td",
                  {
                    class: `number ${sign(training.gradient[place])}`,
                  },
                  short3(training.gradient[place]),
                ),
              ),
            ),
          ),
        ),
      );
      if (shown.length < rows.length)
        parts.push(make("p", { class: "quiet" }, `and ${rows.length - shown.length} more`));
    }
    return [make("div", {}, parts), make("div", {}, this.derived(card.node))];
  }

  tellInput(index) {
    const { model } = this;
    if (model.inputs.length >= IMAGE)
      return [this.heading(`${model.inputs.length} inputs`, "the numbers of an example")];
    return [this.heading(model.inputs[index], "an input"), ...this.derived(model.nodes.inputs[index])];
  }

  /* Listening. */

  listen() {
    const on = (id, act) => $(id).addEventListener("click", act);
    on("play", () => this.play());
    on("step", () => this.walk(() => this.training.step()));
    on("undo", () => this.walk(() => this.undo()));
    on("reset", () => this.walk(() => this.reset()));
    on("theme", () => this.changeTheme());
    on("before", () => this.pick(this.example - 1));
    on("after", () => this.pick(this.example + 1));
    on("worst", () => this.pick(this.worst()));
    $("which").max = this.training.data.count;
    $("which").addEventListener("change", () => {
      if ($("which").value !== "" && $("which").validity.valid) this.pick(Number($("which").value) - 1);
      else $("which").value = this.example + 1;
    });
    for (const radio of document.querySelectorAll("[name=lines]"))
      radio.addEventListener("change", () => {
        this.network.lines = radio.value;
        this.render();
      });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
    addEventListener("resize", () => this.render());
    addEventListener("keydown", (event) => this.key(event));
    on("export", () => this.showPython());
    on("close", () => $("python").close());
    on("copy", () => this.copy());
    on("download", () => this.download("run.py", "text/x-python", $("source").value));
    on("weights", () => this.download("model.json", "application/json", modelFile(this.training)));
    addEventListener("message", (event) => this.answerTo(event));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || $("python").open) return;
    if (event.target.matches("input, select, textarea")) return;
    const actions = {
      " ": event.target.matches("button, summary, a") ? null : () => this.training.problem || this.play(),
      ArrowRight: () => this.training.problem || this.walk(() => this.training.step()),
      ArrowLeft: () => this.walk(() => this.undo()),
      Home: () => this.walk(() => this.reset()),
      Escape: () => this.chosen && this.choose(this.chosen),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  changeTheme() {
    const { dataset } = document.documentElement;
    const dark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    dataset.theme = dark ? "light" : "dark";
    this.repaint();
  }

  repaint() {
    this.theme();
    this.keyShown = null;
    this.answer.keyShown = null;
    this.render();
  }

  /** The example with the largest loss now. */
  worst() {
    const { data } = this.training;
    this.programs.objective(this.training.theta, data.rows, data.values, null);
    return data.values.reduce((best, value, n) => (value > data.values[best] ? n : best), 0);
  }

  showPython() {
    if (this.playing) this.play();
    const { training } = this;
    $("source").value = runInPython(training);
    const rest = training.position
      ? ` The page is in the middle of epoch ${training.epochs + 1}, of which ${training.position} steps are done; this goes to the end of epoch ${training.epochs}.`
      : "";
    $("python-note").textContent =
      `${training.epochs} epochs from the same weights on the same examples, in the same order.${rest}`;
    $("weights").hidden = !this.model.file;
    $("copied").textContent = "";
    $("python").showModal();
    $("source").scrollTop = 0;
  }

  copy() {
    $("source").select();
    const done = document.execCommand("copy");
    $("copied").textContent = done ? "Copied." : "It is selected: press Ctrl+C to copy it.";
  }

  download(name, type, text) {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    $("copied").textContent = `${name} goes to your downloads.`;
  }

  /** Hand the parameters to the notebook around this page, where it asks for them. */
  answerTo(event) {
    if (event.source !== window.parent || event.data !== "scalar-autograd: parameters") return;
    let last = 0;
    this.hand = () => {
      if (this.playing && performance.now() - last < 500) return;
      last = performance.now();
      window.parent.postMessage({ scalarAutograd: [...this.training.theta], steps: this.training.steps }, "*");
    };
    this.hand();
  }
}

/** Open the page: called by its last script with the rules of the graph, the programs and the update formulas. */
window.start = (rules, programs, updates) => {
  window.playground = new Playground(JSON.parse($("graph").textContent), rules, programs, updates);
};
