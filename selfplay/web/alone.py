"""Playing without the server: a network as an ONNX file, which the page runs itself, and the page with one inside."""

import base64
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlencode

import games
from games.game import Game
from selfplay.network import onnx_graph
from selfplay.network.weights import weights_arrays, weights_metadata
from selfplay.report import words
from selfplay.run import checkpoint
from selfplay.run.read import Run
from selfplay.web import catalogue, levels

_STATIC = Path(__file__).with_name("static")
_MODULES = ("main.js", "play.js")  # the page of play, which the first one imports when it is asked for
_POLICY = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:"


def network(weights: Path) -> bytes:
    """A weights file as an ONNX file."""
    return _exported(weights, weights.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _exported(weights: Path, modified_ns: int) -> bytes:
    metadata = weights_metadata(weights)
    return onnx_graph.model(weights_arrays(weights), games.make(metadata["game"]), metadata)


def page_of_ages(run: Run) -> bytes:
    """`page` with the run's networks of about 1, 5, 20 and 60 minutes of training to choose from."""
    kept = checkpoint.folders(run.dir)
    ages = {generation: words.long_minutes(minutes) for generation, minutes in run.ages.items()}
    if not ages:
        raise ValueError(f"{run.dir} keeps no weights of a generation whose training time is known")
    networks = {generation: network(kept[generation] / checkpoint.WEIGHTS) for generation in ages}
    return page(networks[max(ages)], games.make(run.config.game), run.dir.name, ages, networks)


def page(
    onnx: bytes,
    game: Game,
    source: str,
    ages: Mapping[int, str] | None = None,
    networks: Mapping[int, bytes] | None = None,
) -> bytes:
    """The page of play as one HTML file that opens from a disk and asks nobody for anything.

    Its modules are those of `static/`, each as a data: address that an import map names, since a browser loads no
    module from beside a file. What they would ask the server for stands in the file, by path. `source` says where the
    network comes from, `ages` how long those of earlier generations, the `networks`, had trained. `ValueError` for a
    game whose rules the page does not keep.
    """
    if catalogue.described(game)["rules"] != "lines":
        raise ValueError(f"the page without a server knows the rules of lines only, not of {game.name}")
    name = re.sub(r"[^\w.=+-]+", "-", source.partition("@")[0].removesuffix(".safetensors"))
    answers = {
        "/api/games": [catalogue.described(game) | {"truth": False}],
        "/api/players": {
            "levels": levels.ages_in_page(name, ages) if ages else levels.in_page(name),
            "ladder": [],
            "pretrained": False,
            "runs": [{"name": name, "generations": list(networks or ())}],
            "about": f"{source}, in this page: nothing that you do here leaves it.",
        },
        "/api/network": encoded(onnx),
    }
    for generation, earlier in (networks or {}).items():
        if earlier is onnx:
            continue  # it answers where no other does
        asked = {"game": game.name, "of": f"{name}@{generation}"}
        answers[f"/api/network?{urlencode(asked, quote_via=quote)}"] = encoded(earlier)
    modules = {f"selfplay/{module}": _data("text/javascript", _bare(module)) for module in _needed()}
    scripts = (
        f'<script type="importmap">{_inert({"imports": modules})}</script>\n'
        f'<script type="application/json" id="answers">{_inert(answers)}</script>\n'
        '<script type="module">import "selfplay/main.js";</script>'
    )
    html = _read("index.html")
    for there, here in {
        '<meta charset="utf-8">': '<meta charset="utf-8">\n'
        f'<meta http-equiv="content-security-policy" content="{_POLICY}">',
        "/static/icon.svg": _data("image/svg+xml", _read("icon.svg")),
        '<link rel="stylesheet" href="/static/style.css">': f"<style>\n{_read('style.css')}</style>",
        '<script type="module" src="/static/main.js"></script>': scripts,
    }.items():
        assert html.count(there) == 1, there
        html = html.replace(there, here)
    return html.encode()


def encoded(onnx: bytes) -> dict[str, str]:
    """A network as an answer of the server."""
    return {"onnx": base64.b64encode(onnx).decode()}


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _needed() -> list[str]:
    """The modules of the page of play, and all that those import."""
    found: list[str] = [*_MODULES]
    for module in found:  # which grows meanwhile
        found += [other for other in re.findall(r' from "\./(\w+\.js)"', _read(module)) if other not in found]
    return found


def _bare(module: str) -> str:
    """A module that names others as the import map does: at a data: address nothing lies beside it."""
    return _read(module).replace('"./', '"selfplay/')


def _data(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


def _inert(value: object) -> str:
    """JSON that ends no script element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
