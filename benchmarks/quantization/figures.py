"""Results of the quantization benchmark as figures, each beside its limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.quantization.measure import COSINE_MODELS, FORMATS
from benchmarks.results import Figure

# What is promised. Points of top-1 that a format may lose, in percent.
LOST_POINTS = {"int8": 0.5, "int4": 2.0}
SMALLEST_COSINE = 0.995
PACKED_PART = 0.58
KWS_SECONDS, LARGE_SECONDS = 15.0, 120.0
LARGE_BYTES = 4 << 30
Result = Mapping[str, Any]


def figures_of(results: Result) -> list[Figure]:
    """Each with its limit, where there is one."""
    kws, large = results["kws"], results["large"]
    found = [_percent("KWS", "top-1, float, %", kws["float"]["top1"])]
    for form in FORMATS:
        found += _kws(form, kws)
    found.append(_most("KWS", "quantize, s", kws["int8"]["seconds"], KWS_SECONDS))
    packed = kws["int4"]["weights_bytes"] / kws["int4"]["int8_weights_bytes"]
    found.append(_most("KWS", "4-bit weights / int8 weights, bytes", packed, PACKED_PART, 4))
    if all("device_weights_bytes" in kws[form] for form in FORMATS):
        device = kws["int4"]["device_weights_bytes"] / kws["int8"]["device_weights_bytes"]
        found.append(_most("KWS", "the same with biases and scales", device, None, 4))
    for model in COSINE_MODELS:
        value = results[model.key]["cosine"]
        ok = value >= SMALLEST_COSINE
        found.append(Figure("mean cosine to float", model.key, f"{value:.5f}", value, SMALLEST_COSINE, ok=ok))
    found.append(_most("mbv2-1.0@224", "quantize, s", large["seconds"], LARGE_SECONDS))
    found.append(_most("mbv2-1.0@224", "peak memory, MB", large["peak_bytes"] / 2**20, LARGE_BYTES / 2**20))
    return found


def _kws(form: str, kws: Result) -> list[Figure]:
    result, least = kws[form], 100 * kws["float"]["top1"] - LOST_POINTS[form]
    title = f"top-1, {form} on the device, %"
    if "error" in result:
        return [Figure(title, "KWS", str(result["error"]["code"]), None, least, ok=False)]
    value = 100 * result["top1"]
    wrong = result["inputs"] - result["equal_golden"]
    return [
        Figure(title, "KWS", f"{value:.2f}", value, least, ok=value >= least - 1e-9),
        Figure(
            f"outputs unlike the reference, {form}",
            "KWS",
            f"{wrong} of {result['inputs']}",
            wrong,
            0,
            ok=wrong == 0 and result["inputs"] > 0,
        ),
    ]


def _percent(model: str, row: str, part: float) -> Figure:
    return Figure(row, model, f"{100 * part:.2f}", 100 * part)


def _most(model: str, row: str, value: float, limit: float | None, digits: int = 1) -> Figure:
    return Figure(row, model, f"{value:.{digits}f}", value, limit, ok=limit is None or value <= limit)
