"""Changes a single byte of what a build holds: what verification is there to notice."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgewright.converter.program_file import load_program, save_program
from edgewright.targets.elf import Elf


def flip_weight_in_firmware(build: Path, layer: int, name: str) -> None:
    """Invert the low bits of the middle byte of a layer's largest constant array in firmware.elf.

    Args:
        build: Build folder.
        layer: The layer's number on the device.
        name: The model's C name.
    """
    source = (build / "library" / f"{name}.c").read_text()
    (arrays,) = re.findall(rf"{name}_c{layer}\[\] = \{{(.*?)\}};", source)
    path = build / "firmware" / "firmware.elf"
    elf = Elf(path)
    symbols = [s for s in (elf.symbol(a.strip()) for a in arrays.split(",")) if s is not None]
    largest = max(symbols, key=lambda s: s.size_bytes)
    section = elf.sections[largest.section]
    data = bytearray(elf.data)
    data[section.offset + largest.value - section.address + largest.size_bytes // 2] ^= 0x7F
    path.write_bytes(data)


def flip_weight_in_program(build: Path, node_name: str) -> None:
    """The same for the reference in `build`/program: the node's first weight."""
    program = load_program(build / "program")
    nodes = []
    for node in program.nodes:
        if node.name == node_name:
            weights = np.array(node.op.weights)
            weights.flat[0] ^= 0x7F
            node = replace(node, op=replace(node.op, weights=weights))
        nodes.append(node)
    assert node_name in {n.name for n in nodes}
    save_program(replace(program, nodes=tuple(nodes)), build / "program")
