/* The playground: how the training runs, what is shown of it, and what a reader can do. */

const FRAME = 1000 / 60;
const STEPPING = 9; // milliseconds of a frame for steps
const VIEWING = 9; // and for what is drawn, which skips frames where it takes longer

class Playground extends Details {
  constructor(model, rules, programs, updates) {
    super();
    this.model = model;
    this.programs = programs;
    this.training = new Training(model, programs, updates);
    this.graph = model.graph && new Graph(model.graph, rules);
    this.words = this.graph && new ExampleWords(this.graph);
    this.example = 0;
    this.chosen = null;
    this.playing = false;
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

  /* Running. */

  play() {
    this.playing = !this.playing;
    document.body.classList.toggle("playing", this.playing);
    $("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
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
    // What takes long to draw is drawn in some of the frames only, so that all of them are on time.
    if (this.frames++ % Math.max(1, Math.ceil(this.cost / VIEWING)) === 0) this.render();
    if (now - this.spoken > 10_000) {
      this.spoken = now;
      this.say(this.summary());
    }
    if (going) requestAnimationFrame((next) => this.frame(next));
    else this.play();
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
