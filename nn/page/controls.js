/* What a reader can do: buttons, keys, colours, and taking the run elsewhere. */

class Controls extends Overview {
  listen() {
    const on = (id, act) => $(id).addEventListener("click", act);
    on("play", () => this.play());
    on("step", () => this.walk(() => this.training.step()));
    on("undo", () => this.walk(() => this.undo()));
    on("reset", () => this.walk(() => this.reset()));
    on("theme", () => this.changeTheme());
    on("before", () => this.pick(this.example - 1));
    on("after", () => this.pick(this.example + 1));
    on("worst", () => this.pick(this.worst()));
    $("which").addEventListener("change", () => {
      const { count } = this.training.data;
      const wanted = numberOf($("which").value);
      const exists = Number.isInteger(wanted) && wanted >= 1 && wanted <= count;
      if (exists) this.pick(wanted - 1);
      else $("which").value = this.example + 1;
      $("range").textContent = exists ? "" : `There are ${counted(count, "example")}: choose one of 1 to ${count}.`;
    });
    on("why", () => this.why());
    on("as-first", () => this.settingsAsFirst());
    for (const radio of document.querySelectorAll("[name=lines]"))
      radio.addEventListener("change", () => {
        this.network.lines = radio.value;
        this.render();
      });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
    addEventListener("resize", () => this.render());
    addEventListener("keydown", (event) => this.key(event));
    this.leaveKeysAlone();
    on("export", () => this.showPython());
    on("close", () => $("python").close());
    on("copy", () => this.copy());
    on("download", () => this.download("run.py", "text/x-python", $("source").value));
    on("weights", () => this.download("model.json", "application/json", modelFile(this.training)));
    addEventListener("message", (event) => this.answerTo(event));
  }

  /** After a click of the mouse the keys mean what they meant before: no button and no list keeps them to itself. */
  leaveKeysAlone() {
    let byMouse = false;
    const leave = () => byMouse && !$("python").open && document.activeElement.blur();
    addEventListener("pointerdown", () => {
      byMouse = true;
    });
    addEventListener("keydown", () => {
      byMouse = false;
    });
    addEventListener("change", (event) => event.target.matches("select, [type=radio], [type=checkbox]") && leave());
    addEventListener(
      "click",
      (event) => event.target.closest("button, summary, [type=radio], [type=checkbox]") && leave(),
    );
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || $("python").open) return;
    if (event.target.matches("input, select, textarea")) return;
    const actions = {
      " ": event.target.matches("button, summary, a") ? null : () => this.training.problem || this.play(),
      ArrowRight: () => this.training.problem || this.walk(() => this.training.step()),
      ArrowLeft: () => this.walk(() => this.undo()),
      Home: () => this.walk(() => this.reset()),
      Escape: () => this.chosen && this.choose(this.chosen),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  changeTheme() {
    const { dataset } = document.documentElement;
    const dark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    dataset.theme = dark ? "light" : "dark";
    this.repaint();
  }

  repaint() {
    this.theme();
    this.keyShown = null;
    this.answer.keyShown = null;
    this.render();
  }

  showPython() {
    if (this.playing) this.play();
    const { training } = this;
    $("source").value = runInPython(training);
    const rest = training.position
      ? ` The page is in the middle of epoch ${training.epochs + 1}, ${counted(training.position, "step")} in; this goes to the end of epoch ${training.epochs}.`
      : "";
    $("python-note").textContent =
      `${counted(training.epochs, "epoch")} from the same weights on the same examples, in the same order.${rest}`;
    $("weights").hidden = !this.model.file;
    $("copied").textContent = "";
    $("python").showModal();
    $("source").scrollTop = 0;
  }

  copy() {
    $("source").select();
    const done = document.execCommand("copy");
    $("copied").textContent = done ? "Copied." : "It is selected: press Ctrl+C to copy it.";
  }

  download(name, type, text) {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    $("copied").textContent = `${name} goes to your downloads.`;
  }
}
