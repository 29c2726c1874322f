/* The picture: cards, frames and lines. */

/** Attributes of a line of text that is squeezed into this room. */
const within = (room) => ({ "data-room": room, lengthAdjust: "spacingAndGlyphs" });

class Picture extends Questions {
  arrange() {
    const arranged = arrangeAll(this.plan);
    this.arranged = arranged;
    const seen = new Set();
    for (const frame of arranged.frames) {
      const key = `f${frame.box}`;
      seen.add(key);
      if (!this.elements.has(key)) this.elements.set(key, this.drawFrame(frame));
      const element = this.elements.get(key);
      this.place(element, frame);
      element.firstChild.setAttribute("width", frame.w);
      element.firstChild.setAttribute("height", frame.h);
      $("frames").append(element);
    }
    // In the order in which one reads, for screen readers; what is in its place already stays, and can glide.
    let next = $("items").firstElementChild;
    for (const item of arranged.items.sort((a, b) => a.x - b.x || a.y - b.y)) {
      seen.add(item.key);
      if (!this.elements.has(item.key))
        this.elements.set(item.key, item.box === undefined ? this.drawNode(item) : this.drawBox(item));
      const element = this.elements.get(item.key);
      this.place(element, item);
      if (element === next) next = next.nextElementSibling;
      else $("items").insertBefore(element, next);
    }
    for (const [key, element] of this.elements) {
      if (!seen.has(key)) {
        element.remove();
        this.elements.delete(key);
      }
    }
    $("lines").replaceChildren();
    for (const line of arranged.lines) {
      const [x, y, ...rest] = line.points.map((number) => Math.round(number * 10) / 10);
      const arrow = line.head && !line.opened[1];
      const origin = line.tail && !line.opened[0];
      line.element = make("path", {
        class: `line${line.bus ? " bus" : ""}${arrow ? " arrow" : ""}${origin ? " origin" : ""}`,
        d: `M${x} ${y}C${rest.join(" ")}`,
      });
      $("lines").append(line.element);
    }
    this.order();
    this.viewport.show(arranged);
  }

  place(element, { x, y }) {
    element.style.transform = `translate(${x}px, ${y}px)`;
  }

  drawFrame(frame) {
    const box = this.plan.boxes[frame.box];
    const toggle = () => this.toggle(frame.box);
    const title = this.boxTitle(box);
    return make(
      "g",
      { class: "frame" },
      make("rect", { rx: 12 }),
      make(
        "g",
        {
          class: "fold",
          role: "button",
          tabindex: -1,
          "data-key": `f${frame.box}`,
          "aria-expanded": "true",
          "aria-label": `${title}, open box; Enter closes it`,
          onclick: toggle,
        },
        make("rect", { class: "hit", x: 4, y: 3, width: Math.max(44, 30 + title.length * 8), height: 24, rx: 6 }),
        make("text", { x: 12, y: 19 }, `▾ ${title}`),
      ),
    );
  }

  drawBox(item) {
    const box = this.plan.boxes[item.box];
    const sheets =
      box.count > 1
        ? [6, 3].map((d) => make("rect", { class: "sheet", x: d, y: -d, width: item.w, height: item.h, rx: 10 }))
        : [];
    const about = make("text", { class: "about", x: 14, y: 46, ...within(item.w - 20) }, box.about);
    const element = make(
      "g",
      {
        class: "item box",
        role: "button",
        tabindex: -1,
        "data-key": item.key,
        "aria-expanded": "false",
        onclick: () => this.toggle(item.box),
      },
      sheets,
      make("rect", { class: "card", width: item.w, height: item.h, rx: 10 }),
      make("text", { class: "title", x: 14, y: 26 }, `▸ ${this.boxTitle(box)}`),
      about,
    );
    element.aboutText = about;
    return element;
  }

  drawNode(item) {
    const node = this.graph.nodes[item.node];
    const [badge, pill] = node.badge ?? ["", 0];
    const x = pill / 2; // the badge straddles the left border
    const inset = node.parents ? pill + 8 : 13;
    const element = make(
      "g",
      {
        class: `item node ${this.kind(item.node)}`,
        role: "button",
        tabindex: -1,
        "data-key": item.key,
        onclick: () => element.dragged || this.choose(item.node),
      },
      make("rect", { class: "card", x, width: item.w - x, height: item.h, rx: 9 }),
    );
    const bare = node.kind === "constant" && !node.name;
    if (!bare) {
      const letters = [...node.name];
      element.append(
        make(
          "text",
          { class: "name", x: inset, y: 18, ...within(item.w - inset - (node.parents ? 6 : 24)) },
          letters.length > 24 ? `${letters.slice(0, 23).join("")}…` : node.name,
        ),
      );
      if (letters.length > 24) element.append(make("title", {}, node.name));
    }
    const line = (cls, caption, y) => {
      const room = item.w - inset - (bare ? 24 : 6);
      const text = make("text", { class: cls, x: inset, y, ...within(room) });
      if (caption) text.append(make("tspan", { class: "caption" }, `${caption} `));
      text.append(make("tspan", { class: "figure" }));
      element.append(text);
      return text.lastChild;
    };
    element.dataText = bare ? line("data", "", 21) : line("data", node.kind === "constant" ? "" : "data", 36);
    element.gradText = node.takes ? line("grad", "grad", 53) : null;
    if (node.parents) {
      element.append(
        make(
          "g",
          { class: "pill" },
          make("rect", { y: item.h / 2 - 14, width: pill, height: 28, rx: 14 }),
          make("text", { x: x, y: item.h / 2 + 5 }, badge),
        ),
      );
    }
    if (!node.parents) {
      element.append(make("path", { class: "handle", d: `M${item.w - 19} 6l-4 4 4 4m8-8 4 4-4 4m-12-4h16` }));
      this.drag(element, item.node);
    }
    return element;
  }

  /** Change a leaf by dragging its card sideways. */
  drag(element, id) {
    let from = null;
    element.classList.add("draggable");
    element.addEventListener("pointerdown", (event) => {
      element.dragged = false;
      if (event.button === 0) from = { x: event.clientX, value: this.graph.given[id], moved: false };
    });
    element.addEventListener("pointermove", (event) => {
      if (!from) return;
      const distance = event.clientX - from.x;
      if (!from.moved && Math.abs(distance) < 4) return;
      if (!from.moved) element.setPointerCapture(event.pointerId);
      from.moved = true;
      const unit = this.unit(from.value || this.graph.original[id]);
      this.assign(id, Number((from.value + Math.round(distance / 3) * unit).toPrecision(12)));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, () => {
        element.dragged = Boolean(from?.moved); // then the click that follows is none
        if (element.dragged) this.choose(id, true);
        from = null;
      });
    }
  }

  /** A fiftieth of a number's size, rounded to 1, 2 or 5: by so much a drag, or a key, changes it. */
  unit(value) {
    const size = ((Number.isFinite(value) && Math.abs(value)) || 0.5) / 50;
    const power = 10 ** Math.floor(Math.log10(size));
    const lead = size / power;
    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
  }

  order() {
    // One stop for the Tab key: the current item. Arrow keys move on from there.
    const keys = [...document.querySelectorAll("#picture [data-key]")];
    const current =
      keys.find((element) => element.dataset.key === this.current) ??
      keys.find((element) => element.dataset.key === this.plan.shown[this.graph.root]) ??
      keys[0];
    for (const element of keys) element.setAttribute("tabindex", element === current ? 0 : -1);
  }

  /** The edges that a step runs along, each a parent and a child. */
  edgesOf(step) {
    const { nodes } = this.graph;
    if (step.kind === "forward") return step.unit.nodes.flatMap((id) => nodes[id].parents.map((p) => [p, id]));
    if (step.kind !== "backward") return [];
    if (step.k !== undefined) return [[step.parent, step.node]];
    if (step.operands) return step.operands.map((k) => [nodes[step.node].parents[k], step.node]);
    return step.unit.nodes.flatMap((id) => nodes[id].parents.filter((p) => nodes[p].takes).map((p) => [p, id]));
  }

  /** Mark the lines that carry these edges. */
  mark(edges, kind) {
    const heads = new Map();
    for (const [parent, child] of edges) heads.set(parent, [...(heads.get(parent) ?? []), child]);
    for (const line of this.arranged.lines) {
      const on = line.nodes.some((parent) => heads.get(parent)?.some((child) => this.carries(line, parent, child)));
      line.element.classList.toggle("forward", on && kind === "forward");
      line.element.classList.toggle("backward", on && kind === "backward");
    }
  }

  carries(line, parent, child) {
    const { plan } = this;
    const within = (key, id) => {
      if (key === "") return true;
      if (key[0] === "n") return Number(key.slice(1)) === id;
      for (let box = plan.home[id]; box !== null; box = plan.boxes[box].outer)
        if (box === Number(key.slice(1))) return true;
      return false;
    };
    if (line.inside !== undefined) {
      return within(`b${line.inside}`, child) !== within(`b${line.inside}`, parent);
    }
    return within(line.head, child) && within(line.tail, parent) && !(line.tail[0] === "b" && line.tail === line.head);
  }

  /** Write beside a line, where no card is covered. */
  note(line, text) {
    const p = line.points;
    const width = text.length * 8 + 14;
    const middle = Math.floor((p.length - 2) / 12) * 6; // where the piece in the middle begins
    const pieces = Array.from({ length: Math.floor((p.length - 2) / 6) }, (_, n) => 6 * n);
    pieces.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    const places = pieces.flatMap((k) => {
      const at = (axis) => (p[k + axis] + 3 * p[k + 2 + axis] + 3 * p[k + 4 + axis] + p[k + 6 + axis]) / 8;
      // Beside the line rather than on it, on the side where the cards at its ends are not.
      const rise = Math.sign(Math.round((p[k + 7] - p[k + 1]) / 8));
      const [right, up] = [at(0) + Math.abs(rise) * (width / 2 + 2), at(1) + (rise > 0 ? -14 : rise < 0 ? 14 : -20)];
      const around = [20, 40, 60].flatMap((far) =>
        [0, -1, 1].flatMap((side) => [-far, far].map((away) => [at(0) + side * (width / 2 + 4), at(1) + away])),
      );
      return [[right, up], [2 * at(0) - right, 2 * at(1) - up], ...around];
    });
    const isFree = ([x, y]) =>
      this.arranged.items.every(
        (item) =>
          x + width / 2 < item.x || x - width / 2 > item.x + item.w || y + 12 < item.y || y - 12 > item.y + item.h,
      );
    const [x, y] = places.find(isFree) ?? places[0];
    $("notes").append(
      make(
        "g",
        { class: "note" },
        make("rect", { x: x - width / 2, y: y - 12, width, height: 24, rx: 12 }),
        make("text", { x, y: y + 5 }, text),
      ),
    );
  }
}
