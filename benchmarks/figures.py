"""The models of MLPerf Tiny, what edgewright promises for each, and what the incumbent needs."""

from __future__ import annotations

from dataclasses import dataclass

# Boards whose outputs must equal the reference, with the core each emulates.
BOARDS = {"mps2-an385": "M3", "mps2-an386": "M4", "mps2-an500": "M7", "mps3-an547": "M55"}
M4_BOARD, M7_BOARD, M55_BOARD = "mps2-an386", "mps2-an500", "mps3-an547"
# 16 KB of RAM: KWS runs there, or the error says by how much it does not fit.
SMALL_BOARD, SMALL_BOARD_MODEL = "microbit", "KWS"
# Arenas that cannot be as small as on the Cortex-M4: Helium kernels of fully connected layers keep the sums
# of all outputs, four bytes each.
LARGER_ARENAS = {("AD", M55_BOARD): 3_200}
RANDOM_INPUTS = 100
REAL_INPUTS = 500


@dataclass(frozen=True)
class Limits:
    """What a model may take; each is an upper limit, and one plan keeps those of cycles, arena and code.

    Args:
        m4_cycles: Estimated cycles of one inference on a Cortex-M4 without wait states.
        arena_bytes: Arena with input, for the Cortex-M4; plans for nearly all other boards keep it too.
        code_bytes: Code and read-only data of the library without weights, for the Cortex-M4.
        deploy_s: Wall time of `edgewright deploy` from a warm set-up, None where none is promised.
    """

    m4_cycles: int
    arena_bytes: int
    code_bytes: int
    deploy_s: float | None = None


@dataclass(frozen=True)
class Incumbent:
    """TensorFlow Lite Micro 90b983c with CMSIS-NN 4ab83cc, gcc 12.2, its release defaults.

    Measured for this project with the same models, boards and instruction counter (one Invoke of the
    MLPerf Tiny int8 models; kernels at -O2).

    Args:
        m4_cycles: Estimated cycles (the same cycle model).
        m7_instructions: Instructions on mps2-an500.
        m55_instructions: Instructions on mps3-an547, with MVE.
        arena_bytes: Smallest arena it works with on the M4, input included.
        stack_bytes: Stack within Invoke on the M4.
        code_bytes: Code and read-only data on the M4 without the model.
    """

    m4_cycles: int
    m7_instructions: int
    m55_instructions: int
    arena_bytes: int
    stack_bytes: int
    code_bytes: int


@dataclass(frozen=True)
class Model:
    """One of the benchmark's models.

    Args:
        key: The task's short name.
        file: Name of the int8 .tflite file.
        limits: What is promised.
        incumbent: What TFLM needs.
        inputs: Name of an .npz with real inputs and labels; None takes random inputs.
    """

    key: str
    file: str
    limits: Limits
    incumbent: Incumbent
    inputs: str | None = None

    def arena_bytes(self, board: str) -> int:
        """Largest arena that a plan for a board may have."""
        return LARGER_ARENAS.get((self.key, board), self.limits.arena_bytes)


MODELS = (
    Model(
        "IC",
        "pretrainedResnet_quant.tflite",
        Limits(27_000_000, 54_000, 24_000),
        Incumbent(38_350_000, 30_024_000, 4_913_000, 55_008, 1_244, 79_729),
    ),
    Model(
        "KWS",
        "kws_ref_model.tflite",
        Limits(6_000_000, 18_000, 20_000, deploy_s=30.0),
        Incumbent(9_353_000, 7_645_000, 1_815_000, 22_832, 1_244, 84_869),
        inputs="kws01_first500.npz",
    ),
    Model(
        "VWW",
        "vww_96_int8.tflite",
        Limits(19_000_000, 58_000, 20_000, deploy_s=90.0),
        Incumbent(29_620_000, 24_026_000, 6_558_000, 100_720, 1_244, 84_869),
    ),
    Model(
        "AD",
        "ad01_int8.tflite",
        Limits(600_000, 1_600, 10_000),
        Incumbent(744_000, 583_000, 150_000, 3_024, 748, 32_336),
    ),
    Model(
        "SWW",
        "str_ww_ref_model.tflite",
        Limits(2_000_000, 8_000, 20_000),
        Incumbent(2_728_000, 2_188_000, 408_000, 16_608, 1_024, 81_725),
    ),
)
