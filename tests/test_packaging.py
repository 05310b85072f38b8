"""The wheel holds every file of the import package, and works without the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Top-level folders that are linked into the package (edgewright/converter -> ../converter).
LINKED = ("converter", "quantize", "targets", "runtime", "firmware_templates")


def files_of_the_checkout() -> list[str]:
    """Tracked files, and new ones that git does not ignore."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(f for f in set(listed.split("\0")) if (ROOT / f).is_symlink() or (ROOT / f).is_file())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built offline from a copy so that the checkout stays clean."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in files_of_the_checkout():
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy, follow_symlinks=False)
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(target)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("*.whl")
    return built


def test_wheel_holds_the_package_and_nothing_else(wheel):
    expected = set()
    for name in files_of_the_checkout():
        top = name.split("/")[0]
        if top in LINKED:
            expected.add(f"edgewright/{name}")
        elif top == "edgewright" and not (ROOT / name).is_symlink():
            expected.add(name)
    with zipfile.ZipFile(wheel) as archive:
        packed = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert packed == expected


def test_links_are_relative():
    for folder in LINKED:
        link = ROOT / "edgewright" / folder
        assert link.is_symlink() and str(link.readlink()) == f"../{folder}"
        assert (ROOT / folder / "__init__.py").is_file(), f"{folder} is not a package"


def test_wheel_works_without_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from edgewright.targets.board import list_boards\n"
        "from edgewright.cli import run\n"
        "assert list_boards()[0].path.is_relative_to(sys.path[0]), list_boards()[0].path\n"
        "sys.exit(run(['boards', 'list']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mps2-an386" in done.stdout
    metadata = next(n for n in names if n.endswith(".dist-info/METADATA"))
    entry_points = metadata.replace("METADATA", "entry_points.txt")
    assert "edgewright = edgewright.__main__:main" in (tmp_path / entry_points).read_text()
    assert any(n.endswith("LICENSE") for n in names)
