/* The playground: how the training runs. */

const FRAME = 1000 / 60;
const STEPPING = 9; // milliseconds of a frame for steps

class Playground extends Controls {
  constructor(model, rules, programs, updates, schedule) {
    super();
    this.model = model;
    this.programs = programs;
    this.training = new Training(model, programs, updates, schedule);
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
    $("loss-told").textContent = this.lossTold();
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

  /** The example with the largest loss now. */
  worst() {
    const { data } = this.training;
    this.programs.objective(this.training.theta, data.rows, data.values, null);
    return data.values.reduce((best, value, n) => (value > data.values[best] ? n : best), 0);
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

/** Open the page: called by its last script with the rules of the graph, the programs, the update formulas and the schedule. */
window.start = (rules, programs, updates, schedule) => {
  window.playground = new Playground(JSON.parse($("graph").textContent), rules, programs, updates, schedule);
};
