/* The page: the step that is shown, and what a reader can do. */

class View extends Picture {
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
    const result = this.arranged.items.find((one) => one.key === plan.shown[graph.root]);
    if (result) this.viewport.reveal(result);
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

  go(position) {
    this.position = this.wanted = Math.max(0, Math.min(position, this.plan.steps.length - 1));
    this.render(true);
  }

  play() {
    if (this.playing) {
      clearTimeout(this.playing);
      this.playing = null;
    } else {
      if (this.position >= this.plan.steps.length - 1) this.go(0);
      const tick = () => {
        if (this.position >= this.plan.steps.length - 1) {
          this.playing = null;
          this.render();
          return;
        }
        this.go(this.position + 1);
        this.playing = setTimeout(tick, this.pause());
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

  render(moved = false) {
    const { plan, graph } = this;
    const step = plan.steps[this.position];
    const state = plan.state(this.position);
    this.state = state;
    document.body.classList.toggle("playing", this.playing !== null);
    $("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
    document.body.dataset.phase = { start: "start", forward: "forward", problem: "forward" }[step.kind] ?? "backward";
    this.renderNodes(step, state);
    this.renderLines(step, state);
    this.renderStory(step, state);
    this.renderTransport(step);
    this.renderProblem();
    this.renderFields();
    this.renderDetails();
    this.renderResult();
    if (moved) {
      const key = step.unit?.key ?? (step.kind === "seed" || step.kind === "done" ? plan.shown[graph.root] : null);
      const item = this.arranged.items.find((one) => one.key === key);
      if (item) this.viewport.reveal(item);
      else if (step.kind === "start") this.viewport.reveal({ x: 0, y: this.arranged.height / 2, w: 0, h: 0 });
      this.keepInSight(this.elements.get(key));
    }
  }

  renderNodes(step, state) {
    const { graph, plan } = this;
    const active = step.unit?.key ?? (step.kind === "seed" ? plan.shown[graph.root] : null);
    const receiving = new Set();
    if (step.kind === "backward") {
      for (const [parent] of this.edgesOf(step)) receiving.add(plan.shown[parent]);
      receiving.delete(active);
    }
    const failed = graph.problem ? plan.shown[graph.problem.node] : null;
    for (const item of this.arranged.items) {
      const element = this.elements.get(item.key);
      const flags = {
        active: item.key === active,
        receiving: receiving.has(item.key),
        failed: item.key === failed,
        chosen: item.node !== undefined && item.node === this.chosen,
      };
      if (item.node === undefined) {
        const contents = this.contents(item.box);
        const inside = contents.filter((id) => graph.nodes[id].parents);
        flags.root = contents.includes(graph.root);
        const shown = flags.root && state.known[graph.root] && graph.values[graph.root] !== undefined;
        const about = plan.boxes[item.box].about;
        element.aboutText.textContent = shown ? `= ${short(graph.values[graph.root])}` : about;
        const seen = `${this.boxTitle(plan.boxes[item.box])} ${element.aboutText.textContent}`;
        element.setAttribute("aria-label", `${seen}, closed box of ${about}; Enter opens it`);
        flags.known = inside.length > 0 && inside.every((id) => state.known[id]);
        flags.done =
          flags.known &&
          state.reached.size > 0 &&
          inside.every((id) =>
            graph.nodes[id].parents.every((p, k) => !graph.nodes[p].takes || state.arrived.has(`${id}/${k}`)),
          );
      } else {
        const node = graph.nodes[item.node];
        const value = graph.values[item.node];
        const known = state.known[item.node] && value !== undefined;
        flags.known = known;
        const asked = this.asked(step)?.node === item.node ? this.asked(step).of : "";
        const text = known && asked !== "data" ? short(value) : value === undefined && graph.problem ? "—" : "?";
        if (element.dataText.textContent !== text) element.dataText.textContent = text;
        if (element.gradText) {
          const reached = state.reached.has(item.node);
          flags.done = plan.complete(item.node, state);
          flags.partly = reached && !flags.done;
          flags.positive = reached && state.gradients[item.node] > 0;
          flags.negative = reached && state.gradients[item.node] < 0;
          const sum = asked === "grad" ? "?" : short(state.gradients[item.node]);
          const grad = reached ? sum + (flags.partly ? " + …" : "") : "not yet";
          if (element.gradText.textContent !== grad) element.gradText.textContent = grad;
          flags.waiting = !reached;
        }
        // What is seen comes first, as who speaks to the page says it; then where the number is from.
        const lines = [...element.querySelectorAll("text")].map((line) => line.textContent);
        element.setAttribute("aria-label", `${lines.join(" ")}, ${this.origin(node)}`);
      }
      for (const [name, on] of Object.entries(flags)) element.classList.toggle(name, Boolean(on));
    }
  }

  renderLines(step) {
    const { graph } = this;
    const edges = this.edgesOf(step);
    const kind = step.kind === "forward" ? "forward" : "backward";
    this.mark(edges, kind);
    $("notes").replaceChildren();
    if (step.kind === "backward" && step.k !== undefined) {
      // An operand that is used twice has two lines: one for each step.
      const twins = this.arranged.lines.filter((one) => one.tail === `n${step.parent}` && one.head === `n${step.node}`);
      const which = graph.nodes[step.node].parents.slice(0, step.k).filter((parent) => parent === step.parent).length;
      for (const [i, twin] of twins.entries()) twin.element.classList.toggle("backward", i === which);
      const line = this.arranged.lines.find((one) => one.element.classList.contains("backward") && !one.bus);
      if (line) this.note(line, `× ${short(graph.locals[step.node][step.k])}`);
    }
  }

  /** The result in one line, which is read out when it changes. */
  renderResult() {
    const { root, values, problem } = this.graph;
    const hidden = (known) => this.asks && !known;
    const shown = problem ? "no value" : hidden(this.state.known[root]) ? "?" : short(values[root]);
    const { chosen } = this;
    const told = chosen !== null && chosen !== root && !problem && this.graph.nodes[chosen].takes;
    const line = [
      ...[this.named(root), " = ", make("strong", {}, shown)],
      told && !hidden(this.plan.complete(chosen, this.state))
        ? [", ", this.total(chosen), " = ", make("strong", {}, short(this.graph.gradients[chosen]))]
        : "",
    ];
    const whole = make("span", {}, line);
    if ($("result").textContent !== whole.textContent) $("result").replaceChildren(whole);
  }

  renderTransport(step) {
    const { steps, split } = this.plan;
    const last = steps.length - 1;
    $("slider").max = last;
    $("slider").value = this.position;
    $("slider").setAttribute(
      "aria-valuetext",
      `step ${this.position} of ${last}, ${step.kind === "backward" || step.kind === "seed" ? "backward" : step.kind === "done" ? "done" : "forward"}`,
    );
    const share = `${(100 * Math.max(split - 1, 0)) / Math.max(last, 1)}%`;
    $("track").style.setProperty("--split", share);
    $("first").disabled = $("back").disabled = this.position === 0;
    $("last").disabled = $("next").disabled = this.position === last;
  }

  renderProblem() {
    const { problem } = this.graph;
    const shown = $("problem").dataset.message ?? "";
    const message = problem?.message ?? "";
    if (shown === message) return;
    $("problem").dataset.message = message;
    $("problem").replaceChildren();
    if (problem) {
      $("problem").append(
        make("p", {}, make("b", {}, problem.message), "."),
        make(
          "p",
          {},
          "So ",
          this.named(this.graph.root),
          " has no value now, and no number has a gradient. What does not depend on it is still shown.",
        ),
        make(
          "button",
          { id: "undo", type: "button", onclick: () => this.restore(this.good) },
          "Back to the last numbers that worked",
        ),
      );
    }
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

  renderStory(step, state) {
    const [heading, ...content] = this.asked(step) ? this.question(step) : this.story(step, state);
    const last = this.plan.steps.length - 1;
    const phase = {
      start: "Start",
      seed: "Backward",
      backward: "Backward",
      forward: "Forward",
      problem: "Stopped",
      done: "Done",
    }[step.kind];
    const focused = $("story").contains(document.activeElement);
    $("story").className = step.kind;
    $("story").replaceChildren(
      make("p", { class: "count" }, make("b", {}, phase), ` step ${this.position} of ${last}`, this.where(step)),
      make("p", { class: "sentence" }, heading),
      ...content,
    );
    if (focused) ($("story").querySelector("button, input") ?? $("next")).focus(); // not lost with what was there
  }

  choose(id, keep = false) {
    // A click on the chosen number lets it go again, but not if it was chosen by typing into its field.
    this.chosen = this.chosen === id && !keep && !this.typed ? null : id;
    this.typed = false;
    if (id !== null) this.current = this.plan.shown[id];
    this.order();
    this.render();
  }

  renderDetails() {
    const id = this.chosen;
    const details = $("details");
    const focused = details.contains(document.activeElement)
      ? (document.activeElement.getAttribute("data-path") ?? document.activeElement.type)
      : null;
    if (id === null) {
      details.dataset.node = "";
      details.replaceChildren(
        make(
          "p",
          { class: "quiet" },
          "Choose a number in the graph to see where its value and its gradient come from.",
        ),
      );
      return;
    }
    const { graph } = this;
    const node = graph.nodes[id];
    const heading = [make("h2", {}, this.named(id), make("span", { class: "kind" }, this.describe(node)))];
    let controls = details.dataset.node === String(id) ? details.querySelector(".field") : null;
    const listed = $("inputs").querySelector(`[data-node="${id}"]`);
    if (!controls && !node.parents && !listed) {
      for (const key of this.fields.keys())
        if (!$("inputs").querySelector(`[data-node="${key}"]`)) this.fields.delete(key);
      controls = this.field(id);
    }
    details.dataset.node = id;
    const parts = [...heading];
    if (controls) parts.push(controls);
    if (node.parents) {
      const op = graph.model.ops[node.op];
      parts.push(
        make(
          "p",
          { class: "equation" },
          this.named(id),
          " = ",
          this.formula(op.value, id, false),
          graph.values[id] === undefined
            ? ""
            : [
                make("br"),
                " = ",
                this.formula(op.value, id, true),
                " = ",
                make("strong", {}, this.number(this.value(id))),
              ],
        ),
      );
    }
    if (node.takes)
      parts.push(
        ...(graph.problem
          ? [make("p", { class: "quiet" }, "There is no gradient while ", this.named(graph.root), " has no value.")]
          : this.derivation(id)),
      );
    else parts.push(make("p", { class: "quiet" }, "A constant takes no gradient."));
    if (controls && details.contains(controls)) {
      for (const child of [...details.childNodes]) if (child !== controls) child.remove();
      controls.before(...heading);
      controls.after(...parts.slice(heading.length + 1));
    } else details.replaceChildren(...parts);
    if (focused && !details.contains(document.activeElement))
      details.querySelector(`[data-path="${focused}"]`)?.focus();
    this.renderFields();
  }

  listen() {
    const on = (id, event, action) => $(id).addEventListener(event, action);
    const walk = (action) => () => {
      this.stop();
      action();
    };
    on(
      "first",
      "click",
      walk(() => this.go(0)),
    );
    on(
      "back",
      "click",
      walk(() => this.go(this.position - 1)),
    );
    on(
      "next",
      "click",
      walk(() => this.go(this.position + 1)),
    );
    on(
      "last",
      "click",
      walk(() => this.go(this.plan.steps.length - 1)),
    );
    on("play", "click", () => this.play());
    on(
      "slider",
      "input",
      walk(() => this.go(Number($("slider").value))),
    );
    on("smaller", "click", () => this.viewport.zoom(1 / 1.25));
    on("larger", "click", () => this.viewport.zoom(1.25));
    on("fit", "click", () => this.viewport.fit(0.15));
    on("theme", "click", () => this.theme());
    addEventListener("resize", () => {
      if (this.viewport.fitted) this.viewport.fit();
      else this.viewport.follow();
    });
    addEventListener("hashchange", () => this.follow(location.hash));
    on("present", "click", () => this.present());
    on("link", "click", () => this.link());
    on("ask", "change", () => {
      this.asks = $("ask").checked;
      this.answered.clear();
      this.render();
    });
    // After a click of the mouse the keys mean what they meant before: no button and no number keeps them to itself.
    addEventListener("click", (event) => {
      if (event.detail > 0 && event.target.closest("button, summary, input[type=checkbox]"))
        document.activeElement.blur();
    });
    $("speed").addEventListener("change", () => $("speed").blur());
    $("picture").addEventListener("mousedown", (event) => {
      event.preventDefault();
      document.activeElement.blur();
    });
    addEventListener("keydown", (event) => this.key(event));
  }

  /** Large type and the whole screen for a lecture; or all panels again. */
  present() {
    const on = document.body.classList.toggle("presenting");
    $("present").setAttribute("aria-pressed", String(on));
    if (on)
      document.documentElement.requestFullscreen?.().catch(() => {}); // a frame may not be allowed to
    else if (document.fullscreenElement) document.exitFullscreen();
    if (this.viewport.fitted) this.viewport.fit();
  }

  presents() {
    return document.body.classList.contains("presenting");
  }

  /** Put a link to what is shown into the address of the page, and into the clipboard where that is allowed. */
  link() {
    const open = [...this.plan.open].filter(Boolean).join(".");
    const chosen = this.chosen === null ? "" : `&number=${this.chosen}`;
    history.replaceState(null, "", `#step=${this.position}&open=${open}${chosen}${this.presents() ? "&present" : ""}`);
    navigator.clipboard?.writeText(location.href).catch(() => {});
    $("linked").textContent = "The address of this page now leads to this step.";
  }

  /** Show what a link asks for, as far as this graph has it. */
  follow(hash) {
    const wanted = new URLSearchParams(hash.slice(1));
    if (!wanted.has("step")) return;
    const open = (wanted.get("open") ?? "").split(".").filter(Boolean).map(Number);
    this.plan.open = new Set([0, ...open.filter((id) => this.plan.boxes[id])]);
    this.plan.refresh();
    this.arrange();
    const number = wanted.has("number") ? Number(wanted.get("number")) : NaN;
    this.chosen = this.graph.nodes[number] ? number : null;
    if (wanted.has("present") !== this.presents()) this.present();
    if (this.viewport.fitted) this.viewport.fit();
    this.go(Math.floor(Number(wanted.get("step"))) || 0);
  }

  /** Scroll the window, where it is small, so that the card of a step is not outside or under the controls. */
  keepInSight(element) {
    if (!element || document.documentElement.scrollHeight <= innerHeight) return;
    const frame = $("scroller").getBoundingClientRect();
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

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target;
    if (target.matches("input[type=number], input[type=text], select")) return;
    const inGraph = target.closest?.("#picture [data-key]");
    if (inGraph && this.graphKey(event, inGraph)) {
      event.preventDefault();
      return;
    }
    if (target.matches("input[type=range]") && target.id !== "slider") return;
    const control = target.matches("button, summary");
    const actions = {
      ArrowRight: () => this.go(this.position + 1),
      ".": () => this.go(this.position + 1),
      ArrowLeft: () => this.go(this.position - 1),
      ",": () => this.go(this.position - 1),
      Home: () => this.go(0),
      End: () => this.go(this.plan.steps.length - 1),
      " ": control ? null : () => this.play(),
      "+": () => this.viewport.zoom(1.25),
      "-": () => this.viewport.zoom(1 / 1.25),
      0: () => this.viewport.fit(0.15),
      p: () => this.present(),
      Escape: () => (this.chosen !== null ? this.choose(this.chosen) : this.presents() && this.present()),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    if (event.key !== " " && !["+", "-", "0", "p", "Escape"].includes(event.key)) this.stop();
    action();
  }

  graphKey(event, element) {
    if (event.key === "Enter" || event.key === " ") {
      element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return true;
    }
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!way) return false;
    const place = (one) => (one.querySelector(".card, .hit") ?? one).getBoundingClientRect();
    const here = place(element);
    let best = null;
    for (const other of document.querySelectorAll("#picture [data-key]")) {
      const there = place(other);
      const [dx, dy] = [
        there.x + there.width / 2 - here.x - here.width / 2,
        there.y + there.height / 2 - here.y - here.height / 2,
      ];
      const along = dx * way[0] + dy * way[1];
      // What lies to the side: no part of it is above or below; and the other way round.
      if (other === element || along < (way[0] ? here.width : here.height) / 2) continue;
      const cost = along + 2.5 * (Math.abs(dx * way[1]) + Math.abs(dy * way[0])) + 1e-3 * there.y; // the upper of two
      if (!best || cost < best.cost) best = { other, cost };
    }
    if (best) {
      this.current = best.other.dataset.key;
      this.order();
      best.other.focus();
    }
    return true;
  }
}

/** Open the page: called by its last script with the rules, one for each operation of the graph. */
window.start = (rules) => {
  const graph = new Graph(JSON.parse($("graph").textContent), rules);
  window.view = new View(graph, new Plan(graph));
};
