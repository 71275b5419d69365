// A board with all that stands around it: who plays, the moves so far, and what an agent thinks.

import { judged } from "./api.js";
import { Board } from "./board.js";
import { h, icon, svg } from "./dom.js";
import { Thoughts } from "./thoughts.js";
import { colours, drops, format, formatMoves, judge, keepsRules, replay } from "./rules.js";

const ARROWS = {
  first: ["M6 5v14M18 6l-8 6 8 6z", "First position"],
  back: ["M16 6l-8 6 8 6z", "One move back"],
  forward: ["M8 6l8 6-8 6z", "One move forward"],
  last: ["M18 5v14M6 6l8 6-8 6z", "Last position"],
};

const TYPED = "textarea, input:not([type=checkbox])"; // where keys write; a switch has no use for them

/** Whether a key is the way to one of the choices of a menu, which begins with it. */
const choosesBy = (menu, key) => [...menu.options].some(({ text }) => text.startsWith(key));

/**
 * Holds a line of moves and a place in it. `onPlay(action)`: a person moved. `onTurn()`: the place changed.
 * `onMark(action)`: a person pointed at a cell that is too small for one tap; null once that is over.
 * `auto(ply)`: the agent that thinks when nobody else was chosen. `onProblem(error)`: the server had no answer.
 *
 * A position is `pending` until the server has said whether it is over, in games whose rules it keeps.
 */
export class Table {
  constructor(players, { onPlay, onTurn, onMark = () => {}, onProblem = () => {}, auto, settings }) {
    this.auto = auto;
    this.onProblem = onProblem;
    this.judging = new AbortController();
    this.onTurn = onTurn;
    this.actions = [];
    this.positions = [];
    this.ply = 0;
    this.open = false;
    this.hint = null;
    this.heat = null;
    this.marks = new Map(); // by ply, what a review says of the move that led there: {worse, words}
    this.board = new Board(onPlay, onMark);
    this.thoughts = new Thoughts(players, {
      ...settings,
      onHeat: (heat) => {
        this.heat = heat;
        this.#board();
        this.#graph();
      },
      onSettings: () => {
        this.onTurn();
        this.refresh();
      },
    });
    this.buttons = Object.fromEntries(
      Object.entries(ARROWS).map(([name, [path, label]]) => [
        name,
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": label,
            title: label,
            onclick: () => this.move(name),
          },
          icon(path),
        ),
      ]),
    );
    this.list = h("ol", { class: "moves", "aria-label": "Moves" });
    this.graph = h("div", { class: "graph" });
    this.movesCard = h(
      "section",
      { class: "card", "aria-labelledby": "moves-title" },
      h(
        "div",
        { class: "card-head" },
        h("h2", { id: "moves-title" }, "Moves"),
        h("div", { class: "buttons tight" }, Object.values(this.buttons)),
      ),
      this.graph,
      this.list,
    );
  }

  get position() {
    return this.positions[this.ply];
  }

  get moves() {
    return formatMoves(this.game, this.actions.slice(0, this.ply));
  }

  /** Put a line of moves on the table. */
  set(game, actions, ply = actions.length) {
    this.game = game;
    this.actions = actions;
    this.positions = replay(game, actions);
    this.marks = new Map();
    this.judging.abort();
    if (!keepsRules(game)) this.#judge();
    this.#to(Math.max(0, Math.min(ply, actions.length)));
  }

  async #judge() {
    this.judging = new AbortController();
    const { signal } = this.judging;
    const last = this.positions.at(-1);
    last.pending = true;
    try {
      const found = await judged(this.game, formatMoves(this.game, this.actions), signal);
      judge(this.game, last, { ...found, pending: false });
      this.#to(this.ply);
    } catch (error) {
      if (!signal.aborted) this.onProblem(error);
    }
  }

  #to(ply) {
    this.ply = ply;
    this.hint = null;
    this.onTurn();
    this.refresh();
  }

  /** A move at this place; what came after it is gone. */
  play(action) {
    this.set(this.game, [...this.actions.slice(0, this.ply), action]);
  }

  /** To another place in the line: "first", "back", "forward", "last", or a number of moves. */
  move(where) {
    const to =
      { first: 0, back: this.ply - 1, forward: this.ply + 1, last: this.actions.length }[where] ?? where;
    if (to < 0 || to > this.actions.length || to === this.ply) return;
    this.#to(to);
  }

  /** Show everything anew. */
  refresh() {
    this.heat = null;
    this.#board();
    this.#moves();
    this.#graph();
    for (const name of ["first", "back"]) this.buttons[name].disabled = this.ply === 0;
    for (const name of ["forward", "last"]) this.buttons[name].disabled = this.ply === this.actions.length;
    if (this.position.pending) return;
    this.thoughts.show(this.game, this.actions.slice(0, this.ply), this.position, this.auto(this.ply));
  }

  /** Show what a review says of the moves, by ply. */
  mark(marks) {
    this.marks = marks;
    this.#moves();
  }

  #board() {
    this.board.show(this.game, this.position, { open: this.open, heat: this.heat, hint: this.hint });
  }

  #moves() {
    const [first, second] = colours(this.game);
    const items = this.actions.map((action, index) => {
      const mark = this.marks.get(index + 1);
      return h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: `move ${index % 2 ? "second" : "first"} ${this.game.kind} ${mark ? "worse" : ""}`,
            "aria-current": index + 1 === this.ply ? "step" : null,
            "aria-label": `Move ${index + 1}, ${index % 2 ? second : first}: ${format(this.game, action)}${mark ? `, ${mark.words}` : ""}`,
            title: mark?.words,
            onclick: () => this.move(index + 1),
          },
          format(this.game, action),
          mark && h("b", { "aria-hidden": "true" }, mark.worse === 2 ? "??" : "?"),
        ),
      );
    });
    this.list.replaceChildren(...items);
    this.list.hidden = items.length === 0;
    const current = items[this.ply - 1];
    if (current) this.list.scrollTop = current.offsetTop - this.list.offsetTop - this.list.clientHeight / 2;
  }

  /** How the value went, as far as it is known; above the middle the player who began is ahead. */
  #graph() {
    const values = this.positions.map((_, ply) =>
      this.thoughts.value(this.game, this.actions.slice(0, ply), this.auto(ply)),
    );
    const seen = values.filter((value) => value !== null).length;
    this.graph.hidden = seen < 2 || !this.thoughts.on;
    if (this.graph.hidden) return;
    const [width, height] = [300, 64];
    const x = (ply) => (values.length > 1 ? (ply / (values.length - 1)) * (width - 8) + 4 : 4);
    const y = (value) => height / 2 - value * (height / 2 - 4);
    const points = values.map((value, ply) => [x(ply), value, ply]).filter(([, value]) => value !== null);
    const path = points
      .map(([px, value], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${y(value).toFixed(1)}`)
      .join("");
    const [first, second] = colours(this.game);
    this.graph.replaceChildren(
      svg(
        "svg",
        {
          viewBox: `0 0 ${width} ${height}`,
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": `How the game went: above the line ${first} is ahead, below it ${second}`,
        },
        svg("line", { x1: 0, x2: width, y1: height / 2, y2: height / 2, class: "even" }),
        svg("path", {
          d: `${path}L${points.at(-1)[0]} ${height / 2}L${points[0][0]} ${height / 2}z`,
          class: "area",
        }),
        svg("path", { d: path, class: "curve" }),
        svg("line", { x1: x(this.ply), x2: x(this.ply), y1: 0, y2: height, class: "now" }),
      ),
    );
  }

  /** Arrow keys step through the game, digits drop discs. True if the key was for the table. */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest(TYPED)) return false;
    const menu = event.target.closest("select");
    if (menu && (!/^[0-9]$/.test(event.key) || choosesBy(menu, event.key))) return false;
    const where = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last" }[event.key];
    if (where) {
      this.move(where);
      return true;
    }
    if (drops(this.game) && this.open && /^[1-9]$/.test(event.key) && Number(event.key) <= this.game.width) {
      this.board.hits[Number(event.key) - 1].click();
      return true;
    }
    return false;
  }
}
