/* The field: what the network and each of its neurons give, over the plane of two features, along one, or for the
   examples. */

const COARSE = 44; // points on a side of the plane while it plays, and while it rests
const FINE = 88;
const ALONG = 160; // points along one feature

/** What all neurons give at the points of a grid, or, where there are more than two features, for the examples. */
class Field {
  constructor(training, programs) {
    this.training = training;
    this.programs = programs;
    const { inputs } = training.model;
    this.dimensions = inputs.length <= 2 ? inputs.length : 0;
    this.ranges = inputs.slice(0, 2).map((_, i) => this.range(i));
    this.grids = new Map();
  }

  /** From where to where a feature is shown. */
  range(i) {
    const { data, held } = this.training;
    let [low, high] = [Infinity, -Infinity];
    for (const examples of held ? [data, held] : [data])
      for (let n = 0; n < examples.count; n++) {
        low = Math.min(low, examples.input(n, i));
        high = Math.max(high, examples.input(n, i));
      }
    const margin = 0.12 * (high - low) || 1;
    return [low - margin, high + margin];
  }

  grid(size) {
    if (this.grids.has(size)) return this.grids.get(size);
    const { width } = this.training.data;
    const count = this.dimensions === 2 ? size * size : size;
    const rows = new Float64Array(count * width);
    const [[left, right], [bottom, top] = []] = this.ranges;
    for (let n = 0; n < count; n++) {
      rows[n * width] =
        left +
        ((right - left) * ((n % size) + (this.dimensions === 2 ? 0.5 : 0))) / (this.dimensions === 2 ? size : size - 1);
      if (this.dimensions === 2) rows[n * width + 1] = top - ((top - bottom) * (Math.floor(n / size) + 0.5)) / size;
    }
    const made = { rows, values: new Float64Array(count * this.training.model.cards.length) };
    this.grids.set(size, made);
    return made;
  }

  refresh(playing) {
    const { model, data, theta } = this.training;
    const cards = model.cards.length;
    this.size = this.dimensions === 1 ? ALONG : playing ? COARSE : FINE;
    if (this.dimensions) {
      const { rows, values } = this.grid(this.size);
      this.programs.activity(theta, rows, values, null);
      Object.assign(this, { rows, values, cards });
    }
    this.ofData ??= new Float64Array(data.count * cards);
    this.programs.activity(theta, data.rows, this.ofData, null);
    if (this.training.held) {
      this.ofHeld ??= new Float64Array(this.training.held.count * cards);
      this.programs.activity(theta, this.training.held.rows, this.ofHeld, null);
    }
    this.cards = cards;
  }

  /** The largest size of a card's values on the grid. */
  largest(card) {
    let most = 1e-12;
    for (let i = card; i < this.values.length; i += this.cards) most = Math.max(most, Math.abs(this.values[i]));
    return most;
  }
}
