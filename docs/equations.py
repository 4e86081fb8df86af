"""Equations of the pages as MathML, which browsers draw themselves: no script, nothing fetched."""

import re
import unicodedata
from contextlib import suppress
from html import unescape

from latex2mathml.converter import convert

CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
INLINE = re.compile(r"(?<![\\$\w])\$(?=\S)([^$\n]+?)(?<=\S)\$(?![\w$])")
LETTER = re.compile(r'<(mi|mn) mathvariant="(bold|bold-italic|script)">(&#x\w+;|.)</\1>')
STYLES = {"bold": "MATHEMATICAL BOLD ", "bold-italic": "MATHEMATICAL BOLD ", "script": "MATHEMATICAL SCRIPT "}


def on_page_markdown(markdown, **_):
    """A page with its equations converted; code is left alone."""
    parts = CODE.split(markdown)
    return "".join(part if k % 2 else _converted(part) for k, part in enumerate(parts))


def _converted(text):
    text = BLOCK.sub(lambda m: _mathml(m[1].strip(), "block"), text)
    return INLINE.sub(lambda m: f"<span>{_mathml(m[1], 'inline')}</span>", text)


def _mathml(source, display):
    return LETTER.sub(_letter, convert(source, display=display))


def _letter(found):
    """A letter of its own for each style: browsers draw no other."""
    tag, style, letter = found[1], found[2], unescape(found[3])
    name = unicodedata.name(letter).replace("LATIN ", "").replace("GREEK ", "").replace(" LETTER", "")
    with suppress(KeyError):  # no such letter in this style
        letter = unicodedata.lookup(STYLES[style] + name.replace(" SYMBOL", ""))
    return f"<{tag}>{letter}</{tag}>"
