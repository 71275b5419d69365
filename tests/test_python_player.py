"""`selfplay.player` and `selfplay.match`: positions and moves as text, answers as data, functions that play."""

import math

import pytest
from optional import present

import games
import selfplay

WON = "121212"  # 1 on 1 on 1: column 1 wins for the player to move


@pytest.fixture(scope="module")
def rules():
    return selfplay.player("rules", game="connect4")


@pytest.fixture(scope="module")
def learned():
    return selfplay.player("mcts:pretrained,sims=16", game="connect4")


def test_a_win_is_played(rules):
    said = rules.analyze(WON)
    assert (said.moves, said.move) == (WON, "1")
    assert said.policy == {"1": 1.0}
    assert (said.value, said.wdl, said.visits, said.proven, said.line) == (None, None, {}, None, ())


def test_search_says_everything(learned):
    said = learned.analyze(WON)
    assert said.move == "1"
    assert (said.proven, said.line) == ("win", ("1",))
    assert said.value == pytest.approx(1.0)
    assert said.wdl.win == pytest.approx(1.0) and sum(said.wdl) == pytest.approx(1.0)
    assert sum(said.policy.values()) == pytest.approx(1.0)


def test_values_are_those_of_the_player_to_move(learned):
    lost = learned.analyze("44335")  # three in a row, open at both ends, and none can be made of one's own
    assert lost.proven == "loss"
    assert lost.value == pytest.approx(-1.0) and lost.wdl.loss == pytest.approx(1.0)
    won = learned.analyze("443352")  # one end is closed
    assert (won.proven, won.move) == ("win", "6")
    assert won.value == pytest.approx(1.0)


def test_visits_are_the_simulations(learned):
    said = learned.analyze("")
    assert sum(said.visits.values()) == 16
    assert set(said.visits) <= set("1234567")
    assert said.line[0] == said.move


def test_many_positions_at_once(learned):
    positions = ["", "4", "44", WON]
    together = learned.analyze(positions)
    assert [said.moves for said in together] == positions
    assert together[3].move == "1"
    assert learned.analyze([]) == []
    one = learned.analyze("44")
    assert (one.move, one.visits) == (together[2].move, together[2].visits)


def test_the_seed_decides():
    chance = selfplay.player("random", game="connect4")
    moves = [chance.analyze("", seed=seed).move for seed in range(30)]
    assert len(set(moves)) > 3
    assert moves == [chance.analyze("", seed=seed).move for seed in range(30)]


def test_cells_of_gomoku():
    said = selfplay.player("rules", game="gomoku:size=9").analyze("a1 a9 b1 b9 c1 c9 d1 d9")
    assert said.move == "e1"


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: selfplay.player("rules"), "which game?"),
        (lambda: selfplay.player("rulez", game="connect4"), "did you mean 'rules'?"),
        (lambda: selfplay.player("rules", game="conect4"), "did you mean 'connect4'?"),
        (lambda: selfplay.player("rules", game="connect4").analyze("9"), "position '9': move 1: '9' is not a column"),
        (lambda: selfplay.player("rules", game="connect4").analyze(["", "1111111"]), "column 1 is full"),
        (lambda: selfplay.player("rules", game="connect4").analyze(WON + "1"), "the game is over"),
        (lambda: selfplay.match("rules", "random", games=2), "which game?"),
        (lambda: selfplay.match("rules", "random", games=3, game="connect4"), "even number"),
        (lambda: selfplay.player("rules", game="connect4").analyze(5), "many in a list, not 5"),  # pyright: ignore
    ],
)
def test_mistakes_are_named(ask, words):
    with pytest.raises(ValueError) as caught:
        ask()
    assert words in str(caught.value)


def test_players_of_two_games_do_not_meet(rules):
    with pytest.raises(ValueError, match="rules plays connect4, but random plays tictactoe"):
        selfplay.match(rules, selfplay.player("random", game="tictactoe"), games=2)


def test_a_match():
    result = selfplay.match("rules", "random", games=40, seed=3, game="connect4")
    assert result.wins + result.draws + result.losses == 40 == len(result.games)
    assert result.score == (result.wins + result.draws / 2) / 40
    low, high = result.interval
    assert low < result.score <= high
    assert result.score > 0.8  # one-ply rules against chance
    won = [game for game in result.games if game.result == ("1-0" if game.first == "rules" else "0-1")]
    assert len(won) == result.wins
    again = selfplay.match("rules", "random", games=40, seed=3, game="connect4")
    other = selfplay.match("rules", "random", games=40, seed=4, game="connect4")
    assert [game.moves for game in again.games] == [game.moves for game in result.games]
    assert [game.moves for game in other.games] != [game.moves for game in result.games]


def test_elo_of_a_match(rules):
    depth2 = selfplay.player("alphabeta:depth=2", game="connect4")
    even = selfplay.match(depth2, depth2, games=20)  # nothing in it is random: each side wins the other's game
    assert (even.score, even.elo) == (0.5, 0.0)
    sweep = selfplay.match("alphabeta:depth=4", rules, games=2)
    assert (sweep.score, sweep.elo) == (1.0, None)
    behind = selfplay.match(rules, depth2, games=100)
    assert behind.elo == pytest.approx(400 * math.log10(behind.score / (1 - behind.score)))
    assert present(behind.elo) < 0


def test_the_players_say_the_game(rules):
    assert selfplay.match("random", rules, games=2).game == "connect4"


def test_players_and_matches_say_what_they_are(rules):
    assert repr(rules) == "<selfplay.Player 'rules' of connect4>"


def leftmost(position):
    return position.legal[0]


def test_a_function_plays():
    player = selfplay.player(leftmost, game="connect4")
    assert player.name == "leftmost"
    assert player.analyze("1112").move == "1"
    assert player.analyze("111111").move == "2"
    result = selfplay.match(leftmost, "random", games=10, game="connect4", seed=1)
    assert result.a == "leftmost"
    for game in result.games:
        side = 0 if game.first == "leftmost" else 1
        for ply in range(len(game.opening), len(game.moves)):
            if ply % 2 == side:
                free = [column for column in "1234567" if game.moves[:ply].count(column) < 6]
                assert game.moves[ply] == free[0]


def test_what_a_function_is_shown():
    seen = []

    def look(position):
        seen.append(position)
        return "4"

    selfplay.player(look, game="connect4").analyze("121212")
    (position,) = seen
    assert position.board.shape == (6, 7)
    assert position.board[3:, :2].tolist() == [[1, -1], [1, -1], [1, -1]]  # of the player to move, who began
    assert position.winning == ["1"]
    assert position.legal == list("1234567")
    selfplay.player(look, game="connect4").analyze("4")
    assert seen[1].board[5].tolist() == [0, 0, 0, -1, 0, 0, 0]
    assert str(seen[1]).splitlines()[-1] == "1 2 3 4 5 6 7"
    assert seen[1].game is games.make("connect4")


def test_the_seed_decides_what_a_function_draws():
    player = selfplay.player(lambda position: str(position.rng.choice(position.legal)), game="connect4", name="dice")
    assert player.name == "dice"
    drawn = [player.analyze("", seed=seed).move for seed in range(20)]
    assert drawn == [player.analyze("", seed=seed).move for seed in range(20)]
    assert len(set(drawn)) > 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("8", "'8' is not a column"),
        ("1", "wrong played 1, which is not legal; legal are 2, 3, 4, 5, 6, 7"),
        (3, "wrong answered 3; a move is text"),
    ],
)
def test_moves_that_no_function_may_play(answer, words):
    player = selfplay.player(lambda position: answer, game="connect4", name="wrong")
    with pytest.raises(ValueError) as caught:
        player.analyze("111111")
    assert words in str(caught.value)
