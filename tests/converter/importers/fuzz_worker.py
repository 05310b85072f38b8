"""One batch of fuzz cases in a process of its own: `python -m … KIND FIRST COUNT FOLDER`.

Prints one JSON object with what was found. The case at work is written to FOLDER first, so that a
native crash leaves it behind. With COUNT 1, a case that failed is run, and left there, again.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from edgewright.converter.importers import load_model
from edgewright.errors import EdgewrightError
from tests.converter.importers.fuzz_models import onnx_models, tflite_models
from tests.converter.importers.mutations import mutate_onnx, mutate_tflite

LIMIT_SECONDS = 5.0
LIMIT_GROWTH_KB = 400 << 10
ADDRESS_SPACE = 6 << 30


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _case(models: dict[str, bytes], kind: str, index: int) -> tuple[str, bytes]:
    """Case `index`: the small models of this package mostly, as they are quick."""
    rng = np.random.default_rng([index, len(kind)])
    names = list(models)
    weights = np.array([1.0 if name.endswith((".onnx", ".tflite")) else 8.0 for name in names])
    name = str(rng.choice(names, p=weights / weights.sum()))
    mutate = mutate_onnx if kind == "onnx" else mutate_tflite
    return name, mutate(models[name], rng)


def run(kind: str, first: int, count: int, folder: Path) -> dict[str, object]:
    """Import `count` damaged files; only EdgewrightError may come out."""
    models = onnx_models() if kind == "onnx" else tflite_models()
    (folder / "weights.bin").write_bytes(bytes(2000))
    for name, data in models.items():  # they load undamaged, and everything is imported and warm
        path = folder / f"{name}.{kind}"
        path.write_bytes(data)
        load_model(path)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    failures: list[str] = []
    codes: dict[str, int] = {}
    slowest = 0.0
    peak_kb = _peak_kb()
    for index in range(first, first + count):
        name, data = _case(models, kind, index)
        path = folder / f"case.{kind}"
        path.write_bytes(data)
        (folder / "case.txt").write_text(f"{kind} case {index} of {name}")
        start = time.monotonic()
        try:
            load_model(path)
            code = "loaded"
        except EdgewrightError as error:
            code = error.code
            if len(str(error)) > 20_000:
                failures.append(f"{index} {name}: a message of {len(str(error))} characters")
        except BaseException:
            code = "crash"
            failures.append(f"{index} {name}: {traceback.format_exc()[-2500:]}")
        codes[code] = codes.get(code, 0) + 1
        elapsed = time.monotonic() - start
        slowest = max(slowest, elapsed)
        if elapsed > LIMIT_SECONDS:
            failures.append(f"{index} {name}: {elapsed:.1f} s")
        now_kb = _peak_kb()
        if now_kb - peak_kb > LIMIT_GROWTH_KB:
            failures.append(f"{index} {name}: {(now_kb - peak_kb) >> 10} MB more")
        peak_kb = max(peak_kb, now_kb)
    return {"failures": failures, "codes": codes, "slowest": slowest, "peak_mb": peak_kb >> 10}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    _kind, _first, _count, _folder = sys.argv[1:]
    print(json.dumps(run(_kind, int(_first), int(_count), Path(_folder))))
