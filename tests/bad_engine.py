"""A Gomoku engine that plays by the protocol, or misbehaves in the way that its argument names, from its third move on.

    python bad_engine.py [FAULT [FILE]]

It plays the free cell nearest to its opponent's last stone. FILE gets the numbers of the processes that it starts.
"""

import os
import signal
import sys
import time
from pathlib import Path

FAULT = sys.argv[1] if len(sys.argv) > 1 else ""
TROUBLE = 3  # the move at which it begins
size, free, moves = 0, set(), 0
refusals = 0
hoard: list[bytearray] = []


def say(text, end="\n"):
    sys.stdout.write(text + end)
    sys.stdout.flush()


def note_processes(*pids):
    with Path(sys.argv[2]).open("a") as file:
        file.writelines(f"{pid}\n" for pid in pids)


def start(line):
    global size, free, moves
    if FAULT == "crash at start":
        sys.exit(3)
    if FAULT == "hang at start":
        time.sleep(3600)
    if FAULT == "refuse":
        return say("ERROR only boards of 19")
    if line.startswith("START"):
        size = int(line.split()[1])
    free, moves = {(x, y) for x in range(size) for y in range(size)}, 0
    if FAULT == "banner":
        say("Such Engine 1.0, all rights reserved")
    if FAULT == "no restart" and line == "RESTART":
        return say("UNKNOWN command")
    say("OK - ready")


def move(near):
    global moves
    moves += 1
    x, y = min(free, key=lambda cell: (max(abs(cell[0] - near[0]), abs(cell[1] - near[1])), cell))
    answer = f"{x},{y}"
    if FAULT == "chatter":
        say("MESSAGE thinking about it")
        say("DEBUG depth 3\r\n\r\nOK")
    if FAULT == "odd bytes":
        sys.stdout.buffer.write(b"\xff\xfeMESS\0AGE d\xe9pth 3\n")
    if FAULT == "suggest":
        say(f"SUGGEST {answer}")
        assert sys.stdin.readline().strip() == f"PLAY {answer}"
    if moves >= TROUBLE:
        answer = trouble(answer)
    free.discard((x, y))
    say(answer)


def trouble(answer):
    taken = next((x, y) for x in range(size) for y in range(size) if (x, y) not in free)
    if FAULT == "hang":
        time.sleep(3600)
    if FAULT == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if FAULT == "exit":
        sys.exit(7)
    if FAULT == "taken":
        return f"{taken[0]},{taken[1]}"
    if FAULT == "off the board":
        return f"{size},0"
    if FAULT == "negative":
        return "-1,4"
    if FAULT == "huge number":
        return "9" * 5000 + ",1"
    if FAULT == "garbage":
        return "\x1b[31m\xff resign?"
    if FAULT == "error":
        return "ERROR out of ideas"
    if FAULT == "partial":
        say(answer[:2], end="")
        time.sleep(3600)
    if FAULT == "partial and exit":
        say(answer, end="")
        sys.exit(0)
    if FAULT == "endless":
        while True:
            say("MESSAGE still thinking")
    if FAULT == "slow endless":
        while True:
            say("MESSAGE still thinking")
            time.sleep(0.01)
    if FAULT == "huge line":
        return "MESSAGE " + "z" * 200_000
    if FAULT == "late":
        time.sleep(2)
    if FAULT == "twice":
        return f"{answer}\n{answer}"
    if FAULT == "close":
        os.close(1)
        time.sleep(3600)
    if FAULT == "deaf":  # plays on without reading
        while True:
            say(answer)
            time.sleep(0.001)
    if FAULT == "children":
        child = os.fork()
        if child == 0:
            note_processes(os.getpid())
            if os.fork() == 0:  # one that leaves the process group and its parent
                os.setsid()
                if os.fork() == 0:
                    note_processes(os.getpid())
            time.sleep(3600)
        time.sleep(0.2)
        sys.exit(5)
    if FAULT == "memory":
        hoard = []
        while True:
            hoard.append(bytearray(1 << 24))
    return answer


def board():
    last = (size // 2, size // 2)
    while (line := sys.stdin.readline().strip()) != "DONE":
        x, y, whose = map(int, line.split(","))
        free.discard((x, y))
        last = (x, y) if whose == 2 else last
    move(last)


def closing(line):
    """Whether it is still busy with its last search, and knows no command."""
    global refusals
    if moves < TROUBLE or not line.startswith("TURN") or FAULT not in ("not ready", "never ready"):
        return False
    refusals += 1
    return FAULT == "never ready" or refusals % 3 != 0


def main():
    if FAULT == "ignore end":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if len(sys.argv) > 2:
        note_processes(os.getpid())
    while line := sys.stdin.readline():
        line = line.strip()
        if closing(line):
            say("UNKNOWN command")
        elif line.startswith(("START", "RESTART")):
            start(line)
        elif FAULT == "told memory" and line.startswith("INFO max_memory"):
            hoard.clear()  # before as much is taken again
            hoard.append(bytearray(int(line.split()[2])))
        elif line == "BEGIN":
            move((size // 2, size // 2))
        elif line.startswith("TURN"):
            x, y = map(int, line[5:].split(","))
            free.discard((x, y))
            move((x, y))
        elif line == "BOARD":
            board()
        elif line == "END" and FAULT != "ignore end":
            return
        elif not line.startswith("INFO"):
            say("UNKNOWN")
    while FAULT == "ignore end":
        time.sleep(3600)


main()
