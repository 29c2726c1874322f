/* The pictures on the cards: a map, a curve, the weights as an image, a mean for each class, or a cloud of points. */

class CardPictures extends Judge {
  /** The pictures on the cards. */
  pictures() {
    for (const card of this.page.network.cards) this.picture(card);
  }

  picture({ kind, index, canvas }) {
    const { field, pixels, colours, training, network } = this.page;
    const { size, cards } = field;
    const { inputs } = this.model;
    if (field.dimensions === 2) {
      if (kind === "neuron") {
        const most = field.largest(index);
        const { at_zero: fold } = this.model.cards[index];
        const value = (i) => field.values[i * cards + index];
        const above = (i) => value(i) > fold;
        const isFold = (i) =>
          ((i + 1) % size > 0 && above(i) !== above(i + 1)) || (i + size < size * size && above(i) !== above(i + size));
        const ink = pixelOf(colours.ink);
        paint(canvas, size, (i) => (fold !== null && isFold(i) ? ink : onScale(pixels, value(i) / most)));
      } else {
        const { width } = training.data;
        const most = Math.max(...field.ranges[index].map(Math.abs));
        paint(canvas, size, (i) => onScale(pixels, field.rows[i * width + index] / most));
      }
    } else if (field.dimensions === 1)
      this.sketch(
        canvas,
        kind === "neuron" ? (n) => field.values[n * cards + index] : (n) => field.rows[n * training.data.width],
      );
    else if (kind === "input" && inputs.length >= IMAGE) {
      const row = training.data.row(this.page.example);
      const width = network.imageWidth || inputs.length;
      let [low, high] = [Infinity, -Infinity];
      for (let i = 0; i < inputs.length; i++) [low, high] = [Math.min(low, row[i]), Math.max(high, row[i])];
      const greys = scale(colours.surface, colours.surface, colours.ink);
      paint(canvas, width, (i) => onScale(greys, (row[i] - low) / (high - low || 1)), inputs.length / width);
    } else this.small(kind, index, canvas);
  }

  /** On a card of a network of many features: the weights as an image, or the mean of each class as bars. */
  small(kind, index, canvas) {
    const { field, pixels, training, network, colours } = this.page;
    const { classes, inputs, cards } = this.model;
    const width = network.imageWidth;
    const wires = kind === "neuron" ? cards[index].wires : [];
    if (width && wires.length === inputs.length && wires.every(([from]) => from === "x")) {
      let most = 1e-12;
      for (const [, , place] of wires) most = Math.max(most, Math.abs(training.theta[place]));
      paint(canvas, width, (i) => onScale(pixels, training.theta[wires[i][2]] / most));
      return;
    }
    const value =
      kind === "neuron" ? (n) => field.ofData[n * field.cards + index] : (n) => training.data.input(n, index);
    if (!classes.length) {
      this.cloud(canvas, value);
      return;
    }
    const groups = classes.length;
    const sums = new Float64Array(groups);
    const counts = new Float64Array(groups);
    for (let n = 0; n < training.data.count; n++) {
      const k = this.label(training.data, n);
      sums[k] += value(n);
      counts[k]++;
    }
    const means = sums.map((sum, k) => sum / (counts[k] || 1));
    const most = Math.max(1e-12, ...means.map(Math.abs));
    const context = canvas.getContext("2d");
    const [w, h] = [canvas.width, canvas.height];
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, w, h);
    means.forEach((mean, k) => {
      context.fillStyle = this.classColour(k);
      const height = (mean / most) * (h / 2 - 2);
      context.fillRect((w * (k + 0.12)) / groups, h / 2 - Math.max(0, height), (0.76 * w) / groups, Math.abs(height));
    });
  }

  /** On a card of a regression by several features: what it gives in each example, over the right answer. */
  cloud(canvas, value) {
    const { training, colours } = this.page;
    const { data } = training;
    const context = canvas.getContext("2d");
    const [w, h] = [canvas.width, canvas.height];
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, w, h);
    const ends = (number) => {
      let [low, high] = [Infinity, -Infinity];
      for (let n = 0; n < data.count; n++) [low, high] = [Math.min(low, number(n)), Math.max(high, number(n))];
      return [low, high - low || 1];
    };
    const target = (n) => data.target(n);
    const [[left, across], [bottom, up]] = [ends(target), ends(value)];
    context.fillStyle = colours.ink;
    for (let n = 0; n < data.count; n++)
      context.fillRect(2 + ((w - 6) * (target(n) - left)) / across, h - 4 - ((h - 6) * (value(n) - bottom)) / up, 2, 2);
  }

  /** A curve on a card. */
  sketch(canvas, value) {
    const { colours } = this.page;
    const context = canvas.getContext("2d");
    const [w, h] = [canvas.width, canvas.height];
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, w, h);
    let most = 1e-12;
    for (let n = 0; n < ALONG; n++) most = Math.max(most, Math.abs(value(n)));
    context.beginPath();
    for (let n = 0; n < ALONG; n += 4) context.lineTo((w * n) / ALONG, h / 2 - ((h / 2 - 3) * value(n)) / most);
    context.strokeStyle = colours.ink;
    context.lineWidth = 2;
    context.stroke();
  }
}
