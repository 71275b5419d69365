// A game that is over, looked through: the moves that gave a win or a draw away.

import { think, truth } from "./api.js";
import { announce, h } from "./dom.js";
import { called, reviewer } from "./players.js";
import { colours, drops, format, formatMoves, parse } from "./rules.js";

const RANK = { win: 2, draw: 1, loss: 0 };
const LIKELY = 0.5; // a value beyond which an estimate counts as a win, below its negative as a loss
const SWING = 0.4; // of a value, at least, for an estimate to call a move a mistake
const opposite = { win: "loss", draw: "draw", loss: "win" };

/**
 * What is wrong with each move of a line: {ply, worse, lost, to, better}. `worse` is how many steps from win over draw
 * to loss it went down, `lost` what the mover had, `to` what was left of it, `better` moves that would have kept it.
 * Exact where there is a solver (`game.truth`), else an estimate of the agent `by`.
 */
export async function mistakes(game, actions, { winner, by, seed, signal, onProgress = () => {} }) {
  const look = game.truth ? exact : estimated;
  const outlooks = [];
  for (let ply = 0; ply < actions.length; ply++) {
    onProgress(ply);
    outlooks.push(await look(game, formatMoves(game, actions.slice(0, ply)), { by, seed, signal }));
  }
  const mover = actions.length % 2 ? 1 : -1; // of the last move: 1 who began
  const end = winner === 0 ? "draw" : winner === mover ? "loss" : "win"; // for who would be next
  outlooks.push({ best: end, value: RANK[end] - 1 });
  return actions.flatMap((action, i) => {
    const [before, after] = [outlooks[i], outlooks[i + 1]];
    const name = format(game, action);
    const to = before.moves ? before.moves[name] : opposite[after.best];
    const worse = RANK[before.best] - RANK[to];
    const sure = before.moves || before.value + after.value >= SWING;
    if (worse <= 0 || !sure || before.better.includes(name)) return [];
    return [{ ply: i + 1, worse, lost: before.best, to, better: before.better }];
  });
}

async function exact(game, text, { signal }) {
  const { moves } = await truth(game, text, signal);
  const outcomes = Object.fromEntries(Object.entries(moves).map(([name, { outcome }]) => [name, outcome]));
  const best = Object.values(outcomes).reduce((a, b) => (RANK[a] >= RANK[b] ? a : b));
  return { best, moves: outcomes, better: Object.keys(outcomes).filter((name) => outcomes[name] === best) };
}

async function estimated(game, text, { by, seed, signal }) {
  const { value, proven, move } = await think(game, by, text, { seed, signal });
  const likely = proven ?? (value > LIKELY ? "win" : value < -LIKELY ? "loss" : "draw");
  return { best: likely, value: proven ? RANK[proven] - 1 : (value ?? 0), better: [move] };
}

/** A mistake in words, said of its mover: "gave a win away: 4 kept it". */
export function words(game, { lost, to, better }) {
  const kept = better.slice(0, 3).join(better.length === 2 ? " and " : ", ");
  const [win, draw] = game.truth ? ["a win", "a draw"] : ["a winning position", "an even game"]; // not all have draws
  const what = lost === "win" ? win : draw;
  const left = lost === "win" && to === "loss" ? " and lost" : "";
  return `gave ${what} away${left}; ${drops(game) && better.length === 1 ? "column " : ""}${kept} would have kept it`;
}

/** A card that looks through the game of a table once it is over, and marks its moves. */
export class Review {
  constructor(players, table) {
    Object.assign(this, { players, table, line: null, asking: new AbortController() });
    this.status = h("p", { class: "quiet" });
    this.list = h("ol", { class: "mistakes" });
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "review-title", hidden: true },
      h("h2", { id: "review-title" }, "Review"),
      this.list,
      this.status,
    );
  }

  /** Called whenever the place at the table changes: begins with the end of a game, and ends with another. */
  async follow(seed) {
    const { game, actions, positions } = this.table;
    const last = positions.at(-1);
    const line = last.over && !last.pending ? formatMoves(game, actions) : null;
    if (line === this.line) return;
    this.stop();
    this.line = line;
    this.element.hidden = line === null;
    if (line === null) return;
    this.asking = new AbortController();
    const { signal } = this.asking;
    const by = reviewer(this.players);
    this.list.replaceChildren();
    try {
      const found = await mistakes(game, actions, {
        winner: last.winner,
        by,
        seed,
        signal,
        onProgress: (ply) => (this.status.textContent = `Looking at move ${ply + 1} of ${actions.length}…`),
      });
      this.#show(found, by);
    } catch (error) {
      if (!signal.aborted) this.status.textContent = `The game could not be looked through. ${error.message}`;
    }
  }

  stop() {
    this.asking.abort();
    this.line = null;
  }

  #show(found, by) {
    const { table } = this;
    table.mark(new Map(found.map((each) => [each.ply, { worse: each.worse, words: words(table.game, each) }])));
    const sides = colours(table.game);
    this.list.replaceChildren(
      ...found.map((each) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", class: "mistake", onclick: () => this.#visit(each) },
            h("b", {}, `Move ${each.ply}, ${sides[(each.ply - 1) % 2]} ${format(table.game, table.actions[each.ply - 1])}`),
            ` ${words(table.game, each)}.`,
          ),
        ),
      ),
    );
    const source = table.game.truth
      ? "By perfect play: exact."
      : `An estimate of ${called(by, this.players)}, which may be wrong.`;
    const verdict = found.length ? "" : "No move gave a win or a draw away. ";
    this.status.textContent = verdict + source;
    const count = `${found.length} ${found.length === 1 ? "move" : "moves"} gave a win or a draw away. `;
    announce(`Review: ${found.length ? count : verdict}${source}`);
  }

  /** To the position before a mistake, with what would have been better. */
  #visit({ ply, better }) {
    this.table.move(ply - 1);
    this.table.hint = parse(this.table.game, better[0]);
    this.table.refresh();
  }
}
