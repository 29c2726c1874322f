/* The network: layers as columns of cards, and weights as lines between them. */

const IMAGE = 13; // so many inputs, or more, stand on one card
const TALL = 16; // neurons in a column, before a second one is begun
const FEW_LINES = 1200;

class NetworkView {
  constructor(page) {
    this.page = page;
    this.model = page.model;
    this.cards = []; // of inputs, then of neurons: {kind, index, button, canvas, value, slope}
    this.lines = "weights";
    this.lit = new Set(); // parameters whose lines stand out: those on the path that is told
    this.build();
    addEventListener("resize", () => this.place());
    new ResizeObserver(() => this.place()).observe($("columns"));
    $("stage").addEventListener("click", (event) => this.click(event));
    $("scroller").addEventListener("keydown", (event) => this.key(event));
    $("scroller").addEventListener("scroll", () => this.hint());
    for (const [id, way] of [
      ["nearer", -1],
      ["further", 1],
    ])
      $(id).addEventListener("click", () => $("scroller").scrollBy({ left: 0.8 * way * $("scroller").clientWidth }));
  }

  /** How wide an image of all inputs is; 0 where they are none. */
  get imageWidth() {
    const width = Math.round(Math.sqrt(this.model.inputs.length));
    return this.model.inputs.length >= IMAGE ? (width * width === this.model.inputs.length ? width : 0) : 0;
  }

  build() {
    const { model } = this;
    const column = (title, cards) => {
      const across = Math.ceil(cards.length / TALL);
      const grid = make("div", { class: "grid" }, cards);
      grid.style.gridTemplateColumns = `repeat(${across}, auto)`;
      $("columns").append(make("div", { class: "column" }, make("p", { class: "heading" }, title), grid));
    };
    const together = model.inputs.length >= IMAGE;
    const inputs = together ? [`${model.inputs.length} inputs`] : model.inputs;
    column(
      inputs.length > 1 ? "Inputs" : "Input",
      inputs.map((name, i) => this.card("input", i, name, together ? "image" : "")),
    );
    const columns = [...new Set(model.cards.map((card) => card.column))];
    for (const number of columns) {
      const members = model.cards.flatMap((card, i) => (card.column === number ? [i] : []));
      const last = members.every((i) => model.cards[i].output !== null);
      const size = members.length > 3 * TALL && !last ? " small" : "";
      column(
        `${last ? "Output" : `Layer ${number}`}${this.activation(members[0])}`,
        members.map((i) => this.card("neuron", i, model.cards[i].name, (last ? "output" : "") + size)),
      );
    }
    this.wires = model.cards.flatMap((card, head) =>
      card.wires
        .filter(([kind, , parameter]) => kind && parameter >= 0 && !(together && kind === "x"))
        .map(([kind, tail, parameter]) => ({
          tail: kind === "x" ? tail : inputs.length + tail,
          head: inputs.length + head,
          parameter,
        })),
    );
    this.cards[0].button.tabIndex = 0;
  }

  /** The name of the function that a neuron ends with. */
  activation(card) {
    const { graph, cards } = this.model;
    const node = graph?.nodes[cards[card].node];
    const name = node?.op !== undefined && cards[card].wires.length ? graph.ops[node.op].name : "";
    return name && /^[a-z]/.test(name) ? ` · ${name}` : "";
  }

  card(kind, index, name, more) {
    const canvas = make("canvas", { width: 44, height: 44, "aria-hidden": "true" });
    const value = make("span", { class: "number" });
    const slope = make("span", { class: "number" });
    const dead = make("i");
    const output = kind === "neuron" ? this.model.cards[index].output : null;
    const { classes } = this.model;
    const label = output !== null && classes.length > 2 ? ` ${classes[output]}` : "";
    const button = make(
      "button",
      { type: "button", class: `card ${kind} ${more}`, "aria-pressed": "false", tabindex: -1 },
      canvas,
      make(
        "span",
        { class: "line" },
        make("span", { class: "name" }, name, label && make("i", {}, label), dead),
        " ",
        value,
      ),
      " ",
      make("span", { class: "line" }, make("i", {}, "grad"), " ", slope),
    );
    const card = { kind, index, button, canvas, value, slope, dead };
    if (more.includes("image")) Object.assign(canvas, { width: 64, height: 64 });
    button.addEventListener("click", () => this.page.choose({ kind, index }));
    button.addEventListener("focus", () => this.enter(card));
    this.cards.push(card);
    return button;
  }

  /** One stop for the Tab key: the card that was there last. */
  enter(card) {
    for (const other of this.cards) other.button.tabIndex = other === card ? 0 : -1;
  }

  key(event) {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const here = event.target.closest?.(".card");
    if (!way || event.altKey || event.ctrlKey || event.metaKey || !here) return;
    event.preventDefault();
    event.stopPropagation();
    const middle = (element) => {
      const box = element.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const [x, y] = middle(here);
    let best = null;
    for (const { button } of this.cards) {
      const [u, v] = middle(button);
      const along = (u - x) * way[0] + (v - y) * way[1];
      const aside = Math.abs((u - x) * way[1]) + Math.abs((v - y) * way[0]);
      if (button === here || along < 4 || (way[1] && aside > 20)) continue;
      const cost = along + 2 * aside;
      if (!best || cost < best.cost) best = { button, cost };
    }
    best?.button.focus();
  }

  /** Find where the cards are. */
  place() {
    const stage = $("stage").getBoundingClientRect();
    for (const card of this.cards) {
      const box = card.button.getBoundingClientRect();
      card.box = {
        left: box.left - stage.left,
        right: box.right - stage.left,
        y: box.top - stage.top + box.height / 2,
      };
    }
    this.drawWires();
    this.hint();
  }

  /** Say which layers are out of sight at the left and at the right, where some are. */
  hint() {
    const { scrollLeft, scrollWidth, clientWidth } = $("scroller");
    const columns = [...document.querySelectorAll("#columns .column")];
    const frame = $("scroller").getBoundingClientRect();
    const boxes = columns.map((column) => column.getBoundingClientRect());
    const left = boxes.filter((box) => box.left < frame.left - 4).length;
    const right = boxes.filter((box) => box.right > frame.right + 4).length;
    const [before, after] = [scrollLeft > 4, scrollLeft + clientWidth < scrollWidth - 4];
    for (const [id, on, text] of [
      ["nearer", before, `‹ ${counted(left, "layer")}`],
      ["further", after, `${counted(right, "layer")} ›`],
    ]) {
      $(id).disabled = !on;
      $(id).textContent = text;
    }
    $("scroller").classList.toggle("before", before);
    $("scroller").classList.toggle("after", after);
    $("sideways").hidden = !before && !after;
  }

  /** Scroll what is chosen into sight: its card in the network, and where it comes from below that. */
  reveal() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { chosen } = this.page;
    const wire = this.wires.find(({ parameter }) => chosen.kind === "parameter" && parameter === chosen.index);
    const card = wire
      ? this.cards[wire.head]
      : this.cards.find((one) => one.kind === chosen.kind && one.index === chosen.index);
    const scroller = $("scroller");
    const [frame, box] = [scroller, card?.button ?? scroller].map((element) => element.getBoundingClientRect());
    if (box.left < frame.left || box.right > frame.right) scroller.scrollLeft += box.right - frame.right + 40;
    if (box.top < frame.top) scroller.scrollTop -= frame.top - box.top + 20;
    else if (box.bottom > frame.bottom) scroller.scrollTop += box.bottom - frame.bottom + 20;
    const above = getComputedStyle($("controls")).position === "sticky" ? $("controls").offsetHeight : 0;
    const [network, details] = [$("network"), $("details")].map((element) => element.getBoundingClientRect());
    const seen = Math.min(details.height, 0.4 * innerHeight);
    if (network.top >= above && details.top + seen <= innerHeight) return;
    const top = Math.max(network.top - above - 8, details.top - 0.6 * innerHeight); // both, as far as there is room
    scrollBy({ top, behavior: calm ? "instant" : "smooth" });
  }

  /** Mark the neurons that are dead. */
  markDead(places) {
    const dead = new Set(places);
    for (const { kind, index, dead: mark, button } of this.cards) {
      const text = kind === "neuron" && dead.has(index) ? " dead" : "";
      if (mark.textContent === text) continue;
      mark.textContent = text;
      button.classList.toggle("silent", Boolean(text));
    }
  }

  click(event) {
    if (event.target.closest(".card")) return;
    const stage = $("stage").getBoundingClientRect();
    const [x, y] = [event.clientX - stage.left, event.clientY - stage.top];
    let best = null;
    for (const wire of this.shown ?? []) {
      const [a, b] = [this.cards[wire.tail].box, this.cards[wire.head].box];
      if (x < a.right || x > b.left) continue;
      const t = (x - a.right) / (b.left - a.right);
      const distance = Math.abs(a.y + (b.y - a.y) * this.ease(t) - y);
      if (distance < (best?.distance ?? 8)) best = { distance, wire };
    }
    if (best) this.page.choose({ kind: "parameter", index: best.wire.parameter });
  }

  /** How high a line is after a share of its way, as the curve that drawWires() draws has it. */
  ease(share) {
    let [low, high] = [0, 1];
    for (let i = 0; i < 20; i++) {
      const t = (low + high) / 2;
      const x = 1.5 * t * (1 - t) * (1 - t) + 1.5 * t * t * (1 - t) + t * t * t;
      if (x < share) low = t;
      else high = t;
    }
    return low * low * (3 - 2 * low);
  }

  /** The numbers that the lines show. */
  get numbers() {
    const { training } = this.page;
    return this.lines === "weights" ? training.theta : training.gradient;
  }

  drawWires() {
    if (!this.cards[0].box) return;
    const { colours } = this.page;
    const { context } = drawing($("wires"));
    const { numbers } = this;
    let { wires } = this;
    if (wires.length > FEW_LINES) {
      wires = [...wires]
        .sort((a, b) => Math.abs(numbers[b.parameter]) - Math.abs(numbers[a.parameter]))
        .slice(0, FEW_LINES / 2);
    }
    this.shown = wires;
    let most = 0;
    for (const { parameter } of wires) most = Math.max(most, Math.abs(numbers[parameter]));
    const [above, below] =
      this.lines === "weights" ? [colours.above, colours.below] : [colours.positive, colours.negative];
    const thick = 4.6 * Math.min(1, Math.sqrt(150 / wires.length));
    const chosen = this.page.chosen;
    for (const { tail, head, parameter } of wires) {
      const [a, b] = [this.cards[tail].box, this.cards[head].box];
      const share = most ? Math.abs(numbers[parameter]) / most : 0;
      const on = chosen?.kind === "parameter" && chosen.index === parameter;
      context.beginPath();
      context.moveTo(a.right, a.y);
      const middle = (a.right + b.left) / 2;
      context.bezierCurveTo(middle, a.y, middle, b.y, b.left, b.y);
      const lit = on || this.lit.has(parameter);
      context.lineWidth = on ? 6 : lit ? 4 : 0.4 + thick * share;
      context.globalAlpha = lit ? 1 : (this.lit.size ? 0.5 : 1) * (0.25 + 0.65 * share);
      context.setLineDash(numbers[parameter] < 0 ? [7, 3] : []);
      context.strokeStyle = numbers[parameter] < 0 ? below : above;
      context.stroke();
      if (lit) {
        context.lineWidth = 1.5;
        context.setLineDash([]);
        context.strokeStyle = colours.ink;
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
    this.strongest = most;
  }

  /** Write on each card what it gives in the chosen example, and the gradient of its loss by that. */
  tell(values, slopes) {
    for (const card of this.cards) {
      const value = values(card);
      const slope = slopes(card);
      const texts = [value === null ? "" : short3(value), slope === null ? "" : short3(slope)];
      [card.value, card.slope].forEach((element, i) => {
        if (element.textContent !== texts[i]) element.textContent = texts[i];
      });
      card.slope.parentElement.hidden = slope === null;
      card.slope.className = `number ${sign(slope)}`;
    }
  }

  /** Go back to the card that was there last. */
  focus() {
    if (document.activeElement === document.body)
      this.cards.find((card) => card.button.tabIndex === 0)?.button.focus({ preventScroll: true });
  }

  mark(chosen) {
    for (const card of this.cards)
      card.button.setAttribute("aria-pressed", String(chosen?.kind === card.kind && chosen.index === card.index));
  }
}

/** A number in three digits, or in two and a power of ten, as there is room for on a card. */
const short3 = (x) => short(Number(x.toPrecision(Math.abs(x) >= 0.001 && Math.abs(x) < 1e4 ? 3 : 2)));
