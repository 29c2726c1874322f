/* The viewport: how large the picture is and which part of it is seen; drag, wheel, pinch, and the small map. */

const LEGIBLE = 11 / 13; // at this size the letters of the picture are 11 pixels high
const LEAST_SIZE = 0.25;
const LARGEST_SIZE = 4;

const distance = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
const halfway = ([a, b]) => [(a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2];

class Viewport {
  constructor() {
    this.scale = 1;
    this.fitted = true;
    this.size = { width: 1, height: 1 };
    this.touches = new Map(); // by the ids of the fingers
    this.listen();
  }

  /** Take another picture: its size, and where things stand in it. */
  show(arranged) {
    this.size = arranged;
    $("picture").setAttribute("viewBox", `0 0 ${arranged.width} ${arranged.height}`);
    $("map").setAttribute("viewBox", `0 0 ${arranged.width} ${arranged.height}`);
    const rectangle = (kind) => (one) =>
      make("rect", { class: kind, x: one.x, y: one.y, width: one.w, height: one.h, rx: 6 });
    $("map-items").replaceChildren(
      ...arranged.frames.map(rectangle("map-frame")),
      ...arranged.items.map(rectangle("map-item")),
    );
    this.resize();
  }

  /** Whether a picture of this size can be seen whole, its letters legible. */
  holds({ width, height }) {
    const { clientWidth, clientHeight } = $("scroller");
    return width * LEGIBLE <= clientWidth - 8 && height * LEGIBLE <= clientHeight - 8;
  }

  /** Choose a size that shows the whole picture, but none smaller than the least. */
  fit(least = LEGIBLE) {
    const { width, height } = this.size;
    const { clientWidth, clientHeight } = $("scroller");
    const whole = Math.min(1.5, (clientWidth - 8) / width, (Math.max(clientHeight, 200) - 8) / height);
    this.scale = Math.max(least, whole);
    this.fitted = true;
    this.resize();
  }

  /** Make the picture larger by a factor, while the point of the window, or else its middle, stays where it is. */
  zoom(factor, point) {
    const frame = $("scroller").getBoundingClientRect();
    const [x, y] = point ?? [frame.x + frame.width / 2, frame.y + frame.height / 2];
    const before = $("picture").getBoundingClientRect();
    const [across, down] = [(x - before.x) / this.scale, (y - before.y) / this.scale];
    this.scale = Math.max(LEAST_SIZE, Math.min(LARGEST_SIZE, this.scale * factor));
    this.fitted = false;
    this.resize();
    const after = $("picture").getBoundingClientRect();
    this.move(after.x + across * this.scale - x, after.y + down * this.scale - y);
  }

  move(dx, dy) {
    $("scroller").scrollLeft += dx;
    $("scroller").scrollTop += dy;
    this.follow();
  }

  resize() {
    const { width, height } = this.size;
    const { style, classList } = $("picture");
    style.width = `${Math.round(width * this.scale)}px`;
    style.height = `${Math.round(height * this.scale)}px`;
    style.setProperty("--least", `${11 / this.scale}px`);
    // Letters below 11 pixels are not read: first the lesser lines of a card go, then all of them.
    classList.toggle("far", this.scale < LEGIBLE - 0.001);
    classList.toggle("distant", this.scale < 0.5);
    this.squeeze();
    this.follow();
  }

  /** Write lines that are too long for their cards narrower. */
  squeeze() {
    const lines = [...document.querySelectorAll("#picture [data-room]")];
    for (const line of lines) line.removeAttribute("textLength");
    const long = lines.filter((line) => line.getComputedTextLength() > line.dataset.room);
    for (const line of long) line.setAttribute("textLength", line.dataset.room);
  }

  /** Scroll so that a place of the picture is seen, and with it each of some others, as far as there is room. */
  reveal({ x, y, w, h }, others = []) {
    const frame = $("scroller");
    const s = this.scale;
    for (const one of others) {
      const [left, top] = [Math.min(x, one.x), Math.min(y, one.y)];
      const [right, bottom] = [Math.max(x + w, one.x + one.w), Math.max(y + h, one.y + one.h)];
      if ((right - left) * s <= frame.clientWidth - 24 && (bottom - top) * s <= frame.clientHeight - 24)
        [x, y, w, h] = [left, top, right - left, bottom - top];
    }
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const shift = (from, size, at, extent) => {
      const room = Math.min(12, Math.max(0, (extent - size) / 2));
      if (from >= at + room && from + size <= at + extent - room) return at;
      return size > extent ? from - 24 : from + size / 2 - extent / 2;
    };
    frame.scrollTo({
      left: shift(x * s, w * s, frame.scrollLeft, frame.clientWidth),
      top: shift(y * s, h * s, frame.scrollTop, frame.clientHeight),
      behavior: calm ? "instant" : "smooth",
    });
  }

  /** Show on the small map which part is seen; there is none where all of it is. */
  follow() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = $("scroller");
    const { width, height } = this.size;
    const all = width * this.scale <= clientWidth && height * this.scale <= clientHeight;
    $("map").classList.toggle("needless", all);
    const seen = { x: scrollLeft, y: scrollTop, width: clientWidth, height: clientHeight };
    for (const [name, pixels] of Object.entries(seen)) $("map-seen").setAttribute(name, pixels / this.scale);
  }

  listen() {
    const scroller = $("scroller");
    let from = null;
    const begin = (event) => {
      this.pressed = true;
      if (event.pointerType === "touch") this.touches.set(event.pointerId, event);
      else if (event.button === 0 && !event.target.closest(".draggable"))
        from = { x: event.clientX, y: event.clientY, left: scroller.scrollLeft, top: scroller.scrollTop };
    };
    const move = (event) => {
      if (this.touches.has(event.pointerId)) this.pinch(event);
      if (!from) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (!this.panned && Math.hypot(dx, dy) < 4) return;
      if (!this.panned) scroller.setPointerCapture(event.pointerId);
      this.panned = true;
      scroller.scrollLeft = from.left - dx;
      scroller.scrollTop = from.top - dy;
    };
    const end = (event) => {
      this.touches.delete(event.pointerId);
      from = null;
      setTimeout(() => {
        this.panned = false;
      });
    };
    scroller.addEventListener("pointerdown", begin);
    scroller.addEventListener("pointermove", move);
    scroller.addEventListener("pointerleave", () => {
      this.pressed = false;
    });
    for (const name of ["pointerup", "pointercancel"]) scroller.addEventListener(name, end);
    // The click at the end of a drag is none.
    scroller.addEventListener("click", (event) => this.panned && event.stopPropagation(), true);
    scroller.addEventListener("scroll", () => this.follow());
    scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    const jump = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const map = $("map").getBoundingClientRect();
      const unit = Math.max(this.size.width / map.width, this.size.height / map.height);
      const at = (along, start, size, extent) => extent / 2 + (along - start - size / 2) * unit;
      const x = at(event.clientX, map.x, map.width, this.size.width) * this.scale;
      const y = at(event.clientY, map.y, map.height, this.size.height) * this.scale;
      scroller.scrollTo({ left: x - scroller.clientWidth / 2, top: y - scroller.clientHeight / 2 });
    };
    for (const name of ["pointerdown", "pointermove"]) $("map").addEventListener(name, jump);
  }

  /** Zoom by the wheel, or by two fingers on a pad, where the wheel has nothing else to scroll.
   *
   * In a page around this one, or where this one is longer than the window, it scrolls until the picture is pressed.
   */
  wheel(event) {
    const scrolls = document.documentElement.scrollHeight > innerHeight + 1;
    const meant = event.ctrlKey || (document.hasFocus() && (this.pressed || !scrolls));
    if (event.shiftKey || !meant) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode ? 33 : 1);
    this.zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015)), [event.clientX, event.clientY]);
  }

  /** Zoom by two fingers on the picture. */
  pinch(event) {
    const before = [...this.touches.values()];
    this.touches.set(event.pointerId, event);
    if (before.length !== 2) return;
    const after = [...this.touches.values()];
    this.zoom(distance(after) / Math.max(distance(before), 1), halfway(before));
    const [[x, y], [u, v]] = [halfway(before), halfway(after)];
    this.move(x - u, y - v);
  }
}
