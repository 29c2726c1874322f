/* What a reader can do: buttons, keys, and arrows from number to number. */

const STEPS = ["ArrowRight", "ArrowLeft", "Home", "End"]; // they step on from a field in which nothing is written

class Keys extends Lecture {
  listen() {
    const on = (id, event, action) => $(id).addEventListener(event, action);
    const walk = (id, event, to) =>
      on(id, event, () => {
        this.stop();
        this.go(to());
      });
    walk("first", "click", () => 0);
    walk("back", "click", () => this.position - 1);
    walk("next", "click", () => this.position + 1);
    walk("last", "click", () => this.plan.steps.length - 1);
    walk("slider", "input", () => Number($("slider").value));
    on("play", "click", () => this.play());
    on("smaller", "click", () => this.viewport.zoom(1 / 1.25));
    on("larger", "click", () => this.viewport.zoom(1.25));
    on("fit", "click", () => this.viewport.fit(0.15));
    on("theme", "click", () => this.theme());
    addEventListener("resize", () => {
      if (this.viewport.fitted) this.viewport.fit();
      else this.viewport.follow();
    });
    addEventListener("hashchange", () => this.follow(location.hash));
    on("present", "click", () => this.present());
    on("link", "click", () => this.link());
    on("ask", "change", () => {
      this.asks = $("ask").checked;
      this.answered.clear();
      this.render();
    });
    // After a click of the mouse the keys mean what they meant before: no button and no number keeps them to itself.
    addEventListener("click", (event) => {
      if (event.detail > 0 && event.target.closest("button, summary, input[type=checkbox]"))
        document.activeElement.blur();
    });
    $("speed").addEventListener("change", () => $("speed").blur());
    $("picture").addEventListener("mousedown", (event) => {
      event.preventDefault();
      document.activeElement.blur();
    });
    addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target;
    if (target.matches("select")) return;
    if (target.matches("input[type=text]") && (target.value || !STEPS.includes(event.key))) return;
    const inGraph = target.closest?.("#picture [data-key]");
    if (inGraph && this.graphKey(event, inGraph)) {
      event.preventDefault();
      return;
    }
    if (target.matches("input[type=range]") && target.id !== "slider") return;
    const control = target.matches("button, summary");
    const actions = {
      ArrowRight: () => this.go(this.position + 1),
      ".": () => this.go(this.position + 1),
      ArrowLeft: () => this.go(this.position - 1),
      ",": () => this.go(this.position - 1),
      Home: () => this.go(0),
      End: () => this.go(this.plan.steps.length - 1),
      " ": control ? null : () => this.play(),
      "+": () => this.viewport.zoom(1.25),
      "-": () => this.viewport.zoom(1 / 1.25),
      0: () => this.viewport.fit(0.15),
      p: () => this.present(),
      Escape: () => (this.chosen !== null ? this.choose(this.chosen) : this.presents() && this.present()),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    if (![" ", "+", "-", "0", "p", "Escape"].includes(event.key)) this.stop();
    action();
  }

  graphKey(event, element) {
    if (event.key === "Enter" || event.key === " ") {
      element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return true;
    }
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!way) return false;
    const place = (one) => (one.querySelector(".card, .hit") ?? one).getBoundingClientRect();
    const here = place(element);
    let best = null;
    for (const other of document.querySelectorAll("#picture [data-key]")) {
      const there = place(other);
      const [dx, dy] = [
        there.x + there.width / 2 - here.x - here.width / 2,
        there.y + there.height / 2 - here.y - here.height / 2,
      ];
      const along = dx * way[0] + dy * way[1];
      // What lies to the side: no part of it is above or below; and the other way round.
      if (other === element || along < (way[0] ? here.width : here.height) / 2) continue;
      const cost = along + 2.5 * (Math.abs(dx * way[1]) + Math.abs(dy * way[0])) + 1e-3 * there.y; // the upper of two
      if (!best || cost < best.cost) best = { other, cost };
    }
    if (best) {
      this.current = best.other.dataset.key;
      this.order();
      best.other.focus();
    }
    return true;
  }
}
