"""What is promised of speed and size, and what is run to measure it."""

from __future__ import annotations

from dataclasses import dataclass

KEYS = ("IC", "KWS", "VWW", "AD", "SWW")


@dataclass(frozen=True)
class Setting:
    """One way to plan the models for one family of cores.

    Args:
        core: Name of a cost table ("m4"), see benchmarks/costs/measure.py.
        optimize: As the option of `edgewright build`.
        flash_share: Weights stored at most in so many times the flash of the smallest plan; None for any.
    """

    core: str
    optimize: str
    flash_share: float | None = None

    @property
    def name(self) -> str:
        """E.g. "m4 speed, weights 1.05x"."""
        share = f", weights {self.flash_share:g}x" if self.flash_share is not None else ""
        return f"{self.core} {self.optimize}{share}"


M4_SIZE, M4_ANY = Setting("m4", "size"), Setting("m4", "speed")
M4_INT8 = Setting("m4", "speed", 1.05)
M7, M55, M0, M3 = (Setting(core, "speed") for core in ("m7", "m55", "m0", "m3"))
# Size first: the limit of weights is a multiple of its weights.
SETTINGS = (M4_SIZE, M4_ANY, M4_INT8, M7, M55, M0, M3)


@dataclass(frozen=True)
class Row:
    """A row of figures.

    Args:
        title: What it says.
        setting: Where it is measured.
        key: In the result of a run: "cycles", "instructions", "per_mac", "weights_bytes",
            "model_weights_bytes", "code_bytes".
        limits: By model, in the order of `KEYS`; None where nothing is promised.
    """

    title: str
    setting: Setting
    key: str
    limits: tuple[float | None, ...]


def _millions(*values: float) -> tuple[float, ...]:
    return tuple(v * 1e6 for v in values)


ROWS = (
    Row("M4 est. cycles, any flash", M4_ANY, "cycles", _millions(11.5, 3.5, 6.0, 0.42, 1.05)),
    Row("M4 est. cycles, weights <= 1.05x", M4_INT8, "cycles", _millions(15.5, 3.9, 6.3, 0.42, 1.15)),
    Row("M4 est. cycles, first step", M4_INT8, "cycles", _millions(19, 4.7, 8.5, 0.45, 1.4)),
    Row("M7 instructions", M7, "instructions", _millions(9, 2.6, 4.5, 0.36, 0.8)),
    Row("M55 instructions", M55, "instructions", _millions(2.4, 0.8, 1.5, 0.05, 0.2)),
    Row("M0 instructions a MAC", M0, "per_mac", (3.2, 3.5, 3.5, 3.0, 3.5)),
    Row("M3 instructions a MAC", M3, "per_mac", (3.2, 3.5, 3.5, 3.0, 3.5)),
    Row("weights, bytes", M4_SIZE, "model_weights_bytes", (None, None, 36_000, None, None)),
    Row("weights, biases, factors, tables, bytes", M4_SIZE, "weights_bytes", (None,) * 5),
    Row("code bytes, --optimize size", M4_SIZE, "code_bytes", (10_000, 10_000, 10_000, 5_000, 10_000)),
    Row("code bytes, --optimize speed", M4_ANY, "code_bytes", (24_000, 20_000, 24_000, 8_000, 20_000)),
)
