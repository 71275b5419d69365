// The server's answers. A mistake is an Error whose message a person can read.

async function answer(path, options) {
  let response, found;
  try {
    response = await fetch(path, options);
    found = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(
      response
        ? `The server answered ${response.status}.`
        : "The server does not answer. Is `selfplay serve` still running?",
    );
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

const MOST_KEPT = 2000; // answers
const asked = new Map(); // promises of answers, by question; newest last
const answered = new Map(); // what they came to

/** The answer to a question that is put once, however many ask it; a failure is forgotten. */
async function once(key, ask, signal) {
  if (!asked.has(key)) {
    asked.set(key, ask());
    asked.get(key).then(
      (found) => answered.set(key, found),
      () => asked.delete(key),
    );
    if (asked.size > MOST_KEPT) {
      const [oldest] = asked.keys();
      asked.delete(oldest);
      answered.delete(oldest);
    }
  }
  const found = await asked.get(key);
  signal.throwIfAborted(); // who asked has gone on to something else
  return found;
}

const thoughtKey = (game, agent, moves, seed) => `${game.name}|${agent}|${seed}|${moves}`;

/** What is known already of what an agent thinks of a position. */
export const known = (game, agent, moves, seed) => answered.get(thoughtKey(game, agent, moves, seed));

/** What an agent thinks of a position. The seed decides what is random. */
export const think = (game, agent, moves, { seed, signal }) =>
  once(
    thoughtKey(game, agent, moves, seed),
    () => post("/api/think", { game: game.name, moves, agent, seed }),
    signal,
  );

/** What perfect play makes of every move of a position. */
export const truth = (game, moves, signal) =>
  once(`${game.name}|truth|${moves}`, () => post("/api/truth", { game: game.name, moves }), signal);
