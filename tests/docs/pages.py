"""The documentation as data: pages, their code blocks, links and names of files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced code block: its language, its text, the line it starts on."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """A Markdown file of the repository."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[Block]:
        """Code blocks of a language, in order."""
        text = self.text
        return [
            Block(m[1], m[2], text.count("\n", 0, m.start()) + 1)
            for m in FENCE.finditer(text)
            if m[1] == language
        ]

    def links(self) -> list[str]:
        return LINK.findall(self.prose)

    def inline_code(self) -> list[str]:
        return INLINE.findall(self.prose)

    def anchors(self) -> set[str]:
        """Anchors of the headings, as GitHub makes them."""
        return {anchor(h) for h in HEADING.findall(self.prose)}


def anchor(heading: str) -> str:
    """`## What an estimate means` -> "what-an-estimate-means"."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page(name: str) -> Page:
    return Page(ROOT / name)


def pages() -> list[Page]:
    """README, changelog, everything in docs/, and the examples' own pages."""
    paths = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("examples/*/README.md"),
    ]
    return [Page(p) for p in sorted(paths)]
