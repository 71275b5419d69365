"""Games on paper: what a line holds by hand, and what is no game."""

import json
import threading

import pytest

import games
from games import record as records
from games import text
from games.record import GameRecord

# X stacks the first column while O stacks the second: four in a column with the seventh move.
WON = {"game": "connect4", "first": "rules", "second": "human", "opening": "12", "moves": "1212121", "result": "1-0"}
# The second player takes the middle row.
LOST = {
    **{"game": "tictactoe", "first": "random", "second": "rules", "opening": ""},
    **{"moves": "a1 a2 b3 b2 c1 c2", "result": "0-1"},
}
DRAWN = {
    **{"game": "tictactoe", "first": "random", "second": "rules", "opening": "b2"},
    **{"moves": "b2 a1 c1 a3 a2 c2 b1 b3 c3", "result": "1/2"},
}


def file_of(tmp_path, *lines):
    path = tmp_path / "games.jsonl"
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def test_games_by_hand_are_read_and_written_back_as_they_were(tmp_path):
    commented = {**WON, "comments": {"4": "too slow"}, "note": "by hand"}
    path = file_of(tmp_path, WON, "\n", LOST, DRAWN, commented)
    found = records.read(path)
    assert [record.result for record in found] == ["1-0", "0-1", "1/2", "1-0"]
    assert found[3].comments == {4: "too slow"}
    assert found[0].replayable()[1] == [0, 1, 0, 1, 0, 1, 0]
    again = tmp_path / "again.jsonl"
    records.append(again, found[:1])
    records.append(again, found[1:])
    assert [json.loads(line) for line in again.read_text().splitlines()] == [WON, LOST, DRAWN, commented]


def test_an_unfinished_game_and_a_forfeited_one():
    game = games.make("connect4")
    assert records.of_game(game, "a", "b", [3, 3]).result == "*"
    given_up = records.of_game(game, "a", "b", [3, 3, 3], forfeit="b crashed")
    assert (given_up.result, given_up.note) == ("1-0", "b crashed")  # the second player was to move
    assert records.parse(json.dumps(given_up.as_dict())) == given_up
    with pytest.raises(ValueError, match="the result is '0-1'"):  # who is not to move cannot give up
        GameRecord(**{**given_up.as_dict(), "result": "0-1"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ("[1, 2]", "a game is a JSON object"),
        ("[" * 60_000, "not JSON"),
        ('{"game": "connect4", "moves": "44"}', "first, second, opening, result missing"),
        ({**WON, "game": "connect5"}, "did you mean 'connect4'"),
        ({**WON, "game": "connect4:height=99999999"}, "connect4"),
        ({**WON, "moves": 1212121}, "moves is text, not 1212121"),
        ({**WON, "moves": "12121291"}, "move 7: '9' is not a column"),
        ({**WON, "moves": "12121212"}, "the game is already over after move 7"),
        ({**WON, "opening": "", "moves": "1111111"}, "column 1 is full"),
        ({**WON, "opening": "13"}, "do not begin with the opening '13'"),
        ({**WON, "result": "0-1"}, "the result is '0-1', but these moves end in '1-0'"),
        ({**WON, "result": "1/2"}, "the result is '1/2'"),
        ({**WON, "result": "*"}, "the result is '*'"),
        ({**WON, "moves": "121212", "result": "1-0"}, "but these moves end in '*'"),
        ({**WON, "moves": "121212", "result": "1-0", "note": "?"}, "but these moves end in '*'"),
        ({**WON, "moves": "121212", "result": "0-1"}, "but these moves end in '*'"),  # no note says why
        ({**DRAWN, "result": "1-0"}, "but these moves end in '1/2'"),
        ({**WON, "comments": {"8": "x"}}, "a comment stands after move 8, but the game has 7"),
        ({**WON, "comments": {"-1": "x"}}, "a comment is a move number and a text"),
        ({**WON, "comments": {"1": 5}}, "a comment is a move number and a text"),
        ({**WON, "comments": ["x"]}, "comments is an object"),
        ({**WON, "note": "\x1b[2J\x1b]0;owned\x07"}, "note holds control characters"),
        ({**WON, "first": "a\nb"}, "first holds control characters"),
        ({**WON, "comments": {"1": "\u202eevil"}}, "a comment holds control characters"),
        ({**WON, "note": "x" * 70_000}, "longer than 65536 bytes"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path, line, said):
    line = line + "\n" if isinstance(line, str) else line
    path = file_of(tmp_path, WON, line, LOST)
    found, mistakes = records.scan(path)
    assert [record.result for record in found] == ["1-0", "0-1"]
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"{path}:2: ")
    assert said in mistakes[0]
    assert mistakes[0].isprintable()
    assert len(mistakes[0]) < 500
    with pytest.raises(ValueError) as error:
        records.read(path)
    assert str(error.value) == mistakes[0]


def test_bytes_that_are_no_text_and_how_many_more_lines_are_bad(tmp_path):
    path = tmp_path / "games.jsonl"
    path.write_bytes(b'\xff\xfe{"game"\n' + b"\x00\n" + json.dumps(WON).encode() + b"\n" + b"\x80abc\n")
    found, mistakes = records.scan(path)
    assert len(found) == 1
    assert [mistake.split(": ")[0].rpartition(":")[2] for mistake in mistakes] == ["1", "2", "4"]
    with pytest.raises(ValueError, match=r"jsonl:1: .*\(and 2 more bad lines\)"):
        records.read(path)


def test_a_line_cut_off_by_a_crash_does_not_take_the_next_game_with_it(tmp_path):
    path = file_of(tmp_path, WON, json.dumps(LOST)[:40])
    records.append(path, [records.parse(json.dumps(DRAWN))])
    found, mistakes = records.scan(path)
    assert [record.result for record in found] == ["1-0", "1/2"]
    assert len(mistakes) == 1


def test_appending_from_many_threads_tears_no_line(tmp_path):
    path = tmp_path / "games.jsonl"
    record = records.parse(json.dumps(WON))

    def write():
        for _ in range(20):
            records.append(path, [record] * 3)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert records.read(path) == [record] * 240


def test_nothing_to_append_makes_no_file(tmp_path):
    records.append(tmp_path / "none.jsonl", [])
    assert not (tmp_path / "none.jsonl").exists()


def test_the_moves_of_a_record_are_its_game():
    game = games.make("gomoku9")
    line = "e5 e6 f5 f6 g5 g6 h5 h6 i5"
    record = records.of_game(game, "a", "b", text.parse_moves(game, line), opening_plies=3)
    assert (record.moves, record.opening, record.result) == (line, "e5 e6 f5", "1-0")
