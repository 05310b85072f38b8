"""Call row kernels on the host one by one, every row in a buffer of its own under the address sanitizer.

The calls are recorded, then one executable plays all of them.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np

from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.cpu import MICRO_KERNELS

FLAGS = ["-std=c11", "-O1", "-g0", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
BUFFER, CALL, END = range(3)
UNWRITTEN = b"\xa5"

PLAYER = """
#include <stdio.h>
#include <stdlib.h>

static int32_t number(void) {
  int32_t n;
  if (fread(&n, 4, 1, stdin) != 1) exit(2);
  return n;
}

static void *buffers[1000000];
static int32_t sizes[1000000], buffer_count;

static const void **pointers(void) {
  int32_t n = number();
  const void **p = malloc((size_t)n * sizeof *p + 1);
  for (int32_t i = 0, index; i < n; i++) p[i] = (index = number()) < 0 ? NULL : buffers[index];
  return p;
}

int main(void) {
  for (int32_t what; (what = number()) != 2;) {
    if (what == 0) {
      int32_t size = sizes[buffer_count] = number();
      void *p = buffers[buffer_count++] = malloc((size_t)size);
      if (fread(p, 1, (size_t)size, stdin) != (size_t)size) return 2;
    } else {
      ew_kernel kernel = kernels[number()];
      void *out = buffers[number()], *scratch = malloc((size_t)number());
      const void **rows = pointers(), **constants = pointers();
      kernel(rows, out, constants, scratch);
      free(rows), free(constants), free(scratch);
    }
  }
  for (int32_t i = 0; i < buffer_count; i++) fwrite(buffers[i], 1, (size_t)sizes[i], stdout);
  return 0;
}
"""


class KernelCalls:
    """A recording of kernel calls on numbered buffers."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}
        self._constants: dict[int, list[int]] = {}
        self._kept: list[RowKernel] = []
        self._headers = {"ew_runtime.h"}
        self._script: list[bytes] = []
        self._sizes: list[int] = []

    def buffer(self, data: bytes) -> int:
        self._script += [struct.pack("2i", BUFFER, len(data)), data]
        self._sizes.append(len(data))
        return len(self._sizes) - 1

    def call(self, kernel: RowKernel, rows: list[int | None], out: int) -> None:
        symbol, text = kernel_source(kernel)
        self._sources.setdefault(symbol, text)
        self._headers.update(kernel.headers)
        if id(kernel) not in self._constants:
            self._constants[id(kernel)] = [self.buffer(c.tobytes()) for c in kernel.constants]
            self._kept.append(kernel)
        pointers = [-1 if r is None else r for r in rows]
        constants = self._constants[id(kernel)]
        numbers = [CALL, list(self._sources).index(symbol), out, kernel.scratch_bytes]
        numbers += [len(pointers), *pointers, len(constants), *constants]
        self._script.append(struct.pack(f"{len(numbers)}i", *numbers))

    def walk(self, kernel: RowKernel, sources: list[list[int | None]]) -> list[int]:
        """All calls of a kernel as a driver makes them.

        Args:
            kernel: The kernel.
            sources: The buffer of every row of every input; None for rows it must not ask for.

        Returns:
            Buffers of the rows written.
        """
        size = kernel.out_row_bytes
        fresh = 1 if kernel.accumulates else kernel.out_rows
        outs = [self.buffer((bytes(1) if kernel.accumulates else UNWRITTEN) * size) for _ in range(fresh)]
        for r in range(kernel.out_rows):
            rows: list[int | None] = []
            for view, source in zip(kernel.inputs, sources, strict=True):
                assert view.rows == len(source)
                first = r // view.repeat * view.stride - view.pad_top
                for row in range(first, first + view.window * view.dilation, view.dilation):
                    if 0 <= row < view.rows:
                        assert source[row] is not None
                        rows.append(source[row])
                    elif view.pad_value is None:
                        rows.append(None)
                    else:
                        padding = np.full(view.row_bytes, view.pad_value, np.int8)
                        rows.append(self.buffer(padding.tobytes()))
            self.call(kernel, rows, outs[r % fresh])
        return outs

    def run(self, folder: Path) -> list[bytes]:
        """Compile and play; the contents of all buffers at the end."""
        lines = [f'#include "{h}"' for h in sorted(self._headers)]
        names = ", ".join(self._sources)
        lines += [*self._sources.values(), f"static const ew_kernel kernels[] = {{ {names} }};", PLAYER]
        source, player = folder / "player.c", folder / "player"
        source.write_text("\n".join(lines))
        subprocess.run(["cc", *FLAGS, "-I", MICRO_KERNELS, "-o", player, source], check=True)
        script = b"".join(self._script) + struct.pack("i", END)
        played = subprocess.run([player], input=script, capture_output=True)
        assert played.returncode == 0, played.stderr.decode()[:4000]
        # The sanitizer goes on after undefined behaviour, so that all of it is seen.
        assert not played.stderr, played.stderr.decode()[:4000]
        found, start = [], 0
        for size in self._sizes:
            found.append(played.stdout[start : start + size])
            start += size
        assert start == len(played.stdout)
        return found
