// Where Black may not play by the rules of Renju: overline, double-four, double-three. What they are, and from where,
// stands in games/five/fouls.py; this is the same in the page, and tests compare the two.
//
// `cells` as in rules.js, Black being 1. A line is a string through a cell, five cells to either side: `X` black, `.` empty,
// `O` white or beyond the edge; the cell itself, which is black or about to be, is its sixth letter.

const DIRECTIONS = [
  [0, 1],
  [1, 0],
  [1, 1],
  [1, -1],
];
const REACH = 5;

function lineThrough({ height, width }, cells, cell, [down, right]) {
  let line = "";
  for (let i = -REACH; i <= REACH; i++) {
    const row = Math.floor(cell / width) + i * down;
    const column = (cell % width) + i * right;
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    const stone = inside ? cells[row * width + column] : -1;
    line += i === 0 || stone === 1 ? "X" : stone === 0 ? "." : "O";
  }
  return line;
}

const put = (line, at) => line.slice(0, at) + "X" + line.slice(at + 1);

/** How many stones stand unbroken around a place of a line, and where the first of them does. */
function rowAt(line, at) {
  let [first, last] = [at, at];
  while (line[first - 1] === "X") first--;
  while (line[last + 1] === "X") last++;
  return { first, length: last - first + 1 };
}

/** The fours that hold both places, as the stones' places; each with the empty places that make it five. */
function foursOf(line, ...held) {
  const fours = new Map();
  for (let at = 1; at < line.length - 1; at++) {
    if (line[at] !== ".") continue;
    const { first, length } = rowAt(put(line, at), at);
    if (length !== 5 || held.some((place) => place < first || place > first + 4)) continue;
    const stones = [0, 1, 2, 3, 4].map((i) => first + i).filter((place) => place !== at);
    fours.set(stones.join(), [...(fours.get(stones.join()) ?? []), at]);
  }
  return fours;
}

/** The places where a further stone makes a straight four with the sixth. */
const straightFours = (line) =>
  [...line].flatMap((stone, at) => {
    const straight = (stones, ends) => ends.length === 2 && stones.split(",").at(-1) - stones.split(",")[0] === 3;
    const fours = stone === "." ? [...foursOf(put(line, at), REACH, at)] : [];
    return fours.some(([stones, ends]) => straight(stones, ends)) ? [at] : [];
  });

/** "five", the name of a foul, or "" for a black stone on an empty cell. */
function judge(game, cells, cell) {
  const lines = DIRECTIONS.map((direction) => lineThrough(game, cells, cell, direction));
  const rows = lines.map((line) => rowAt(line, REACH).length);
  if (rows.includes(5)) return "five";
  if (rows.some((length) => length > 5)) return "overline";
  if (lines.reduce((count, line) => count + foursOf(line, REACH).size, 0) > 1) return "double-four";
  const maybe = lines.map(straightFours);
  if (maybe.filter((places) => places.length).length < 2) return "";
  const after = cells.slice();
  after[cell] = 1;
  const threes = maybe.filter((places, d) => {
    const step = DIRECTIONS[d][0] * game.width + DIRECTIONS[d][1];
    return places.some((at) => judge(game, after, cell + (at - REACH) * step) === "");
  });
  return threes.length > 1 ? "double-three" : "";
}

const known = new WeakMap();

/** The cells that are fouls for Black, of a board that does not change any more. */
export function fouls(game, cells) {
  if (!known.has(cells)) {
    const empty = [...cells.keys()].filter((cell) => cells[cell] === 0);
    known.set(cells, new Set(empty.filter((cell) => !["", "five"].includes(judge(game, cells, cell)))));
  }
  return known.get(cells);
}
