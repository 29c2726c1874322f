/* Training: the steps of nn.fit, on the same numbers in the same order. No derivative and no update formula stands
   here: start() is given the programs, the rules of the optimisers and the schedule, which Python has printed. */

const KEPT_STEPS = 2000; // that can be undone, if they fit into
const KEPT_BYTES = 64e6;
// So many gradients of single examples have their sizes taken, of more those of every second example, or third...
const MOST_SIZES = { resting: 1.5e6, playing: 3e5 };
const MOST_POINTS = 6000; // of the curves; every second one goes when there are more

/** Examples as typed arrays, the inputs and the target of each after the other, and room for their values. */
class Examples {
  constructor(data, inputs, targets) {
    this.count = data.count;
    this.width = inputs + targets;
    this.inputs = inputs;
    this.rows = new Float64Array(this.count * this.width);
    for (let n = 0; n < this.count; n++) {
      for (let i = 0; i < inputs; i++) this.rows[n * this.width + i] = data.x[n * inputs + i];
      for (let i = 0; i < targets; i++) this.rows[n * this.width + inputs + i] = data.y[n * targets + i];
    }
    this.values = new Float64Array(this.count);
  }

  row(n) {
    return this.rows.subarray(n * this.width, (n + 1) * this.width);
  }

  input(n, i) {
    return this.rows[n * this.width + i];
  }

  target(n, i = 0) {
    return this.rows[n * this.width + this.inputs + i];
  }
}

/** An option as it is in Python; in JSON what is not finite is a text. */
function optionOf(written) {
  if (Array.isArray(written)) return written.map(optionOf);
  return typeof written === "string" ? Number(written) : written;
}

class Training {
  constructor(model, programs, updates, schedule) {
    this.model = model;
    this.programs = programs;
    this.updates = updates;
    this.schedule = schedule;
    this.data = new Examples(model.data, model.inputs.length, model.targets);
    this.held = model.held && new Examples(model.held, model.inputs.length, model.targets);
    this.size = model.theta.length;
    this.first = Float64Array.from(model.theta);
    this.batch = new Float64Array(this.data.rows.length);
    const [given] = model.optimizers;
    /** What the reader has chosen; what a step takes is in the latest phase of `this.phases`. */
    this.wanted = {
      optimizer: given.name,
      lr: schedule ? null : given.lr, // none: the schedule that came with the page
      options: Object.fromEntries(
        model.optimizers.map(({ name, options }) => [
          name,
          Object.fromEntries(Object.entries(options).map(([key, written]) => [key, optionOf(written)])),
        ]),
      ),
      batch: model.batch,
      penalty: model.penalised ? "own" : "none",
      strength: model.penalised ? 1 : 0.001,
    };
    this.given = structuredClone(this.wanted);
    this.reset();
  }

  /** Whether the reader has chosen other settings than those the page came with. */
  get changed() {
    return JSON.stringify(this.wanted) !== JSON.stringify(this.given);
  }

  reset() {
    this.theta = this.first.slice();
    this.gradient = new Float64Array(this.size);
    this.penaltyGradient = new Float64Array(this.size);
    this.random = new Twister(this.model.random);
    this.order = null;
    this.steps = 0;
    this.epochs = 0; // that are done
    this.position = 0; // how many batches of the present epoch are done
    this.phases = [];
    this.state = null;
    this.problem = "";
    this.undoable = [];
    this.curve = []; // [step, loss, loss on held-out examples]
    this.latest = null; // the loss of the latest batch
  }

  get settings() {
    return this.phases.at(-1)?.settings ?? this.snapshotOfWanted();
  }

  snapshotOfWanted() {
    const { optimizer, options, batch, penalty, strength } = this.wanted;
    return { optimizer, options: structuredClone(options[optimizer]), batch, penalty, strength };
  }

  /** Whether what is chosen waits for the next epoch: all but the learning rate does. */
  get waiting() {
    return this.position > 0 && JSON.stringify(this.snapshotOfWanted()) !== JSON.stringify(this.settings);
  }

  get batchesInEpoch() {
    const { batch } = this.settings;
    return batch === null ? 1 : Math.ceil(this.data.count / batch);
  }

  /** The learning rate that is chosen, null for the schedule; an optimiser that waits for the next epoch keeps its own. */
  get chosenRate() {
    const phase = this.phases.at(-1);
    const waits = this.position > 0 && phase.settings.optimizer !== this.wanted.optimizer;
    return waits ? phase.rates.at(-1)[1] : this.wanted.lr;
  }

  /** The learning rate of the next step, where the optimiser has taken so many; undefined where none is written down. */
  rate(steps) {
    return this.chosenRate ?? this.schedule(steps);
  }

  beginEpoch() {
    const settings = this.snapshotOfWanted();
    const before = this.phases.at(-1);
    if (!before || JSON.stringify(before.settings) !== JSON.stringify(settings)) {
      if (before?.settings.optimizer !== settings.optimizer) {
        const { remembers } = this.model.optimizers.find((one) => one.name === settings.optimizer);
        const start = before ? null : this.model.start;
        const zeros = remembers.map(() => new Float64Array(this.size));
        const given = start?.state.map((numbers) => Float64Array.from(numbers));
        const whole = !before && settings.optimizer === this.model.optimizers[0].name;
        this.state = { vectors: whole ? given : zeros, steps: whole ? start.steps : 0 };
      }
      this.phases = [...this.phases, { settings, from: this.steps, epochs: 0, rates: [] }];
      this.order = null;
    }
    if (settings.batch !== null) {
      this.random = this.random.copy();
      this.order = this.order ? [...this.order] : Array.from({ length: this.data.count }, (_, n) => n);
      this.random.shuffle(this.order);
    }
  }

  /** Take a step, or say in `problem` why none can be taken. */
  step() {
    if (this.problem) return false;
    const before = this.remember();
    if (this.position === 0) this.beginEpoch();
    const { batch, optimizer } = this.settings;
    const rows = this.take(batch);
    const values = this.data.values.subarray(0, rows.length / this.data.width);
    const loss = this.evaluated(rows, values, this.gradient);
    if (!Number.isFinite(loss)) return this.stop(before, `the loss became ${python(loss)}`);
    if (!this.gradient.every(Number.isFinite)) return this.stop(before, "the gradient is not finite");
    const { vectors, steps } = this.state;
    const rate = this.rate(steps);
    if (rate === undefined) return this.stop(before, "no rate of the schedule is known", "choose a learning rate");
    const chosen = this.chosenRate;
    this.theta = this.theta.slice();
    this.state = { vectors: vectors.map((vector) => vector.slice()), steps: steps + 1 };
    const { options } = this.settings;
    this.updates[optimizer](options, rate, steps + 1, this.theta, this.gradient, this.state.vectors);
    if (![this.theta, ...this.state.vectors].every((vector) => vector.every(Number.isFinite)))
      return this.stop(before, "a parameter became infinite");
    this.latest = loss;
    this.keep(before);
    this.noteRate(chosen, steps);
    this.steps++;
    this.position++;
    if (this.position === this.batchesInEpoch) {
      this.position = 0;
      this.epochs++;
      this.changePhase((phase) => ({ ...phase, epochs: phase.epochs + 1 }));
    }
    return true;
  }

  changePhase(change) {
    this.phases = [...this.phases.slice(0, -1), change(this.phases.at(-1))];
  }

  /** Note the learning rate of a step, where it is chosen anew. */
  noteRate(chosen, steps) {
    const { rates } = this.phases.at(-1);
    if (!rates.length || rates.at(-1)[1] !== chosen)
      this.changePhase((phase) => ({ ...phase, rates: [...rates, [steps, chosen]] }));
  }

  /** The rows of the next batch. */
  take(batch) {
    const { rows, width, count } = this.data;
    if (batch === null) return rows;
    const chosen = this.order.slice(this.position * batch, Math.min(count, (this.position + 1) * batch));
    chosen.forEach((n, i) => {
      this.batch.set(this.data.row(n), i * width);
    });
    return this.batch.subarray(0, chosen.length * width);
  }

  /** The mean loss of rows with the penalty; and the gradient, where there is room for it. */
  evaluated(rows, values, gradient) {
    this.programs.objective(this.theta, rows, values, gradient);
    let sum = 0;
    for (const value of values) sum += value;
    return sum / values.length + this.penalty(gradient);
  }

  penalty(gradient) {
    const { penalty, strength } = this.settings;
    if (penalty === "none") return 0;
    const value = new Float64Array(1);
    this.programs[penalty](this.theta, new Float64Array(0), value, gradient && this.penaltyGradient);
    if (gradient) for (let i = 0; i < gradient.length; i++) gradient[i] += strength * this.penaltyGradient[i];
    return strength * value[0];
  }

  /** The mean loss of examples now. */
  loss(examples) {
    return this.evaluated(examples.rows, examples.values, null);
  }

  /** The gradient of the mean loss over all examples now. */
  wholeGradient() {
    const gradient = new Float64Array(this.size);
    this.evaluated(this.data.rows, this.data.values, gradient);
    return gradient;
  }

  /** How large the gradient of an example's loss is by each parameter: |gradient|, the mean over the examples.
   *
   * In the gradient of the mean loss examples may cancel; in this they do not.
   */
  sizes(most = MOST_SIZES.resting) {
    const { count } = this.data;
    const every = Math.max(1, Math.ceil((count * this.size) / most));
    const [sizes, one, value] = [this.size, this.size, 1].map((length) => new Float64Array(length));
    const taken = Math.ceil(count / every);
    for (let n = 0; n < count; n += every) {
      this.programs.objective(this.theta, this.data.row(n), value, one);
      for (let i = 0; i < one.length; i++) sizes[i] += Math.abs(one[i]) / taken;
    }
    return sizes;
  }

  /** Add a point to the curves. */
  record() {
    if (this.curve.at(-1)?.[0] === this.steps) return;
    if (this.curve.length > MOST_POINTS) this.curve = this.curve.filter((_, i) => i % 2 === 0);
    this.curve.push([this.steps, this.loss(this.data), this.held ? this.loss(this.held) : null]);
  }

  remember() {
    const { theta, state, random, order, steps, epochs, position, phases, latest } = this;
    return { theta, state, random, order, steps, epochs, position, phases, latest };
  }

  keep(before) {
    this.undoable.push(before);
    const bytes = 8 * this.size * (1 + this.state.vectors.length);
    if (this.undoable.length > Math.min(KEPT_STEPS, KEPT_BYTES / bytes)) this.undoable.shift();
  }

  stop(before, message, remedy = "try a smaller learning rate") {
    Object.assign(this, before);
    this.problem = `${message} in step ${this.steps + 1}, so it is not taken; ${remedy}`;
    return false;
  }

  undo() {
    if (this.problem) this.problem = "";
    else if (this.undoable.length) Object.assign(this, this.undoable.pop());
    this.curve = this.curve.filter(([step]) => step <= this.steps);
  }
}
