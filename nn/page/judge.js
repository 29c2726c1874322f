/* Judging: what outputs mean, which class they say, and how often that is right. */

class Judge {
  constructor(page) {
    this.page = page;
    this.model = page.model;
    this.right = null;
    this.several = page.outputs.length > 1;
  }

  /** The class of an example. */
  label(examples, n) {
    const { targets, classes } = this.model;
    if (targets > 1) {
      const all = Array.from({ length: targets }, (_, i) => examples.target(n, i));
      return all.indexOf(Math.max(...all));
    }
    const y = examples.target(n);
    return classes.length === 2 ? Number(y > 0.5) : y;
  }

  /** The class that the outputs at a place say, and how sure they are: from 0 to 1. */
  judge(values, at) {
    const { outputs } = this.page;
    if (!this.several) {
      const z = values[at + outputs[0]];
      const share = this.model.reading === "logit" ? 1 / (1 + Math.exp(-z)) : (Math.max(-1, Math.min(1, z)) + 1) / 2;
      return [Number(z > 0), z > 0 ? share : 1 - share, share];
    }
    let best = 0;
    for (let k = 1; k < outputs.length; k++) if (values[at + outputs[k]] > values[at + outputs[best]]) best = k;
    const top = values[at + outputs[best]];
    let sum = 0;
    for (const card of outputs) sum += Math.exp(values[at + card] - top);
    return [best, 1 / sum, 1 / sum];
  }

  sentence(values) {
    const { classes, reading } = this.model;
    if (!classes.length) return "";
    const [label, sure] = this.judge(values, 0);
    return `: ${classes[label]}${reading === "score" ? "" : `, with a probability of ${this.page.percent(sure)}`}`;
  }

  /** How many answers are right, and which classes are taken for which. */
  count() {
    const { training, field } = this.page;
    const shares = [];
    for (const [examples, values] of [
      [training.data, field.ofData],
      [training.held, field.ofHeld],
    ]) {
      if (!examples) continue;
      const size = this.model.classes.length;
      this.taken = Array.from({ length: size }, () => new Array(size).fill(0));
      let right = 0;
      for (let n = 0; n < examples.count; n++) {
        const [found] = this.judge(values, n * field.cards);
        const wanted = this.label(examples, n);
        this.taken[wanted][found]++;
        right += found === wanted;
      }
      shares.push(right / examples.count);
    }
    [this.right, this.heldRight] = [shares[0], shares[1] ?? null];
  }

  classColour(k) {
    const { colours } = this.model;
    const dark = channels(this.page.colours.surface)[0] < 128;
    return colours[k % colours.length][Number(dark)];
  }
}
