"""Try the settings of post-training quantization and keep the best on samples held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from edgewright.quantize.calibrate.running import Samples
from edgewright.quantize.data.labels import Labels
from edgewright.quantize.quantize_model import Progress, Quantized, calibrate, finish, silent
from edgewright.quantize.score import Score, observe_outputs, score
from edgewright.quantize.settings import RANGE_METHODS, Settings


@dataclass(frozen=True)
class Tried:
    """One combination of settings and how it did."""

    settings: Settings
    score: Score


@dataclass(frozen=True, eq=False)
class Found:
    """Result of a search.

    Args:
        best: The model of the best settings.
        tried: All combinations, the best first.
        float_score: The float model on the same samples (only its top-1 says anything).
        held_back: Samples that decided.
    """

    best: Quantized
    tried: list[Tried]
    float_score: Score
    held_back: int


def combinations(settings: Settings) -> list[Settings]:
    """Range method x equalization x bias correction; the rest stays."""
    return [
        replace(settings, ranges=ranges, equalize=equalize, correct_bias=correct)
        for equalize in (False, True)
        for ranges in RANGE_METHODS
        for correct in (False, True)
    ]


def search(
    prepared: ir.Model,
    samples: Samples,
    held_back: Samples,
    labels: Labels | None,
    settings: Settings,
    progress: Progress = silent,
) -> Found:
    """Quantize with every combination of settings and rank them by `ranking`.

    Activations are looked at once with and once without equalization; every combination starts from that.

    Args:
        prepared: Result of `prepare`.
        samples: For the calibration.
        held_back: For the comparison.
        labels: Of the samples held back.
        settings: The choices that are not tried.
        progress: Called with (what, done, total).
    """
    wanted = observe_outputs(prepared, held_back)
    made: list[tuple[Tried, Quantized]] = []
    candidates = combinations(settings)
    for equalize in (False, True):
        group = [c for c in candidates if c.equalize is equalize]
        calibrated = calibrate(prepared, samples, group[0], progress, histograms=True)
        for candidate in group:
            quantized = finish(calibrated, candidate)
            result = score(observe_outputs(quantized.model, held_back), wanted, labels)
            made.append((Tried(candidate, result), quantized))
            progress("search", len(made), len(candidates))
    ranked = ranking([tried for tried, _ in made], len(held_back))
    best = next(quantized for tried, quantized in made if tried is ranked[0])
    return Found(best, ranked, score(wanted, wanted, labels), len(held_back))


def ranking(tried: Sequence[Tried], samples: int) -> list[Tried]:
    """Best first: by SQNR among those whose top-1 is within one standard error of the best, then the rest.

    A few more right answers on a few samples are chance; the one-standard-error rule is Breiman et al.,
    Classification and Regression Trees, 1984, section 3.4.3.
    """
    tops = [t.score.top1 for t in tried if t.score.top1 is not None]
    best = max(tops, default=0.0)
    # As if one more sample had been right and one wrong: none right or all right is no certainty.
    part = (best * samples + 1) / (samples + 2)
    error = max(1 / samples, float(np.sqrt(part * (1 - part) / samples)))

    def key(t: Tried) -> tuple[float, float]:
        top1 = best if t.score.top1 is None else t.score.top1
        return (0.0 if top1 >= best - error - 1e-9 else top1 - best, t.score.sqnr_db)

    return sorted(tried, key=key, reverse=True)


def search_rows(found: Found) -> list[Sequence[str]]:
    """Cells of a table: ranges, equalized, biases corrected, top-1, cosine, SQNR."""
    rows: list[Sequence[str]] = []
    for tried in found.tried:
        s, top1 = tried.settings, tried.score.top1
        flags = ["yes" if flag else "no" for flag in (s.equalize, s.correct_bias)]
        shown = "-" if top1 is None else f"{100 * top1:.2f} %"
        rows.append((s.ranges, *flags, shown, f"{tried.score.cosine:.5f}", f"{tried.score.sqnr_db:.1f} dB"))
    return rows
