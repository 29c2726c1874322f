/* For a lecture: large type on the whole screen, and links to a step. */

class Lecture extends Panels {
  /** Large type and the whole screen for a lecture; or all panels again. */
  present() {
    const on = document.body.classList.toggle("presenting");
    $("present").setAttribute("aria-pressed", String(on));
    if (on)
      document.documentElement.requestFullscreen?.().catch(() => {}); // a frame may not be allowed to
    else if (document.fullscreenElement) document.exitFullscreen();
    if (this.viewport.fitted) this.viewport.fit();
  }

  presents() {
    return document.body.classList.contains("presenting");
  }

  /** Put a link to what is shown into the address of the page, and into the clipboard where that is allowed. */
  link() {
    const open = [...this.plan.open].filter(Boolean).join(".");
    const chosen = this.chosen === null ? "" : `&number=${this.chosen}`;
    const { given, changed } = this.graph;
    const numbers = changed.map((id) => `${id}:${given[id]}`.replace("+", "")); // a + would be a space
    const other = numbers.length ? `&given=${numbers}` : "";
    const view = `${this.asks ? "&ask" : ""}${this.presents() ? "&present" : ""}`;
    history.replaceState(null, "", `#step=${this.position}&open=${open}${chosen}${other}${view}`);
    navigator.clipboard?.writeText(location.href).catch(() => {});
    $("linked").textContent = "The address of this page now leads to this step, and is copied where that is allowed.";
    clearTimeout(this.fading);
    this.fading = setTimeout(() => $("linked").replaceChildren(), 6000);
  }

  /** Show what a link asks for, as far as this graph has it. */
  follow(hash) {
    const wanted = new URLSearchParams(hash.slice(1));
    if (!wanted.has("step")) return;
    const given = [...this.graph.original];
    for (const pair of (wanted.get("given") ?? "").split(",")) {
      const [id, number] = pair.split(":").map(Number);
      if (this.graph.nodes[id] && !this.graph.nodes[id].parents && Number.isFinite(number)) given[id] = number;
    }
    this.restore(given);
    const open = (wanted.get("open") ?? "").split(".").filter(Boolean).map(Number);
    this.plan.open = new Set([0, ...open.filter((id) => this.plan.boxes[id])]);
    this.plan.refresh();
    this.arrange();
    const number = wanted.has("number") ? Number(wanted.get("number")) : NaN;
    this.chosen = this.graph.nodes[number] ? number : null;
    this.asks = $("ask").checked = wanted.has("ask");
    if (wanted.has("present") !== this.presents()) this.present();
    if (this.viewport.fitted) this.viewport.fit();
    this.go(Math.floor(Number(wanted.get("step"))) || 0);
  }
}
