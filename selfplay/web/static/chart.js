// Line charts with intervals: axes, a pointer that reads values, and the numbers as a table for whoever wants those.

import { h, svg } from "./dom.js";

const MARGIN = { left: 48, right: 14, top: 12, bottom: 42 };

/** FLOPs as everywhere: 4.4e14. */
export function flops(value) {
  return value ? value.toExponential(1).replace("e+", "e") : "0";
}

/** A number short enough for an axis or a tile: 1.2 k, 3.4 M. */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e12) return flops(value);
  for (const [unit, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ])
    if (size >= unit) return `${trimmed(value / unit)} ${letter}`;
  return trimmed(value);
}

const trimmed = (value) => String(Number(value.toPrecision(3)));

/** Seconds as 45 s, 12 min, 1 h 20 min. */
export function duration(seconds) {
  if (seconds === 0) return "0";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
}

const TIMES = [15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800]; // seconds

function ticksOf(low, high, { log = false, time = false } = {}) {
  if (log) {
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const factors = high / low <= 500 ? [1, 2, 5] : [1];
    const all = [];
    for (let power = from; power <= to; power++) for (const factor of factors) all.push(factor * 10 ** power);
    return all.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  }
  const rough = (high - low) / 4 || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step =
    time && high > 60
      ? (TIMES.find((each) => each >= rough) ?? 86400)
      : unit * [1, 2, 2.5, 5, 10].find((factor) => factor * unit >= rough);
  const all = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) all.push(tick);
  return all;
}

/**
 * series: [{name, colour, dash?, points: [[x, y, low?, high?], ...]}]; `colour` is a CSS colour.
 * `yTick` writes the numbers of the axis where they are shorter than those of the pointer.
 * On a logarithmic axis points at 0, of before any training, stand as rings at its left end.
 * marks: [{x, low, high, y, colour, hollow, words}]: a place on the curve with its interval along x.
 */
export class Chart {
  constructor({ label, height = 240 }) {
    this.height = height;
    this.label = label;
    this.tip = h("div", { class: "tip", hidden: true });
    this.host = h("div", { class: "chart-host" });
    this.element = h("figure", { class: "chart" }, this.host, this.tip);
    this.options = null;
    new ResizeObserver(() => this.options && this.#draw()).observe(this.host);
  }

  show(options) {
    this.options = { xFormat: short, yFormat: short, marks: [], rule: null, log: false, ...options };
    this.#draw();
  }

  #draw() {
    const { series, marks, log, yDomain, rule, xFormat, yFormat, yTick, xLabel } = this.options;
    const width = Math.max(240, this.host.clientWidth);
    const { height } = this;
    const drawn = series.map((each) => ({
      ...each,
      points: each.points.filter(([x, y]) => y !== null && x !== null && (!log || x > 0)),
    }));
    const xs = [...drawn.flatMap(({ points }) => points.map(([x]) => x)), ...marks.map(({ x }) => x)].filter(
      (x) => x > 0 || !log,
    );
    const ys = drawn.flatMap(({ points }) => points.flatMap(([, y, low, high]) => [y, low ?? y, high ?? y]));
    if (xs.length === 0) {
      this.host.replaceChildren(h("p", { class: "quiet empty" }, "Nothing to draw yet."));
      return;
    }
    let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    if (x0 === x1) [x0, x1] = log ? [x0 / 3, x1 * 3] : [x0 - 1, x1 + 1];
    if (!log) x0 = Math.min(x0, 0);
    const rings = log ? series.flatMap((each) => each.points.filter(([x]) => x === 0).map((point) => ({ ...each, point }))) : [];
    if (rings.length) x0 /= (x1 / x0) ** 0.05;
    let [y0, y1] = yDomain ?? [Math.min(...ys), Math.max(...ys)];
    if (!yDomain) {
      if (y0 > 0 && y0 < 0.5 * y1) y0 = 0;
      if (y0 === y1) y1 = y0 + 1;
      const room = 0.06 * (y1 - y0);
      [y0, y1] = [y0 === 0 ? 0 : y0 - room, y1 + room];
    }
    const place = log ? Math.log : (value) => value;
    const x = (value) =>
      MARGIN.left +
      ((place(value) - place(x0)) / (place(x1) - place(x0))) * (width - MARGIN.left - MARGIN.right);
    const y = (value) =>
      height - MARGIN.bottom - ((value - y0) / (y1 - y0)) * (height - MARGIN.top - MARGIN.bottom);
    const inside = (value) => Math.max(MARGIN.left, Math.min(width - MARGIN.right, value));
    const grid = ticksOf(y0, y1).flatMap((tick) => [
      svg("line", {
        x1: MARGIN.left,
        x2: width - MARGIN.right,
        y1: y(tick),
        y2: y(tick),
        class: "grid-line",
      }),
      svg("text", { x: MARGIN.left - 8, y: y(tick) + 4, class: "tick end" }, (yTick ?? yFormat)(tick)),
    ]);
    let lastEnd = -Infinity;
    const below = ticksOf(x0, x1, { log, time: xFormat === duration }).flatMap((tick) => {
      const words = xFormat(tick);
      const half = words.length * 3.4;
      if (x(tick) - half < lastEnd + 10 || x(tick) + half > width) return [];
      lastEnd = x(tick) + half;
      return [
        svg("line", {
          x1: x(tick),
          x2: x(tick),
          y1: height - MARGIN.bottom,
          y2: height - MARGIN.bottom + 4,
          class: "axis",
        }),
        svg("text", { x: x(tick), y: height - MARGIN.bottom + 18, class: "tick middle" }, words),
      ];
    });
    const path = (points, pick) =>
      points
        .map((point, i) => `${i ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(pick(point)).toFixed(1)}`)
        .join("");
    const lines = drawn.flatMap(({ colour, dash, points }) => {
      const banded = points.filter(([, , low]) => low !== undefined);
      const band =
        banded.length > 1 &&
        `${path(banded, (p) => p[3])}${path([...banded].reverse(), (p) => p[2]).replace("M", "L")}z`;
      const dots =
        points.length <= 40
          ? points.map((p) => svg("circle", { cx: x(p[0]), cy: y(p[1]), r: 2.6, style: { fill: colour } }))
          : [];
      return [
        band && svg("path", { d: band, class: "band", style: { fill: colour } }),
        svg("path", {
          d: path(points, (p) => p[1]),
          class: "series",
          style: { stroke: colour, "stroke-dasharray": dash ?? "none" },
        }),
        ...dots,
      ].filter(Boolean);
    });
    const crossings = marks
      .filter((mark) => !log || mark.x > 0)
      .flatMap((mark) =>
        [
          mark.high !== undefined &&
            svg("line", {
              x1: inside(x(Math.max(mark.low, log ? x0 : -Infinity))),
              x2: inside(mark.high === null ? width : x(mark.high)),
              y1: y(mark.y),
              y2: y(mark.y),
              class: "whisker",
              style: { stroke: mark.colour, "stroke-dasharray": mark.hollow ? "3 3" : "none" },
            }),
          svg(
            "circle",
            {
              cx: inside(x(mark.x)),
              cy: y(mark.y),
              r: 6,
              class: "mark",
              style: {
                fill: mark.hollow ? "var(--card)" : mark.colour,
                stroke: mark.hollow ? mark.colour : "var(--card)",
              },
            },
            svg("title", {}, mark.words),
          ),
        ].filter(Boolean),
      );
    const before = rings.map(({ name, colour, point: [, value] }) =>
      svg(
        "circle",
        { cx: x(x0) + 6, cy: y(value), r: 4.5, style: { fill: "var(--card)", stroke: colour, "stroke-width": 2 } },
        svg("title", {}, `${name}: ${yFormat(value)} before any training`),
      ),
    );
    const cursor = svg("line", {
      class: "cursor",
      y1: MARGIN.top,
      y2: height - MARGIN.bottom,
      visibility: "hidden",
    });
    const picture = svg(
      "svg",
      {
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: "img",
        "aria-label": this.#words(drawn, marks),
      },
      ...grid,
      ...below,
      svg(
        "text",
        { x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 6, class: "tick middle" },
        xLabel,
      ),
      rule !== null &&
        svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(rule), y2: y(rule), class: "rule" }),
      cursor,
      ...lines,
      ...before,
      ...crossings,
    );
    picture.addEventListener("pointermove", (event) => this.#point(event, drawn, x, y, cursor));
    picture.addEventListener("pointerleave", () => {
      this.tip.hidden = true;
      cursor.setAttribute("visibility", "hidden");
    });
    this.host.replaceChildren(picture);
  }

  #words(series, marks) {
    const { yFormat } = this.options;
    const ends = series
      .filter(({ points }) => points.length)
      .map(
        ({ name, points }) =>
          `${name}: ${yFormat(points[0][1])} at first, ${yFormat(points.at(-1)[1])} at last`,
      );
    return `${this.label}. ${[...ends, ...marks.map(({ words }) => words)].join("; ")}.`;
  }

  #point(event, series, x, y, cursor) {
    const { xFormat, yFormat, xLabel } = this.options;
    const box = this.host.getBoundingClientRect();
    const at = event.clientX - box.left;
    const near = series.flatMap((each) =>
      each.points.map((point) => ({ ...each, point, away: Math.abs(x(point[0]) - at) })),
    );
    if (!near.length) return;
    const closest = near.reduce((best, each) => (each.away < best.away ? each : best)).point[0];
    const rows = series
      .map((each) => ({
        ...each,
        point: each.points.reduce(
          (best, p) =>
            best === null || Math.abs(x(p[0]) - x(closest)) < Math.abs(x(best[0]) - x(closest)) ? p : best,
          null,
        ),
      }))
      .filter(({ point }) => point && Math.abs(x(point[0]) - x(closest)) < 12);
    cursor.setAttribute("x1", x(closest));
    cursor.setAttribute("x2", x(closest));
    cursor.setAttribute("visibility", "visible");
    this.tip.replaceChildren(
      h("p", {}, `${xFormat(closest)} ${xLabel}`),
      h(
        "ul",
        {},
        rows
          .sort((a, b) => b.point[1] - a.point[1])
          .map(({ name, colour, point: [, value, low, high] }) =>
            h(
              "li",
              {},
              h("i", { style: { background: colour } }),
              h("span", {}, name),
              h(
                "b",
                {},
                yFormat(value),
                low !== undefined && h("small", {}, ` ${yFormat(low)}–${yFormat(high)}`),
              ),
            ),
          ),
      ),
    );
    this.tip.hidden = false;
    const right = x(closest) > box.width / 2;
    this.tip.style.left = right ? "auto" : `${x(closest) + 14}px`;
    this.tip.style.right = right ? `${box.width - x(closest) + 14}px` : "auto";
  }
}
