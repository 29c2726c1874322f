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

function run(code, { needs = [], look = false } = {}) {
  if (!worker) start();
  last += 1;
  return new Promise((resolve) => {
    waiting.set(last, resolve);
    worker.postMessage({ id: last, code, needs, look });
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

// What an example needs beside the standard library, conf.py has noted at it; vendor.py has noted what this site has.
const site = fetch(new URL("content.json", root)).then(
  (answer) => (answer.ok ? answer.json() : { packages: {} }),
  () => ({ packages: {} }),
);

async function markWhatIsMissing() {
  const { packages } = await site;
  for (const example of examples) {
    example.missing = example.needs.filter((name) => !(name in packages));
    if (example.missing.length) {
      const note = `needs ${example.missing.join(", ")}, which this page does not have: run it on your machine`;
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
    this.needs = [...block.classList].filter((name) => name.startsWith("needs-")).map((name) => name.slice(6));
    this.missing = [];
    this.stored = block.closest(".cell")?.querySelector(".cell_output"); // what a notebook has from its author's run
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
        if (this.stored) {
          this.stored.hidden = false;
          this.output.replaceChildren();
        }
      }),
      button("Stop", stop),
    );
  }

  async runWithThoseBefore() {
    this.open();
    for (const example of examples) {
      if (example === this) break;
      const counts = !example.done && !example.missing.length && !this.standsAlone && !example.standsAlone;
      if (counts) await example.run();
    }
    await this.run();
  }

  async run() {
    if (this.stored) this.stored.hidden = true;
    this.output.dataset.state = "running";
    this.output.textContent = worker ? "Running …" : "Python starts; the first time this takes some seconds …";
    const answer = await run(this.area ? this.area.value : this.code, { needs: this.needs });
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
    show(output, await run(area.value, { look: true }));
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
