"""Names for tables: TFLite calls a layer by all it was fused from, which is hundreds of characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

MAX_CHARS = 28
ELLIPSIS = "…"


def short_names(names: Iterable[str], limit: int = MAX_CHARS) -> dict[str, str]:
    """Short forms of names, still different from each other.

    `model/activation_1/Relu;model/batch_normalization_1/...` becomes `activation_1/Relu`: the first of
    the names joined by `;`, of its path the last two components, or as many more as tell the names
    apart, cut to the limit. What is still ambiguous gets a number.

    Args:
        names: Full names; repeated ones count once.
        limit: Characters a short name has at most (more only where a number has to follow).

    Returns:
        Short name by full name.
    """
    candidates = {name: _candidates(name, limit) for name in names}
    chosen = dict.fromkeys(candidates, 0)

    def short(name: str) -> str:
        return candidates[name][chosen[name]]

    while True:
        owners = Counter(short(name) for name in candidates)
        clashing = [n for n in candidates if owners[short(n)] > 1 and chosen[n] + 1 < len(candidates[n])]
        if not clashing:
            break
        for name in clashing:
            chosen[name] += 1
    return _numbered({name: short(name) for name in candidates})


def _candidates(name: str, limit: int) -> list[str]:
    """Short forms of one name, the best first; at least one."""
    components = (name.partition(";")[0] or name).split("/")
    forms: list[str] = []
    for count in range(min(2, len(components)), len(components) + 1):
        tail = "/".join(components[-count:])
        # Numbers that count layers stand at the end of components, most often of the last but one.
        forms += [_cut_end(tail, limit), cut_middle(tail, limit)]
    return forms


def _cut_end(text: str, limit: int) -> str:
    fits = len(text) <= limit or "/" not in text[:limit]
    return cut_middle(text, limit) if fits else text[: limit - len(ELLIPSIS)] + ELLIPSIS


def cut_middle(text: str, limit: int) -> str:
    """The text without its middle where it has more than `limit` characters."""
    if len(text) <= limit:
        return text
    kept = limit - len(ELLIPSIS)
    return text[: kept - kept // 2] + ELLIPSIS + text[len(text) - kept // 2 :]


def _numbered(short: dict[str, str]) -> dict[str, str]:
    """Where several names have the same short form, all but the first get a number."""
    taken: set[str] = set()
    result = {}
    for name, form in short.items():
        candidate, number = form, 1
        while candidate in taken:
            number += 1
            candidate = f"{form}#{number}"
        taken.add(candidate)
        result[name] = candidate
    return result
