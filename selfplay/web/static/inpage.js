// A player that needs no server: a network alone, without search, whose moves are chosen in the page.

import { format, landing, parseMoves, replay } from "./rules.js";

/** What the network sees: own stones, the other's, the board, and ones where the mover is who began the game. */
function planes(game, position) {
  const { cells, turn } = position;
  const data = new Float32Array(4 * cells.length);
  cells.forEach((stone, cell) => {
    data[cell] = Number(stone === turn);
    data[cells.length + cell] = Number(stone === -turn);
  });
  data.fill(1, 2 * cells.length, 3 * cells.length);
  data.fill(Number(turn === 1), 3 * cells.length);
  return { dims: [1, 4, game.height, game.width], data };
}

/** What a network thinks of a position that is not over, as the server would say it. */
export function thought(game, network, moves) {
  const position = replay(game, parseMoves(game, moves)).at(-1);
  const found = network.run({ planes: planes(game, position) });
  const [logits, [win, draw, loss]] = [found.policy.data, found.wdl.data];
  const legal = [...logits.keys()].filter((action) => landing(game, position, action) >= 0);
  const most = Math.max(...legal.map((action) => logits[action]));
  const raised = legal.map((action) => Math.exp(logits[action] - most));
  const sum = raised.reduce((total, each) => total + each, 0);
  return {
    moves,
    move: format(game, legal.find((action) => logits[action] === most)),
    value: win - loss,
    wdl: [win, draw, loss],
    policy: Object.fromEntries(legal.map((action, n) => [format(game, action), raised[n] / sum])),
    visits: {},
    proven: null,
    line: [],
  };
}
