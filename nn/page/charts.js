/* Charts: what is drawn on canvases. Colours come from the style sheet, so they follow the theme. */

const FONT = '12px system-ui, "Segoe UI", Roboto, sans-serif';

/** The colours of the page now, by the names of the style sheet. */
function pageColours() {
  const style = getComputedStyle(document.documentElement);
  const names = "surface paper ink quiet rule line above below positive negative forward".split(" ");
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function channels(colour) {
  const digits = colour.replace("#", "");
  return [0, 2, 4].map((at) => Number.parseInt(digits.slice(at, at + 2), 16));
}

/** A colour on the way from one to another, as a pixel: 0 is the first. */
function between(from, to, share) {
  const [r, g, b] = from.map((one, i) => Math.round(one + (to[i] - one) * share));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** A colour as a pixel. */
const pixelOf = (colour) => between(channels(colour), channels(colour), 0);

/** 513 pixels from one colour over a middle one to another. */
function scale(low, middle, high) {
  const [a, b, c] = [low, middle, high].map(channels);
  return Uint32Array.from({ length: 513 }, (_, i) =>
    i < 256 ? between(a, b, i / 256) : between(b, c, (i - 256) / 256),
  );
}

/** Where a number from -1 to 1 stands on a scale. */
const onScale = (pixels, share) => pixels[256 + Math.round(256 * Math.max(-1, Math.min(1, share)))];

/** A canvas as large as it is shown, whose unit is a pixel of the style sheet. */
function drawing(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  return { context, width, height };
}

const sheet = document.createElement("canvas");

/** Paint a square field of pixels over a canvas. */
function paint(canvas, size, pixel, rows = size) {
  if (sheet.width !== size || sheet.height !== rows) Object.assign(sheet, { width: size, height: rows });
  const context = sheet.getContext("2d", { willReadFrequently: true });
  const image = context.createImageData(size, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = pixel(i);
  context.putImageData(image, 0, 0);
  const target = canvas.getContext("2d");
  target.setTransform(1, 0, 0, 1, 0, 0);
  target.imageSmoothingEnabled = rows === size && size > 16;
  target.drawImage(sheet, 0, 0, canvas.width, canvas.height);
}

/** The path of a class's mark around a point: a circle, a square, a triangle and so on. */
function mark(context, shape, x, y, r) {
  context.beginPath();
  const corners = [0, 4, 3, 4, 5, 3][shape % 6];
  if (!corners) context.arc(x, y, r, 0, 2 * Math.PI);
  else {
    const turn = [0, Math.PI / 4, -Math.PI / 2, 0, -Math.PI / 2, Math.PI / 2][shape % 6];
    for (let i = 0; i < corners; i++) {
      const angle = turn + (2 * Math.PI * i) / corners;
      context.lineTo(x + 1.2 * r * Math.cos(angle), y + 1.2 * r * Math.sin(angle));
    }
    context.closePath();
  }
}

/** Numbers for the ends of an axis, written short. */
const tick = (x) => short(Number(x.toPrecision(3)));

/** The smallest and the largest loss of a curve that are finite. */
function extremes(curve) {
  let [low, high] = [Infinity, -Infinity];
  for (const point of curve)
    for (const loss of point.slice(1))
      if (loss !== null && Number.isFinite(loss)) [low, high] = [Math.min(low, loss), Math.max(high, loss)];
  return [low, high];
}

/** Whether a curve falls through so many powers of ten that a straight axis would hide where it is now. */
function isLogarithmic(curve) {
  const [low, high] = extremes(curve);
  return low > 0 && high > 50 * low;
}

/** Both losses as lines over the steps, that of held-out examples dashed. */
function drawCurve(canvas, curve, colours) {
  const { context, width, height } = drawing(canvas);
  const [lowest, highest] = extremes(curve);
  if (lowest > highest) return;
  const logarithmic = isLogarithmic(curve);
  const axis = logarithmic ? Math.log10 : (loss) => loss;
  const [low, high] = [logarithmic ? axis(lowest) : Math.min(0, lowest), axis(highest)];
  const last = Math.max(curve.at(-1)[0], 10);
  const levels = [low, (low + high) / 2, high].map((level) => [level, tick(logarithmic ? 10 ** level : level)]);
  const wide = Math.max(...levels.map(([, label]) => context.measureText(label).width));
  const [left, right, top, bottom] = [Math.max(54, wide + 10), 8, 8, 18];
  const x = (step) => left + ((width - left - right) * step) / last;
  const y = (level) => top + ((height - top - bottom) * (high - level)) / (high - low || 1);
  context.strokeStyle = colours.rule;
  context.fillStyle = colours.quiet;
  context.textAlign = "right";
  for (const [level, label] of levels) {
    context.beginPath();
    context.moveTo(left, y(level));
    context.lineTo(width - right, y(level));
    context.stroke();
    context.fillText(label, left - 6, y(level) + 4);
  }
  context.fillText(`step ${last}`, width - right, height - 3);
  context.textAlign = "left";
  context.fillText("0", left, height - 3);
  const every = Math.max(1, Math.floor(curve.length / (2 * width)));
  const line = (which, dash) => {
    context.beginPath();
    context.setLineDash(dash);
    curve.forEach((point, i) => {
      const wanted = i % every === 0 || i === curve.length - 1;
      if (wanted && Number.isFinite(point[which])) context.lineTo(x(point[0]), y(axis(point[which])));
    });
    context.stroke();
    context.setLineDash([]);
  };
  context.lineWidth = 2;
  context.strokeStyle = colours.ink;
  line(1, []);
  context.strokeStyle = colours.quiet;
  if (curve[0][2] !== null) line(2, [5, 4]);
}

const DECADES = [-10, 2]; // the powers of ten that a histogram of gradients shows

/** A power of ten as the label of an axis: 0.01, 10⁻⁶. */
function powerOfTen(power) {
  if (power > -4 && power < 4) return String(Number(`1e${power}`));
  return `10${[...String(power)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("")}`;
}

/** For each layer how many gradients have which size, on a logarithmic axis; those that are 0 stand at the left. */
function drawGradients(canvas, layers, sizes, colours) {
  const row = 36;
  canvas.style.height = `${layers.length * row + 22}px`;
  const { context, width } = drawing(canvas);
  const [from, to] = DECADES;
  const bins = (to - from) * 2;
  const left = 76;
  const zero = 26; // the place of those that are 0
  const bin = (width - left - zero - 14) / bins;
  const across = (power) => left + zero + Math.max(0, Math.min(bins - 0.5, (power - from) * 2)) * bin;
  const ticks = Array.from({ length: (to - from) / 2 + 1 }, (_, i) => from + 2 * i);
  context.strokeStyle = colours.rule;
  context.lineWidth = 1;
  for (const power of ticks) context.strokeRect(left + zero + (power - from) * 2 * bin, 4, 0, layers.length * row);
  const told = layers.map(({ name, places }, number) => {
    const counts = new Float64Array(bins);
    let [zeros, sum] = [0, 0];
    for (const place of places) {
      const size = sizes[place];
      sum += size;
      if (size === 0) zeros++;
      else if (size > 0) counts[Math.max(0, Math.min(bins - 1, Math.floor((Math.log10(size) - from) * 2)))]++;
    }
    const mean = sum / places.length;
    const base = (number + 1) * row;
    const most = Math.max(zeros, ...counts, 1);
    context.fillStyle = colours.ink;
    context.textAlign = "left";
    context.fillText(name.length > 11 ? `${name.slice(0, 10)}…` : name, 0, base - 15);
    context.fillStyle = colours.quiet;
    context.fillText(mean ? `▾ ${tick(Number(mean.toPrecision(2)))}` : "all 0", 0, base - 1);
    context.fillStyle = colours.forward;
    const bar = (x, count) => count && context.fillRect(x, base - (24 * count) / most, bin - 1, (24 * count) / most);
    bar(left + 4, zeros);
    counts.forEach((count, i) => {
      bar(left + zero + i * bin, count);
    });
    context.strokeStyle = colours.line;
    context.strokeRect(left, base + 0.5, width - left - 6, 0);
    if (mean > 0 && Number.isFinite(mean)) {
      context.fillStyle = colours.ink;
      context.textAlign = "center";
      context.fillText("▾", across(Math.log10(mean)), base - 25);
    }
    return { name, mean, zeros, count: places.length };
  });
  context.fillStyle = colours.quiet;
  context.textAlign = "center";
  const foot = layers.length * row + 17;
  context.fillText("0", left + 4 + bin / 2, foot);
  for (const power of ticks)
    if (power > from && ((to - power) % 4 === 0 || width > 420))
      context.fillText(powerOfTen(power), left + zero + (power - from) * 2 * bin, foot);
  return told;
}
