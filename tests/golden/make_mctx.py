"""Makes tests/golden/mctx.json: what DeepMind's mctx answers to the questions that our Gumbel search is asked.

Run when the questions change, never because our search has changed. mctx is not a dependency of this project:

    python -m venv /tmp/mctx_venv && /tmp/mctx_venv/bin/pip install jax mctx numba
    PYTHONPATH=.:tests /tmp/mctx_venv/bin/python tests/golden/make_mctx.py

Rules come from `games`, logits and values from the hash of `naive_search.hash_evaluator`; the tree, the selection,
the backup and the improved policy are mctx's. Double precision, so that rounding decides nothing.
"""

import json
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import mctx
import numpy as np
from mctx._src.seq_halving import get_sequence_of_considered_visits
from naive_search import hash_evaluator, random_positions

import games

jax.config.update("jax_enable_x64", True)

GAMES = ("tictactoe", "connect4:height=4,width=4", "connect4:height=4,width=5", "connect4", "gomoku:size=5,k=4")
POSITIONS = 3
# (c_visit, c_scale): the paper's for chess and Go, a strong one, and two whose policy stays soft
SCALES = ((50.0, 0.1), (50.0, 0.5), (5.0, 0.1), (1.0, 1.0))
SIMULATIONS = (1, 2, 4, 8, 16, 32, 64)
CONSIDERED = (2, 4, 16)


def searched(game, states_NW, evaluate, *, simulations, considered, c_visit, c_scale, gumbel_scale, seed):
    def evaluated(states_NW, over_N):
        planes = np.stack([game.planes_of(state_W.copy()) for state_W in states_NW])
        logits_NA, wdl_N3 = evaluate(planes)
        for n, state_W in enumerate(states_NW):
            if not over_N[n]:
                illegal = np.setdiff1d(np.arange(game.actions), game.legal_actions(state_W.copy()))
                logits_NA[n, illegal] = -1e9
        return logits_NA.astype(np.float64), wdl_N3[:, 0].astype(np.float64) - wdl_N3[:, 2].astype(np.float64)

    def stepped(states_NX, actions_N):
        """States carry one more word: 1 when the game is over; such a state stays as it is."""
        states_NX, next_NX = np.asarray(states_NX, np.uint64), np.array(states_NX, np.uint64)
        reward_N, discount_N = np.zeros(len(states_NX)), np.zeros(len(states_NX))
        for n, action in enumerate(np.asarray(actions_N)):
            if states_NX[n, -1] == 0:
                next_W, status = game.after(states_NX[n, :-1].copy(), int(action))
                next_NX[n, :-1] = next_W
                next_NX[n, -1] = status != games.ONGOING
                reward_N[n] = 1.0 if status == games.MOVER_WON else 0.0
                discount_N[n] = -1.0 if status == games.ONGOING else 0.0
        logits_NA, value_N = evaluated(next_NX[:, :-1], next_NX[:, -1] != 0)
        return next_NX, reward_N, discount_N, logits_NA, value_N

    def recurrent(_params, _key, actions_N, states_NX):
        count = states_NX.shape[0]
        f64 = jnp.float64
        shapes = (
            jax.ShapeDtypeStruct(states_NX.shape, jnp.uint64),
            jax.ShapeDtypeStruct((count,), f64),
            jax.ShapeDtypeStruct((count,), f64),
            jax.ShapeDtypeStruct((count, game.actions), f64),
            jax.ShapeDtypeStruct((count,), f64),
        )
        next_NX, reward_N, discount_N, logits_NA, value_N = jax.pure_callback(stepped, shapes, states_NX, actions_N)
        output = mctx.RecurrentFnOutput(reward=reward_N, discount=discount_N, prior_logits=logits_NA, value=value_N)
        return output, next_NX

    logits_NA, value_N = evaluated(states_NW, np.zeros(len(states_NW)))
    states_NX = np.concatenate([states_NW, np.zeros((len(states_NW), 1), np.uint64)], axis=1)
    found = mctx.gumbel_muzero_policy(
        params=None,
        rng_key=jax.random.PRNGKey(seed),
        root=mctx.RootFnOutput(
            prior_logits=jnp.asarray(logits_NA), value=jnp.asarray(value_N), embedding=jnp.asarray(states_NX)
        ),
        recurrent_fn=recurrent,
        num_simulations=simulations,
        invalid_actions=jnp.asarray(logits_NA <= -1e9),
        qtransform=lambda tree, node: mctx.qtransform_completed_by_mix_value(
            tree, node, value_scale=c_scale, maxvisit_init=c_visit, rescale_values=False, use_mixed_value=True
        ),
        max_num_considered_actions=considered,
        gumbel_scale=gumbel_scale,
    )
    summary = found.search_tree.summary()
    return {
        "visits": np.asarray(summary.visit_counts).astype(int).tolist(),
        "q": np.where(np.asarray(summary.visit_counts) > 0, np.asarray(summary.qvalues), 0).round(5).tolist(),
        "value": np.asarray(summary.value).round(5).tolist(),
        "policy": np.asarray(found.action_weights).round(5).tolist(),
        "action": np.asarray(found.action).astype(int).tolist(),
        "gumbel": np.asarray(found.search_tree.extra_data.root_gumbel).round(7).tolist() if gumbel_scale else None,
    }


def main() -> None:
    cases = []
    for g, name in enumerate(GAMES):
        game = games.make(name)
        states_NW = random_positions(game, POSITIONS, np.random.default_rng(g))
        states_NW[0] = game.initial()
        for i, simulations in enumerate(SIMULATIONS):
            for j, considered in enumerate(CONSIDERED):
                c_visit, c_scale = SCALES[(i + j + g) % len(SCALES)]
                question = {
                    "simulations": simulations,
                    "considered": considered,
                    "c_visit": c_visit,
                    "c_scale": c_scale,
                }
                noise = (i + j) % 2  # half of the cases with Gumbel noise, which is stored
                answer = searched(
                    game, states_NW, hash_evaluator(game.actions, g), gumbel_scale=float(noise), seed=i, **question
                )
                states = [[str(word) for word in state_W] for state_W in states_NW]
                cases.append({"game": name, "evaluator_seed": g, "states": states, **question, **answer})
        print(name, "done", flush=True)
    halving = [
        {"considered": m, "simulations": n, "visits": list(get_sequence_of_considered_visits(m, n))}
        for m in (1, 2, 3, 4, 5, 7, 8, 9, 16, 25)
        for n in (1, 2, 3, 8, 16, 32, 33, 64, 200)
    ]
    made_with = {name: version(name) for name in ("mctx", "jax")}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in halving)
    text = f'{{"made_with":{json.dumps(made_with)},\n"cases":[\n{lines}],\n"halving":[\n{rows}]}}\n'
    Path(__file__).with_name("mctx.json").write_text(text)


if __name__ == "__main__":
    main()
