"""Links lead somewhere, and files that the documentation names exist."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, Page, pages

# What looks like a file of the repository: a path below one of its folders.
FOLDERS = (
    *("converter", "targets", "runtime", "firmware_templates", "edgewright", "tests"),
    *("docs", "examples", "scripts", "benchmarks", "quantize"),
)
REPOSITORY_FILE = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*")
# Files the guides tell the reader to write.
TO_BE_WRITTEN = {
    "converter/ops/channel_max.py",
    "converter/lower/reduce_max.py",
    "targets/boards/mps2-an511.toml",
}


def links() -> list[tuple[Page, str]]:
    return [(p, link) for p in pages() for link in p.links()]


def named_files() -> list[tuple[str, str]]:
    """(page, path) of every file of the repository named in inline code or as a comment of a code block."""
    found = []
    for page in pages():
        comments = re.findall(r"# (\S+)$", page.text, re.MULTILINE)
        for text in [*page.inline_code(), *comments]:
            if REPOSITORY_FILE.fullmatch(text):
                found.append((page.name, text))
    return sorted(set(found))


@pytest.mark.parametrize("page, link", links(), ids=lambda v: v.name if isinstance(v, Page) else v)
def test_link_leads_somewhere(page, link):
    if re.match(r"https?://", link):
        assert "localhost" not in link
        return
    target, _, fragment = link.partition("#")
    path = (page.path.parent / target.replace("\\", "")).resolve() if target else page.path
    assert path.is_relative_to(ROOT), f"{link} leads out of the repository"
    assert path.exists(), f"{page.name} links to {link}"
    if fragment:
        assert fragment in Page(path).anchors(), f"{link}: {sorted(Page(path).anchors())}"


@pytest.mark.parametrize("where, name", named_files())
def test_named_file_exists(where, name):
    if name in TO_BE_WRITTEN:
        assert not (ROOT / name).exists(), f"{name} is there now: {where} needs another example"
        return
    assert list(ROOT.glob(name.rstrip("/"))), f"{where} names {name}"


def test_they_are_found():
    assert len(links()) > 60
    assert len(named_files()) >= 8


def test_no_private_paths():
    for page in pages():
        for word in ("/work/", "shared/", ".library", "/root/"):
            assert word not in page.text, f"{page.name} mentions {word}"
