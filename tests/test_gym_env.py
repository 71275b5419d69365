"""The Gymnasium and PettingZoo faces: their own checkers, and what the checkers do not look at."""

import copy
import pickle
import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import games
from games import gym_env
from games.draw import draw
from games.text import board_of, parse_moves, render, replay

IDS = ["selfplay/ConnectFour-v0", "selfplay/Gomoku-v0", "selfplay/TicTacToe-v0"]


def lowest(state_W, rng):
    """An opponent for Connect Four: the first column that is not full."""
    return int(games.make("connect4").legal_actions(state_W)[0])


def play(env, line, **reset):
    """The last step's answer after the agent's moves of `line`."""
    env.reset(**reset)
    return [env.step(action) for action in parse_moves(env.unwrapped.game, line)][-1]


def picture_of(env: gymnasium.Env) -> np.ndarray:
    shown = env.render()
    assert isinstance(shown, np.ndarray)
    return shown


def text_of(env: gymnasium.Env) -> str:
    shown = env.render()
    assert isinstance(shown, str)
    return shown


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("first", ["agent", "opponent", "random"])
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_gymnasiums_checker_has_nothing_to_say(id, first, render_mode):
    env = gymnasium.make(id, first=first, render_mode=render_mode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_naming_the_module_is_enough_to_register():
    source = "import gymnasium; gymnasium.make('games:selfplay/ConnectFour-v0').reset(); print('made')"
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120)
    assert run.stdout == "made\n", run.stderr


def test_any_game_by_its_name():
    env = gymnasium.make("selfplay/Gomoku-v0", game="gomoku:size=7,k=4", first="agent")
    observation_PHW, info = env.reset()
    assert observation_PHW.shape == (4, 7, 7) and info["action_mask"].sum() == 49
    assert isinstance(env.action_space, gymnasium.spaces.Discrete) and env.action_space.n == 49
    with pytest.raises(ValueError, match="did you mean 'gomoku'"):
        gymnasium.make("selfplay/Gomoku-v0", game="gomokku")


def test_the_agent_sees_its_own_stones_in_plane_0():
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="agent")
    env.reset()
    observation_PHW, reward, terminated, truncated, info = env.step(3)
    assert observation_PHW.dtype == np.float32 and info["action_mask"].dtype == np.int8
    assert np.argwhere(observation_PHW[0]).tolist() == [[5, 3]]
    assert np.argwhere(observation_PHW[1]).tolist() == [[5, 0]]
    assert (reward, terminated, truncated) == (0.0, False, False) and "result" not in info


def test_the_opponent_may_begin():
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="opponent")
    observation_PHW, _ = env.reset()
    assert not observation_PHW[0].any() and np.argwhere(observation_PHW[1]).tolist() == [[5, 0]]
    observation_PHW, _ = env.reset(options={"first": "agent"})
    assert not observation_PHW[:2].any()
    observation_PHW, _ = env.reset()
    assert observation_PHW[1].any(), "options hold for one reset"


def test_random_first_gives_both_about_as_often():
    env = gymnasium.make("selfplay/ConnectFour-v0", first="random")
    began = [not env.reset(seed=seed)[0][1].any() for seed in range(200)]
    assert 70 < sum(began) < 130


@pytest.mark.parametrize(
    ("line", "reward", "result"),
    [("4444", 1.0, "win"), ("7673", -1.0, "loss")],
)
def test_rewards_and_results(line, reward, result):
    """The opponent stacks column 1, and has four there after its fourth move."""
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="agent")
    _, got, terminated, _, info = play(env, line)
    assert (got, terminated, info["result"]) == (reward, True, result)
    assert not info["action_mask"].any()
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset before step"):
        env.unwrapped.step(0)


def test_a_draw_gives_nothing():
    """The agent has the odd moves of a drawn game, the opponent the even ones."""
    line = parse_moves(games.make("tictactoe"), "a2 a1 a3 c2 b1 c1 b2 b3 c3")
    replies = iter(line[1::2])
    env = gymnasium.make("selfplay/TicTacToe-v0", opponent=lambda state_W, rng: next(replies), first="agent")
    env.reset()
    _, reward, terminated, _, info = [env.step(action) for action in line[0::2]][-1]
    assert (reward, terminated, info["result"]) == (0.0, True, "draw")


@pytest.mark.parametrize("action", [0, 7, -1, np.int64(0), 10**30, None, 2.5])
def test_an_illegal_action_ends_the_episode(action):
    """Column 1 is full: agent and opponent took turns in it."""
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="agent", illegal_reward=-3).unwrapped
    before_PHW, *_, info = play(env, "111")
    assert info["action_mask"].tolist() == [0, 1, 1, 1, 1, 1, 1]
    observation_PHW, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated, info["result"]) == (-3.0, True, False, "illegal")
    np.testing.assert_array_equal(observation_PHW, before_PHW)


def test_returned_arrays_are_fresh():
    """Writing into what was returned changes neither the game nor what is returned later."""

    def vandal(state_W, rng):
        action = lowest(state_W, rng)
        state_W[:] = 0
        return action

    answers = []
    for spoil in (False, True):
        opponent = vandal if spoil else lowest
        env = gymnasium.make("selfplay/ConnectFour-v0", opponent=opponent, first="opponent", render_mode="rgb_array")
        observation_PHW, info = env.reset()
        for action in (3, 3, 2):
            if spoil:
                observation_PHW[:] = 9
                info["action_mask"][:] = 0
                picture_of(env)[:] = 0
            observation_PHW, _, _, _, info = env.step(action)
        answers.append((observation_PHW.tolist(), info["action_mask"].tolist(), picture_of(env).tolist()))
    assert answers[0] == answers[1]


def test_the_seed_decides_the_opponents_moves_and_nothing_else_does():
    def moves(seed):
        env = gymnasium.make("selfplay/Gomoku-v0", first="random")
        np.random.seed(len(seen))  # the global stream must not matter
        seen.append(env.reset(seed=seed)[0].tolist())
        return [env.step(action)[0].tolist() for action in range(5)]

    seen = []
    assert moves(5) == moves(5) and seen[0] == seen[1]
    assert moves(5) != moves(6)


def test_opponents_by_name_come_through_the_entry_point(monkeypatch):
    """The real one stands in pyproject.toml; this one keeps the test to the rules."""
    asked = []

    def resolve(spec, game):
        asked.append((spec, game.name))
        return lowest

    module = ModuleType("players_of_this_test")
    vars(module)["resolve"] = resolve
    monkeypatch.setitem(sys.modules, "players_of_this_test", module)
    entry = EntryPoint("test", "players_of_this_test:resolve", gym_env.OPPONENTS)
    monkeypatch.setattr(gym_env, "entry_points", lambda group: EntryPoints([entry]))
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent="rules:strength=9", first="opponent")
    assert np.argwhere(env.reset()[0][1]).tolist() == [[5, 0]]
    assert asked == [("rules:strength=9", "connect4")]
    monkeypatch.setattr(gym_env, "entry_points", lambda group: EntryPoints([]))
    with pytest.raises(ValueError, match="unknown opponent 'rules'"):
        gymnasium.make("selfplay/ConnectFour-v0", opponent="rules")


def test_an_agents_spec_is_an_opponent():
    """`rules` completes its row of four, whatever the random stream says."""
    game = games.make("connect4")
    rules = gym_env.opponent_of(game, "rules")
    state_W, _ = replay(game, parse_moves(game, "7172636"))
    assert [rules(state_W, np.random.default_rng(seed)) for seed in range(5)] == [3] * 5
    with pytest.raises(ValueError, match="did you mean 'rules'"):
        gymnasium.make("selfplay/ConnectFour-v0", opponent="rulez")


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("first", "me", "first is one of agent, opponent, random, not 'me'"),
        ("first", "agnet", "not 'agnet' \\(did you mean 'agent'\\?\\)"),
        ("render_mode", "human", "render_mode is one of None, ansi, rgb_array, not 'human'"),
    ],
)
def test_mistakes_are_named(keyword, value, message):
    with pytest.raises(ValueError, match=message):
        gym_env.BoardGameEnv("connect4", **{keyword: value})


def test_an_opponents_illegal_action_is_its_own_fault_and_loud():
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lambda state_W, rng: 9, first="agent")
    env.reset()
    with pytest.raises(ValueError, match="action 9 is not legal here"):
        env.step(0)


def test_ansi_shows_the_board_and_who_is_who():
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="opponent", render_mode="ansi")
    env.reset()
    env.step(3)
    lines = text_of(env).splitlines()
    assert lines[4:] == ["X . . . . . .", "X . . O . . .", "1 2 3 4 5 6 7", "agent O, opponent X"]
    env.step(0)
    env.step(6)
    assert text_of(env).splitlines()[-1] == "agent O, opponent X"
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="agent", render_mode="ansi")
    play(env, "4444")
    assert text_of(env).splitlines()[-1] == "agent X, opponent O - win"


@pytest.mark.parametrize("name", ["connect4", "tictactoe"])
def test_the_picture_shows_each_stone_in_its_cell(name):
    game = games.make(name)
    board_HW = np.zeros((game.height, game.width), np.int8)
    board_HW[1, 2], board_HW[2, 0] = 1, -1
    picture = draw(game, board_HW)
    assert picture.dtype == np.uint8 and picture.shape == (48 * game.height + 48, 48 * game.width + 48, 3)

    def cell(picture, row, column):
        return picture[24 + 48 * row :, 24 + 48 * column :][:48, :48].astype(int)

    first, second, nobody = (cell(picture, *place)[24, 24] for place in ((1, 2), (2, 0), (0, 1)))
    if name == "connect4":  # red, yellow and dark blue
        assert first[0] > 200 and first[1] < 100 and second.min() < 90 < 200 < second[1] and nobody.max() < 90
    else:  # black, white, and a brown line
        assert first.max() < 60 and second.min() > 230 and nobody[0] > nobody[2] + 40
    marked = draw(game, board_HW, last_cell=game.width + 2)
    changed = [(row, column) for row, column in np.ndindex(board_HW.shape)
               if (cell(picture, row, column) != cell(marked, row, column)).any()]  # fmt: skip
    assert changed == [(1, 2)]


def test_the_environment_marks_the_last_stone():
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="agent", render_mode="rgb_array")
    env.reset()
    env.step(3)
    assert isinstance(env.unwrapped, gym_env.BoardGameEnv)
    game = env.unwrapped.game
    state_W, _ = replay(game, [3, 0])
    np.testing.assert_array_equal(picture_of(env), draw(game, board_of(game, state_W), last_cell=5 * 7 + 0))
    env.reset()
    np.testing.assert_array_equal(picture_of(env), draw(game, board_of(game, game.initial())))


@pytest.mark.parametrize("name", ["connect4", "gomoku9", "tictactoe"])
def test_pettingzoos_own_tests(name, capsys):
    pytest.importorskip("pettingzoo")
    from pettingzoo.test import api_test, seed_test

    from games.pettingzoo_env import BoardGameAEC

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # It says so of every dictionary but those of PettingZoo's own games.
        warnings.filterwarnings("ignore", "Observation (is not a NumPy array|space for each agent probably should be)")
        api_test(BoardGameAEC(name), num_cycles=200)
        seed_test(lambda: BoardGameAEC(name), num_cycles=50)


def aec(name, line, **options):
    """The environment after the moves of `line`, each played by whose turn it is."""
    pytest.importorskip("pettingzoo")
    from games.pettingzoo_env import BoardGameAEC

    env = BoardGameAEC(name, **options)
    env.reset()
    for action in parse_moves(env.game, line):
        env.step(action)
    return env


class MaskReader:
    """How tianshou 2.0.1 reads an environment (tianshou/env/pettingzoo_env.py), which is not installed with the tests:
    a mask inside the observation, or else every action."""

    def __init__(self, env):
        self.env = env
        self.action_space = env.action_space(env.possible_agents[0])

    def read(self):
        observation, _, terminated, truncated, _ = self.env.last()
        if isinstance(observation, dict) and "action_mask" in observation:
            mask = [flag == 1 for flag in observation["action_mask"]]
        else:
            mask = [True] * self.action_space.n
        return mask, terminated or truncated


@pytest.mark.parametrize("name", ["connect4", "tictactoe"])
def test_players_that_respect_their_mask_play_200_games_without_an_illegal_move(name):
    env, rng, results = aec(name, "", illegal_reward=-7.0), np.random.default_rng(0), set()
    for _ in range(200):
        env.reset()
        reader = MaskReader(env)
        mask, over = reader.read()
        while not over:
            env.step(int(rng.choice(np.flatnonzero(mask))))
            mask, over = reader.read()
        results.add(tuple(env.rewards[agent] for agent in env.possible_agents))
    assert results - {(0.0, 0.0)} == {(1.0, -1.0), (-1.0, 1.0)}


def test_pettingzoos_wrappers_read_the_mask():
    """TerminateIllegalWrapper looks into the observation; 1 is full after six moves."""
    from pettingzoo.utils.wrappers import TerminateIllegalWrapper

    env = TerminateIllegalWrapper(aec("connect4", ""), illegal_reward=-1)
    env.reset()
    for action in [0] * 6:
        env.step(action)
    seen = env.last()[0]
    assert seen is not None and seen["action_mask"].tolist() == [0, 1, 1, 1, 1, 1, 1]
    env.step(0)
    assert all(env.terminations.values()) and env.rewards["player_0"] == -1


@pytest.mark.parametrize("line", ["", "4", "44352", "112233"])
def test_each_agent_sees_what_pettingzoos_own_connect_four_shows_it(line, monkeypatch):
    pytest.importorskip("pettingzoo")
    monkeypatch.setitem(sys.modules, "pygame", type(sys)("pygame"))  # it draws with it, which nobody asks for here
    from pettingzoo.classic.connect_four.connect_four import raw_env

    env, theirs = aec("connect4", line), raw_env()
    theirs.reset()
    for action in parse_moves(env.game, line):
        theirs.step(action)
    for agent in env.possible_agents:
        ours, seen = env.observe(agent), theirs.observe(agent)
        assert env.observation_space(agent).contains(ours)
        np.testing.assert_array_equal(np.moveaxis(ours["observation"][:2], 0, 2), seen["observation"])
        np.testing.assert_array_equal(ours["action_mask"], seen["action_mask"])


def test_pettingzoos_registry_knows_the_games():
    pettingzoo = pytest.importorskip("pettingzoo")
    import games.pettingzoo_env

    env = pettingzoo.make("aec", "selfplay/Gomoku-v0", game="gomoku9")
    assert (env.game.name, type(env)) == ("gomoku:size=9", games.pettingzoo_env.BoardGameAEC)
    assert [pettingzoo.make("aec", f"selfplay/{name}-v0").game for name in gym_env.NAMES] == [
        games.make(name) for name in ("connect4", "gomoku15", "tictactoe")
    ]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_environments_are_copied_in_the_middle_of_a_game(again):
    """The copy goes on as the environment would have, and the two do not share a board."""
    for opponent in ("random", "rules", lowest):
        env = gymnasium.make("selfplay/ConnectFour-v0", opponent=opponent, first="agent")
        env.reset(seed=4)
        env.step(3)
        twin = again(env)
        env.step(2)
        twin.step(2)
        ours, theirs = env.unwrapped, twin.unwrapped
        assert isinstance(ours, gym_env.BoardGameEnv) and isinstance(theirs, gym_env.BoardGameEnv)
        np.testing.assert_array_equal(ours._state_W, theirs._state_W)
        twin.step(2)
        assert ours.game.plies(ours._state_W) == 4
    env = aec("gomoku9", "e5 e6")
    twin = again(env)
    twin.step(0)
    assert env.game.plies(env._state_W) == 2 and twin.game.plies(twin._state_W) == 3
    assert twin.agent_selection != env.agent_selection


def test_the_mask_is_where_maskable_ppo_looks():
    utils = pytest.importorskip("sb3_contrib.common.maskable.utils")
    env = gymnasium.make("selfplay/ConnectFour-v0", opponent=lowest, first="agent")
    play(env, "111")
    assert utils.is_masking_supported(env)
    assert utils.get_action_masks(env).tolist() == [False] + [True] * 6
    assert utils.get_action_masks(env).dtype == bool


@pytest.mark.parametrize(
    ("name", "line", "rewards"),
    [
        ("connect4", "1212121", {"player_0": 1.0, "player_1": -1.0}),
        ("connect4", "71212121", {"player_0": -1.0, "player_1": 1.0}),
        ("tictactoe", "a2 a1 a3 c2 b1 c1 b2 b3 c3", {"player_0": 0.0, "player_1": 0.0}),
    ],
)
def test_pettingzoo_rewards(name, line, rewards):
    env = aec(name, line)
    assert env.rewards == rewards and all(env.terminations.values())
    assert not any(info["action_mask"].any() for info in env.infos.values())


def test_pettingzoo_turns_and_masks():
    env = aec("connect4", "111111")
    assert env.agent_selection == "player_0" and env.last()[1:4] == (0.0, False, False)
    assert env.infos["player_0"]["action_mask"].tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert not env.infos["player_1"]["action_mask"].any()
    assert env.observe("player_0")["observation"][:2].sum(axis=(1, 2)).tolist() == [3, 3]
    assert env.infos["player_0"]["action_mask"].tolist() == env.observe("player_0")["action_mask"].tolist()


def test_pettingzoo_an_illegal_action_costs_who_played_it():
    env = aec("connect4", "111111" + "21", illegal_reward=-5.0, render_mode="ansi")
    assert env.rewards == {"player_0": 0.0, "player_1": -5.0} and all(env.terminations.values())
    assert env.render() == render(env.game, replay(env.game, parse_moves(env.game, "1111112"))[0]) + "\n"
