"""Hooks of the docs site: files of the repository that a page links to go into it as text, the page of play comes with
the run that ships, and pictures have a form for telephones."""

import re
from pathlib import Path

from mkdocs.structure.files import File

from selfplay.run.read import Run
from selfplay.web import alone

ROOT = Path(__file__).resolve().parent.parent
_PICTURE = re.compile(r'<img [^>]*?src="((?:\.\./)*)([\w-]+)\.png"[^>]*>')
_OUTSIDE = re.compile(r"\]\(((?:\.\./)+)([^)#:]+)\)")


def _target(docs: Path, page: Path, match: re.Match[str]) -> Path | None:
    """The file outside docs/ that a link of the page names, if it is there."""
    path = (page.parent / (match[1] + match[2])).resolve()
    outside = path.is_relative_to(ROOT) and not path.is_relative_to(docs)
    return path.relative_to(ROOT) if outside and path.is_file() else None


def on_files(files, config):
    docs = Path(config.docs_dir).resolve()
    played = alone.page_of_ages(Run(ROOT / "runs" / "example-connect4")).decode()
    files.append(File.generated(config, "play.html", content=played))
    for page in list(files.documentation_pages()):
        for match in _OUTSIDE.finditer(page.content_string):
            path = _target(docs, docs / page.src_uri, match)
            if path is not None and files.get_file_from_path(f"repository/{path}.txt") is None:
                content = (ROOT / path).read_text(encoding="utf-8")
                files.append(File.generated(config, f"repository/{path}.txt", content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    docs = Path(config.docs_dir).resolve()

    def inside(match: re.Match[str]) -> str:
        path = _target(docs, docs / page.file.src_uri, match)
        up = "../" * page.file.src_uri.count("/")
        return match[0] if path is None else f"]({up}repository/{path.as_posix()}.txt)"

    return _OUTSIDE.sub(inside, markdown)


def on_page_content(html, page, config, files):
    """A picture that there is for telephones too, as `NAME-narrow.png`, is shown in the width that fits."""

    def both(match: re.Match[str]) -> str:
        narrow = f"{match[2]}-narrow.png"
        if files.get_file_from_path(narrow) is None:
            return match[0]
        source = f'<source media="(max-width: 600px)" srcset="{match[1]}{narrow}">'
        return f"<picture>{source}{match[0]}</picture>"

    return _PICTURE.sub(both, html)
