// Runs Python for the examples of a page, in a thread of its own, so that a loop that does not end can be stopped.

const site = new URL("..", self.location); // this file lies in _static/
let viz = null;

// What the `dot` command does elsewhere: `Drawing.layout` of autograd.pictures calls it.
self.layout = (source, format) => viz.renderString(source, { format });

async function start() {
  const content = await (await fetch(new URL("content.json", site))).json();
  const { loadPyodide } = await import(new URL("pyodide/pyodide.mjs", site).href);
  const [python, host, ...wheels] = await Promise.all([
    loadPyodide({ indexURL: new URL("pyodide/", site).href }),
    fetch(new URL("_static/live.py", site)).then((answer) => answer.text()),
    ...content.wheels.map((name) => fetch(new URL(name, site)).then((answer) => answer.arrayBuffer())),
  ]);
  for (const wheel of wheels) python.unpackArchive(wheel, "wheel");
  python.runPython(host);
  return {
    python,
    run: python.globals.get("run"),
    imported: python.globals.get("imported"),
    packages: content.packages,
  };
}

const ready = start();

self.onmessage = async ({ data: { id, code, needs, look } }) => {
  try {
    const { python, run, imported, packages } = await ready;
    if (!viz) viz = await (await import(new URL("viz.js", site).href)).instance();
    const names = new Set([...needs, ...imported(code).split(" ")]);
    const files = [...names].flatMap((name) => packages[name] ?? []); // Pyodide knows its own by name
    const wanted = files.map((file) => (file.endsWith(".whl") ? new URL(file, site).href : file));
    if (wanted.length) await python.loadPackage(wanted, { messageCallback: () => {} });
    self.postMessage({ id, ...JSON.parse(run(code, look)) });
  } catch (error) {
    self.postMessage({ id, failed: true, parts: [{ text: String(error) }] });
  }
};
