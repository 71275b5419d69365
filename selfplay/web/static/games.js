// The page of recorded games: files, the games of a file, and one game move by move with its comments, which with
// ?play in its address plays by itself.

import { gameNamed, get } from "./api.js";
import { shape } from "./board.js";
import { announce, h, icon, table as tableOf } from "./dom.js";
import { called, playersOf, strongest } from "./players.js";
import { colours, drops, parseMoves } from "./rules.js";
import { Table } from "./table.js";

const AUTOPLAY = 1100; // milliseconds

const address = (file, number) =>
  `#/games/${file.split("/").map(encodeURIComponent).join("/")}${number === undefined ? "" : `/${number}`}`;
const name = (spec) => called(spec.replace(/^(net|mcts):.*\/(?=[^/]+)/, "$1:"));
const namesOf = (record) => record.names ?? [name(record.first), name(record.second)];
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Fill the page. Returns what to do when it is left. */
export async function open(page, query, { path }) {
  if (path.length === 0 || !path[0]) return files(page);
  const numbered = /^(\d+|last)$/.test(path.at(-1));
  const file = (numbered ? path.slice(0, -1) : path).join("/");
  const found = await get(`/api/records/${file.split("/").map(encodeURIComponent).join("/")}`);
  if (!numbered) return list(page, found);
  const number = path.at(-1) === "last" ? found.games.length : Number(path.at(-1));
  if (number < 1 || number > found.games.length) throw new Error(`${file} has ${found.games.length} games.`);
  return one(page, query, found, number);
}

async function files(page) {
  const found = await get("/api/records");
  if (found.length === 0) {
    page.replaceChildren(
      h(
        "div",
        { class: "notice" },
        h("h1", {}, "No recorded games yet"),
        h(
          "p",
          {},
          "A run keeps the game in which it overtook each opponent. Matches are recorded on request, and appear here:",
        ),
        h("pre", { tabindex: 0 },
          "selfplay arena rules alphabeta:depth=4 --game connect4 \\\n  --games 20 --record runs/match.jsonl",
        ),
        h("a", { class: "button", href: "#/play" }, "Play meanwhile"),
      ),
    );
    return null;
  }
  page.replaceChildren(
    h("h1", { class: "page-title" }, "Recorded games"),
    h(
      "ul",
      { class: "cards" },
      found.map(({ file, games, label }) =>
        h(
          "li",
          {},
          h(
            "a",
            { class: "card link", href: address(file) },
            h("h2", {}, title(file)),
            h("p", { class: "quiet" }, `${label} · ${games} ${games === 1 ? "game" : "games"}`),
          ),
        ),
      ),
    ),
  );
  return null;
}

function title(file) {
  const [run, of] = file.split("/");
  if (of === "overtaken.jsonl") return `Moments of overtaking · ${run}`;
  if (of === "latest.jsonl") return `Self-play as it stands · ${run}`;
  return of ? `${of.replace(/\.(jsonl|psq|sgf)$/, "")} · ${run}` : run.replace(/\.(jsonl|psq|sgf)$/, "");
}

function list(page, { file, games, total }) {
  page.replaceChildren(
    h("p", { class: "crumbs" }, h("a", { href: "#/games" }, "Recorded games")),
    h("h1", { class: "page-title" }, title(file)),
    (total > games.length && h("p", { class: "quiet" }, `The first ${games.length} of ${total} games.`)) ||
      "",
    h(
      "section",
      { class: "card scroll", tabindex: 0, "aria-label": "Games" },
      tableOf(
        ["Game", "First", "Second", "Result", "Moves", "Note"],
        games.map((record, i) => [
          h("a", { href: address(file, i + 1) }, `Game ${i + 1}`),
          ...namesOf(record),
          record.result,
          record.moves.includes(" ") ? record.moves.split(" ").length : record.moves.length,
          record.note ?? "",
        ]),
      ),
    ),
  );
  return null;
}

async function one(page, query, { file, games }, number) {
  const record = games[number - 1];
  const names = namesOf(record);
  const game = await gameNamed(record.game);
  const players = await playersOf(game);
  const best = strongest(players, file.split("/").length > 1 ? file.split("/")[0] : null);
  const actions = parseMoves(game, record.moves);
  const openingPlies = parseMoves(game, record.opening ?? "").length;
  let timer = null;

  const comment = h("p", { class: "comment", "aria-live": "polite" });
  const autoplay = h("button", {
    type: "button",
    class: "button primary",
    onclick: () => (timer ? stop() : go()),
  });
  const onward = h("a", { class: "button" }, "Play on from here");
  const table = new Table(players, {
    onPlay: () => {},
    onTurn: () => turned(),
    auto: () => best,
    settings: { on: true, truthOn: game.truth, seed: 0 },
  });
  const result = {
    "1-0": `${colours(game)[0]} won`,
    "0-1": `${colours(game)[1]} won`,
    "1/2": "A draw",
    "*": "Not finished",
  }[record.result];
  const neighbour = (to, label) =>
    to >= 1 && to <= games.length ? h("a", { class: "button", href: address(file, to) }, label) : null;

  page.replaceChildren(
    h(
      "p",
      { class: "crumbs" },
      h("a", { href: "#/games" }, "Recorded games"),
      " / ",
      h("a", { href: address(file) }, title(file)),
    ),
    h("h1", { class: "sr-only" }, `Game ${number}: ${names.join(" against ")}`),
    h(
      "div",
      { class: "play" },
      h(
        "div",
        { class: `board-column recorded ${drops(game) ? "with-strip" : ""}`, style: { "--shape": shape(game) } },
        h(
          "div",
          { class: "players" },
          colours(game).map((colour, i) =>
            h(
              "div",
              { class: `player ${i ? "second" : "first"} ${game.kind}` },
              h("i", { "aria-hidden": "true" }),
              h("span", { class: "name" }, names[i]),
              h("span", { class: "colour" }, colour),
            ),
          ),
        ),
        table.board.element,
        table.thoughts.strip,
        comment,
        h("div", { class: "buttons centred" }, autoplay, onward),
      ),
      h(
        "div",
        { class: "side" },
        h(
          "section",
          { class: "card", "aria-labelledby": "record-title" },
          h("h2", { id: "record-title" }, `Game ${number} of ${games.length}: ${result.toLowerCase()}`),
          record.note && h("p", {}, record.note),
          openingPlies > 0 && h("p", { class: "quiet" }, `The players took over after move ${openingPlies}.`),
          game.truth &&
            drops(game) &&
            h("p", { class: "quiet" }, "Below the columns, perfect play: W 8 is a win in 8 moves, L 1 a loss in 1, D a draw."),
          h(
            "div",
            { class: "buttons" },
            neighbour(number - 1, "Previous game"),
            neighbour(number + 1, "Next game"),
          ),
        ),
        table.movesCard,
        table.thoughts.element,
      ),
    ),
  );

  function turned() {
    comment.textContent = record.comments?.[table.ply] ?? (table.ply === actions.length ? `${result}.` : "");
    onward.href = `#/play?${new URLSearchParams({ game: game.name, first: table.ply % 2 ? best : "you", second: table.ply % 2 ? "you" : best, moves: table.moves })}`;
    const place = table.ply ? `?ply=${table.ply}` : "";
    history.replaceState(null, "", address(file, number) + place);
    if (table.ply === actions.length) stop();
  }

  function go() {
    if (table.ply === actions.length) table.move(0);
    timer = setInterval(() => table.move("forward"), AUTOPLAY);
    label();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    label();
  }

  function label() {
    autoplay.replaceChildren(
      icon(timer ? "M9 6v12M15 6v12" : "M8 6l10 6-10 6z"),
      h("span", {}, timer ? "Pause" : "Play it"),
    );
  }

  const keys = (event) => table.key(event) && event.preventDefault();
  document.addEventListener("keydown", keys);
  label();
  table.set(game, actions, query.has("ply") ? Number(query.get("ply")) : openingPlies);
  announce(`Game ${number}, ${result}.`);
  if (query.has("play") && !still.matches) go();
  return () => {
    stop();
    table.thoughts.asking.abort();
    table.judging.abort();
    document.removeEventListener("keydown", keys);
  };
}
