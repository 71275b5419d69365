// The server's answers. A mistake is an Error whose message a person can read.
//
// An exported page has no server: it carries the few answers that it needs, by path.

import { thought, tooSlow } from "./inpage.js";
import { Network } from "./onnx.js";

const carried = JSON.parse(document.getElementById("answers")?.textContent ?? "null");

export const GONE = "The server does not answer. Is `selfplay serve` still running?";

/** Whether there is a server to ask. */
export const served = carried === null;

const version = document.querySelector('meta[name="selfplay-version"]')?.content;
let told = false;
let gone = false;

/** Says when the server stops answering, and when it answers again. */
function reached(answers) {
  if (gone === !answers) return;
  gone = !answers;
  window.dispatchEvent(new Event(gone ? "servergone" : "serverback"));
}

/** Says once that the server that answers is not the one that this page came from. */
function compare(response) {
  if (told || response.headers.get("x-selfplay-version") === version) return;
  told = true;
  window.dispatchEvent(new Event("otherversion"));
}

async function answer(path, options) {
  if (!served) {
    const name = [path, path.split("?")[0]].find((each) => Object.hasOwn(carried, each));
    if (name) return carried[name];
    throw new Error("This page has no server to ask.");
  }
  let response, found;
  try {
    response = await fetch(path, options);
    reached(true);
    compare(response);
    found = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (!response) reached(false);
    throw new Error(response ? `The server answered ${response.status}.` : GONE);
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

/** The game called `name`, by its own name or another that it goes by, or the first if none is named. */
export async function gameNamed(name) {
  const all = await games;
  const found = name ? all.find((game) => game.name === name || game.also?.includes(name)) : all[0];
  if (!found)
    throw new Error(
      `The game “${name}” is not known here.` +
        (served ? " A game of your own is known to a server that was started with SELFPLAY_GAMES=FILE." : ""),
    );
  return found;
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

const networks = new Map(); // promises of networks that think in this page; kept, since the server may go

/** The network of a run, or the pretrained one, fetched once. */
function networkOf(game, of) {
  const address = `/api/network?game=${encodeURIComponent(game.name)}&of=${encodeURIComponent(of)}`;
  if (!networks.has(address)) {
    const bytes = ({ onnx }) => Uint8Array.from(atob(onnx), (character) => character.charCodeAt(0));
    networks.set(address, get(address).then((found) => new Network(bytes(found))));
    networks.get(address).catch(() => networks.delete(address));
  }
  return networks.get(address);
}

/** Whether an agent thinks in this page and asks no server. */
export const inPage = (agent) => agent.startsWith("page:");

/** What an agent thinks of a position. The seed decides what is random. */
export const think = (game, agent, moves, { seed, signal }) =>
  once(
    thoughtKey(game, agent, moves, seed),
    inPage(agent)
      ? () => thoughtHere(game, agent, moves)
      : () => post("/api/think", { game: game.name, moves, agent, seed }),
    signal,
  );

/** Of `page:NAME` or `page:NAME,sims=N`. */
async function thoughtHere(game, agent, moves) {
  const [name, simulations = 0] = agent.slice("page:".length).split(",sims=");
  const network = await networkOf(game, name);
  const found = await thought(game, network, moves, { simulations: Number(simulations) });
  return { ...found, withoutSearch: tooSlow(network) };
}

/** What the server's rules say of a position: {over, winner, legal}. */
export const judged = (game, moves, signal) =>
  once(
    `${game.name}|position|${moves}`,
    () => get(`/api/position?${new URLSearchParams({ game: game.name, moves })}`),
    signal,
  );

/** What perfect play makes of every move of a position. */
export const truth = (game, moves, signal) =>
  once(`${game.name}|truth|${moves}`, () => post("/api/truth", { game: game.name, moves }), signal);
