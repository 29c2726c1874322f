/* Advice: what a teacher would say of how the training goes, as far as the numbers show it. */

const WATCHED = 12; // points of the curve in which jumps are counted
const FEW_NAMES = 6;

/** Names as one says them: a, b and c. */
function listing(names) {
  const shown =
    names.length > FEW_NAMES ? [...names.slice(0, FEW_NAMES - 1), `${names.length - FEW_NAMES + 1} more`] : names;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : shown.join("");
}

/** The neurons that give 0 for all examples and whose parameters have no gradient, by their positions. */
function deadNeurons(cards, { ofData, cards: width }, sizes) {
  const silent = cards.map((card) => card.output === null);
  for (let at = 0; at < ofData.length; at++) if (ofData[at] !== 0) silent[at % width] = false;
  return cards.flatMap((card, i) => {
    const places = [...card.wires.map(([, , place]) => place), card.bias].filter((place) => place >= 0);
    return silent[i] && places.every((place) => sizes[place] === 0) ? [i] : [];
  });
}

/** Whether no example asks for a further step. */
function isFlat(training, sizes) {
  return sizes.every((size) => size === 0) && training.wholeGradient().every((one) => one === 0);
}

/** Sentences about what has gone wrong, or is done. */
function advice(training, sizes, dead) {
  const { curve, steps, model } = training;
  const found = [];
  const rate = steps ? short(training.rate(training.state.steps - 1)) : "";
  const losses = curve.map(([, loss]) => loss);
  const [first, last] = [losses[0], losses.at(-1)];
  const lowest = Math.min(...losses);
  const smaller = `Take a smaller learning rate than ${rate}`;
  const recent = losses.slice(-WATCHED);
  const jumps = recent.filter((loss, i) => i && loss > 1.15 * recent[i - 1]).length;
  const isWorse = (loss) => loss > 1.02 * first && loss > 1.2 * lowest;
  const hidden = model.cards.filter((card) => card.output === null).length;
  if (steps && (isWorse(last) || recent.filter(isWorse).length >= WATCHED / 3))
    found.push(
      `The learning rate is too large: the loss was ${tick(first)} before the first step and ${isWorse(last) ? `is ${tick(last)} now` : `has been ${tick(Math.max(...recent))} since`}. ${smaller}, and reset.`,
    );
  else if (steps && hidden && dead.length >= hidden / 2)
    found.push(
      `The learning rate is too large: a step has switched off ${dead.length} of ${hidden} neurons. ${smaller}, and reset.`,
    );
  else if (steps && first > 0 && jumps >= WATCHED / 3 && last > 1.2 * lowest)
    found.push(`The loss jumps up and down: the steps are too long. ${smaller}.`);
  if (isFlat(training, sizes))
    found.push(
      last === 0
        ? "Training is finished: the loss is 0 and all gradients are 0, so no further step is asked for."
        : `Training has come to an end: all gradients are 0, so no further step is asked for, though the loss is ${tick(last)}.`,
    );
  if (dead.length) {
    const [give, are, them, their] = dead.length > 1 ? ["give", "are", "them", "their"] : ["gives", "is", "it", "its"];
    found.push(
      `${listing(dead.map((i) => model.cards[i].name))} ${give} 0 for every example and ${are} dead: no gradient comes through ${them}, so ${their} weights stay as they are. A smaller learning rate or other first weights prevent this, and leaky_relu does.`,
    );
  }
  return found;
}
