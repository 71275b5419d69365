// Who sits at the board: the grammar of agents as three plain menus.

import { get, served } from "./api.js";
import { h } from "./dom.js";

export const YOU = "you";

const KINDS = {
  random: "Random moves",
  rules: "Simple rules",
  alphabeta: "Alpha-beta search",
  rollout: "Random playouts",
  solver: "Perfect player",
};
const HUMAN = ["rules", "alphabeta"];
const SIMULATIONS = [16, 64, 200, 800, 1600];
const IN_PAGE = [25, 100, 400]; // simulations of a search in the page
const DEPTHS = [2, 4, 6, 8, 10, 12];
const PLAYOUTS = [100, 1000, 10000, 100000];

const OPTION = /^(sims|ms|rule|c_scale|device|dtype)=/; // of a network's player

const count = (n) => n.toLocaleString("en");

const asked = new Map();

/** Who can play a game: {levels, own, ladder, pretrained, runs, most_rollouts}. */
export async function playersOf(game, { anew = false } = {}) {
  if (anew || !asked.has(game.name))
    asked.set(game.name, get(`/api/players?game=${encodeURIComponent(game.name)}`));
  return asked.get(game.name);
}

/** [who, checkpoint, strength] of a spec, each as the menus have it. */
function parts(spec) {
  const [kind, ...rest] = spec.split(":");
  const tail = rest.join(":");
  if (!["net", "mcts", "page"].includes(kind)) return [kind, "", tail];
  const own = tail === "" || OPTION.test(tail); // a run's own player, as its records name it; folders may have a = too
  const [path, ...options] = own ? ["the learner", ...tail.split(",").filter(Boolean)] : tail.split(",");
  const [run, generation = ""] = path.split("@");
  if (kind === "page") return [`run:${run}`, generation, [kind, ...options].join(",")];
  return [`run:${run}`, generation, kind === "mcts" ? options.join(",") || "sims=64" : kind];
}

function spec(who, generation, strength) {
  if (!who.startsWith("run:")) return strength ? `${who}:${strength}` : who;
  const path = who.slice(4) + (generation ? `@${generation}` : "");
  const [kind, ...options] = strength.split(",");
  return kind === "net" || kind === "page" ? `${[`${kind}:${path}`, ...options].join(",")}` : `mcts:${path},${strength}`;
}

/** What a person calls an agent: a level by its name, others by what they are and how strong. */
export function called(agent, players) {
  if (agent === YOU) return "You";
  const level = players?.levels.find(({ spec }) => spec === agent);
  if (level) return level.name;
  const [who, generation, strength] = parts(agent);
  const learned = who.startsWith("run:");
  const age = players?.runs.find(({ name }) => `run:${name}` === who)?.ages?.[generation];
  const name = learned
    ? who.slice(4).split("/").at(-1) + (age ? `, after ${age}` : generation ? ` @ ${generation}` : "")
    : (KINDS[who] ?? who);
  return strength ? `${name} · ${strengthName(who, strength).toLowerCase()}` : name;
}

function strengthName(who, strength) {
  const [key, value] = strength.split("=");
  const number = count(Number(value));
  if (strength === "net") return "No search";
  if (key === "page") return served ? "In this page" : "No search";
  if (key === "page,sims") return served ? `In this page, ${number} sims` : `${number} sims`;
  if (key === "sims") return who === "rollout" ? `${number} playouts` : `${number} sims`;
  if (key === "depth") return `Depth ${value}`;
  if (key === "nodes") return `${number} positions`;
  if (key === "ms") return `${value} ms`;
  if (key === "last") return `Last ${value} moves only`;
  return strength || "Always perfect";
}

function strengths(who, players) {
  if (who.startsWith("run:")) {
    const here = ["page", ...IN_PAGE.map((n) => `page,sims=${n}`)];
    if (!served) return here;
    return [...(players.in_page ? here : []), "net", ...SIMULATIONS.map((n) => `sims=${n}`)];
  }
  if (who === "alphabeta") return DEPTHS.map((n) => `depth=${n}`);
  if (who === "rollout")
    return [...new Set(PLAYOUTS.map((n) => Math.min(n, players.most_rollouts)))].map((n) => `sims=${n}`);
  if (who === "solver") return ["", "last=24", "last=12"];
  return [""];
}

const usual = { run: served ? "sims=200" : "page,sims=100", alphabeta: "depth=4", rollout: "sims=1000" };

/** The spec of the strongest learned player there is, else of a decent other one. */
export function strongest(players, run) {
  if (!served) return `page:${players.runs[0].name},sims=100`;
  if (run && players.runs.some(({ name }) => name === run)) return `mcts:${run},sims=200`;
  if (players.pretrained) return "mcts:pretrained,sims=200";
  if (players.runs.length) return `mcts:${players.runs[0].name},sims=200`;
  return "alphabeta:depth=4";
}

/**
 * Who gives a hint: perfect play where it is known, else the strongest learner, or the same with more search where that
 * one plays. Who plays with no server is advised with none.
 */
export function adviser(players, seats) {
  const alone = seats.find((seat) => seat.startsWith("page:"));
  if (alone) return alone;
  if (players.ladder.includes("solver")) return "solver";
  const searches = (spec) => Number(/,sims=(\d+)$/.exec(spec)?.[1] ?? 0);
  return seats.reduce(
    (best, seat) => (seat.split(",")[0] === best.split(",")[0] && searches(seat) > searches(best) ? seat : best),
    strongest(players),
  );
}

/** Who looks through a game that is over: quicker than the strongest, since it is asked about every position. */
export const reviewer = (players) => strongest(players).replace(/sims=\d+$/, served ? "sims=64" : "sims=25");

/** A checkpoint by how long it had trained, where that is known. */
const aged = ({ ages }, g) => (ages?.[g] ? `After ${ages[g]} (generation ${g})` : `Generation ${g}`);

const option = (value, label, chosen) => h("option", { value, selected: value === chosen }, label);

/** Menus for one seat; `onChange(spec)`. `others` are further choices, [value, label]. */
export class Seat {
  constructor(label, players, chosen, onChange, others = [[YOU, "You"]]) {
    this.players = players;
    this.onChange = onChange;
    this.others = others;
    this.element = h("fieldset", { class: "seat" }, h("legend", {}, label));
    this.menus = h("div", { class: "menus" });
    this.element.append(this.menus);
    this.label = label;
    this.set(chosen);
  }

  set(chosen) {
    this.chosen = chosen;
    const focused = [...this.menus.children].indexOf(document.activeElement?.closest("label"));
    const { players } = this;
    const [who, generation, strength] = this.others.some(([value]) => value === chosen)
      ? [chosen, "", ""]
      : parts(chosen);
    const learned = [...(players.pretrained ? ["pretrained"] : []), ...players.runs.map(({ name }) => name)];
    if (who.startsWith("run:") && !learned.includes(who.slice(4))) learned.push(who.slice(4));
    const menu = h(
      "select",
      { "aria-label": `${this.label}: who`, onchange: (event) => this.#who(event.target.value) },
      this.others.map(([value, label]) => option(value, label, who)),
      learned.length > 0 &&
        h(
          "optgroup",
          { label: "Learned by self-play" },
          learned.map((name) => option(`run:${name}`, name === "pretrained" ? "Pretrained" : name, who)),
        ),
      [
        ["Human knowledge", players.ladder.filter((kind) => HUMAN.includes(kind))],
        ["Neither", players.ladder.filter((kind) => !HUMAN.includes(kind))],
      ].map(
        ([label, kinds]) =>
          kinds.length > 0 &&
          h(
            "optgroup",
            { label },
            kinds.map((kind) => option(kind, KINDS[kind], who)),
          ),
      ),
    );
    const wrapped = (control) => h("label", { class: "select" }, control);
    const menus = [wrapped(menu)];
    const choices = this.others.some(([value]) => value === who) ? [""] : strengths(who, players);
    if (!choices.includes(strength)) choices.push(strength);
    if (choices.length > 1) {
      const again = (event) => this.#picked(spec(who, generation, event.target.value));
      menus.push(
        wrapped(
          h(
            "select",
            { "aria-label": `${this.label}: strength`, onchange: again },
            choices.map((each) =>
              option(each, strengthName(who, each), strength),
            ),
          ),
        ),
      );
    }
    const run = players.runs.find(({ name }) => `run:${name}` === who);
    if (run?.generations.length) {
      const again = (event) => this.#picked(spec(who, event.target.value, strength));
      const shown = run.generations.length <= 60 ? run.generations : spread(run.generations, 60);
      if (generation && !shown.includes(Number(generation))) shown.push(Number(generation));
      menus.push(
        wrapped(
          h(
            "select",
            { "aria-label": `${this.label}: checkpoint`, onchange: again },
            option("", "Newest checkpoint", generation),
            [...shown].sort((a, b) => b - a).map((g) => option(String(g), aged(run, g), generation)),
          ),
        ),
      );
    }
    this.menus.replaceChildren(...menus);
    this.menus.children[focused]?.firstChild.focus();
  }

  #who(who) {
    if (this.others.some(([value]) => value === who)) this.#picked(who);
    else this.#picked(spec(who, "", usual[who.split(":")[0]] ?? strengths(who, this.players)[0]));
  }

  #picked(chosen) {
    this.set(chosen);
    this.onChange(chosen);
  }
}

/** About `most` of the numbers, evenly, the first and the last among them. */
const spread = (numbers, most) =>
  Array.from({ length: most }, (_, i) => numbers[Math.round((i * (numbers.length - 1)) / (most - 1))]);

const OTHER = "other";

/** What the menu of opponents has: the levels, and the newest of one's own runs. */
export const opponents = ({ levels, own = [] }) => [...levels, ...own];

/** One menu of levels for the opponent, with what each can do in words; `onChange(spec)`, or `onOther()`. */
export class Levels {
  constructor(players, onChange, onOther) {
    this.players = players;
    this.menu = h("select", {
      id: "level",
      "aria-describedby": "level-says",
      onchange: ({ target: { value } }) => {
        this.set(value);
        if (value === OTHER) onOther();
        else onChange(value);
      },
    });
    this.says = h("p", { class: "quiet", id: "level-says" });
    this.element = h(
      "div",
      { class: "level" },
      h("label", { for: "level" }, "Opponent"),
      h("div", { class: "select" }, this.menu),
      this.says,
    );
  }

  set(chosen) {
    const levels = opponents(this.players);
    const level = levels.find(({ spec }) => spec === chosen);
    const value = level || chosen === YOU ? chosen : OTHER;
    this.menu.replaceChildren(
      ...levels.map(({ spec, name }) => option(spec, name, value)),
      option(YOU, "A second person", value),
      option(OTHER, value === OTHER && chosen !== OTHER ? called(chosen, this.players) : "Another player…", value),
    );
    this.says.textContent = level?.says ?? "";
    this.says.hidden = !level;
  }
}
