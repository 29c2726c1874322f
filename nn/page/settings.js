/* Settings: what of the training can be chosen, and the options of its optimiser. */

// Up to what is too large for any usual network, so that it can be seen.
const RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
const STRENGTHS = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1];
const PENALTIES = { none: "none", l1: "L1, Σ |p|", l2: "L2, Σ p²", own: "the model’s own" };

class Settings {
  settings() {
    const { model, training } = this;
    const { wanted } = training;
    const choice = (id, choices, value, change) => {
      const options = choices.map(([key, name]) =>
        make("option", { value: String(key), selected: String(key) === String(value) }, name),
      );
      $(id).replaceChildren(...options);
      $(id).onchange = () => {
        change($(id).value);
        this.render();
      };
    };
    const sorted = (numbers, name = short) =>
      [...new Set(numbers)].sort((a, b) => a - b).map((one) => [one, name(one)]);
    const fixed = wanted.lr === null ? [] : [wanted.lr];
    const rates = sorted([...RATES, ...fixed, ...model.optimizers.map((one) => one.lr)]);
    choice("lr", training.schedule ? [["", "its schedule"], ...rates] : rates, wanted.lr ?? "", (value) => {
      wanted.lr = value === "" ? null : Number(value);
    });
    choice(
      "optimizer",
      model.optimizers.map(({ name }) => [name, name]),
      wanted.optimizer,
      (name) => {
        wanted.optimizer = name;
        const { lr } = model.optimizers.find((one) => one.name === name);
        wanted.lr = name === model.optimizers[0].name && training.schedule ? null : lr;
        this.settings();
        this.say(`${name}, with its learning rate ${short(lr)}`);
      },
    );
    const { count } = training.data;
    const sizes = sorted(
      [1, 4, 10, 16, 32, 64, 128, ...(model.batch ? [model.batch] : [])].filter((size) => size < count),
      String,
    );
    choice("batch", [...sizes, ["", `all ${count}`]], wanted.batch ?? "", (value) => {
      wanted.batch = value === "" ? null : Number(value);
    });
    const penalties = Object.entries(PENALTIES).filter(([key]) => key !== "own" || model.penalised);
    choice("penalty", penalties, wanted.penalty, (value) => {
      if (value !== "none") wanted.strength = value === "own" ? 1 : Math.min(wanted.strength, 0.001);
      wanted.penalty = value;
      this.settings();
    });
    choice("strength", sorted([...STRENGTHS, wanted.strength]), wanted.strength, (value) => {
      wanted.strength = Number(value);
    });
    $("strength-label").hidden = wanted.penalty === "none";
    this.options();
  }

  /** Choose again what the page came with. */
  settingsAsFirst() {
    const { training } = this;
    training.wanted = structuredClone(training.given);
    this.settings();
    this.render();
    this.say("The settings are those that the page came with.");
  }

  /** A field for each option of the optimiser. */
  options() {
    const { wanted } = this.training;
    const options = wanted.options[wanted.optimizer];
    const field = (name, value, set) => {
      const isChoice = typeof value === "boolean";
      const shown = (number) => (Number.isFinite(number) ? number : short(number));
      const kind = isChoice
        ? { type: "checkbox", checked: value }
        : { type: "text", inputmode: "decimal", value: shown(value) };
      const input = make("input", kind);
      const most = ["eps", "weight_decay"].includes(name.split(" ")[0]) ? Number.MAX_VALUE : Math.max(value, 0.999999);
      let kept = value;
      input.addEventListener("change", () => {
        const given = isChoice ? input.checked : numberOf(input.value);
        if (isChoice || (given >= 0 && given <= most)) {
          kept = given;
          set(given);
        } else input.value = shown(kept);
        this.render();
      });
      return make("label", {}, `${name.replace("_", " ")} `, input);
    };
    const fields = Object.entries(options).flatMap(([name, option]) =>
      Array.isArray(option)
        ? option.map((one, i) =>
            field(`${name} ${i + 1}`, one, (value) => {
              option[i] = value;
            }),
          )
        : [
            field(name, option, (value) => {
              options[name] = value;
            }),
          ],
    );
    $("more").hidden = !fields.length;
    $("options").replaceChildren(...fields);
  }
}
