/* The overview: counts, charts, and what they say in words. */

const VIEWING = 9; // milliseconds of a frame for what is drawn, which skips frames where it takes longer

const ADVISING = 3000; // milliseconds that an advice stays at least, while it plays

class Overview extends Details {
  summary() {
    const { training } = this;
    if (training.problem) return training.problem;
    const [step, loss, held] = training.curve.at(-1);
    const { right: share, heldRight } = this.answer;
    const also = heldRight === null || share === null ? "" : ` (held out ${this.percent(heldRight)})`;
    const right = share === null ? "" : `, ${this.percent(share)}${also} right`;
    return `Step ${step}: loss ${short(loss)}${held === null ? "" : `, held out ${short(held)}`}${right}.`;
  }

  /** What the loss is, with its formula where that is known. */
  lossTold() {
    const { name, told } = this.model.loss;
    const formula = told.replace(/-(?=[\d\s(a-z])/g, (sign, at) => (/\w/.test(told[at - 1] ?? "") ? sign : "−"));
    const outputs = /\bz(_|\b)/.test(told) ? "; z is what the network gives, ŷ" : "";
    return `The loss is ${name}${formula && `: ${formula}`}${outputs}.`;
  }

  say(text) {
    $("status").textContent = text;
  }

  percent(share) {
    return `${(100 * share).toFixed(share === 1 || share === 0 ? 0 : 1)} %`;
  }

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
    this.network.drawWires();
    this.renderCharts();
    const now = performance.now();
    this.cost = 0.7 * this.cost + 0.3 * (now - begin);
    if (!this.playing || now - (this.told ?? 0) > 200) {
      this.told = now;
      this.renderSizes();
      this.renderExample();
    }
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
    $("kept").hidden = !training.changed;
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

  /** The sizes of gradients, and what is to be said of them: as often as the example is told. */
  renderSizes() {
    const { training, colours, model } = this;
    const sizes = training.sizes(this.playing ? MOST_SIZES.playing : MOST_SIZES.resting);
    this.sizes = sizes;
    const told = drawGradients($("gradients"), model.layers, sizes, colours);
    const text = told.map(
      ({ name, mean, zeros, count }) =>
        `${name}: ${mean ? `${tick(mean)} on average` : "all 0"}, ${zeros} of ${count} are 0`,
    );
    $("gradients").setAttribute("aria-label", `Sizes of the gradients. ${text.join(". ")}`);
    const verdict = this.verdict(told);
    if ($("gradients-note").textContent !== verdict) $("gradients-note").textContent = verdict;
    const dead = deadNeurons(model.cards, this.field, sizes);
    this.network.markDead(dead);
    const sentences = advice(training, sizes, dead);
    if (this.playing && isFlat(training, sizes)) this.play(); // it pauses
    const now = performance.now();
    const early = this.playing && this.advised?.text && now - this.advised.since < ADVISING;
    if (sentences.join() === this.advised?.text || early) return;
    this.advised = { text: sentences.join(), since: now };
    $("advice").replaceChildren(...sentences.map((sentence) => make("p", {}, sentence)));
  }

  /** What the sizes of the gradients say: whether they vanish on the way back, or blow up. */
  verdict(told) {
    const [first, last] = [told[0], told.at(-1)];
    $("why").hidden = told.length < 2 || !this.graph;
    $("why").textContent = `Show why, for one weight of ${first.name}`;
    if (told.length < 2) return "";
    if (!last.mean) return "No gradient at all: the loss is flat for every example.";
    if (!first.mean) return `No gradient comes through to ${first.name}: all of them are 0.`;
    const ratio = first.mean / last.mean;
    const word = ratio < 0.03 ? "They vanish: " : ratio > 30 ? "They explode: " : "";
    const times = spoken(Number(Math.max(ratio, 1 / ratio).toPrecision(2)));
    if (ratio > 0.5 && ratio < 2) return `They are of like size in ${first.name} and in ${last.name}.`;
    const text = `those of ${first.name} are about ${times} times ${ratio < 1 ? "smaller" : "larger"} than those of ${last.name}, on average.`;
    return word ? word + text : text[0].toUpperCase() + text.slice(1);
  }

  /** Choose the weight of the first layer that has the largest gradient in this example. */
  why() {
    const { graph, model } = this;
    const size = (place) => Math.abs(graph.gradients?.[model.nodes.parameters[place]] ?? 0);
    if (this.isFlat) this.pick(this.worst());
    const weights = new Set(model.cards.flatMap(({ wires }) => wires.map(([, , place]) => place)));
    const places = model.layers[0].places.filter((place) => weights.has(place));
    const among = places.length ? places : model.layers[0].places;
    const index = among.reduce((best, place) => (size(place) > size(best) ? place : best));
    if (this.chosen?.kind !== "parameter" || this.chosen.index !== index) this.choose({ kind: "parameter", index });
    else this.network.reveal();
  }
}
