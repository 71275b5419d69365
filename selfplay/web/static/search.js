// Tree search by PUCT, for a network that thinks in this page: Silver et al. 2018, with leela-zero's first-play urgency.
//
// A node keeps arrays by the index of its legal actions. An outlook is [value, chance of a draw]; the value is seen by
// the player to move at the node, so a step to or from its children negates it.

import { landing, play } from "./rules.js";

const C_PUCT = 1.5;
const FPU_REDUCTION = 0.25; // of the value of a move that nobody tried, where all the others have been
const SLICE = 12; // milliseconds of work between two turns of the page

/** A node of a position; `evaluate(position)` gives {logits, wdl} of one that is not over. */
function expand(game, position, evaluate) {
  if (position.over) return { position, outlook: position.winner ? [-1, 0] : [0, 1], actions: [] }; // the mover has lost
  const { logits, wdl } = evaluate(position);
  const actions = [...logits.keys()].filter((action) => landing(game, position, action) >= 0);
  const most = Math.max(...actions.map((action) => logits[action]));
  const raised = actions.map((action) => Math.exp(logits[action] - most));
  const all = sum(raised);
  return {
    position,
    outlook: [wdl[0] - wdl[2], wdl[1]],
    actions,
    prior: raised.map((each) => each / all),
    visits: actions.map(() => 0),
    totals: actions.map(() => 0), // of the values of the visits
    draws: actions.map(() => 0), // of their chances of a draw
    children: actions.map(() => null),
  };
}

/** The index of the action with the highest Q + c P sqrt(N) / (1 + n), N the visits of all, at least 1. */
function chosen({ outlook, prior, visits, totals }) {
  let [count, total, tried] = [0, outlook[0], 0];
  visits.forEach((n, i) => {
    count += n;
    total += totals[i];
    if (n) tried += prior[i];
  });
  const untried = total / (1 + count) - FPU_REDUCTION * Math.sqrt(tried);
  const weight = C_PUCT * Math.sqrt(Math.max(1, count));
  let [best, most] = [0, -Infinity];
  visits.forEach((n, i) => {
    const score = (n ? totals[i] / n : untried) + (weight * prior[i]) / (1 + n);
    if (score > most) [best, most] = [i, score];
  });
  return best;
}

/** One descent, which makes at most one node. Returns the outlook of `node` that it saw. */
function simulate(game, node, evaluate) {
  if (!node.actions.length) return node.outlook;
  const i = chosen(node);
  const child = node.children[i];
  if (!child) node.children[i] = expand(game, play(game, node.position, node.actions[i]), evaluate);
  const [value, draw] = child ? simulate(game, child, evaluate) : node.children[i].outlook;
  node.visits[i]++;
  node.totals[i] -= value;
  node.draws[i] += draw;
  return [-value, draw];
}

const mostVisited = ({ visits, prior }) =>
  visits.reduce((best, n, i) => (n > visits[best] || (n === visits[best] && prior[i] > prior[best]) ? i : best), 0);

const breathe = () => new Promise((resolve) => setTimeout(resolve));

/**
 * The root of a tree of so many simulations. The page has its turn every few milliseconds; `patience` (milliseconds)
 * ends a search that takes longer, after the simulations that it had time for.
 */
export async function search(game, position, evaluate, { simulations, patience = Infinity, signal = null }) {
  const began = performance.now();
  const root = expand(game, position, evaluate);
  let since = began;
  for (let n = 0; n < simulations && performance.now() - began < patience; n++) {
    if (performance.now() - since > SLICE) {
      await breathe();
      signal?.throwIfAborted();
      since = performance.now();
    }
    simulate(game, root, evaluate);
  }
  return root;
}

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

/** What a tree says of its root: {action, wdl, how many simulations, the line that it expects}. */
export function summary(root) {
  const count = sum(root.visits);
  const [value, draw] = [root.totals, root.draws].map((each, i) => (root.outlook[i] + sum(each)) / (1 + count));
  const line = [];
  for (let node = root; node?.actions.length && node.visits.some((n) => n); ) {
    const i = mostVisited(node);
    line.push(node.actions[i]);
    node = node.children[i];
  }
  return {
    action: root.actions[mostVisited(root)],
    wdl: [(1 - draw + value) / 2, draw, (1 - draw - value) / 2],
    count,
    line,
  };
}
