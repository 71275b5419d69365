// A board that is drawn, clicked, and read out: a picture in SVG under a grid of buttons.

import { h, svg } from "./dom.js";
import { colours, drops, format, keepsRules, landing } from "./rules.js";

const UNIT = 100; // of the drawing, per cell
const margin = (game) => (drops(game) ? 24 : 54);
const size = (game) => [game.width, game.height].map((cells) => cells * UNIT + 2 * margin(game));

/** Width over height of a board's picture. */
export const shape = (game) => size(game)[0] / size(game)[1];

const SMALL = 32; // pixels: a finger may miss a cell that is less wide, so a tap marks it and another plays there
let boards = 0;

/**
 * `onPlay(action)` is called for a legal move while the board is open to them; `onMark(action)` where a tap needs another
 * one, or `confirm()`, to be a move, and `onMark(null)` when it no longer waits for that.
 */
export class Board {
  constructor(onPlay, onMark = () => {}) {
    this.onPlay = onPlay;
    this.onMark = onMark;
    this.marked = null;
    this.touched = false; // by a finger, last
    this.id = `board${++boards}`;
    this.element = h("div", { class: "board" });
    this.hits = [];
    this.game = null;
    this.position = null;
  }

  /** Show a position. `open`: the person may move. `heat`: {action: share}. `hint`: an action to point at. */
  show(game, position, { open = false, heat = null, hint = null, animate = true } = {}) {
    if (this.game?.name !== game.name) this.#build(game);
    const before = this.position;
    if (position !== before) this.#mark(null);
    const forward =
      before &&
      position.plies === before.plies + 1 &&
      position.cells.every((v, c) => v === before.cells[c] || c === position.last);
    this.position = position;
    this.open = open && !position.over;
    this.#stones(forward && animate ? position.last : -1);
    this.#marks(heat, hint);
    this.#label();
  }

  #build(game) {
    this.game = game;
    this.position = null;
    this.stones = new Map();
    const root = document.documentElement;
    root.toggleAttribute("data-sides", !keepsRules(game)); // the games of lines have colours for light and for dark
    game.sides.forEach(({ colour }, i) => root.style.setProperty(["--first", "--second"][i], colour));
    this.heldFocus = drops(game)
      ? Math.floor(game.width / 2)
      : Math.floor(game.height / 2) * game.width + Math.floor(game.width / 2);
    const rack = drops(game);
    this.margin = margin(game);
    const [width, height] = size(game);
    this.stoneLayer = svg("g");
    this.ghost = svg("circle", { class: "ghost", r: rack ? 41 : 44, visibility: "hidden" });
    this.heatLayer = svg("g");
    this.markLayer = svg("g");
    const parts = rack ? this.#rack(width, height) : this.#grid(width, height);
    const picture = svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${height}`,
        class: rack ? "picture rack" : "picture grid",
        "aria-hidden": "true",
      },
      ...parts,
    );
    const count = rack ? game.width : game.width * game.height;
    this.hits = Array.from({ length: count }, (_, action) =>
      h("button", {
        type: "button",
        class: "hit",
        "data-action": action,
        onpointerdown: ({ pointerType }) => (this.touched = pointerType === "touch"),
        onclick: ({ detail }) => this.#pressed(action, detail > 0 && this.touched),
        onfocus: () => this.#point(action),
        onblur: () => this.#point(this.marked ?? -1),
        onpointerenter: () => this.#point(action),
        onpointerleave: () => this.#point(this.marked ?? -1),
      }),
    );
    const hits = h(
      "div",
      {
        class: "hits",
        role: "group",
        "aria-label": rack ? "Columns of the board" : "Cells of the board",
        onkeydown: (event) => this.#key(event),
        style: {
          "--columns": game.width,
          "--rows": rack ? 1 : game.height,
          "--inset-x": `${(100 * this.margin) / width}%`,
          "--inset-y": `${(100 * this.margin) / height}%`,
        },
      },
      this.hits,
    );
    this.element.style.setProperty("--ratio", `${width} / ${height}`);
    this.element.replaceChildren(picture, hits);
  }

  #rack(width, height) {
    const holes = this.#cells().map(([x, y]) => svg("circle", { cx: x, cy: y, r: 41, fill: "black" }));
    const rings = this.#cells().map(([x, y]) => svg("circle", { cx: x, cy: y, r: 41, class: "rim" }));
    return [
      svg(
        "defs",
        {},
        svg("mask", { id: `${this.id}-holes` }, svg("rect", { width, height, rx: 34, fill: "white" }), holes),
        svg(
          "linearGradient",
          { id: `${this.id}-face`, x1: 0, y1: 0, x2: 0, y2: 1 },
          svg("stop", { class: "face-top", offset: 0 }),
          svg("stop", { class: "face-bottom", offset: 1 }),
        ),
      ),
      svg("rect", { width: width - 12, height: height - 12, x: 6, y: 6, rx: 30, class: "back" }),
      this.ghost,
      this.stoneLayer,
      svg("rect", { width, height, rx: 34, fill: `url(#${this.id}-face)`, mask: `url(#${this.id}-holes)` }),
      svg("g", {}, rings),
      this.heatLayer,
      this.markLayer,
    ];
  }

  #grid(width, height) {
    const { game } = this;
    const [first, last] = [this.margin + UNIT / 2, this.margin + UNIT * (game.width - 0.5)];
    const bottom = this.margin + UNIT * (game.height - 0.5);
    const lines = [];
    for (let row = 0; row < game.height; row++) {
      const y = this.margin + UNIT * (row + 0.5);
      lines.push(svg("line", { x1: first, x2: last, y1: y, y2: y }));
      lines.push(svg("text", { x: 34, y: y + 13 }, String(game.height - row)));
    }
    for (let column = 0; column < game.width; column++) {
      const x = this.margin + UNIT * (column + 0.5);
      lines.push(svg("line", { x1: x, x2: x, y1: first, y2: bottom }));
      lines.push(svg("text", { x, y: height - 18 }, format(game, column)[0]));
    }
    const stars =
      game.width >= 13
        ? [3, (game.width - 1) / 2, game.width - 4]
        : game.width >= 9
          ? [2, (game.width - 1) / 2, game.width - 3]
          : [];
    for (const row of stars)
      for (const column of stars) {
        if (Number.isInteger(row + column))
          lines.push(
            svg("circle", {
              class: "star",
              r: 8,
              cx: this.margin + UNIT * (column + 0.5),
              cy: this.margin + UNIT * (row + 0.5),
            }),
          );
      }
    const gradient = (name) =>
      svg(
        "radialGradient",
        { id: `${this.id}-${name}`, cx: 0.36, cy: 0.3, r: 0.8 },
        svg("stop", { class: `${name}-light`, offset: 0 }),
        svg("stop", { class: `${name}-dark`, offset: 1 }),
      );
    return [
      svg("defs", {}, gradient("black"), gradient("white")),
      svg("rect", { width, height, rx: 22, class: "wood" }),
      svg("g", { class: "lines" }, lines),
      this.heatLayer,
      this.ghost,
      this.stoneLayer,
      this.markLayer,
    ];
  }

  #cells() {
    return Array.from({ length: this.game.width * this.game.height }, (_, cell) => this.#centre(cell));
  }

  #centre(cell) {
    return [
      this.margin + UNIT * ((cell % this.game.width) + 0.5),
      this.margin + UNIT * (Math.floor(cell / this.game.width) + 0.5),
    ];
  }

  #stones(moving) {
    const { cells } = this.position;
    for (const [cell, stone] of this.stones) {
      if (cells[cell] !== stone.colour) {
        stone.node.remove();
        this.stones.delete(cell);
      }
    }
    cells.forEach((colour, cell) => {
      if (colour === 0 || this.stones.has(cell)) return;
      const node = drops(this.game) ? this.#disc(cell, colour) : this.#stone(cell, colour);
      if (cell === moving) {
        const rows = Math.floor(cell / this.game.width) + 1;
        node.classList.add(drops(this.game) ? "dropping" : "placed");
        node.style.setProperty("--from", `${-rows * UNIT}px`);
        node.style.setProperty("--time", `${120 + 110 * Math.sqrt(rows)}ms`);
      }
      this.stoneLayer.append(node);
      this.stones.set(cell, { node, colour });
    });
  }

  // The two colours differ by more than colour: the first has a ring, the second a bar.
  #disc(cell, colour) {
    const [x, y] = this.#centre(cell);
    const mark =
      colour === 1
        ? svg("circle", { cx: x, cy: y, r: 23, class: "disc-mark" })
        : svg("path", { d: `M${x - 20} ${y}h40`, class: "disc-mark" });
    return svg(
      "g",
      {},
      svg("circle", { cx: x, cy: y, r: 44, class: colour === 1 ? "stone-first" : "stone-second" }),
      svg("circle", { cx: x, cy: y, r: 34, class: "disc-rim" }),
      mark,
    );
  }

  #stone(cell, colour) {
    const [x, y] = this.#centre(cell);
    return svg(
      "g",
      {},
      svg("circle", { cx: x + 2, cy: y + 4, r: 44, class: "shadow" }),
      svg("circle", {
        cx: x,
        cy: y,
        r: 44,
        fill: `url(#${this.id}-${colour === 1 ? "black" : "white"})`,
        class: "stone",
      }),
    );
  }

  #marks(heat, hint) {
    const { game, position } = this;
    const marks = [];
    if (position.line.length) {
      for (const cell of position.line) {
        const [cx, cy] = this.#centre(cell);
        marks.push(svg("circle", { cx, cy, r: drops(game) ? 40 : 42, class: "won" }));
      }
    } else if (position.last >= 0) {
      const [cx, cy] = this.#centre(position.last);
      marks.push(
        svg("circle", {
          cx,
          cy,
          r: drops(game) ? 9 : 12,
          class: `last ${position.turn === 1 ? "on-second" : "on-first"}`,
        }),
      );
    }
    if (hint !== null && landing(game, position, hint) >= 0) {
      const [cx, cy] = this.#centre(landing(game, position, hint));
      marks.push(svg("circle", { cx, cy, r: 38, class: "hint" }));
    }
    // Where the server says what may be played: a cell that is neither taken nor open must not look free.
    if (position.legal && !position.over && !drops(game))
      position.cells.forEach((stone, cell) => {
        if (stone !== 0 || landing(game, position, cell) >= 0) return;
        const [x, y] = this.#centre(cell);
        marks.push(svg("path", { d: `M${x - 16} ${y - 16}l32 32M${x + 16} ${y - 16}l-32 32`, class: "closed" }));
      });
    this.markLayer.replaceChildren(...marks);
    const best = heat ? Math.max(...Object.values(heat)) : 0;
    const warm = Object.entries(heat ?? {}).flatMap(([action, share]) => {
      const cell = landing(game, position, Number(action));
      if (drops(game) || cell < 0 || share < Math.max(0.005, 0.04 * best)) return [];
      const [x, y] = this.#centre(cell);
      const dot = svg("circle", {
        cx: x,
        cy: y,
        r: 41,
        class: share === best ? "heat best" : "heat",
        style: { "--share": Math.sqrt(share).toFixed(3) },
      });
      const words =
        share >= 0.01 ? svg("text", { x, y: y + 12, class: "heat-text" }, Math.round(100 * share)) : null;
      return [dot, words].filter(Boolean);
    });
    this.heatLayer.replaceChildren(...warm);
  }

  #point(action) {
    const cell = this.position && action >= 0 && this.open ? landing(this.game, this.position, action) : -1;
    this.ghost.setAttribute("visibility", cell >= 0 ? "visible" : "hidden");
    if (cell < 0) return;
    const [x, y] = this.#centre(cell);
    this.ghost.setAttribute("cx", x);
    this.ghost.setAttribute("cy", y);
    const side = this.position.turn === 1 ? "first" : "second";
    this.ghost.setAttribute(
      "class",
      `ghost ${side} ${drops(this.game) ? "disc" : ""} ${action === this.marked ? "marked" : ""}`,
    );
  }

  #pressed(action, byFinger) {
    this.heldFocus = action;
    if (!this.open || landing(this.game, this.position, action) < 0) return;
    const small = this.hits[action].getBoundingClientRect().width < SMALL;
    if (byFinger && small && this.marked !== action) this.#mark(action);
    else this.#play(action);
  }

  #play(action) {
    this.#mark(null);
    this.onPlay(action);
  }

  /** Play where a tap has marked a cell. */
  confirm() {
    if (this.open && this.marked !== null) this.#play(this.marked);
  }

  #mark(action) {
    if (action === null) this.#point(-1);
    if (action === this.marked) return;
    this.marked = action;
    if (action !== null) this.#point(action);
    this.ghost.classList.toggle("marked", action !== null);
    this.onMark(action);
  }

  #key(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const { game } = this;
    const action = Number(event.target.dataset.action);
    if (drops(game) && step[0] !== 0) return;
    const row = drops(game) ? 0 : Math.floor(action / game.width) + step[0];
    const column = (action % game.width) + step[1];
    event.preventDefault();
    event.stopPropagation();
    if (column < 0 || column >= game.width || row < 0 || row >= (drops(game) ? 1 : game.height)) return;
    this.heldFocus = row * game.width + column;
    this.#tabStops();
    this.hits[this.heldFocus].focus();
  }

  /** One stop for the Tab key; arrows move within. */
  #tabStops() {
    this.hits.forEach((hit, action) => {
      hit.tabIndex = action === this.heldFocus ? 0 : -1;
    });
  }

  #label() {
    const { game, position } = this;
    const [first, second] = colours(game);
    const called = (stone) => (stone === 1 ? first.toLowerCase() : second.toLowerCase());
    this.hits.forEach((hit, action) => {
      const cell = landing(game, position, action);
      let words;
      if (drops(game)) {
        const stones = [];
        for (let row = game.height - 1; row >= 0 && position.cells[row * game.width + action] !== 0; row--)
          stones.push(called(position.cells[row * game.width + action]));
        words = `Column ${format(game, action)}: ${stones.length ? `${stones.join(", ")} from the bottom` : "empty"}${cell < 0 && !position.over ? ", full" : ""}`;
      } else {
        const closed = position.legal && !position.over && cell < 0 ? "empty, not to be played" : "empty";
        words = `${format(game, action)}: ${position.cells[action] === 0 ? closed : called(position.cells[action])}`;
      }
      hit.setAttribute("aria-label", words);
      const can = this.open && cell >= 0;
      hit.setAttribute("aria-disabled", String(!can));
      hit.classList.toggle("can", can);
    });
    this.#tabStops();
  }
}
