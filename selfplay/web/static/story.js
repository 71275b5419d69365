// The picture for who sees such a thing the first time: the learner's strength over minutes of training, human
// knowledge as levels that stand still, the moments of overtaking; and the learner of each of its ages to play against.

import { h, svg } from "./dom.js";

const LABEL = 17; // pixels between two names
const START = 34; // pixels beside the curve for what was before any training

const LETTER = 6.9; // pixels, about

/** Whether two boxes [left, top, right, bottom] share room. */
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** The box of a text whose baseline is at `y`, from x on or, where it ends there, up to x. */
const box = (text, x, y, ends = false) => {
  const width = LETTER * text.length;
  return [ends ? x - width : x, y - 10, ends ? x : x + width, y + 3];
};

/** Heights of labels, from the lowest on: the same, moved up as far as keeps them apart. */
function spread(heights) {
  let above = Infinity;
  return heights.map((height) => (above = Math.min(height, above - LABEL)));
}

export class Story {
  constructor() {
    this.headline = h("h2", { class: "headline" });
    this.host = h("div", { class: "chart-host" });
    this.caption = h("p", { class: "quiet" });
    this.stages = h("div", { class: "buttons stages" });
    this.element = h(
      "section",
      { class: "card story", hidden: true },
      this.headline,
      h("div", { class: "chart" }, this.host),
      this.caption,
      this.stages,
    );
    this.told = null;
    new ResizeObserver(() => this.told && this.#draw()).observe(this.host);
  }

  /** `told` as /api/crossings gives it, or null; `run` as /api/runs/NAME gives it, of one run only. */
  show(told, run) {
    this.told = told;
    this.element.hidden = told === null;
    if (told === null) return;
    this.headline.textContent = told.finding;
    this.caption.textContent = told.caption;
    this.#draw();
    this.#play(run);
  }

  /** Links to games against the learner after so many minutes, and to the game in which it overtook. */
  #play(run) {
    const stages = run?.game ? run.stages : []; // a game that is not known here cannot be played
    const against = ({ spec, words }) => {
      const query = new URLSearchParams({ game: run.game, first: "you", second: spec });
      return h("a", { class: "button", href: `#/play?${query}` }, words);
    };
    const moment = run?.records.includes("overtaken.jsonl")
      ? h("a", { class: "button", href: `#/games/${encodeURIComponent(run.name)}/overtaken.jsonl/last?play` }, "Watch it overtake")
      : null;
    this.stages.hidden = !stages.length && !moment;
    this.stages.replaceChildren(
      ...(stages.length ? [h("span", {}, "Play it as it was after"), ...stages.map(against)] : []),
      ...(moment ? [moment] : []),
    );
  }

  #draw() {
    const { minutes, elo, low, high, levels, untrained, ticks: named } = this.told;
    const width = Math.max(280, this.host.clientWidth);
    const narrow = width < 520;
    const height = Math.min(460, Math.max(320, 0.48 * width));
    const [edge, right, top, bottom] = [6, 6, 22, 30];
    const left = untrained === null ? edge : edge + START; // of the curve
    const [t0, t1] = [minutes[0], minutes.at(-1)];
    const all = [...low, ...high, ...levels.map((level) => level.elo), ...(untrained === null ? [] : [untrained])];
    const [e0, e1] = [Math.min(...all) - 40, Math.max(...all) + 20];
    const x = (t) => left + ((width - left - right) * Math.log(t / t0)) / Math.log(t1 / t0);
    const y = (e) => height - bottom - ((height - top - bottom) * (e - e0)) / (e1 - e0);
    const path = (values, times = minutes) =>
      values.map((value, i) => `${i ? "L" : "M"}${x(times[i]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const reversed = [...minutes].reverse();
    const band = path(high) + path([...low].reverse(), reversed).replace("M", "L") + "Z";
    const labels = spread(levels.map((level) => y(level.elo) - 5));
    const taken = []; // boxes of words
    const drawn = levels.flatMap((level, i) => {
      const early = level.overtaken && Math.log((level.minutes ?? t0) / t0) < Math.log(t1 / t0) / 2;
      taken.push(box(narrow ? level.short : level.name, early ? width - right : edge, labels[i], early));
      return [
        svg("line", { x1: edge, x2: width - right, y1: y(level.elo), y2: y(level.elo), class: "level" }),
        svg(
          "text",
          {
            x: early ? width - right : edge,
            y: labels[i],
            class: `${level.overtaken ? "level-name past" : "level-name"}${early ? " end" : ""}`,
          },
          narrow ? level.short : level.name,
        ),
      ];
    });
    const dots = levels.filter((level) => level.minutes && level.minutes >= t0 && level.minutes <= t1);
    const points = dots.flatMap((level, i) => {
      const [cx, cy] = [x(level.minutes), y(level.elo)];
      const said = i === dots.length - 1 && !narrow ? [level.when, "equal strength"] : [level.when];
      const boxes = (x, y, ends) => said.map((words, row) => box(words, x, y + 16 * row, ends));
      // Below and to the right, where there is room; else where other words, and if possible the curve, leave some.
      const places = [
        [cx + 10, cy + 18, false],
        [cx + 10, cy + 34, false],
        [cx - 10, cy - 10 - 16 * (said.length - 1), true],
        [cx + 4, cy + 18, true],
        [cx + 4, cy + 34, true],
      ].filter((place) =>
        boxes(...place).every((b) => b[0] >= 0 && b[2] <= width && !taken.some((other) => overlap(b, other))),
      );
      const free = places.find((place) =>
        boxes(...place).every((b) => !elo.some((e, t) => overlap(b, [x(minutes[t]), y(e), x(minutes[t]), y(e)]))),
      );
      const place = free ?? places[0] ?? [cx + 10, cy + 18, false];
      const [wx, wy, leftwards] = place;
      taken.push(...boxes(...place));
      return [
        svg("circle", { cx, cy, r: 6, class: "crossing" }),
        ...said.map((words, row) =>
          svg(
            "text",
            { x: wx, y: wy + 16 * row, class: `when${leftwards ? " end" : ""}` },
            words,
          ),
        ),
      ];
    });
    const start =
      untrained === null
        ? []
        : [
            svg("line", { x1: edge + 8, x2: left, y1: y(untrained), y2: y(elo[0]), class: "start" }),
            svg("circle", { cx: edge + 8, cy: y(untrained), r: 6, class: "untrained" }),
            svg("text", { x: edge, y: y(untrained) + 20, class: "when" }, "before any training"),
          ];
    let free = -Infinity;
    const round = named.filter(([t]) => {
      if (x(t) < free) return false;
      free = x(t) + 54;
      return true;
    });
    const ticks = round.map(([t, name]) =>
      svg(
        "text",
        { x: x(t), y: height - 8, class: `tick ${x(t) > width - 30 ? "end" : x(t) < 30 ? "" : "middle"}` },
        name,
      ),
    );
    this.host.replaceChildren(
      svg(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": this.told.finding },
        svg("line", { x1: edge, x2: width - right, y1: height - bottom, y2: height - bottom, class: "axis" }),
        drawn,
        svg("path", { d: band, class: "band" }),
        svg("path", { d: path(elo), class: "learner" }),
        start,
        points,
        ticks,
      ),
    );
  }
}
