"""Bytes of functions in the micro-kernel headers, which kernels of several shapes share.

Measured with gcc 12 at -O2 on Cortex-M4, and on Cortex-M3 where there are no DSP instructions. About: the
compiler leaves out of a function what no caller of a library needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgewright.targets.cpu import CpuClass

# The pixels of a tile: forms that end in registers, sums in front of the others.
_IN_REGISTERS = {"relu": (320, 474, 634), "linear": (330, 496, 668)}
_IN_REGISTERS_S8 = {"relu": (370, 588, 784), "linear": (380, 610, 818)}
_FORMS = {
    "bounded": (108, 136, 136),
    "general": (144, 173, 170),
    "once_right": (130, 184, 148),
    "once": (230, 224, 222),
}
_SUMS, _SUMS_S8 = (258, 362, 470), (308, 476, 620)

DSP = {
    # ew_gather.h, ew_gather_s8.h, ew_lean_dsp.h
    **{"ew_gather": 312, "ew_gather_any": 440, "ew_widen": 112, "ew_gather_s8": 342},
    **{"ew_gather_quads": 300, "ew_gather_quads_any": 440, "ew_spread": 70},
    # ew_dot_dsp.h, ew_tile.h
    **{f"ew_dot_2x{p}": n for p, n in enumerate(_SUMS, 1)},
    **{
        f"ew_tile_2x{p}_{form}": n
        for form, some in (_IN_REGISTERS | _FORMS).items()
        for p, n in enumerate(some, 1)
    },
    **{"ew_dot_4x1": 532, "ew_tile_4x1_relu": 646, "ew_tile_4x1_linear": 674, "ew_tile_4x1_bounded": 102},
    **{"ew_tile_4x1_general": 151, "ew_tile_4x1_once_right": 121, "ew_tile_4x1_once": 194},
    # ew_lean_dsp.h, in front of the distance of pixels
    **{
        f"ew_tile_s8_2x{p}_{form}": n
        for form, some in (_IN_REGISTERS_S8 | _FORMS).items()
        for p, n in enumerate(some, 1)
    },
    **{f"ew_tile_s8_2x{p}_{form}_sums": n for form in _FORMS for p, n in enumerate(_SUMS_S8, 1)},
    # ew_depthwise.h
    **{"ew_depthwise_3x3_relu": 592, "ew_depthwise_3x2_relu": 416, "ew_depthwise_relu": 332},
    **{"ew_depthwise_3x3_bounded": 720, "ew_depthwise_3x2_bounded": 568, "ew_depthwise_bounded": 416},
    **{"ew_depthwise_3x3_general": 842, "ew_depthwise_3x2_general": 698, "ew_depthwise_general": 510},
    "ew_depthwise_any": 370,
    # ew_fc_dsp.h
    **{"ew_fc_4_s8_shared": 800, "ew_fc_4_s8_own": 804, "ew_fc_8_s8_shared": 1788, "ew_fc_8_s8_own": 1792},
    **{"ew_fc_4_wide_shared": 688, "ew_fc_4_wide_own": 692, "ew_fc_8_wide_shared": 1704},
    **{"ew_fc_8_wide_own": 1708, "ew_fc_4_long_shared": 600, "ew_fc_4_long_own": 604},
    "ew_fc_widen_quads": 100,
    # ew_pool.h, ew_pool_fours.h
    **{"ew_average_pool": 222, "ew_average_pool_add": 120, "ew_average_pool_finish": 144},
    **{"ew_average_pool_fours": 890, "ew_average_pool_fours_add": 210, "ew_average_pool_fours_finish": 186},
    **{"ew_max_pool": 182, "ew_max_pool_fours": 448},
    # ew_add_dsp.h, ew_mul_dsp.h, in front of the shift
    **{"ew_add_dsp": 490, "ew_mul_dsp": 610},
    # ew_compact_dsp.h
    **{"ew_conv_compact": 254, "ew_compact_field": 168, "ew_compact_tiles": 542},
    **{"ew_depthwise_compact": 254, "ew_compact_quads": 332, "ew_compact_clamp": 48, "ew_add_compact": 78},
}

# What differs without DSP instructions.
SCALAR = DSP | {
    **{
        "ew_gather": 330,
        "ew_widen": 80,
        "ew_tile_2x1_bounded": 135,
        "ew_dot_2x1": 120,
        "ew_dot_2x2": 104,
        "ew_dot_4x1": 96,
    },
    **{"ew_depthwise_3x3_relu": 836, "ew_depthwise_3x2_relu": 512, "ew_depthwise_relu": 398},
    **{"ew_depthwise_3x3_bounded": 934, "ew_depthwise_3x2_bounded": 694, "ew_depthwise_bounded": 494},
    **{"ew_depthwise_3x3_general": 982, "ew_depthwise_3x2_general": 784, "ew_depthwise_general": 568},
}

# Functions that others call.
CALLS = {
    "ew_gather": ("ew_widen",),
    "ew_gather_any": ("ew_widen",),
    "ew_gather_quads": ("ew_spread",),
    "ew_gather_quads_any": ("ew_spread",),
    "ew_conv_compact": ("ew_compact_field", "ew_compact_tiles"),
    "ew_depthwise_compact": ("ew_compact_quads",),
}
# Code of a kernel that only calls a function, and of a loop over tiles around such a call.
CALL_BYTES = 8
LOOP_BYTES = 85
_DISTANCE = re.compile(r"_\d+(?=_sums$|$)")


def functions(cpu: CpuClass, names: Iterable[str]) -> dict[str, int]:
    """Functions and those they call, with their bytes (`RowKernel.shared_code`); of Helium nothing is known.

    Args:
        cpu: Class of core.
        names: Of functions; one made for a distance or shift ends with it, as in "ew_add_dsp_21".
    """
    if cpu.name == "mve":
        return {}
    table = DSP if cpu.name == "dsp" else SCALAR
    found: dict[str, int] = {}
    for name in names:
        for called in (name, *CALLS.get(name, ())):
            found[called] = table[called if called in table else _DISTANCE.sub("", called)]
    return found
