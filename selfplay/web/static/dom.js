// Elements made in one expression, and words for screen readers.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, to]) => node.style.setProperty(key, to));
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

/** An HTML element: h("button", {class: "primary", onclick: f}, "Go"). */
export const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);

/** An SVG element. */
export const svg = (tag, attributes, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

/** A drawing of 24 by 24 units from one path, in the colour of the text. */
export const icon = (path) =>
  svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: path }));

/**
 * A table of rows of cells. On a narrow screen each row is a card that names its cells, so nothing has to be scrolled
 * sideways; the roles keep it a table for screen readers, whatever its parts are laid out as.
 */
export const table = (heads, rows) =>
  h(
    "table",
    { class: "data", role: "table" },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        heads.map((head) => h("th", { scope: "col", role: "columnheader" }, head)),
      ),
    ),
    h(
      "tbody",
      { role: "rowgroup" },
      rows.map((cells) =>
        h(
          "tr",
          { role: "row" },
          cells.map((cell, i) => h("td", { role: "cell", "data-label": heads[i] }, h("div", {}, cell))),
        ),
      ),
    ),
  );

/** Say something to whoever cannot see it happen. */
export function announce(words) {
  const live = document.getElementById("live");
  live.textContent = live.textContent === words ? `${words} ` : words; // the same words again are news again
}
