"""One self-contained HTML page: text, tables and figures, without scripts and without a network."""

import base64
from html import escape
from string import Template

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 68rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0.2rem; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
p.sub { color: #6b6b6b; margin-top: 0; }
.answer { border-left: 4px solid #0072B2; padding: 0.3rem 1rem; background: #f4f8fb; }
.doubts { border-left: 4px solid #D55E00; padding: 0.3rem 1rem; background: #fdf6f1; }
.answer li, .doubts li { margin: 0.25rem 0; }
figure { margin: 1.2rem 0; } figure img { width: 100%; height: auto; } figcaption { color: #444; font-size: 0.9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; margin: 0.8rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.3rem; }
th, td { padding: 0.15rem 0.6rem; text-align: right; border-bottom: 1px solid #e4e4e4; white-space: nowrap; }
th { vertical-align: bottom; border-bottom: 1px solid #888; } th.l, td.l { text-align: left; }
td.w { text-align: left; white-space: normal; word-break: break-word; max-width: 44rem; }
pre { background: #f6f6f6; padding: 0.6rem; overflow-x: auto; font-size: 0.85rem; white-space: pre-wrap; }
nav a { margin-right: 1rem; color: #0072B2; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } nav { display: none; } .wide { overflow: visible; }
  table { font-size: 8px; } th, td { padding: 0.1rem 0.25rem; }
  figure, .answer, .doubts { break-inside: avoid; } h2 { break-after: avoid; } }
"""
"""Colours are those of the figures; it prints on white paper."""

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<h1>$title</h1>
<p class="sub">$subtitle</p>
$body
</body>
</html>
""")


def page(title, subtitle, sections):
    """The page.

    Parameters
    ----------
    title, subtitle : str
    sections : sequence of (str, str)
        Headings and their HTML, as of the other functions of this module; empty ones are left out.
    """
    sections = [(name, content) for name, content in sections if content]
    links = "".join(f'<a href="#s{k}">{escape(name)}</a>' for k, (name, _) in enumerate(sections))
    parts = [
        f'<section id="s{k}">\n<h2>{escape(name)}</h2>\n{content}\n</section>'
        for k, (name, content) in enumerate(sections)
    ]
    body = "\n".join([f"<nav>{links}</nav>", *parts])
    return PAGE.substitute(title=escape(title), subtitle=escape(subtitle), style=STYLE, body=body)


def paragraph(text):
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def sentences(items, kind="answer"):
    """A list of sentences in a box: ``answer`` or ``doubts``; nothing if there are none."""
    items = list(items)
    if not items:
        return ""
    return f'<div class="{kind}"><ul>' + "".join(f"<li>{escape(text)}</li>" for text in items) + "</ul></div>"


def code(text):
    """Text as it stands."""
    return f"<pre>{escape(text)}</pre>"


def table(caption, columns, rows):
    """A table; columns that begin with ``<`` are aligned to the left, with ``<<`` they wrap; rows may hold None."""
    kinds = [' class="w"' if c.startswith("<<") else ' class="l"' if c.startswith("<") else "" for c in columns]
    heads = [escape(c.lstrip("<")).replace("\n", "<br>") for c in columns]
    lines = [
        "<tr>" + "".join(f"<th{k.replace('w', 'l')}>{h}</th>" for k, h in zip(kinds, heads, strict=True)) + "</tr>"
    ]
    for row in rows:
        cells = ["–" if cell is None else escape(str(cell)) for cell in row]
        lines.append("<tr>" + "".join(f"<td{k}>{c}</td>" for k, c in zip(kinds, cells, strict=True)) + "</tr>")
    return f'<div class="wide"><table><caption>{escape(caption)}</caption>\n' + "\n".join(lines) + "\n</table></div>"


def figure(svg, caption, alternative):
    """A figure from the bytes of an SVG file; `alternative` describes it to those who do not see it."""
    data = base64.b64encode(svg).decode()
    image = f'<img alt="{escape(alternative, quote=True)}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"
