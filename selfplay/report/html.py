"""A page of HTML in one file: its frame, tables and figures. It loads nothing, and is light or dark as the reader."""

import html
from collections.abc import Mapping, Sequence

_STYLE = """
:root { color-scheme: light dark; --ink: #111827; --soft: #57606f; --line: #e5e7eb; --ground: #fff; --box: #f3f4f6;
  --good: #15703f; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #a3abb8; --line: #2c333d; --ground: #12161c;
  --box: #1b212a; --good: #56c98a; --bad: #ff8a75; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 66rem; margin: 0 auto; padding: 1rem 1rem 4rem;
  color: var(--ink); background: var(--ground); }
h1 { line-height: 1.2; margin-bottom: .3rem; }
h2 { margin-top: 2.5rem; }
p, li { max-width: 46rem; }
.lead { font-size: 1.15rem; }
.soft, figcaption { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; max-width: 40rem; }
figure > svg { width: 100%; height: auto; display: block; }
figcaption { font-size: .9rem; }
.keys { list-style: none; margin: .3rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .85rem; }
.keys svg { width: 1.2em; height: .7em; margin-right: .35em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
td:first-child { min-width: 11rem; }
pre, code { font: .88em/1.5 ui-monospace, monospace; }
pre { background: var(--box); padding: .8rem; overflow-x: auto; border-radius: .3rem; }
.well { color: var(--good); }
.failing { color: var(--bad); font-weight: 600; }
"""


class Markup(str):
    """Text that is HTML already; all other text is escaped."""


def escaped(value: object) -> str:
    return value if isinstance(value, Markup) else html.escape(str(value))


def document(title: str, sections: Sequence[str]) -> str:
    """The whole file."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escaped(title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body><main>\n<h1>{escaped(title)}</h1>\n"
        + "\n".join(filter(None, sections))
        + "\n</main></body></html>\n"
    )


def paragraph(text: object, kind: str = "") -> str:
    return f'<p class="{kind}">{escaped(text)}</p>' if kind else f"<p>{escaped(text)}</p>"


def section(heading: str, *parts: str) -> str:
    """A heading and what stands below it."""
    return f"<h2>{escaped(heading)}</h2>\n" + "\n".join(filter(None, parts))


def table(headers: Sequence[object], rows: Sequence[Sequence[object]], label: str) -> str:
    """A table that scrolls sideways by itself where the screen is narrow; by keys too, so it has a name."""

    def cells(tag: str, values: Sequence[object]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escaped(value)}</{tag}>" for value in values) + "</tr>"

    body = "\n".join(cells("td", row) for row in rows)
    return (
        f'<div class="wide" role="region" aria-label="{escaped(label)}" tabindex="0"><table>\n'
        f"{cells('th', headers)}\n{body}\n</table></div>"
    )


def figure(svg: str, keys: Mapping[str, str], label: str, caption: object) -> str:
    """A drawing, the colours of its lines by name, and what it shows in words."""
    drawn = svg.replace("<svg ", f'<svg role="img" aria-label="{escaped(label)}" ', 1)
    swatches = "".join(
        f'<li><svg viewBox="0 0 20 10" aria-hidden="true"><path d="M0 5H20" stroke="{colour}" stroke-width="4"/></svg>'
        f"{escaped(name)}</li>"
        for name, colour in keys.items()
    )
    legend = f'<ul class="keys">{swatches}</ul>' if swatches else ""
    return f"<figure>{drawn}{legend}<figcaption>{escaped(caption)}</figcaption></figure>"


def code(text: str) -> str:
    return f'<pre tabindex="0">{escaped(text)}</pre>'


def folded(summary: str, content: str) -> str:
    """Shown when asked for."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def joined(parts: Sequence[str]) -> Markup:
    """Markup of several parts, each escaped unless it is markup."""
    return Markup("".join(escaped(part) for part in parts))


def coded(text: str) -> Markup:
    """Text with `names` in backquotes."""
    parts = text.split("`")
    return joined([Markup(f"<code>{escaped(part)}</code>") if i % 2 else part for i, part in enumerate(parts)])


def verdict(text: str, failing: bool | None) -> Markup:
    """A word in the colour of good or bad; the word says it too."""
    kind = "soft" if failing is None else "failing" if failing else "well"
    return Markup(f'<span class="{kind}">{escaped(text)}</span>')
