/* Elements of the page. */

const $ = (id) => document.getElementById(id);

/** Make an element; what is given as text is text, whatever is in it. */
function make(tag, attributes = {}, ...content) {
  const svg = SVG_TAGS.has(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined && value !== null)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...content.flat(Infinity).filter((part) => part !== null && part !== undefined && part !== false && part !== ""),
  );
  return element;
}

const SVG_TAGS = new Set(["svg", "g", "rect", "path", "text", "tspan", "title", "circle"]);
