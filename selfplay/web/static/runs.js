// The page of runs: strength over compute against every opponent, who was overtaken when, and how learning goes.

import { GONE, get } from "./api.js";
import { Chart, duration, flops, short } from "./chart.js";
import { h, icon, table } from "./dom.js";
import { Live } from "./live.js";
import { Story } from "./story.js";

const EVERY = 4000; // milliseconds between two looks at the runs
const COLOURS = [
  "var(--s1)",
  "var(--s2)",
  "var(--s3)",
  "var(--s4)",
  "var(--s5)",
  "var(--s6)",
  "var(--s7)",
  "var(--s8)",
];
const DASHES = ["none", "7 4", "2 4", "10 3 2 3", "1 3", "12 4"];
const AXES = {
  flops: { label: "training FLOPs", short: "Compute", log: true, format: flops },
  evaluations: { label: "network evaluations", short: "Evaluations", log: true },
  games: { label: "games of self-play", short: "Games", log: true },
  seconds: { label: "of training", short: "Time", log: false, format: duration },
};
const CURVES = [
  {
    title: "Losses",
    unit: "nats",
    lines: { "loss/policy": "policy", "loss/value": "value", "loss/reply": "reply" },
  },
  {
    title: "What search adds",
    unit: "nats",
    lines: { "policy/entropy": "entropy of targets", "policy/kl_search_net": "search beyond network" },
  },
  {
    title: "Speed",
    unit: "per second",
    lines: {
      "play/evaluations_per_s": "evaluations",
      "learn/samples_per_s": "samples learned",
      "play/positions_per_s": "positions played",
    },
  },
  {
    title: "Games",
    unit: "share",
    lines: {
      "games/first_player_score": "first player's score",
      "games/draws": "draws",
      "value/accuracy": "results foreseen",
    },
  },
];
const percent = (share) => `${(100 * share).toFixed(share > 0.995 || share < 0.1 ? 1 : 0)} %`;

/** Fill the page. Returns what to do when it is left. */
export async function open(page, query, { path }) {
  let all = await get("/api/runs");
  const sound = all.filter((run) => !run.error);
  if (sound.length === 0 && all.length > 0) {
    page.replaceChildren(
      h(
        "div",
        { class: "notice" },
        h("h1", {}, "No run that can be read"),
        h("p", {}, "Each says why:"),
        h("div", { class: "chips", role: "group", "aria-label": "Runs that cannot be read" }, all.map(unreadable)),
      ),
    );
  } else if (sound.length === 0) {
    page.replaceChildren(
      h(
        "div",
        { class: "notice" },
        h("h1", {}, "No runs yet"),
        h(
          "p",
          {},
          "A run appears here as soon as it has begun. This one learns Connect Four in ten minutes:",
        ),
        h("pre", { tabindex: 0 }, "selfplay train --game connect4"),
        h("a", { class: "button", href: "#/play" }, "Play meanwhile"),
      ),
    );
  }
  const once = (there) => {
    const again = setInterval(async () => {
      if ((await get("/api/runs").catch(() => [])).some((run) => !run.error && there(run)))
        window.dispatchEvent(new HashChangeEvent("hashchange"));
    }, EVERY);
    return () => clearInterval(again);
  };
  if (sound.length === 0) return once(() => true);
  const byNews = [...sound].sort((a, b) => (b.modified ?? 0) - (a.modified ?? 0));
  const asked = (path[0] ?? "").split(",").filter(Boolean);
  const wanted = asked.filter((name) => sound.some((run) => run.name === name));
  const missing = () => asked.filter((name) => !all.some((run) => run.name === name)).join(", ");
  if (asked.length && !wanted.length) {
    const choice = ({ name }) => h("a", { class: "chip", href: `#/runs/${encodeURIComponent(name)}` }, name);
    page.replaceChildren(
      h(
        "div",
        { class: "notice" },
        h("h1", {}, missing() ? `There is no run “${missing()}” here` : "This run cannot be read"),
        h("p", {}, "These can be shown:"),
        h("div", { class: "chips", role: "group", "aria-label": "Runs" }, byNews.map(choice)),
        h("div", { class: "chips" }, all.filter(({ name, error }) => error && asked.includes(name)).map(unreadable)),
      ),
    );
    return once(({ name }) => asked.includes(name));
  }
  const state = {
    chosen: wanted.length ? wanted : [byNews[0].name],
    axis: Object.hasOwn(AXES, query.get("axis")) ? query.get("axis") : "flops",
    player: query.get("player"),
    hidden: new Set(),
    data: [],
    crossings: { rungs: [], forecasts: [] },
    gone: false,
    stamp: "",
  };

  const picker = h("div", { class: "chips", role: "group", "aria-label": "Runs" });
  const title = h("h1", {}, state.chosen.length === 1 ? state.chosen[0] : `${state.chosen.length} runs`);
  const subtitle = h("p", { class: "quiet", role: "status" }, "Loading…");
  const doing = h("p", { class: "doing", "aria-live": "off", hidden: true });
  const tiles = h("dl", { class: "tiles" });
  const players = h("div", { class: "segments", role: "group", "aria-label": "Player" });
  const axes = h("div", { class: "segments", role: "group", "aria-label": "Axis" });
  const legend = h("div", { class: "chips", role: "group", "aria-label": "Opponents" });
  const strength = new Chart({ label: "Strength over training", height: 380 });
  const strengthTable = h("details", { class: "numbers" }, h("summary", {}, "The numbers"));
  const rungs = scroller("Table of crossings");
  const small = CURVES.map(({ title }) => ({
    chart: new Chart({ label: title, height: 210 }),
    legend: h("div", { class: "key" }),
  }));
  const health = scroller("Health of the run");
  const live = new Live();
  const story = new Story();
  const trouble = h("p", { class: "error", role: "alert", hidden: true });
  const apart = h("p", { class: "notice", role: "status", hidden: true });

  const content = h(
    "div",
    { class: "stack", hidden: true },
    story.element,
    tiles,
    h(
      "section",
      { class: "card", "aria-labelledby": "strength-title" },
      h(
        "div",
        { class: "card-head wrap" },
        h("h2", { id: "strength-title" }, "Strength against each opponent"),
        h("div", { class: "buttons" }, players, axes),
      ),
      legend,
      strength.element,
      strengthTable,
    ),
    h(
      "div",
      { class: "two" },
      h(
        "section",
        { class: "card", "aria-labelledby": "rungs-title" },
        h("h2", { id: "rungs-title" }, "Who was overtaken, and when"),
        rungs,
      ),
      live.element,
    ),
    h(
      "div",
      { class: "curves" },
      CURVES.map(({ title, unit }, i) =>
        h(
          "section",
          { class: "card", "aria-label": title },
          h("div", { class: "card-head" }, h("h2", {}, title), h("span", { class: "quiet" }, unit)),
          small[i].legend,
          small[i].chart.element,
        ),
      ),
    ),
    h(
      "section",
      { class: "card" },
      h(
        "details",
        {},
        h("summary", {}, h("h2", {}, "Health: every number, what it means, and where it should be")),
        health,
      ),
    ),
  );
  page.replaceChildren(
    h("div", { class: "runs-head" }, h("div", {}, title, subtitle), picker),
    trouble,
    doing,
    apart,
    content,
  );

  async function look() {
    if (document.hidden || state.gone) return;
    try {
      all = await get("/api/runs");
      if (state.gone) return;
      head();
      const stamp =
        state.chosen.join() +
        JSON.stringify(
          all.filter(({ name }) => state.chosen.includes(name)).map(({ name, modified }) => [name, modified]),
        );
      if (stamp !== state.stamp) {
        const chosen = [...state.chosen];
        const [data, crossings] = await Promise.all([
          Promise.all(chosen.map((name) => get(`/api/runs/${encodeURIComponent(name)}`))),
          get(`/api/crossings?runs=${chosen.map(encodeURIComponent).join()}`),
        ]);
        if (state.gone || chosen.join() !== state.chosen.join()) return;
        Object.assign(state, { data, crossings, stamp });
        draw();
      }
      head();
      busy();
    } catch (error) {
      if (state.gone) return;
      if (error.message === GONE) return; // which stands above every page
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
  }

  function remember() {
    const fields = new URLSearchParams();
    if (state.axis !== "flops") fields.set("axis", state.axis);
    if (state.player) fields.set("player", state.player);
    history.replaceState(
      null,
      "",
      `#/runs/${state.chosen.map(encodeURIComponent).join()}${[...fields].length ? `?${fields}` : ""}`,
    );
  }

  function toggle(name) {
    const chosen = state.chosen.includes(name)
      ? state.chosen.filter((each) => each !== name)
      : [...state.chosen, name];
    if (!chosen.length || chosen.length > DASHES.length) return;
    state.chosen = sound.map((run) => run.name).filter((each) => chosen.includes(each));
    remember();
    look();
  }

  const pressed = (label, on, onclick, extra = []) =>
    h("button", { type: "button", class: "chip", "aria-pressed": String(on), onclick }, extra, label);
  const dashOf = (index) => (state.data.length > 1 ? DASHES[index] : "none");

  function head() {
    keepFocus(picker, () =>
      picker.replaceChildren(
        ...all
          .filter((run) => !run.error)
          .map((run) =>
            pressed(
              run.name,
              state.chosen.includes(run.name),
              () => toggle(run.name),
              run.running ? [h("i", { class: "pulse", title: "training" })] : [],
            ),
          ),
        ...all.filter((run) => run.error).map(unreadable),
      ),
    );
    const [first] = all.filter(({ name }) => name === state.chosen[0]);
    if (!first || first.error) {
      trouble.textContent = first ? `${first.name}: ${first.error}` : `The run ${state.chosen[0]} is gone.`;
      trouble.hidden = false;
      subtitle.textContent = "";
      return;
    }
    const harmed = all.filter((run) => state.chosen.includes(run.name) && run.damage?.length);
    const troubles = harmed.map((run) => `${run.name}: ${run.damage.join("; ")}`);
    if (missing()) troubles.unshift(`There is no run “${missing()}” here`);
    trouble.textContent = troubles.join(". ");
    trouble.hidden = troubles.length === 0;
    title.textContent = state.chosen.length === 1 ? first.name : `${state.chosen.length} runs`;
    const ago = first.modified ? Date.now() / 1000 - first.modified : null;
    const news = first.running
      ? `training now${first.left ? `, about ${first.left} left` : ""}`
      : ago === null
        ? "not begun"
        : `last changed ${ago < 90 ? "just now" : `${duration(ago)} ago`}`;
    const games = [...new Set(state.data.map((run) => run.label))];
    subtitle.textContent = `${games.join(", ") || first.label} · ${first.architecture} · ${first.simulations} simulations a move · seed ${state.data.map((run) => run.seed).join(", ")} · ${news}`;
  }

  /** What the runs that train do just now, each in a line. */
  function busy() {
    const training = all.filter(({ name, doing }) => doing && state.chosen.includes(name));
    doing.hidden = training.length === 0;
    doing.replaceChildren(
      ...training.map((run) => h("span", {}, `${training.length > 1 ? `${run.name}: ` : ""}${run.doing}`)),
    );
  }

  function draw() {
    const { data } = state;
    const games = new Set(data.map((run) => run.game));
    content.hidden = games.size > 1;
    apart.hidden = !content.hidden;
    if (content.hidden) {
      apart.textContent = `${state.crossings.apart}. Choose runs of one game.`;
      return;
    }
    story.show(state.crossings.story ?? null, data.length === 1 ? data[0] : null);
    const sum = (key) => data.reduce((total, run) => total + (run[key] ?? 0), 0);
    const tile = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
    tiles.replaceChildren(
      tile("Training", duration(sum("seconds"))),
      tile("Games", short(sum("games"))),
      tile("Training FLOPs", flops(sum("flops"))),
      tile("Generations", data.map((run) => run.generation).join(" · ")),
    );
    const matches = data.flatMap((run) => run.evals);
    const agents = [...new Set(matches.map(({ agent }) => agent))];
    if (!agents.includes(state.player)) state.player = null;
    const player = state.player ?? agents[0];
    const opponents = [...new Set(matches.map(({ opponent }) => opponent))];
    const names = new Map(
      matches.flatMap(({ agent, opponent, words }) => [
        [agent, words.agent],
        [opponent, words.opponent],
      ]),
    );
    const colour = (opponent) => COLOURS[opponents.indexOf(opponent) % COLOURS.length];
    const again = (change) => () => {
      Object.assign(state, change);
      remember();
      draw();
    };
    keepFocus(players, () =>
      players.replaceChildren(
        ...agents.map((agent) => pressed(names.get(agent), agent === player, again({ player: agent }))),
      ),
    );
    keepFocus(axes, () =>
      axes.replaceChildren(
        ...Object.entries(AXES).map(([name, { short: label }]) =>
          pressed(label, name === state.axis, again({ axis: name })),
        ),
      ),
    );
    keepFocus(legend, () =>
      legend.replaceChildren(
        ...opponents.map((opponent) =>
          pressed(
            names.get(opponent),
            !state.hidden.has(opponent),
            () => {
              if (!state.hidden.delete(opponent)) state.hidden.add(opponent);
              draw();
            },
            [h("i", { class: "swatch", style: { background: colour(opponent) } })],
          ),
        ),
        ...(data.length > 1
          ? [
              h(
                "span",
                { class: "key" },
                data.map((run, i) => keyLine(run.name, "var(--text)", dashOf(i))),
              ),
            ]
          : []),
      ),
    );
    const axis = AXES[state.axis];
    const shown = opponents.filter((opponent) => !state.hidden.has(opponent));
    const series = data.flatMap((run, i) =>
      shown.map((opponent) => ({
        name: names.get(opponent) + (data.length > 1 ? ` · ${run.name}` : ""),
        colour: colour(opponent),
        dash: dashOf(i),
        points: run.evals
          .filter((match) => match.agent === player && match.opponent === opponent)
          .map((match) => [match[state.axis], match.score, match.score_low, match.score_high]),
      })),
    );
    strength.show({
      series,
      marks: marks(player, shown, colour),
      log: axis.log,
      yDomain: [0, 1],
      rule: 0.5,
      yFormat: percent,
      yTick: (share) => `${Math.round(100 * share)} %`,
      xFormat: axis.format ?? short,
      xLabel: axis.label,
    });
    numbers(player, shown);
    overtaken(colour);
    for (const [index, { lines }] of CURVES.entries()) {
      const names = Object.entries(lines);
      small[index].legend.replaceChildren(...names.map(([, label], i) => keyLine(label, COLOURS[i], "none")));
      small[index].chart.show({
        series: data.flatMap((run, r) =>
          names.map(([name, label], i) => ({
            name: label + (data.length > 1 ? ` · ${run.name}` : ""),
            colour: COLOURS[i],
            dash: dashOf(r),
            points: run.curves.generation.map((_, g) => [
              run.curves.play_seconds[g] + run.curves.learn_seconds[g],
              run.curves[name][g],
            ]),
          })),
        ),
        xFormat: duration,
        xLabel: "of training",
      });
    }
    healthTable();
    live.about(data[0]);
  }

  /** Crossings of 50 % on the axis that is shown, with their interval, and forecasts for those yet to come. */
  function marks(player, shown, colour) {
    const found = [];
    for (const rung of state.crossings.rungs) {
      if (rung.agent !== player || !shown.includes(rung.opponent) || rung[state.axis] === null) continue;
      const interval = state.axis === "flops" ? { low: rung.flops_low, high: rung.flops_high } : {};
      found.push({
        x: rung[state.axis],
        y: 0.5,
        colour: colour(rung.opponent),
        ...interval,
        words: rung.words.marks[state.axis],
      });
    }
    if (state.axis !== "flops") return found;
    for (const made of state.crossings.forecasts) {
      if (made.agent !== player || !shown.includes(made.opponent) || made.flops === null) continue;
      found.push({
        x: made.flops,
        low: made.flops_low,
        high: made.flops_high,
        y: 0.5,
        hollow: true,
        colour: colour(made.opponent),
        words: made.words.mark,
      });
    }
    return found;
  }

  function numbers(player, shown) {
    const rows = state.data.flatMap((run) =>
      run.evals
        .filter((match) => match.agent === player && shown.includes(match.opponent))
        .map((match) => [
          ...(state.data.length > 1 ? [run.name] : []),
          match.words.opponent,
          match.generation || "before training",
          match.words.flops,
          match.words.score,
          `${match.wins} / ${match.draws} / ${match.losses}`,
          match.distinct_games,
        ]),
    );
    const heads = [
      ...(state.data.length > 1 ? ["Run"] : []),
      "Opponent",
      "Generation",
      "FLOPs",
      "Score, 95 %",
      "Won / drawn / lost",
      "Distinct games",
    ];
    strengthTable.replaceChildren(
      strengthTable.firstChild,
      scroller("The numbers", table(heads, rows)),
    );
  }

  function overtaken(colour) {
    const { rungs: entries } = state.crossings;
    if (!entries.length) {
      rungs.replaceChildren(h("p", { class: "quiet" }, state.crossings.apart ?? "No match was played yet."));
      return;
    }
    const rows = entries.map((rung) => {
      const reached = rung.status === "overtaken";
      return [
        [
          h("i", { class: "swatch", style: { background: colour(rung.opponent) } }),
          rung.words.opponent,
          h("small", { class: "about" }, rung.words.about), // by every name that it has elsewhere
        ],
        rung.words.agent,
        h("span", { class: `truth ${reached ? "win" : "draw"}` }, rung.words.status),
        rung.words.when,
        rung.words.time || "–",
        rung.words.score,
      ];
    });
    rungs.replaceChildren(table(["Opponent", "Player", "Status", "Training FLOPs, 95 %", "Time", "Score now"], rows));
  }

  function healthTable() {
    health.replaceChildren(
      table(
        ["Number", "Now", "Meaning", "Healthy", "If not"],
        state.data[0].health.map((row) => [
          row.name,
          `${typeof row.value === "number" ? short(row.value) : "–"} ${row.unit === "1" ? "" : row.unit}`,
          row.meaning,
          row.healthy,
          row.otherwise,
        ]),
      ),
    );
  }

  const timer = setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
  remember();
  await look();
  return () => {
    state.gone = true;
    clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
    live.stop();
  };
}

/** A run that cannot be read, and why. */
const unreadable = (run) =>
  h("span", { class: "chip unreadable", title: run.error }, run.name, h("small", {}, run.error));

/** What may be wider than the screen, to be scrolled by keys too. */
const scroller = (label, ...children) =>
  h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, children);

const keyLine = (label, colour, dash) => h("span", { class: "key-line" }, line(colour, dash), label);

function line(colour, dash) {
  const drawing = icon("M1 12h22");
  drawing.style.stroke = colour;
  drawing.style.strokeDasharray = dash;
  return drawing;
}

/** Do what replaces a group of buttons, and put the focus back where it was. */
function keepFocus(group, change) {
  const index = [...group.children].indexOf(document.activeElement);
  change();
  if (index >= 0) group.children[index]?.focus();
}
