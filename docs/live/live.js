// Every Python example of a page can be edited and run in the page. Without JavaScript the page is what it was.

const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
const waiting = new Map();
let worker = null;
let last = 0;

function start() {
  worker = new Worker(new URL("_static/live_worker.js", root), { type: "module" });
  worker.onmessage = ({ data }) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  };
}

function run(code, look = false) {
  if (!worker) start();
  last += 1;
  return new Promise((resolve) => {
    waiting.set(last, resolve);
    worker.postMessage({ id: last, code, look });
  });
}

function stop() {
  worker?.terminate();
  worker = null;
  for (const resolve of waiting.values())
    resolve({ failed: true, parts: [{ text: "Stopped. Python starts anew.\n" }] });
  waiting.clear();
  for (const example of examples) example.done = false;
}

function show(output, { parts, failed }) {
  output.replaceChildren();
  for (const { text, html } of parts) {
    const part = document.createElement(html ? "div" : "pre");
    if (html) part.innerHTML = html;
    else part.textContent = text;
    output.append(part);
  }
  if (!parts.length)
    output.append(Object.assign(document.createElement("pre"), { textContent: "Done; nothing to show." }));
  output.dataset.state = failed ? "failed" : "done";
}

function button(label, action) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: label });
  made.addEventListener("click", action);
  return made;
}

// An editor with what belongs to it. Ctrl+Enter runs, as in notebooks.
function editor(code, label, action) {
  const area = Object.assign(document.createElement("textarea"), { value: code, spellcheck: false });
  area.setAttribute("aria-label", label);
  const fit = () => {
    area.rows = Math.max(2, area.value.split("\n").length);
  };
  area.addEventListener("input", fit);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) action();
  });
  fit();
  return area;
}

// The code of an example: of a prompt's session its input, without the prompts and the answers.
function codeOf(text) {
  if (!/^>>> /m.test(text)) return text;
  const lines = text.split("\n").filter((line) => /^(>>>|\.\.\.)( |$)/.test(line));
  return lines.map((line) => line.slice(4)).join("\n");
}

// What an example needs beside the standard library, and how that shows. Of these, only NumPy and SciPy exist for browsers.
const NEEDS = {
  numpy: /\bnumpy\b|\bcompile\b|\bnp\./,
  scipy: /\bscipy\b|sparse=True/,
  hypothesis: /\bhypothesis\b|autograd\.testing/,
  pandas: /\bpandas\b|read_csv/,
  sympy: /to_sympy/,
  torch: /\btorch\b|to_torch/,
  jax: /\bjax\b|to_jax/,
  onnxruntime: /to_onnx/,
};

async function markWhatIsMissing() {
  const answer = await fetch(new URL("content.json", root)).catch(() => null);
  const had = answer?.ok ? (await answer.json()).packages : [];
  for (const example of examples) {
    const missing = Object.keys(NEEDS).filter((name) => !had.includes(name) && NEEDS[name].test(example.code));
    if (missing.length) {
      const note = `needs ${missing.join(", ")}, which this page does not have: run it on your machine`;
      example.bar.append(Object.assign(document.createElement("span"), { className: "live-note", textContent: note }));
    }
  }
}

const examples = [];

class Example {
  constructor(block, number) {
    this.block = block;
    const text = block.querySelector("pre").textContent.trimEnd();
    this.code = codeOf(text);
    this.meansToFail = /^Traceback /m.test(text);
    this.done = false;
    this.area = null;
    this.number = number;
    this.standsAlone = block.closest("dl.py") !== null; // an example of the reference
    this.bar = Object.assign(document.createElement("div"), { className: "live-bar" });
    this.runner = button("Run", () => this.runWithThoseBefore());
    this.runner.setAttribute("aria-label", `Run example ${number}`);
    this.bar.append(this.runner);
    this.output = Object.assign(document.createElement("div"), { className: "live-output" });
    this.output.setAttribute("aria-live", "polite");
    block.after(this.bar, this.output);
  }

  open() {
    if (this.area) return;
    this.area = editor(this.code, `Python of example ${this.number}`, () => this.runWithThoseBefore());
    this.block.replaceChildren(this.area);
    this.bar.append(
      button("As it was", () => {
        this.area.value = this.code;
        this.area.dispatchEvent(new Event("input"));
      }),
      button("Stop", stop),
    );
  }

  async runWithThoseBefore() {
    this.open();
    for (const example of examples) {
      if (example === this) break;
      if (!example.done && !this.standsAlone && !example.standsAlone) await example.run();
    }
    await this.run();
  }

  async run() {
    this.output.dataset.state = "running";
    this.output.textContent = worker ? "Running …" : "Python starts; the first time this takes some seconds …";
    const answer = await run(this.area ? this.area.value : this.code);
    answer.failed &&= !this.meansToFail;
    this.done = !answer.failed;
    show(this.output, answer);
  }
}

const PYTHON = ".highlight-python, .highlight-pycon, .highlight-default, .highlight-ipython3";
for (const block of document.querySelectorAll(PYTHON)) {
  if (!block.classList.contains("no-run") && !block.closest(".no-run, .cell_output")) {
    examples.push(new Example(block, examples.length + 1));
  }
}

if (examples.length) markWhatIsMissing();

// "Your program here": a field for a whole program, its graph, and a link that carries it.
const place = document.getElementById("your-program-field");
if (place) {
  const encoded = new URLSearchParams(location.hash.slice(1)).get("program");
  const output = Object.assign(document.createElement("div"), { className: "live-output" });
  output.setAttribute("aria-live", "polite");
  const go = async () => {
    output.dataset.state = "running";
    output.textContent = "Running …";
    show(output, await run(area.value, true));
  };
  const area = editor(encoded ?? place.querySelector("pre").textContent.trimEnd(), "Your program", go);
  const link = button("Link to this program", () => {
    location.hash = new URLSearchParams({ program: area.value });
    navigator.clipboard?.writeText(location.href);
  });
  const bar = Object.assign(document.createElement("div"), { className: "live-bar" });
  bar.append(button("Run and show its graph", go), button("Stop", stop), link);
  place.replaceChildren(area, bar, output);
}
