// The page on which games are played: against an agent, between two agents, or between two people.

import { allGames, gameNamed, get, served, think } from "./api.js";
import { shape } from "./board.js";
import { announce, h, icon } from "./dom.js";
import { adviser, called as calledBy, Levels, opponents, playersOf, Seat, strongest, YOU } from "./players.js";
import { Review } from "./review.js";
import { colours, drops, format, formatMoves, parse, parseMoves } from "./rules.js";
import { Table } from "./table.js";

const WATCHED = 700; // milliseconds between two moves of agents
const DRAWINGS = {
  back: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  hint: "M9 18h6M10 21h4M12 3a6 6 0 0 0-4 10.5c.8.8 1 1.5 1 2.5h6c0-1 .2-1.7 1-2.5A6 6 0 0 0 12 3z",
  swap: "M7 4v16M7 20l-3-3M7 20l3-3M17 20V4M17 4l-3 3M17 4l3 3",
  new: "M12 5v14M5 12h14",
  play: "M5 12l5 5L20 7",
  dice: "M5 5h14v14H5zM9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01",
  pause: "M9 6v12M15 6v12",
  resume: "M8 6l10 6-10 6z",
};

const button = (label, drawing, onclick, attributes = {}) =>
  h(
    "button",
    { type: "button", class: "button", onclick, ...attributes },
    icon(DRAWINGS[drawing]),
    h("span", {}, label),
  );

/** The level that was chosen last, where there still is such a one. */
function usual(game, players) {
  const chosen = localStorage.getItem(`level ${game.name}`);
  return opponents(players).find(({ spec }) => spec === chosen)?.spec;
}

/** Fill the page. Returns what to do when it is left. */
export async function open(page, query) {
  const games = await allGames();
  const game = await gameNamed(query.get("game"));
  const players = await playersOf(game, { anew: true });
  const best = strongest(players);
  const called = (agent) => calledBy(agent, players);
  const state = {
    seats: [query.get("first") ?? YOU, query.get("second") ?? usual(game, players) ?? best],
    seed: Math.floor(Math.random() * 2 ** 31),
    paused:
      query.has("moves") && query.get("first") !== YOU && query.get("second") !== YOU && query.has("first"),
    thinking: null,
    unanswered: false, // whose turn it is could not be asked
    leaving: new AbortController(),
  };
  const [first, second] = colours(game);
  const opponent = (ply) =>
    [state.seats[ply % 2], state.seats[(ply + 1) % 2], best].find((seat) => seat !== YOU);

  const table = new Table(players, {
    onPlay: (action) => table.play(action),
    onTurn: () => turn(),
    onMark: (action) => marked(action),
    onProblem: (error) => unanswered(error),
    auto: opponent,
    settings: {
      on: query.get("show") === "1",
      analyst: query.get("analyst") ?? "auto",
      truthOn: query.get("truth") === "1",
      seed: state.seed,
    },
  });

  const chips = [first, second].map((colour, index) =>
    h(
      "div",
      { class: `player ${index ? "second" : "first"} ${game.kind}` },
      h("i", { "aria-hidden": "true" }),
      h("span", { class: "name" }),
      h("span", { class: "colour" }, colour),
    ),
  );
  const status = h("p", { class: "status", role: "status" });
  const slow = h(
    "p",
    { class: "quiet slow", hidden: true },
    "Plays without search: this network is too slow for one in this browser.",
  );
  const problem = h("p", { class: "error", role: "alert", hidden: true });
  const takeBack = button("Take back", "back", () => undo());
  const hint = button("Hint", "hint", () => showHint());
  const pause = button("Pause", "pause", () => setPaused(!state.paused));
  const confirm = button("Play", "play", () => table.board.confirm(), { class: "button primary", hidden: true });
  const review = new Review(players, table);
  const levels = new Levels(
    players,
    (spec) => {
      if (spec !== YOU) localStorage.setItem(`level ${game.name}`, spec);
      const index = opponentSeat();
      seats[index].set(spec);
      seated(index, spec);
    },
    () => (both.open = true),
  );
  const seats = [first, second].map(
    (colour, index) =>
      new Seat(`${colour} ${index ? "plays second" : "plays first"}`, players, state.seats[index], (spec) =>
        seated(index, spec),
      ),
  );
  const both = h(
    "details",
    { class: "settings", open: !opponents(players).some(({ spec }) => state.seats.includes(spec)) && query.has("second") },
    h("summary", {}, "Choose both players"),
    seats.map((seat) => seat.element),
  );
  const gameMenu = h(
    "label",
    { class: "select" },
    h(
      "select",
      {
        "aria-label": "Game",
        onchange: (event) => (location.hash = `#/play?game=${encodeURIComponent(event.target.value)}`),
      },
      games.map(({ name, label }) => h("option", { value: name, selected: name === game.name }, label)),
    ),
  );
  const text = h("input", {
    type: "text",
    id: "position",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
    placeholder: drops(game) ? "such as 44352" : "such as c3 b2 d4",
  });
  const textProblem = h("p", { class: "error", role: "alert", hidden: true });
  const copied = h("span", { class: "quiet" });

  const board = h(
    "div",
    { class: "board-column", style: { "--shape": shape(game) } },
    h("div", { class: "players" }, chips),
    table.board.element,
    table.thoughts.strip,
    status,
    slow,
    problem,
    h(
      "div",
      { class: "buttons centred" },
      takeBack,
      hint,
      pause,
      confirm,
      button("New game", "new", () => begin([]), { class: "button primary" }),
    ),
  );
  page.replaceChildren(
    h("h1", { class: "sr-only" }, `Play ${game.label}`),
    h(
      "div",
      { class: "play" },
      board,
      h(
        "div",
        { class: "side" },
        review.element,
        h(
          "section",
          { class: "card", "aria-labelledby": "game-title" },
          h("div", { class: "card-head" }, h("h2", { id: "game-title" }, served ? "Game" : game.label), served && gameMenu),
          levels.element,
          h(
            "div",
            { class: "buttons" },
            button("Swap sides", "swap", () => swap()),
            served && button("Random opening", "dice", () => openings()),
          ),
          both,
          players.about && h("p", { class: "quiet" }, players.about),
        ),
        table.thoughts.element,
        table.movesCard,
        h(
          "section",
          { class: "card", "aria-labelledby": "position-title" },
          h("div", { class: "card-head" }, h("h2", { id: "position-title" }, "Position")),
          h(
            "form",
            { class: "position", onsubmit: (event) => load(event) },
            h("label", { for: "position" }, "Moves so far"),
            h("div", { class: "row" }, text, h("button", { class: "button" }, "Load")),
          ),
          textProblem,
          h(
            "div",
            { class: "buttons" },
            h("button", { type: "button", class: "button", onclick: () => share() }, "Copy link"),
            copied,
          ),
        ),
      ),
    ),
  );

  /** The seat of the one opponent: the only agent's, else the second. */
  function opponentSeat() {
    return state.seats[0] !== YOU && state.seats[1] === YOU ? 0 : 1;
  }

  /** A cell is marked and waits for a second tap; null: no longer. */
  function marked(action) {
    confirm.hidden = action === null;
    hint.hidden = !confirm.hidden; // one takes the other's place: a row more would move what is under the finger
    if (action === null) return say();
    const cell = format(game, action);
    confirm.querySelector("span").textContent = `Play ${cell}`;
    status.textContent = `Tap ${cell} again to play there.`;
  }

  const toMove = () => state.seats[table.ply % 2];
  const atEnd = () => table.ply === table.actions.length;

  /** Say whose turn it is, and let an agent move whose turn it is. */
  function turn() {
    state.thinking?.abort();
    state.thinking = null;
    state.unanswered = false;
    const { position } = table;
    const agent = toMove();
    const watching = state.seats.every((seat) => seat !== YOU);
    table.open = agent === YOU && !position.over && !position.pending;
    pause.hidden = !watching;
    pause.replaceChildren(
      icon(DRAWINGS[state.paused ? "resume" : "pause"]),
      h("span", {}, state.paused ? "Go on" : "Pause"),
    );
    takeBack.disabled = table.ply === 0;
    hint.disabled = position.over || position.pending || watching;
    for (const [index, chip] of chips.entries()) {
      chip.querySelector(".name").textContent = called(state.seats[index]);
      chip.classList.toggle("to-move", !position.over && (position.turn === 1) === (index === 0));
      chip.classList.remove("thinking");
    }
    problem.hidden = true;
    levels.set(state.seats[opponentSeat()]);
    board.classList.toggle("with-strip", drops(game) && (table.thoughts.on || (table.thoughts.truthOn && game.truth)));
    review.follow(state.seed);
    say();
    remember();
    if (agent !== YOU && !position.over && !position.pending && atEnd() && !state.paused) answer(agent, watching);
  }

  function say() {
    const { position } = table;
    const colour = position.turn === 1 ? first : second;
    if (position.winner) status.textContent = ended();
    else if (position.over) status.textContent = "A draw.";
    else if (toMove() === YOU)
      status.textContent = state.seats.every((seat) => seat === YOU)
        ? `${colour} to move.`
        : `Your move: you are ${colour.toLowerCase()}.`;
    else
      status.textContent =
        state.paused || state.unanswered || !atEnd() ? `${colour} to move.` : `${called(toMove())} is thinking…`;
    status.classList.toggle("ended", position.over);
  }

  function ended() {
    const winner = table.position.winner === 1 ? 0 : 1;
    const colour = [first, second][winner];
    if (state.seats[winner] === YOU && state.seats[1 - winner] !== YOU)
      return `You win as ${colour.toLowerCase()}!`;
    return `${colour} wins${state.seats[winner] === YOU ? "" : `: ${called(state.seats[winner])}`}.`;
  }

  async function answer(agent, watching) {
    const asked = new AbortController();
    state.thinking = asked;
    chips[table.ply % 2].classList.add("thinking");
    const since = performance.now();
    try {
      const found = await think(game, agent, table.moves, { signal: asked.signal, seed: state.seed });
      const wait = watching ? WATCHED - (performance.now() - since) : 250 - (performance.now() - since);
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      if (asked.signal.aborted) return;
      announce(`${called(agent)} played ${found.move}.`);
      slow.hidden = !(found.withoutSearch && agent.includes(",sims="));
      table.play(parse(game, found.move));
    } catch (error) {
      if (asked.signal.aborted) return;
      unanswered(error);
    }
  }

  /** Who did not answer does not think any more. */
  function unanswered(error) {
    state.unanswered = true;
    for (const chip of chips) chip.classList.remove("thinking");
    say();
    failed(error);
  }

  function failed(error) {
    if (state.leaving.signal.aborted) return;
    problem.textContent = error.message;
    problem.hidden = false;
  }

  function begin(actions) {
    state.seed = Math.floor(Math.random() * 2 ** 31);
    table.thoughts.seed = state.seed;
    state.paused = false;
    table.set(game, actions);
    announce(actions.length ? "A new game from an opening." : "A new game.");
  }

  /** Back to the last position in which a person was to move. */
  function undo() {
    let ply = table.ply - 1;
    while (ply > 0 && state.seats[ply % 2] !== YOU && state.seats.includes(YOU)) ply--;
    if (state.seats[ply % 2] !== YOU) state.paused = true;
    table.set(game, table.actions.slice(0, Math.max(0, ply)));
    announce("Taken back.");
  }

  async function showHint() {
    const { moves } = table;
    const asked = adviser(players, state.seats);
    try {
      const { move } = await think(game, asked, moves, { seed: state.seed, signal: state.leaving.signal });
      if (table.moves !== moves) return;
      table.hint = parse(game, move);
      status.textContent = `Hint: ${called(asked)} would play ${move}.`;
      table.refresh();
    } catch (error) {
      failed(error);
    }
  }

  function setPaused(paused) {
    state.paused = paused;
    turn();
  }

  function swap() {
    state.seats.reverse();
    seats.forEach((seat, index) => seat.set(state.seats[index]));
    announce("Sides swapped.");
    turn();
    table.refresh();
  }

  function seated(index, spec) {
    state.seats[index] = spec;
    turn();
    table.refresh();
  }

  async function openings() {
    try {
      const { moves } = await get(
        `/api/opening?game=${encodeURIComponent(game.name)}&seed=${Math.floor(Math.random() * 2 ** 31)}`,
      );
      if (!state.leaving.signal.aborted) begin(parseMoves(game, moves));
    } catch (error) {
      failed(error);
    }
  }

  function load(event) {
    event.preventDefault();
    textProblem.hidden = true;
    try {
      const actions = parseMoves(game, text.value);
      state.paused = !state.seats.includes(YOU);
      table.set(game, actions);
      announce(`Position after ${actions.length} moves.`);
    } catch (error) {
      textProblem.textContent = error.message;
      textProblem.hidden = false;
    }
  }

  /** The position is always in the address, so a link or a reload brings it back. */
  function remember() {
    const { thoughts } = table;
    const fields = {
      game: game.name,
      first: state.seats[0],
      second: state.seats[1],
      moves: formatMoves(game, table.actions),
    };
    if (!atEnd()) fields.ply = table.ply;
    if (thoughts.analyst !== "auto") fields.analyst = thoughts.analyst;
    if (thoughts.on) fields.show = 1;
    if (thoughts.truthOn) fields.truth = 1;
    history.replaceState(null, "", `#/play?${new URLSearchParams(fields)}`);
    if (document.activeElement !== text) text.value = formatMoves(game, table.actions.slice(0, table.ply));
  }

  async function share() {
    try {
      await navigator.clipboard.writeText(location.href);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "Copy it from the address bar.";
    }
    announce(copied.textContent);
    setTimeout(() => (copied.textContent = ""), 3000);
  }

  const back = () => state.unanswered && table.set(game, table.actions, table.ply);
  window.addEventListener("serverback", back);
  const keys = (event) => table.key(event) && event.preventDefault();
  document.addEventListener("keydown", keys);
  let actions = [];
  try {
    actions = parseMoves(game, query.get("moves") ?? "");
  } catch (error) {
    textProblem.textContent = error.message;
    textProblem.hidden = false;
  }
  table.set(game, actions, query.has("ply") ? Number(query.get("ply")) : actions.length);
  return () => {
    state.leaving.abort();
    state.thinking?.abort();
    table.thoughts.asking.abort();
    table.judging.abort();
    review.stop();
    window.removeEventListener("serverback", back);
    document.removeEventListener("keydown", keys);
  };
}
