// The server's answers. A mistake is an Error whose message a person can read.

async function answer(path, options) {
  let response, found;
  try {
    response = await fetch(path, options);
    found = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(response ? `The server answered ${response.status}.` : "The server does not answer. Is `selfplay serve` still running?");
  }
  if (!response.ok) throw new Error(found.error ?? `The server answered ${response.status}.`);
  return found;
}

export const get = (path, options) => answer(path, options);

export const post = (path, body, options) =>
  answer(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...options,
  });

const games = get("/api/games");

/** Every game that can be played. */
export const allGames = () => games;

/** The game called `name`, or the first. */
export async function gameNamed(name) {
  const all = await games;
  return all.find((game) => game.name === name) ?? all[0];
}

const thoughts = new Map(); // by game, agent and moves; newest last
const MOST_THOUGHTS = 2000;

const thoughtKey = (game, agent, moves, seed) => `${game.name}|${agent}|${seed}|${moves}`;

/** What is known already of what an agent thinks of a position. */
export const known = (game, agent, moves, seed) => thoughts.get(thoughtKey(game, agent, moves, seed));

/** What an agent thinks of a position; asked once. The seed decides what is random. */
export async function think(game, agent, moves, { seed, signal }) {
  const key = thoughtKey(game, agent, moves, seed);
  if (!thoughts.has(key)) {
    const found = await post("/api/think", { game: game.name, moves, agent, seed }, { signal });
    thoughts.set(key, found);
    if (thoughts.size > MOST_THOUGHTS) thoughts.delete(thoughts.keys().next().value);
  }
  return thoughts.get(key);
}

const truths = new Map();

/** What perfect play makes of every move of a position; asked once. */
export async function truth(game, moves, options) {
  if (!truths.has(moves)) truths.set(moves, await post("/api/truth", { game: game.name, moves }, options));
  return truths.get(moves);
}
