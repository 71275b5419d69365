"""A page of HTML in one file: its frame, tables and figures. It loads nothing, and is light or dark as the reader.

All text is escaped unless it is `Markup` already.
"""

import base64
from collections.abc import Mapping, Sequence

from markupsafe import Markup

_STYLE = """
:root { color-scheme: light dark; --ink: #111827; --soft: #57606f; --line: #e5e7eb; --ground: #fff; --box: #f3f4f6;
  --good: #15703f; --bad: #b42318; --learner: #0b6bb0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #a3abb8; --line: #2c333d; --ground: #12161c;
  --box: #1b212a; --good: #56c98a; --bad: #ff8a75;
  --learner: #5db2f2; } }
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
figure > svg, figure > img { width: 100%; height: auto; display: block; }
.banner { max-width: 60rem; }
.if-narrow { display: none !important; }
@media (max-width: 40rem) { .if-narrow { display: block !important; } .if-wide { display: none !important; } }
.headline { font-size: 1.5rem; font-weight: 700; line-height: 1.25; max-width: none; margin: 1rem 0 .5rem; }
figcaption { font-size: .9rem; }
.keys { list-style: none; margin: .3rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .85rem; }
.keys svg { width: 1.2em; height: .7em; margin-right: .35em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
td:first-child { min-width: 11rem; }
@media (max-width: 40rem) {
  table, tbody, tr, td { display: block; }
  tr:has(> th) { display: none; }
  tr { padding: .6rem 0; border-bottom: 1px solid var(--line); }
  td { padding: 0; border: 0; overflow-wrap: anywhere; }
  td:empty { display: none; }
  td:first-child { font-weight: 600; }
  td[data-name]:not([data-name=""])::before { content: attr(data-name) ": "; color: var(--soft); font-weight: 400; }
}
pre, code { font: .88em/1.5 ui-monospace, monospace; }
pre { background: var(--box); padding: .8rem; overflow-x: auto; border-radius: .3rem; }
.well { color: var(--good); }
.failing { color: var(--bad); font-weight: 600; }
"""


def document(title: str, sections: Sequence[Markup]) -> Markup:
    """The whole file."""
    return Markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>\n'
        "<style>{style}</style></head>\n<body><main>\n<h1>{title}</h1>\n{body}\n</main></body></html>\n"
    ).format(title=title, style=Markup(_STYLE), body=Markup("\n").join(filter(None, sections)))


def paragraph(text: str, kind: str = "") -> Markup:
    return Markup('<p class="{}">{}</p>').format(kind, text) if kind else Markup("<p>{}</p>").format(text)


def section(heading: str, *parts: Markup) -> Markup:
    """A heading and what stands below it; parts that are empty are left out."""
    return Markup("<h2>{}</h2>\n{}").format(heading, Markup("\n").join(filter(None, parts)))


def heading(text: str) -> Markup:
    """Of a part of a section."""
    return Markup("<h3>{}</h3>").format(text)


def table(headers: Sequence[object], rows: Sequence[Sequence[object]], label: str) -> Markup:
    """A table whose rows are cards where the screen is narrow: each cell says there what it is. One that is wider than
    any screen scrolls sideways by itself; by keys too, so it has a name."""

    def cells(row: Sequence[object]) -> Markup:
        named = zip(["", *headers[1:]], row, strict=False)  # the first of a card is its title
        return Markup("").join(Markup('<td data-name="{}">{}</td>').format(name, value) for name, value in named)

    frame = Markup('<div class="wide" role="region" aria-label="{}" tabindex="0"><table>\n{}\n{}\n</table></div>')
    head = Markup("").join(Markup("<th>{}</th>").format(header) for header in headers)
    body = Markup("\n").join(Markup("<tr>{}</tr>").format(cells(row)) for row in rows)
    return frame.format(label, Markup("<tr>{}</tr>").format(head), body)


def bullets(items: Sequence[str]) -> Markup:
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in items))


def figure(svg: Markup, keys: Mapping[str, str], label: str, caption: str) -> Markup:
    """A drawing, the colours of its lines by name, and what it shows in words."""
    swatch = Markup(
        '<li><svg viewBox="0 0 20 10" aria-hidden="true"><path d="M0 5H20" stroke="{}" stroke-width="4"/></svg>{}</li>'
    )
    swatches = Markup("").join(swatch.format(colour, name) for name, colour in keys.items())
    legend = Markup('<ul class="keys">{}</ul>').format(swatches) if swatches else ""
    return Markup("<figure>{}{}<figcaption>{}</figcaption></figure>").format(_named(svg, label), legend, caption)


def image(png: bytes, label: str, caption: str) -> Markup:
    """A picture that the page carries within itself, over its whole width."""
    data = base64.b64encode(png).decode()
    return Markup(
        '<figure class="banner"><img src="data:image/png;base64,{}" alt="{}"><figcaption>{}</figcaption></figure>'
    ).format(data, label, caption)


def banner(wide: Markup, narrow: Markup, headline: str, caption: str) -> Markup:
    """A drawing over the whole width of the page, and above it what it shows. `narrow` is the same drawing for a
    telephone."""
    return Markup('<figure class="banner"><p class="headline">{}</p>{}{}<figcaption>{}</figcaption></figure>').format(
        headline, _named(wide, headline, "if-wide"), _named(narrow, headline, "if-narrow"), caption
    )


def _named(svg: Markup, label: str, kind: str = "") -> Markup:
    """A drawing with a name for who does not see it."""
    named = Markup('<svg role="img" aria-label="{}" class="{}" ').format(label, kind)
    return Markup(str(svg).replace("<svg ", named, 1))  # Markup.replace may escape what it looks for


def side_by_side(figures: Sequence[Markup]) -> Markup:
    return Markup('<div class="figures">{}</div>').format(Markup("").join(figures))


def code(text: str) -> Markup:
    return Markup('<pre tabindex="0">{}</pre>').format(text)


def folded(summary: str, content: Markup) -> Markup:
    """Shown when asked for."""
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, content)


def two_lines(first: str, second: str) -> Markup:
    """What stands in one cell of a table, the second line in a quieter colour."""
    return Markup('{}<br><span class="soft">{}</span>').format(first, second)


def coded(text: str) -> Markup:
    """Text with `names` in backquotes."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def verdict(reading: str, text: str, failing: bool | None) -> Markup:
    """A reading, and a word in the colour of good or bad; the word says it too."""
    kind = "soft" if failing is None else "failing" if failing else "well"
    return Markup('{} <span class="{}">{}</span>').format(reading, kind, text)
