/* The page: the step that is shown, and what a reader can do. */

class View extends Keys {
  constructor(graph, plan) {
    super();
    this.graph = graph;
    this.plan = plan;
    this.position = 0;
    this.wanted = 0; // the step to come back to when a problem is solved
    this.chosen = null;
    this.playing = null;
    this.asks = false; // whether a number is asked for before it is shown
    this.answered = new Set(); // the steps whose number was found, or shown
    this.viewport = new Viewport();
    this.elements = new Map();
    this.current = null; // the item that arrow keys start from
    this.good = [...graph.given];
    this.title();
    this.listen();
    this.inputs();
    plan.unfold(() => this.viewport.holds(arrangeAll(plan)));
    this.arrange();
    this.viewport.fit();
    this.render();
    this.reveal(plan.steps[0]);
    this.follow(location.hash);
  }

  title() {
    const { title, formula } = this.graph.model;
    $("formula").append(make("bdi", {}, title), ...(formula ? [" = ", make("bdi", { dir: "ltr" }, formula)] : []));
    $("purpose").append(
      "How much does ",
      make("bdi", { class: "name root" }, title),
      " change when one number changes? Walk through the graph, and see where every gradient comes from.",
    );
  }

  toggle(box) {
    const before = this.plan.steps[this.position];
    const key = this.plan.open.has(box) ? `b${box}` : `f${box}`;
    const focused = document.activeElement?.closest?.("#picture [data-key]");
    if (this.plan.open.has(box)) this.plan.open.delete(box);
    else this.plan.open.add(box);
    this.plan.refresh();
    this.current = key;
    this.arrange();
    if (this.viewport.fitted) this.viewport.fit();
    this.position = this.wanted = this.same(before);
    this.render();
    if (focused) document.querySelector(`#picture [data-key="${key}"]`)?.focus();
    const frame =
      this.arranged.frames.find((one) => one.box === box) ?? this.arranged.items.find((one) => one.box === box);
    if (frame) this.viewport.reveal(frame);
  }

  /** Have a node hand its gradient on to many operands one by one, or in one step again. */
  takeApart(node) {
    const before = this.plan.steps[this.position];
    if (!this.plan.apart.delete(node)) this.plan.apart.add(node);
    this.plan.refresh();
    this.answered.clear();
    this.go(
      before.operands
        ? this.plan.steps.findIndex((one) => one.node === node && one.k !== undefined)
        : this.same(before),
    );
  }

  /** The step after folding that stands where another stood before. */
  same(step) {
    const { steps } = this.plan;
    const ids = new Set(step.unit?.nodes ?? []);
    const found = steps.findLastIndex((one) => {
      if (one.kind !== step.kind) return false;
      if (!step.unit) return true;
      const [some, others] = [step, one].map(({ operands, k }) => operands ?? (k === undefined ? [] : [k]));
      if (some.length && others.length) return one.node === step.node && some.some((k) => others.includes(k));
      return one.unit.nodes.some((id) => ids.has(id));
    });
    return found >= 0 ? found : Math.min(this.position, steps.length - 1);
  }

  go(position) {
    this.position = this.wanted = Math.max(0, Math.min(position, this.plan.steps.length - 1));
    this.render(true);
  }

  play() {
    if (this.playing) this.stop();
    else {
      if (this.position >= this.plan.steps.length - 1) this.go(0);
      const tick = () => {
        if (this.position >= this.plan.steps.length - 1) {
          this.stop();
          this.render();
          return;
        }
        this.go(this.position + 1);
        if (this.asked(this.plan.steps[this.position])) this.play();
        else this.playing = setTimeout(tick, this.pause());
      };
      this.playing = setTimeout(tick, 250);
    }
    this.render();
  }

  /** How long a step is shown, in milliseconds: as long as it takes to read its words. */
  pause() {
    const words = $("story").textContent.trim().split(/\s+/).length;
    return (800 + 180 * words) / Number($("speed").value);
  }

  stop() {
    clearTimeout(this.playing);
    this.playing = null;
  }

  choose(id, keep = false) {
    // A click on the chosen number lets it go again, but not if it was chosen by typing into its field.
    this.chosen = this.chosen === id && !keep && !this.typed ? null : id;
    this.typed = false;
    if (id !== null) this.current = this.plan.shown[id];
    this.order();
    this.render();
  }

  /** Scroll the window, where it is small, so that the card of a step is seen, and the buttons below the graph. */
  keepInSight(element) {
    if (!element || document.documentElement.scrollHeight <= innerHeight) return;
    const frame = $("stage").getBoundingClientRect();
    const room = innerHeight - $("transport").offsetHeight;
    if (frame.top >= 0 && frame.bottom <= room) return;
    scrollBy({ top: frame.height <= room ? frame.bottom - room : frame.top, behavior: "instant" });
  }

  theme() {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  }
}

/** Open the page: called by its last script with the rules, one for each operation of the graph. */
window.start = (rules) => {
  const graph = new Graph(JSON.parse($("graph").textContent), rules);
  window.view = new View(graph, new Plan(graph));
};
