// The rules of games of lines, so that a click is answered at once and positions are links. The server checks every
// position again. Of other games this page knows how stones are placed; the server says when they are over.
//
// A board is an array of cells, row by row from the top left: 1 the player who began, -1 the other, 0 nobody.
// An action is a column (Connect Four) or a cell. Moves are written as everywhere else: `44352`, or `h8 i9`.

import { fouls } from "./fouls.js";

const COLUMNS = "123456789abcdefghijklmnopqrstuvwxyz";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

export const drops = (game) => game.action_is === "column";

/** The name of an action: `4` or `h8`. */
export function format(game, action) {
  if (drops(game)) return COLUMNS[action];
  return LETTERS[action % game.width] + (game.height - Math.floor(action / game.width));
}

/** Moves as a line of text. */
export const formatMoves = (game, actions) =>
  actions.map((a) => format(game, a)).join(drops(game) ? "" : " ");

/** The action that a name stands for, or -1. */
export function parse(game, word) {
  if (drops(game)) {
    const column = COLUMNS.indexOf(word);
    return word.length === 1 && column < game.width ? column : -1;
  }
  const match = /^([a-z])([1-9][0-9]?)$/.exec(word);
  if (!match) return -1;
  const column = LETTERS.indexOf(match[1]);
  const row = game.height - Number(match[2]);
  return column < game.width && row >= 0 ? row * game.width + column : -1;
}

/** The actions of a line of text. Throws an Error that names the first that is none, or cannot be played. */
export function parseMoves(game, text) {
  const parts = text.toLowerCase().replaceAll(",", " ").split(/\s+/).filter(Boolean);
  const words = drops(game) ? [...parts.join("")] : parts;
  let position = start(game);
  return words.map((word, index) => {
    const action = parse(game, word);
    if (action < 0) {
      const example = drops(game)
        ? `columns are 1 to ${COLUMNS[game.width - 1]}`
        : `cells are a1 to ${format(game, game.width - 1)}`;
      throw new Error(`Move ${index + 1}, “${word}”, is not on this board: ${example}.`);
    }
    if (position.over) throw new Error(`Move ${index + 1}, “${word}”: the game is already over.`);
    if (landing(game, position, action) < 0)
      throw new Error(`Move ${index + 1}, “${word}”, cannot be played: it is ${whyNot(game, position, action)}.`);
    position = play(game, position, action);
    return action;
  });
}

/** The empty board. `turn` is 1 or -1; `winner` 0 until somebody has won; `line` the winning cells. */
export const start = (game) => ({
  cells: new Int8Array(game.height * game.width),
  turn: 1,
  plies: 0,
  last: -1,
  winner: 0,
  line: [],
  over: false,
});

/** Whether this page knows the rules, and asks the server for none. */
export const keepsRules = (game) => game.rules === "lines";

/** The cell that an action fills, or -1 if it cannot be played. `position.legal`, where the server said it, holds all. */
export function landing(game, position, action) {
  if (position.over || (position.legal && !position.legal.includes(action))) return -1;
  if (!drops(game)) return position.cells[action] === 0 && !barred(game, position).has(action) ? action : -1;
  for (let row = game.height - 1; row >= 0; row--) {
    if (position.cells[row * game.width + action] === 0) return row * game.width + action;
  }
  return -1;
}

const whyNot = (game, position, action) => (barred(game, position).has(action) ? "a foul" : "taken");

/** Where the player to move may not play though nobody stands there: Black's fouls in Renju. */
const barred = (game, { cells, turn }) =>
  keepsRules(game) && game.rule === "renju" && turn === 1 ? fouls(game, cells) : new Set();

/** The position after an action that can be played. */
export function play(game, position, action) {
  const cells = position.cells.slice();
  const cell = landing(game, position, action);
  cells[cell] = position.turn;
  const line = keepsRules(game) ? lineThrough(game, cells, cell) : [];
  const plies = position.plies + 1;
  const open = cells.length - plies - barred(game, { cells, turn: -position.turn }).size;
  return {
    cells,
    turn: -position.turn,
    plies,
    last: cell,
    winner: line.length ? position.turn : 0,
    line,
    over: line.length > 0 || open === 0,
  };
}

/** Tell a position what the server's rules say of it: {over, winner, legal}. */
export const judge = (game, position, found) =>
  Object.assign(position, found, { line: found.winner ? lineThrough(game, position.cells, position.last) : [] });

/** The cells of the lines through a stone that are long enough to win, in games of lines; else none. */
function lineThrough(game, cells, cell) {
  if (game.in_a_row < 2) return [];
  const found = new Set();
  const colour = cells[cell];
  const exact = ["standard", "caro"].includes(game.rule) || (game.rule === "renju" && colour === 1);
  const row = Math.floor(cell / game.width);
  const column = cell % game.width;
  for (const [down, right] of [
    [0, 1],
    [1, 0],
    [1, 1],
    [1, -1],
  ]) {
    const line = [cell];
    let closed = 0;
    for (const sign of [1, -1]) {
      let r = row + sign * down;
      let c = column + sign * right;
      while (r >= 0 && r < game.height && c >= 0 && c < game.width && cells[r * game.width + c] === colour) {
        line.push(r * game.width + c);
        r += sign * down;
        c += sign * right;
      }
      if (r >= 0 && r < game.height && c >= 0 && c < game.width && cells[r * game.width + c] === -colour) closed++;
    }
    const spoiled = line.length === game.in_a_row ? closed === 2 && game.rule.startsWith("caro") : exact;
    if (line.length >= game.in_a_row && !spoiled) line.forEach((each) => found.add(each));
  }
  return [...found];
}

/** The position after each number of moves: positions[0] is the empty board. */
export function replay(game, actions) {
  const positions = [start(game)];
  for (const action of actions) positions.push(play(game, positions.at(-1), action));
  return positions;
}

/** What the two players are called in this game. */
export const colours = (game) => game.sides.map(({ name }) => name);
