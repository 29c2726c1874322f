/* The answer: the large picture of what the network says, or the neuron that is chosen. */

const PALE = 0.5; // how strong a colour of the plane is at most, so that points stand out from it
const MOST_MARKS = 2000; // examples that are drawn; of more, some

class Answer extends CardPictures {
  constructor(page) {
    super(page);
    $("map").addEventListener("click", (event) => this.click(event));
    const { dimensions } = page.field;
    $("map").hidden = !dimensions && this.model.classes.length > 0;
    $("map").style.cursor = dimensions ? "" : "default";
  }

  render() {
    const { field, model } = this.page;
    if (model.classes.length) this.count();
    if (field.dimensions === 2) this.plane();
    else if (field.dimensions === 1) this.line();
    else if (model.classes.length) this.confusion();
    else this.scatter();
    this.pictures();
  }

  /** The card whose values the large picture shows: the chosen one, or nothing for the answer. */
  get shown() {
    const { chosen } = this.page;
    if (chosen?.kind !== "neuron") return null;
    const { output } = this.model.cards[chosen.index];
    return output === null || this.several ? chosen.index : null;
  }

  /** From the colour of the first of two classes to that of the second. */
  classPixels() {
    const { surface } = this.page.colours;
    if (this.classScale?.surface !== surface)
      this.classScale = { surface, pixels: scale(this.classColour(0), surface, this.classColour(1)) };
    return this.classScale.pixels;
  }

  plane() {
    const { field, pixels, colours } = this.page;
    const { size, values, cards } = field;
    const { context, width, height } = drawing($("map"));
    const card = this.shown ?? (this.model.classes.length ? null : this.page.outputs[0]);
    if (card !== null) {
      const most = field.largest(card);
      paint($("map"), size, (i) => onScale(pixels, (PALE * values[i * cards + card]) / most));
    } else if (!this.several) {
      const two = this.classPixels();
      paint($("map"), size, (i) => onScale(two, PALE * (2 * this.judge(values, i * cards)[2] - 1)));
    } else {
      const scales = this.model.classes.map((_, k) => scale(colours.surface, colours.surface, this.classColour(k)));
      const least = 1 / this.page.outputs.length;
      paint($("map"), size, (i) => {
        const [k, sure] = this.judge(values, i * cards);
        return onScale(scales[k], 0.1 + ((PALE - 0.1) * (sure - least)) / (1 - least));
      });
    }
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.model.classes.length && !this.several) this.contour(context, width, height, this.page.outputs[0]);
    if (this.fold !== null) {
      // Below a fold of relu all is 0: a little above it is a line that can be found between points of the grid.
      const above = (2.5 * field.largest(this.shown)) / size;
      this.contour(context, width, height, this.shown, this.fold || above, colours.quiet);
    }
    this.points(context, width, height);
    this.title(card);
  }

  /** What the chosen neuron gives where the sum before its activation is 0; null if there is no such neuron or number. */
  get fold() {
    return this.shown === null ? null : this.model.cards[this.shown].at_zero;
  }

  /** The line along which a card gives a number, cell by cell of the grid (marching squares); the answer changes at 0. */
  contour(context, width, height, card, level = 0, colour = this.page.colours.ink) {
    const { size, values, cards } = this.page.field;
    const at = (x, y) => values[(y * size + x) * cards + card] - level;
    context.beginPath();
    for (let y = 0; y + 1 < size; y++) {
      for (let x = 0; x + 1 < size; x++) {
        const corners = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)];
        const places = [
          [x, y],
          [x + 1, y],
          [x + 1, y + 1],
          [x, y + 1],
        ];
        let begun = false;
        corners.forEach((one, k) => {
          const other = corners[(k + 1) % 4];
          if (one > 0 === other > 0) return;
          const share = one / (one - other);
          const [[x0, y0], [x1, y1]] = [places[k], places[(k + 1) % 4]];
          const point = [x0 + (x1 - x0) * share + 0.5, y0 + (y1 - y0) * share + 0.5];
          const [across, down] = [(width * point[0]) / size, (height * point[1]) / size];
          if (begun) context.lineTo(across, down);
          else context.moveTo(across, down);
          begun = !begun;
        });
      }
    }
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    context.stroke();
  }

  place(examples, n, width, height) {
    const [[left, right], [bottom, top]] = this.page.field.ranges;
    const [x, y] = [examples.input(n, 0), examples.input(n, 1)];
    return [(width * (x - left)) / (right - left), (height * (top - y)) / (top - bottom)];
  }

  points(context, width, height) {
    const { training, colours, example } = this.page;
    const classes = this.model.classes.length;
    const draw = (examples, solid) => {
      const every = Math.ceil(examples.count / MOST_MARKS);
      for (let n = 0; n < examples.count; n += every) {
        const label = classes ? this.label(examples, n) : 0;
        const colour = classes ? this.classColour(label) : colours.ink;
        mark(context, label, ...this.place(examples, n, width, height), solid ? 4.2 : 3.6);
        context.fillStyle = solid ? colour : colours.surface;
        context.strokeStyle = solid ? colours.surface : colour;
        context.lineWidth = solid ? 1.2 : 1.6;
        context.fill();
        context.stroke();
      }
    };
    if (training.held) draw(training.held, false);
    draw(training.data, true);
    const [x, y] = this.place(training.data, example, width, height);
    context.beginPath();
    context.arc(x, y, 8.5, 0, 2 * Math.PI);
    context.strokeStyle = colours.ink;
    context.lineWidth = 2.4;
    context.stroke();
  }

  /** Along one feature: the examples as points, and the curves of the outputs, or of the chosen neuron. */
  line() {
    const { page } = this;
    const { field, training, colours } = page;
    const { classes, targets, inputs } = this.model;
    const { context, width, height } = drawing($("map"));
    const { data } = training;
    const cards = this.shown === null ? page.outputs : [this.shown];
    const curves = cards.map((card) => Array.from({ length: ALONG }, (_, n) => field.values[n * field.cards + card]));
    const points = this.shown === null && !classes.length ? Array.from({ length: targets }, (_, i) => i) : [];
    const wanted = points.flatMap((i) => Array.from({ length: data.count }, (_, n) => data.target(n, i)));
    const [low, high] = extremes([...curves.flat(), ...wanted].map((value) => [0, value]));
    const margin = 0.1 * (high - low) || 1;
    const [[left, right]] = field.ranges;
    const across = (x) => (width * (x - left)) / (right - left);
    const up = (value) => (height * (high + margin - value)) / (high - low + 2 * margin);
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, width, height);
    context.strokeStyle = colours.rule;
    context.beginPath();
    context.moveTo(0, up(0));
    context.lineTo(width, up(0));
    context.stroke();
    const every = Math.ceil(data.count / MOST_MARKS);
    const dot = (n, shape, y, colour) => {
      mark(context, shape, across(data.input(n, 0)), y, n === page.example ? 7 : 4);
      context.fillStyle = colour;
      context.globalAlpha = n === page.example ? 1 : 0.6;
      context.fill();
    };
    for (let n = 0; n < data.count; n += every) {
      for (const i of points) dot(n, i, up(data.target(n, i)), colours.quiet);
      const label = this.label(data, n);
      if (classes.length) dot(n, label, height - 30 - 9 * (label % 4), this.classColour(label));
    }
    context.globalAlpha = 1;
    context.lineWidth = 2.5;
    curves.forEach((curve, k) => {
      context.beginPath();
      curve.forEach((value, n) => {
        if (Number.isFinite(value)) context.lineTo((width * n) / (ALONG - 1), up(value));
      });
      context.strokeStyle = classes.length && curves.length > 1 ? this.classColour(k) : colours.ink;
      context.setLineDash(k && !classes.length ? [3 + 3 * k, 4] : []);
      context.stroke();
    });
    context.setLineDash([]);
    context.fillStyle = colours.quiet;
    context.textAlign = "left";
    context.fillText(tick(high + margin), 4, 14);
    context.fillText(tick(low - margin), 4, height - 6);
    context.textAlign = "right";
    context.fillText(`${inputs[0].slice(0, 20)}: ${tick(left)} to ${tick(right)}`, width - 4, height - 6);
    this.title(this.shown);
  }

  /** Of a regression by several features: what is answered, against what is right. */
  scatter() {
    const { training, field, colours, outputs, example } = this.page;
    const { data } = training;
    const { context, width, height } = drawing($("map"));
    const found = Array.from({ length: data.count }, (_, n) => field.ofData[n * field.cards + outputs[0]]);
    const wanted = Array.from({ length: data.count }, (_, n) => data.target(n));
    const [low, high] = extremes([...found, ...wanted].map((value) => [0, value]));
    const span = high - low || 1;
    const at = (value, side) => 24 + ((side - 34) * (value - low)) / span;
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, width, height);
    context.strokeStyle = colours.line;
    context.beginPath();
    context.moveTo(at(low, width), height - at(low, height));
    context.lineTo(at(high, width), height - at(high, height));
    context.stroke();
    found.forEach((value, n) => {
      mark(context, 0, at(wanted[n], width), height - at(value, height), n === example ? 6.5 : 3.5);
      context.fillStyle = colours.ink;
      context.globalAlpha = n === example ? 1 : 0.5;
      context.fill();
    });
    context.globalAlpha = 1;
    context.fillStyle = colours.quiet;
    context.textAlign = "right";
    context.fillText(`right answer: ${tick(low)} to ${tick(high)}`, width - 6, height - 6);
    context.textAlign = "left";
    context.fillText("answer", 6, 14);
    this.title(null);
  }

  /** Which class is taken for which, of held-out examples where there are any. */
  confusion() {
    const { classes } = this.model;
    const { training } = this.page;
    if (!this.cells) {
      this.cells = classes.map(() => classes.map(() => make("td")));
      const names = classes.map((name) => name.replace(/^class /, ""));
      const head = names.map((name) => make("th", { scope: "col" }, name));
      const rows = names.map((name, i) => make("tr", {}, make("th", { scope: "row" }, name), this.cells[i]));
      const caption = make("caption", { class: "quiet" }, "rows: the right class; columns: the answer");
      $("table").replaceChildren(
        make("table", {}, caption, make("thead", {}, make("tr", {}, make("td"), head)), make("tbody", {}, rows)),
      );
    }
    const ink = channels(this.page.colours.ink);
    this.taken.forEach((row, i) => {
      const sum = row.reduce((a, b) => a + b, 0) || 1;
      row.forEach((count, k) => {
        const cell = this.cells[i][k];
        const text = count ? String(count) : "·";
        if (cell.textContent !== text) cell.textContent = text;
        cell.style.backgroundColor = count ? `rgb(${ink.join(" ")} / ${(0.06 + (0.2 * count) / sum).toFixed(3)})` : "";
        cell.style.fontWeight = i === k ? 700 : 400;
      });
    });
    $("answer-title").textContent = `Confusion matrix${training.held ? ", held out" : ""}`;
  }

  /** What the large picture shows: in words above it, and as a key below. */
  title(card) {
    const { classes, reading, cards } = this.model;
    const { field, colours, pixels } = this.page;
    const title =
      card === null || this.page.outputs[0] === card ? "What the network answers" : `What ${cards[card].name} gives`;
    $("answer-title").textContent = title;
    const most = card !== null && field.dimensions === 2 ? field.largest(card) : 0;
    const parts = [title, most && tick(most), colours.ink].join();
    $("map").setAttribute(
      "aria-label",
      `${title}. ${this.right === null ? "" : `${this.page.percent(this.right)} of the examples are right.`} Click a point to choose an example.`,
    );
    if (parts === this.keyShown) return;
    this.keyShown = parts;
    const bar = (low, high, scaled) => {
      const canvas = make("canvas", { class: "bar", width: 128, height: 1, "aria-hidden": "true" });
      paint(canvas, 128, (i) => onScale(scaled, PALE * (i / 64 - 1)), 1);
      return [make("span", {}, `${low} `, canvas, ` ${high}`)];
    };
    const swatch = (k) => {
      const canvas = make("canvas", { width: 28, height: 28, "aria-hidden": "true" });
      const context = canvas.getContext("2d");
      context.scale(2, 2);
      mark(context, k, 7, 7, 4.6);
      context.fillStyle = this.classColour(k);
      context.fill();
      return make("span", {}, canvas, ` ${classes[k]}`);
    };
    const points = classes.map((_, k) => swatch(k));
    if (this.fold !== null && field.dimensions === 2)
      points.push(make("span", {}, `grey line: where the sum z of ${cards[card].name} is 0`));
    const held = this.page.training.held && field.dimensions === 2 ? [make("span", {}, "hollow: held out")] : [];
    if (classes.length && !this.several) held.push(make("span", {}, "line: where the answer changes"));
    if (field.dimensions !== 2)
      $("key").replaceChildren(
        ...(field.dimensions ? [make("span", {}, "lines: what it gives; marks: the examples"), ...points] : []),
      );
    else if (card !== null) $("key").replaceChildren(...bar(`−${tick(most)}`, tick(most), pixels), ...points, ...held);
    else if (this.several)
      $("key").replaceChildren(make("span", {}, "the stronger, the more probable"), ...points, ...held);
    else {
      const ends = reading === "logit" ? [`probability of ${classes[1]}: 0`, "1"] : ["score −1", "1"];
      $("key").replaceChildren(...bar(...ends, this.classPixels()), ...points, ...held);
    }
  }

  click(event) {
    const { field, training } = this.page;
    if (!field.dimensions) return;
    const box = $("map").getBoundingClientRect();
    const { data } = training;
    let best = null;
    for (let n = 0; n < data.count; n++) {
      const [x, y] =
        field.dimensions === 2
          ? this.place(data, n, box.width, box.height)
          : [(box.width * (data.input(n, 0) - field.ranges[0][0])) / (field.ranges[0][1] - field.ranges[0][0]), 0];
      const distance = Math.hypot(
        x - (event.clientX - box.left),
        field.dimensions === 2 ? y - (event.clientY - box.top) : 0,
      );
      if (!best || distance < best.distance) best = { distance, n };
    }
    this.page.pick(best.n);
  }
}
