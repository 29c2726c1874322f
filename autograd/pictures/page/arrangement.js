/* The arrangement of the picture: the layouts that Python has made, put into each other where boxes are open. */

const MARGIN = { side: 14, top: 30, bottom: 12, gutter: 8 };
const ADJACENT = 80; // so far apart, at most, are neighbouring columns

/** A map of one axis that stretches some intervals, and moves what lies beyond. */
function stretch(intervals) {
  const ends = [...new Set(intervals.map(([from]) => from).concat(intervals.map(([, to]) => to)))].sort(
    (a, b) => a - b,
  );
  const pieces = [];
  let moved = 0;
  for (let i = 0; i + 1 < ends.length; i++) {
    const [from, to] = [ends[i], ends[i + 1]];
    const factor = Math.max(
      1,
      ...intervals.filter(([a, b]) => a <= from && to <= b).map(([a, b, size]) => size / (b - a)),
    );
    pieces.push({ from, to, factor, start: from + moved });
    moved += (to - from) * (factor - 1);
  }
  return (x) => {
    const piece = pieces.findLast(({ from }) => from <= x);
    if (!piece) return x;
    const { to, factor, from, start } = piece;
    return start + (Math.min(x, to) - from) * factor + Math.max(0, x - to);
  };
}

/** Place the inside of an open box, and the boxes that are open in it; everything relative to its corner. */
function arrangeBox(plan, id) {
  const box = plan.boxes[id];
  const layout = plan.graph.model.layouts[box.layout];
  const inner = box.items.map(([kind, which]) =>
    kind === "box" && plan.open.has(which) ? arrangeBox(plan, which) : null,
  );
  const across = [];
  const down = [];
  inner.forEach((child, i) => {
    if (!child) return;
    const [x, y, w, h] = layout.places[i];
    across.push([x, x + w, child.width]);
    down.push([y, y + h, child.height]);
  });
  const fx = stretch(across);
  const fy = stretch(down);
  const outermost = box.outer === null;
  const enters = box.items.some(([kind]) => kind === "in");
  const leaves = box.items.some(([kind]) => kind === "out");
  const left = outermost ? MARGIN.side : enters ? MARGIN.gutter : MARGIN.side;
  const right = outermost ? MARGIN.side : leaves ? MARGIN.gutter : MARGIN.side;
  const top = outermost ? MARGIN.bottom : MARGIN.top;
  const width = fx(layout.width) + left + right;
  const height = fy(layout.height) + top + MARGIN.bottom;
  const places = layout.places.map(([x, y, w, h], i) => {
    const [nw, nh] = inner[i] ? [inner[i].width, inner[i].height] : [w, h];
    return [(fx(x) + fx(x + w) - nw) / 2 + left, (fy(y) + fy(y + h) - nh) / 2 + top, nw, nh];
  });
  const curves = layout.curves.map((points, i) => {
    const [tail, head] = box.lines[i];
    const [tx, , tw] = layout.places[tail];
    const [hx] = layout.places[head];
    const [from, to] = [0, 1].map((end) => landing(plan, box, places, inner, i, end));
    const twins = box.lines.filter(([a, b]) => a === tail && b === head).length > 1 && box.items[head][0] === "node";
    if (hx > tx + tw && hx - tx - tw < ADJACENT && !twins) return bend(from, fx(tx + tw) + left, fx(hx) + left, to);
    const moved = points.map((number, k) => (k % 2 ? fy(number) + top : fx(number) + left));
    pull(moved, 0, 2, from);
    pull(moved, points.length - 2, points.length - 4, to);
    return moved;
  });
  return { id, width, height, places, curves, inner };
}

/** A line between neighbouring columns: straight within each of them, and bent between x0 and x1. */
function bend([x, y], x0, x1, [u, v]) {
  const middle = (x0 + x1) / 2;
  const straight = (a, b, height) => [a + (b - a) / 3, height, a + (2 * (b - a)) / 3, height, b, height];
  return [x, y, ...straight(x, x0, y), middle, y, middle, v, x1, v, ...straight(x1, u, v)];
}

/** Move an end of a curve to a place, and with it the point that gives the direction there. */
function pull(curve, end, next, [x, y]) {
  const [dx, dy] = [x - curve[end], y - curve[end + 1]];
  for (const at of [end, next]) {
    curve[at] += dx;
    curve[at + 1] += dy;
  }
}

/** Where a line begins (end 0) or ends (end 1): in the middle of a card's side; at a box, beside its port within. */
function landing(plan, box, places, inner, number, end) {
  const which = box.lines[number][end];
  const [kind, id] = box.items[which];
  const [x, y, w, h] = places[which];
  const side = end ? x : x + w;
  if (kind !== "box") return [kind === "node" ? side : x + w / 2, y + h / 2];
  const within = plan.boxes[id];
  const yards = inner[which]?.places ?? plan.graph.model.layouts[within.layout].places;
  const height = (line) => {
    const found = within.items.flatMap(([port, nodes], k) =>
      port === (end ? "in" : "out") && nodes.some((node) => line[2].includes(node))
        ? [yards[k][1] + yards[k][3] / 2]
        : [],
    );
    return found.reduce((sum, one) => sum + one, 0) / Math.max(found.length, 1);
  };
  const line = box.lines[number];
  if (inner[which]) return [side, y + height(line)];
  const beside = box.lines
    .filter((one) => one[end] === which)
    .map((one) => [height(one), one])
    .sort((a, b) => a[0] - b[0]);
  const rank = beside.findIndex(([, one]) => one === line);
  return [side, y + h / 2 + (rank - (beside.length - 1) / 2) * Math.min(10, (h - 20) / beside.length)];
}

/** Everything that is seen, in one system of coordinates: frames of open boxes, items, and lines. */
function arrangeAll(plan) {
  const frames = [];
  const items = [];
  const lines = [];
  const put = (arranged, x0, y0) => {
    const box = plan.boxes[arranged.id];
    const ends = []; // where lines cross the border of each open box in this one
    box.items.forEach(([kind, which], i) => {
      const [x, y, w, h] = arranged.places[i];
      const place = { x: x + x0, y: y + y0, w, h };
      if (arranged.inner[i]) {
        frames.push({ box: which, ...place });
        ends[i] = put(arranged.inner[i], place.x, place.y);
      } else if (kind === "node") items.push({ key: `n${which}`, node: which, ...place });
      else if (kind === "box") items.push({ key: `b${which}`, box: which, ...place });
    });
    const ports = { in: [], out: [] };
    box.items.forEach(([kind, nodes], i) => {
      if (kind === "in" || kind === "out") {
        const [x, y] = arranged.places[i];
        ports[kind].push({ nodes: new Set(nodes), x: x + x0 + 1, y: y + y0 + 1 });
      }
    });
    box.lines.forEach(([tail, head, nodes], i) => {
      const points = arranged.curves[i].map((number, k) => number + (k % 2 ? y0 : x0));
      lines.push({
        points,
        nodes,
        tail: ref(box, tail),
        head: ref(box, head),
        opened: [Boolean(ends[tail]), Boolean(ends[head])],
        bus: nodes.length > 1,
      });
      const sides = [
        [ends[tail]?.out, points.slice(0, 2), "out"],
        [ends[head]?.in, points.slice(-2), "in"],
      ];
      for (const [openPorts, [bx, by], side] of sides) {
        for (const port of openPorts ?? []) {
          const carried = nodes.filter((node) => port.nodes.has(node));
          if (!carried.length) continue;
          const [a, b] =
            side === "in"
              ? [
                  [bx, by],
                  [port.x, port.y],
                ]
              : [
                  [port.x, port.y],
                  [bx, by],
                ];
          const middle = (a[0] + b[0]) / 2;
          const curve = [...a, middle, a[1], middle, b[1], ...b];
          lines.push({
            points: curve,
            nodes: carried,
            inside: side === "in" ? box.items[head][1] : box.items[tail][1],
            bus: carried.length > 1,
          });
        }
      }
    });
    return ports;
  };
  const ref = (box, i) =>
    box.items[i][0] === "node" ? `n${box.items[i][1]}` : box.items[i][0] === "box" ? `b${box.items[i][1]}` : "";
  const whole = arrangeBox(plan, 0);
  put(whole, 0, 0);
  return { width: whole.width, height: whole.height, frames, items, lines };
}
