// A player that needs no server: a network, alone or under a small tree search, whose moves are chosen in the page.

import { fouls } from "./fouls.js";
import { format, parseMoves, replay } from "./rules.js";
import { search, summary } from "./search.js";

const PATIENCE = 4000; // milliseconds of one move
const FEWEST = 16; // simulations that make a search: a network that has no time for them plays without

/** What the network sees: own stones, the other's, the board, ones where the mover is who began, in Renju Black's fouls. */
function planes(game, position) {
  const { cells, turn } = position;
  const count = game.rule === "renju" ? 5 : 4;
  const data = new Float32Array(count * cells.length);
  cells.forEach((stone, cell) => {
    data[cell] = Number(stone === turn);
    data[cells.length + cell] = Number(stone === -turn);
  });
  data.fill(1, 2 * cells.length, 3 * cells.length);
  data.fill(Number(turn === 1), 3 * cells.length, 4 * cells.length);
  if (count === 5) for (const cell of fouls(game, cells)) data[4 * cells.length + cell] = 1;
  return { dims: [1, count, game.height, game.width], data };
}

/** What a network makes of a position: logits of all actions, and the mover's win, draw and loss. */
const evaluator = (game, network) => (position) => {
  const found = network.run({ planes: planes(game, position) });
  return { logits: found.policy.data, wdl: found.wdl.data };
};

const slow = new WeakSet(); // networks that had no time for a search

/** Whether a search was tried with this network, and proved too slow. */
export const tooSlow = (network) => slow.has(network);

/** What a network thinks of a position that is not over, as the server would say it; with a search if asked for one. */
export async function thought(game, network, moves, { simulations = 0, signal = null, patience = PATIENCE } = {}) {
  const position = replay(game, parseMoves(game, moves)).at(-1);
  const evaluate = evaluator(game, network);
  const searched = simulations > 0 && !slow.has(network);
  const root = await search(game, position, evaluate, {
    simulations: searched ? simulations : 0,
    patience,
    signal,
  });
  const found = summary(root);
  if (searched && found.count < Math.min(FEWEST, simulations)) {
    slow.add(network);
    return thought(game, network, moves);
  }
  const name = (action) => format(game, action);
  const named = (numbers) => Object.fromEntries(root.actions.map((action, i) => [name(action), numbers[i]]));
  return {
    moves,
    move: name(found.action),
    value: found.wdl[0] - found.wdl[2],
    wdl: found.wdl,
    policy: named(root.prior),
    prior: named(root.prior),
    visits: found.count ? named(root.visits) : {},
    worth: Object.fromEntries(
      root.actions.flatMap((action, i) => (root.visits[i] ? [[name(action), root.totals[i] / root.visits[i]]] : [])),
    ),
    proven: null,
    line: found.line.map(name),
  };
}
