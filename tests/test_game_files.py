"""Files of games that other programs write: what they hold by hand, what is refused, and back again."""

import pytest

import games
from games import files, record, text
from games.files import positions

# Black's five in the middle row of 15 x 15, from h8 to the right; the tenth stone of the file is never played.
PSQ = """Piskvorky 15x15, 11:11, 0
8,8,12
8,9,0
9,8,1
9,9,3
10,8,12
10,9,0
11,8,1
11,9,3
12,8,44
C:\\engines\\pbrain-first.exe
second
0
"""
MOVES = "h8 h7 i8 i7 j8 j7 k8 k7 l8"
SGF = """(;GM[4]FF[4]SZ[15]PB[Anna]PW[Bert]RE[B+]C[before the first move]
;B[hh];W[hi];B[ih];W[ii];B[jh];W[ji];B[kh]C[four];W[ki](;B[lh]C[five
in a row])(;B[aa]))"""


def written(tmp_path, content, name="file"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_game_of_piskvork(tmp_path):
    """Columns from the left, rows from the top, both from 1; h8 is the centre."""
    (found,) = files.read(written(tmp_path, PSQ.replace("\n", "\r\n")))
    assert (found.game, found.moves, found.result) == ("gomoku:size=15", MOVES, "1-0")
    assert (found.first, found.second) == ("pbrain-first.exe", "second")


def test_a_game_of_sgf(tmp_path):
    """The main line alone; rows are counted from the top there, so `hi` is h7."""
    (found,) = files.read(written(tmp_path, SGF))
    assert (found.game, found.moves, found.result) == ("gomoku:size=15", MOVES, "1-0")
    assert (found.first, found.second) == ("Anna", "Bert")
    assert found.comments == {0: "before the first move", 7: "four", 9: "five in a row"}


def test_several_games_of_sgf_and_what_is_none(tmp_path):
    collection = (
        "(;GM[4]SZ[9]AB[ee]AW[ef]RE[B+R];B[dd]RE[?])"  # set up: e5, e4; then d6
        "(;GM[1]SZ[9]RE[W+R];B[ee];W[ed])"  # black gave up
        "(;GM[4]SZ[9];B[ee];B[ed])"
        "(;GM[2]SZ[8])"
        "(;GM[4]SZ[9];B[ee];W[])"
        "(;GM[4]SZ[9]AB[ee][ef][eg])"
        "(;GM[4]SZ[9];B[ee];W[ee])"
        "(;GM[4]SZ[3];B[bb])"
    )
    found, mistakes = files.scan(written(tmp_path, collection))
    assert [(one.opening, one.moves, one.result, one.note) for one in found] == [
        ("e5 e4", "e5 e4 d6", "1-0", "RE[B+R]"),
        ("", "e5 e6", "0-1", "RE[W+R]"),
        ("", "b2", "*", ""),
    ]
    assert found[2].game == "tictactoe"
    assert [line.split(": ", 2)[1:] for line in mistakes] == [
        ["game 3", "move 2: black is not to move"],
        ["game 4", "GM[2] is another game than gomoku, which is GM[4]"],
        ["game 5", "move 2 is a pass, which gomoku has not"],
        ["game 6", "3 black and 0 white stones are set up, which no game leads to"],
        ["game 7", "move 2, e5: e5 is not free"],
    ]


def test_a_line_of_six_says_which_rule_it_was(tmp_path):
    """In the standard game six in a row do not win, and the game goes on."""
    six = [(1, 1), (1, 9), (2, 1), (2, 9), (3, 1), (3, 9), (5, 1), (5, 9), (6, 1), (9, 5), (4, 1), (9, 6)]
    moves = "".join(f"{column},{row},0\n" for column, row in six)
    (found,) = files.read(written(tmp_path, f"Piskvorky 9x9, 0:0, 1\n{moves}-1\n"))
    assert (found.game, found.result, found.first) == ("gomoku:size=9,rule=standard", "*", "?")


@pytest.mark.parametrize(("end", "rule"), [("8,8 7,7 6,1", "caro6"), ("8,1 7,7 6,1 2,2", "caro")])
def test_a_closed_five_says_that_it_was_caro(tmp_path, end, rule):
    """White closes the row before its last stone; later Black makes five that win, or six that do not."""
    row = ["2,4", "1,4", "3,4", "7,4", "5,4", "1,8", "6,4", "3,8", "4,4"]
    then = "5,8 3,1 7,8 4,1 1,7 5,1 3,7 7,1 5,7 " + end
    moves = "".join(f"{move},0\n" for move in row + then.split())
    (found,) = files.read(written(tmp_path, f"Piskvorky 8x8, 0:0, 1\n{moves}-1\n"))
    assert found.game == f"gomoku:size=8,rule={rule}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xffRenLib\xff\x03\x04" + bytes(20), "a library of Renlib, which is not read here"),
        ("Piskvorky\n1,1,0\n", "psq begins with `Piskvorky 15x15, ...`"),
        ("Piskvorky 15x20, 0:0, 0\n", "a board of 15 x 20 is no board of gomoku"),
        ("Piskvorky 15x15, 0:0, 0\n16,1,0\n", "a stone at column 16, row 1 is off a board of 15 x 15"),
        ("Piskvorky 15x15, 0:0, 0\n1,1,0\n1,1,0\n", "move 2, a15: a15 is not free"),
        ("(;GM[4]SZ[15];B[hh]", "damaged SGF"),
        ("rubbish\n", "not JSON"),
        (b"\x00\xff\xfe", "not JSON"),
    ],
)
def test_what_cannot_be_read_costs_one_line(tmp_path, content, said):
    found, (line,) = files.scan(written(tmp_path, content))
    assert found == [] and said in line and str(tmp_path / "file") in line and "\n" not in line


@pytest.mark.parametrize("suffix", [".psq", ".sgf", ".jsonl"])
@pytest.mark.parametrize(
    "name",
    [
        "gomoku9",
        "gomoku15",
        "tictactoe",
        "gomoku:size=15,rule=standard",
        *(f"gomoku:size=8,rule={rule}" for rule in ("renju", "caro", "caro6")),
    ],
)
def test_games_are_written_and_read_back(tmp_path, suffix, name):
    game = games.make(name)
    actions = [game.actions // 2, 0, 1, 2]
    made = record.of_game(game, "mcts:runs/a,sims=64", "Zoë [x]", actions)
    path = tmp_path / f"game{suffix}"
    files.append(path, [made])
    (found,) = files.read(path)
    rule_is_told = suffix != ".psq" or "rule" not in name
    assert (found.moves, found.first, found.second, found.result) == (made.moves, made.first, made.second, "*")
    assert found.game == made.game or not rule_is_told
    if suffix == ".psq":
        with pytest.raises(ValueError, match="a file of psq holds one game"):
            files.append(path, [made])
    else:
        files.append(path, [made, made])
        assert len(files.read(path)) == 3


def test_comments_survive_sgf(tmp_path):
    game = games.make("gomoku9")
    made = record.GameRecord(
        **{**record.of_game(game, "a", "b", [40, 0]).as_dict(), "comments": {0: "start", 2: "a ] and a \\ in it"}}
    )
    files.append(tmp_path / "x.sgf", [made])
    assert files.read(tmp_path / "x.sgf")[0].comments == made.comments


def test_columns_are_no_game_of_psq_or_sgf(tmp_path):
    made = record.of_game(games.make("connect4"), "a", "b", [3])
    for suffix in (".psq", ".sgf"):
        with pytest.raises(ValueError, match="not of connect4"):
            files.append(tmp_path / f"x{suffix}", [made])
        assert not (tmp_path / f"x{suffix}").exists()


def test_a_folder_is_all_of_its_files(tmp_path):
    written(tmp_path, PSQ, "b.psq")
    written(tmp_path, SGF, "a")
    written(tmp_path, "hidden", ".x")
    assert [one.first for one in files.read(tmp_path)] == ["Anna", "pbrain-first.exe"]


def test_positions_are_games_where_the_game_is_known(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbf# a set\n44352\n\n32164625 11 # solved\n4 4\n44 35\n")
    found, (line,) = files.scan(path, games.make("connect4"))
    assert [one.moves for one in found] == ["44352", "32164625", "44"]
    assert line.startswith(f"{path}:6: '35' is no score after 2 moves, which is -20 to 20; moves are written together")
    utf16 = files.read(written(tmp_path, "44\r\n43\r\n".encode("utf-16")), games.make("connect4"))
    assert [one.moves for one in utf16] == ["44", "43"]


@pytest.mark.parametrize(
    ("line", "moves", "score"),
    [
        ("32164625 11", "32164625", 11),
        ("44 -2", "44", -2),
        ("44 3", "44", 3),
        ("4 0", "4", 0),
        ("4 8", "4", 8),
        ("4 4", "4 4", None),
        ("4 4 3", "4 4 3", None),
        ("44352", "44352", None),
        ("", "", None),
    ],
)
def test_a_second_word_is_a_score_unless_both_are_moves(line, moves, score):
    game = games.make("connect4")
    found = positions.parse(game, line)
    assert (found.moves, found.score) == (moves, score)
    assert found.actions == text.parse_moves(game, moves)


def test_the_score_of_a_suite_may_look_like_a_move():
    assert positions.parse(games.make("connect4"), "4 4", scored=True).score == 4
    with pytest.raises(ValueError, match="not `MOVES SCORE`"):
        positions.parse(games.make("connect4"), "44352", scored=True)
