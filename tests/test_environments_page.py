"""docs/environments.md, followed: its blocks are run in order, with training cut down."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "environments.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_blocks_run(capsys):
    pytest.importorskip("sb3_contrib")
    pytest.importorskip("pettingzoo")
    found = {}
    for block in BLOCKS:
        smaller = block.replace("seed=1)\nmodel.learn(20_000)", "seed=1, n_steps=64)\nmodel.learn(128)")
        exec(compile(smaller, PAGE.name, "exec"), found)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("(4, 6, 7) [") and shown[1] in ("win", "loss", "draw")
    assert found["over"] and found["env"].game.name == "gomoku:size=9"
