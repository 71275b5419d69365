// What an agent thinks of a position: win, draw and loss, shares of moves, the line it expects; and the truth beside it.

import { known, think, truth } from "./api.js";
import { h } from "./dom.js";
import { called, Seat } from "./players.js";
import { colours, drops, format, formatMoves, parse } from "./rules.js";

const AUTO = "auto";
const percent = (share) =>
  `${share >= 0.995 || share < 0.0005 ? Math.round(100 * share) : share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
const SHOWN = 5; // moves of the table
const PATIENCE = 120; // milliseconds at a position before its thoughts are asked for: who steps on quickly asks for none

export class Thoughts {
  /** `onHeat(heat)` gets {action: share} for the board, or null; `onSettings()` when a person changed one. */
  constructor(players, { onHeat, onSettings, on = false, analyst = AUTO, truthOn = false, seed = 0 }) {
    Object.assign(this, { players, onHeat, onSettings, on, analyst, truthOn, seed });
    this.asking = new AbortController();
    const toggle = (label, checked, change) =>
      h(
        "label",
        { class: "switch" },
        h("input", {
          type: "checkbox",
          role: "switch",
          checked,
          onchange: (event) => change(event.target.checked),
        }),
        h("span", {}, label),
      );
    this.body = h("div", { class: "thoughts" });
    this.busy = h("span", { class: "quiet", role: "status" });
    this.strip = h("div", { class: "strip", hidden: true });
    this.seat = new Seat("Who thinks", players, analyst, (spec) => this.#set({ analyst: spec }), [
      [AUTO, "The opponent"],
    ]);
    this.truthSwitch = toggle("Perfect play", truthOn, (value) => this.#set({ truthOn: value }));
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "thoughts-title" },
      h(
        "div",
        { class: "card-head" },
        h("h2", { id: "thoughts-title" }, "What it thinks"),
        this.busy,
        toggle("Show", on, (value) => this.#set({ on: value })),
      ),
      this.body,
      h("details", { class: "settings" }, h("summary", {}, "Settings"), this.seat.element, this.truthSwitch),
    );
  }

  #set(change) {
    Object.assign(this, change);
    this.onSettings();
  }

  /** The agent that is asked, when `auto` is the one to ask by default. */
  asked(auto) {
    return this.analyst === AUTO ? auto : this.analyst;
  }

  /** Ask about a position and show the answer; a newer call overtakes an older one. */
  async show(game, actions, position, auto) {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.truthSwitch.hidden = !game.truth;
    const moves = formatMoves(game, actions);
    const agent = this.asked(auto);
    this.body.hidden = !this.on;
    const truthWanted = this.truthOn && game.truth;
    if (position.over || (!this.on && !truthWanted)) {
      this.#thinking(false);
      this.strip.hidden = true;
      this.onHeat(null);
      this.body.replaceChildren(...(this.on ? [h("p", { class: "quiet" }, "The game is over.")] : []));
      return;
    }
    this.#thinking(true);
    if (drops(game) && this.strip.hidden) this.#columns(game, new Map(), this.on ? {} : null); // room for what is to come
    try {
      if (!known(game, agent, moves, this.seed))
        await new Promise((resolve) => setTimeout(resolve, PATIENCE));
      signal.throwIfAborted();
      if (!this.on) this.#render(game, position, null, await truth(game, moves, signal), agent);
      else {
        const [thought, fact] = await Promise.all([
          think(game, agent, moves, { signal, seed: this.seed }),
          truthWanted ? truth(game, moves, signal) : null,
        ]);
        this.#render(game, position, thought, fact, agent);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.onHeat(null);
      this.strip.hidden = true;
      this.body.replaceChildren(h("p", { class: "error", role: "alert" }, error.message));
    }
    this.#thinking(false);
  }

  /** Say that an answer is on its way: what stands below is then of the position before. */
  #thinking(is) {
    if (is) this.element.setAttribute("aria-busy", "true");
    else this.element.removeAttribute("aria-busy");
    this.busy.textContent = is ? "thinking…" : "";
  }

  /** The value for the player who began, in [-1, 1], where it is known already; else null. */
  value(game, actions, auto) {
    const thought = known(game, this.asked(auto), formatMoves(game, actions), this.seed);
    return thought?.value === null || thought === undefined
      ? null
      : thought.value * (actions.length % 2 ? -1 : 1);
  }

  #render(game, position, thought, fact, agent) {
    const moves = new Map(); // by name: {policy, prior, visits, worth, truth}
    const row = (name) => moves.get(name) ?? moves.set(name, {}).get(name);
    for (const [name, share] of Object.entries(thought?.policy ?? {})) row(name).policy = share;
    for (const [name, share] of Object.entries(thought?.prior ?? {})) row(name).prior = share;
    for (const [name, value] of Object.entries(thought?.worth ?? {})) row(name).worth = (1 + value) / 2;
    const visits = Object.values(thought?.visits ?? {}).reduce((sum, n) => sum + n, 0);
    for (const [name, n] of Object.entries(thought?.visits ?? {})) row(name).visits = n / visits;
    for (const [name, outcome] of Object.entries(fact?.moves ?? {})) row(name).truth = outcome;
    this.heated = !drops(game); // shares of moves stand on the board, not below its columns
    if (drops(game)) this.#columns(game, moves, thought);
    else if (thought)
      this.onHeat(
        Object.fromEntries([...moves].map(([name, { policy = 0 }]) => [parse(game, name), policy])),
      );
    else this.onHeat(null);
    if (!thought) return this.body.replaceChildren();
    this.body.replaceChildren(
      this.#verdict(game, position, thought),
      this.#table(moves, thought, fact),
      this.#line(game, thought, agent),
    );
  }

  #verdict(game, position, thought) {
    const [first, second] = colours(game);
    if (thought.value === null)
      return h("p", { class: "quiet" }, "This player has no notion of who is ahead.");
    const flip = position.turn === -1;
    const wdl = thought.wdl && (flip ? [...thought.wdl].reverse() : thought.wdl);
    const value = flip ? -thought.value : thought.value;
    const shares = wdl ?? [(1 + value) / 2, 0, (1 - value) / 2];
    const words = wdl
      ? [`${first} wins ${percent(wdl[0])}`, `draw ${percent(wdl[1])}`, `${second} wins ${percent(wdl[2])}`]
      : [`${first} ${percent(shares[0])}`, "expected score", `${second} ${percent(shares[2])}`];
    const winner =
      thought.proven === "draw"
        ? "a draw"
        : thought.proven && `${(thought.proven === "win") === (position.turn === 1) ? first : second} wins`;
    return h(
      "div",
      { class: "verdict" },
      h(
        "div",
        { class: `bar ${game.kind}`, role: "img", "aria-label": words.join(", ") },
        ["first", "draw", "second"].map((name, i) =>
          h("span", { class: name, style: { width: `${100 * shares[i]}%` } }),
        ),
      ),
      h(
        "div",
        { class: "bar-words", "aria-hidden": "true" },
        words.map((each) => h("span", {}, each)),
      ),
      winner && h("p", { class: "proven" }, `Proven: ${winner} with perfect play.`),
    );
  }

  /** The likeliest moves, its own first, each with what is known of it; and what the columns are. */
  #table(moves, thought, fact) {
    const kinds = COLUMNS.filter(({ of, where }) => Object.keys(thought[of] ?? {}).length > 0 && where(thought));
    const rank = ([name, { policy = 0, visits = 0, prior = 0 }]) => [name === thought.move, policy, visits, prior];
    const rows = [...moves]
      .filter(([, each]) => kinds.some(({ of }) => each[of] !== undefined))
      .map((each) => [each, rank(each)])
      .sort(([, a], [, b]) => b.map((n, i) => n - a[i]).find((n) => n !== 0) ?? 0)
      .slice(0, SHOWN)
      .map(([each]) => each);
    const meter = (share, kind) =>
      h(
        "td",
        { class: "meter" },
        h("span", { class: kind, style: { width: `${100 * share}%` } }),
        h("b", {}, percent(share)),
      );
    const made = h(
      "table",
      { class: "candidates" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "Move"),
          kinds.map(({ head }) => h("th", { scope: "col" }, head)),
          fact && h("th", { scope: "col" }, "Truth"),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map(([name, each]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, name),
            kinds.map(({ of }) => (of === "worth" && each.worth === undefined ? h("td", {}, "–") : meter(each[of] ?? 0, of))),
            fact && h("td", {}, chip(each.truth)),
          ),
        ),
      ),
    );
    const said = kinds.map(({ head, says }) => `${head}: ${says}.`);
    if (this.heated && kinds.some(({ of }) => of === "worth")) said.push("On the board: how it would choose in the end.");
    return h("div", {}, made, h("p", { class: "quiet" }, said.join(" ")));
  }

  #line(game, thought, agent) {
    return h(
      "p",
      { class: "line" },
      thought.line.length > 1 && [
        h("span", { class: "quiet" }, "Expects "),
        h("span", { class: "moves-text" }, thought.line.slice(0, 10).join(" ")),
        h("br"),
      ],
      h("span", { class: "quiet" }, called(agent, this.players)),
      thought.withoutSearch &&
        h("span", { class: "quiet" }, ": without search, for which this network takes too long here"),
    );
  }

  /** Bars below the columns of the board, and the truth under them. */
  #columns(game, moves, thought) {
    this.onHeat(null);
    this.strip.hidden = false;
    this.strip.style.setProperty("--columns", game.width);
    const best = thought?.move;
    const names = Array.from({ length: game.width }, (_, column) => format(game, column));
    this.strip.replaceChildren(
      ...names.map((name) => {
        const { policy, prior = policy, visits, truth: outcome } = moves.get(name) ?? {};
        return h(
          "div",
          { class: `column ${name === best ? "best" : ""}` },
          thought &&
            h(
              "div",
              { class: "bars", "aria-hidden": "true" },
              [
                ["prior", prior],
                ["visits", visits],
              ].map(
                ([kind, share]) =>
                  share !== undefined &&
                  h("span", { class: kind, style: { height: `${Math.max(100 * share, 1.5)}%` } }),
              ),
            ),
          thought && h("span", { class: "share" }, prior === undefined ? "–" : Math.round(100 * prior)),
          outcome && chip(outcome),
        );
      }),
    );
    this.strip.setAttribute("role", "img");
    this.strip.setAttribute(
      "aria-label",
      names
        .filter((name) => moves.has(name))
        .map((name) => {
          const { policy, prior = policy, truth: outcome } = moves.get(name);
          return `column ${name}: ${prior === undefined ? "" : percent(prior)} ${outcome ? words(outcome) : ""}`;
        })
        .join("; "),
    );
  }
}

/** The columns of the table: of which part of a thought, where it is shown, and what it is. */
const COLUMNS = [
  {
    of: "prior",
    head: "First guess",
    says: "how likely its network takes each move to be the best one, before it looks ahead",
    where: () => true,
  },
  {
    of: "policy",
    head: "Choice",
    says: "how likely it is to play each move",
    where: ({ prior = {}, visits = {} }) => ![prior, visits].some((each) => Object.keys(each).length),
  },
  {
    of: "visits",
    head: "Searched",
    says: "the share of its search that went into each move",
    where: () => true,
  },
  {
    of: "worth",
    head: "Worth",
    says: "the score that it foresees for each move that it searched, 100 % a sure win, 50 % even",
    where: () => true,
  },
];

const words = ({ outcome, plies }) =>
  outcome === "draw" ? "draw" : `${outcome === "win" ? "wins" : "loses"} in ${Math.ceil(plies / 2)}`;

function chip(outcome) {
  if (!outcome) return "–";
  const short =
    outcome.outcome === "draw"
      ? "D"
      : `${outcome.outcome === "win" ? "W" : "L"} ${Math.ceil(outcome.plies / 2)}`;
  return h("span", { class: `truth ${outcome.outcome}`, title: words(outcome) }, short);
}
