// A small board with a game of a run's self-play as it stands, on which its newest checkpoint plays on request.

import { gameNamed, get, judged, think } from "./api.js";
import { Board } from "./board.js";
import { h } from "./dom.js";
import { formatMoves, judge, keepsRules, parse, parseMoves, play, replay, start } from "./rules.js";

const LATEST = "latest.jsonl";
const A_MOVE = 600; // milliseconds
const AFTER = 2500; // a game

export class Live {
  constructor() {
    this.board = new Board(() => {});
    this.board.element.inert = true;
    this.words = h("p", { class: "quiet", "aria-live": "off" });
    this.button = h("button", {
      type: "button",
      class: "button",
      onclick: () => (this.playing ? this.stop() : this.go()),
    });
    this.link = h("a", { class: "button" }, "Play against it");
    this.element = h(
      "section",
      { class: "card live", "aria-labelledby": "live-title" },
      h("h2", { id: "live-title" }, "The newest checkpoint plays itself"),
      this.board.element,
      this.words,
      h("div", { class: "buttons" }, this.button, this.link),
    );
    this.playing = null;
    this.button.disabled = true; // until it knows what to play
    this.#label();
  }

  async about(run) {
    this.element.hidden = run.game === null; // its game is not known here, which the head of the page says
    if (run.game === null) return;
    this.link.href = `#/play?${new URLSearchParams({ game: run.game, first: "you", second: `mcts:${run.name},sims=200` })}`;
    if (this.run?.name !== run.name) {
      this.stop();
      this.run = run;
      this.game = await gameNamed(run.game);
      this.board.show(this.game, start(this.game));
      this.words.textContent = "64 simulations a move, from a balanced opening.";
      this.button.disabled = false;
    }
    if (run.records.includes(LATEST)) await this.#latest(`${encodeURIComponent(run.name)}/${LATEST}`);
  }

  /** The game of self-play that the last generation left in flight. */
  async #latest(file) {
    const { game, run } = this;
    try {
      const { games } = await get(`/api/records/${file}`);
      if (games.length === 0 || this.playing || this.run !== run) return;
      const [{ moves, note }] = games;
      const actions = parseMoves(game, moves);
      this.board.show(game, replay(game, actions).at(-1));
      this.words.replaceChildren(
        `A game of self-play after ${note}, at move ${actions.length}. `,
        h("a", { href: `#/games/${file}/1` }, "Step through it"),
      );
    } catch (error) {
      this.words.textContent = error.message;
    }
  }

  #label() {
    this.button.textContent = this.playing ? "Stop" : "Watch";
  }

  stop() {
    this.playing?.abort();
    this.playing = null;
    this.#label();
  }

  async go() {
    const turn = new AbortController();
    this.playing = turn;
    this.#label();
    try {
      while (!turn.signal.aborted) await this.#game(turn.signal);
    } catch (error) {
      if (turn.signal.aborted) return;
      this.words.textContent = error.message;
      this.stop();
    }
  }

  async #game(signal) {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { game, run } = this;
    const { moves } = await get(`/api/opening?game=${encodeURIComponent(game.name)}&seed=${seed}`, {
      signal,
    });
    const actions = parseMoves(game, moves);
    let position = actions.reduce((at, action) => play(game, at, action), start(game));
    this.board.show(game, position);
    while (!position.over) {
      const since = performance.now();
      const found = await think(game, `mcts:${run.name},sims=64`, formatMoves(game, actions), {
        seed,
        signal,
      });
      await pause(A_MOVE - (performance.now() - since), signal);
      const action = parse(game, found.move);
      actions.push(action);
      position = play(game, position, action);
      if (!keepsRules(game)) judge(game, position, await judged(game, formatMoves(game, actions), signal));
      this.board.show(game, position);
      const share =
        found.value === null ? "" : ` · expects ${Math.round(50 + 50 * found.value)} % for the mover`;
      this.words.textContent = `Move ${actions.length}: ${found.move}${share}`;
    }
    await pause(AFTER, signal);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.max(0, milliseconds));
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });
}
