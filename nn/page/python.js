/* The run in Python: the calls of nn.fit that do the same steps on the same numbers. */

/** Lines of at most so many characters that hold a list. */
function listed(items, indent = "    ") {
  const lines = [];
  let line = indent;
  for (const item of items) {
    if (line.length + item.length > 98 && line !== indent) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${item}, `;
  }
  return [...lines, line.trimEnd()].join("\n");
}

const numberList = (name, numbers) => `${name} = [\n${listed([...numbers].map(python))}\n]`;

/** An option as Python writes it. */
function literal(option) {
  if (Array.isArray(option)) return `(${option.map(literal).join(", ")}${option.length === 1 ? "," : ""})`;
  if (typeof option === "boolean") return option ? "True" : "False";
  return Number.isFinite(option) ? python(option) : `float("${python(option)}")`;
}

function examplesInPython(name, examples, targets) {
  const rows = [];
  const right = [];
  for (let n = 0; n < examples.count; n++) {
    rows.push(`[${[...examples.row(n).subarray(0, examples.inputs)].map(python).join(", ")}]`);
    const numbers = Array.from({ length: targets }, (_, i) => examples.target(n, i));
    const one = (x) => (Number.isInteger(x) ? String(x) : python(x));
    right.push(targets === 1 ? one(numbers[0]) : `[${numbers.map(python).join(", ")}]`);
  }
  const [x, y] = name === "held_out" ? ["X_held_out", "y_held_out"] : ["X", "y"];
  return [`${x} = [\n${listed(rows)}\n]`, `${y} = [\n${listed(right)}\n]`];
}

/** What changes from one phase to the next, as lines of Python. */
function phaseInPython(training, phase, number, held) {
  const { python: written, optimizers, start } = training.model;
  const { settings, epochs, rates } = phase;
  const before = number ? training.phases[number - 1].settings : null;
  const lines = [];
  const known = optimizers.find((one) => one.name === settings.optimizer);
  const numbers = rates.map(([, rate]) => rate);
  let rate = numbers[0] === null ? written.schedule && `schedules.${written.schedule}` : python(numbers[0]);
  if (rate === null) {
    rate = "rate";
    lines.push("rate = ...  # your own schedule");
  }
  if (numbers.length > 1) {
    const shown = numbers.map((one) => (one === null ? `(${rate})(t)` : python(one)));
    lines.push("def rate(t):  # by the number of steps taken");
    lines.push(
      `    return [${shown.join(", ")}][bisect.bisect_right([${rates
        .slice(1)
        .map(([at]) => at)
        .join(", ")}], t)]`,
      "",
    );
    rate = "rate";
  }
  if (before?.optimizer !== settings.optimizer) {
    const options = Object.entries(settings.options)
      .filter(([name]) => name !== "nesterov" || settings.options.momentum)
      .map(([name, option]) => `, ${name}=${literal(option)}`);
    lines.push(`optimizer = ${known.name}(model.parameters(), lr=${rate}${options.join("")})`);
    if (!number && start.steps) {
      lines.push(`optimizer.steps = ${start.steps}  # it had taken these`);
      known.remembers.forEach((name, i) => {
        lines.push(`optimizer.state[${JSON.stringify(name)}] = [\n${listed(start.state[i].map(python))}\n]`);
      });
    }
  } else {
    for (const [name, option] of Object.entries(settings.options))
      if (JSON.stringify(before.options[name]) !== JSON.stringify(option))
        lines.push(`optimizer.${name} = ${literal(option)}`);
    lines.push(`optimizer.lr = ${rate}`);
  }
  const { penalty, strength } = settings;
  const term = { none: "", l1: `${python(strength)} * l1(p)`, l2: `${python(strength)} * l2(p)` }[penalty];
  const given =
    penalty === "own"
      ? strength === 1
        ? "penalty"
        : `lambda p: ${python(strength)} * penalty(p)`
      : term && `lambda p: ${term}`;
  lines.push(
    [
      "history = fit(",
      "    model,",
      "    X,",
      "    y,",
      `    loss=${written.loss ?? "loss"},`,
      ...(given ? [`    penalty=${given},`] : []),
      "    optimizer=optimizer,",
      `    epochs=${epochs},`,
      ...(settings.batch === null ? [] : [`    batch_size=${settings.batch},`]),
      ...(held ? ["    validation=(X_held_out, y_held_out),"] : []),
      "    seed=rng,",
      ")",
    ].join("\n"),
  );
  return lines.join("\n");
}

/** The program that does in Python what was done on the page; up to the end of the last whole epoch. */
function runInPython(training) {
  const { model } = training;
  const { python: written, theta } = model;
  const phases = training.phases.filter((phase) => phase.epochs);
  const all = phases.map((phase) => phase.settings);
  const used = new Set([
    ...(written.model ? ["MLP"] : []),
    "evaluate",
    ...(phases.length ? ["fit"] : []),
    ...(written.loss ? [/^partial\((\w+)/.exec(written.loss)?.[1] ?? written.loss] : []),
    ...all.map(({ optimizer }) => optimizer).filter((name) => model.optimizers.find((one) => one.name === name).ours),
    ...all.map(({ penalty }) => penalty).filter((penalty) => penalty === "l1" || penalty === "l2"),
    ...(written.schedule && phases.some(({ rates }) => rates.some(([, rate]) => rate === null)) ? ["schedules"] : []),
  ]);
  const yours = [
    ...(written.model ? [] : ["model"]),
    ...(written.loss ? [] : ["loss"]),
    ...(all.some(({ penalty }) => penalty === "own") ? ["penalty"] : []),
    ...[...new Set(all.map(({ optimizer }) => optimizer))].filter((name) => !used.has(name)),
  ];
  const names = [...used].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const parts = [
    `"""The whole epochs of a run of ${counted(training.steps, "step")}, as its page took them."""`,
    [
      ...(phases.some((phase) => phase.rates.length > 1) ? ["import bisect"] : []),
      "import random",
      ...(written.loss?.startsWith("partial") ? ["from functools import partial"] : []),
      "",
      `from nn import ${names.join(", ")}`,
    ].join("\n"),
    ...(yours.length
      ? [`# Your own ${yours.join(", ")}: import or define ${yours.length > 1 ? "them" : "it"} here.`]
      : []),
    ...examplesInPython("", training.data, model.targets),
    ...(training.held ? examplesInPython("held_out", training.held, model.targets) : []),
    numberList("first", theta),
    [
      ...(written.model ? [`model = ${written.model}`] : []),
      "for parameter, number in zip(model.parameters(), first, strict=True):",
      "    parameter.data = number",
    ].join("\n"),
    [
      `rng = random.Random(${written.seed})`,
      ...(written.drawn
        ? [`rng.sample(range(${written.drawn[0]}), ${written.drawn[1]})  # which examples were held out`]
        : []),
    ].join("\n"),
    ...phases.map((phase, number) => phaseInPython(training, phase, number, training.held)),
  ];
  parts.push(resultInPython(training));
  return `${parts.join("\n\n")}\n`;
}

/** Lines that print what the run has come to. */
function resultInPython({ model, held }) {
  const loss = model.python.loss ?? "loss";
  const shown = (name, x, y) => [
    `score = evaluate(model, ${x}, ${y}, loss=${loss})`,
    model.classes.length
      ? `print(f"${name}: loss {score.loss:.6g}, accuracy {score.accuracy:.1%}")`
      : `print(f"${name}: loss {score.loss:.6g}")`,
  ];
  return [...shown("trained on", "X", "y"), ...(held ? shown("held out", "X_held_out", "y_held_out") : [])].join("\n");
}

/** The model with its present parameters as a file for nn.load; nothing where Python had none. */
function modelFile(training) {
  const { file, paths } = training.model;
  if (!file) return null;
  const parameters = { ...file.parameters };
  paths.forEach((path, i) => {
    parameters[path] = training.theta[i];
  });
  return `${JSON.stringify({ ...file, parameters }, null, 1)}\n`;
}
