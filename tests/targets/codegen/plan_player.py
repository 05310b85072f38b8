"""Run many plans of one program on the host, as one executable under the address sanitizer.

Every plan is emitted as a library of its own and plays in an arena of exactly its size: a resident one by
`run` and step by step, one that gets rows by pushing and by fetching them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgewright.converter.program import Array
from edgewright.converter.schedule import Planner
from edgewright.converter.schedule.search import Path as Segmentation
from edgewright.targets.codegen.constants import Constants
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.codegen.schedule_tables import build_tables
from edgewright.targets.planning import Planned

FLAGS = ["-std=c11", "-O1", "-g0", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]

MAIN = """
#include <stdio.h>
#include <stdlib.h>

static uint8_t input[%(input_bytes)d];

static void *painted(size_t size) {
  void *arena = NULL;
  if (posix_memalign(&arena, 16, size ? size : 1)) exit(2);
  for (size_t i = 0; i < size; i++) ((uint8_t *)arena)[i] = (uint8_t)(i * 197 + 0x5A);
  return arena;
}

static void show(const void *data, size_t size) { fwrite(data, 1, size, stdout); }

%(players)s
int main(void) {
  if (fread(input, 1, sizeof input, stdin) != sizeof input) return 2;
%(calls)s
  return 0;
}
"""

RESIDENT = """
static void play_%(name)s(void) {
  for (int by_steps = 0; by_steps < 2; by_steps++) {
    void *arena = painted(%(NAME)s_ARENA_BYTES);
%(copies)s
    if (by_steps) {
      for (uint32_t step = 0; step < %(NAME)s_STEPS; step++) {
        uint32_t bytes;
        %(name)s_step(arena, step);
        const void *out = %(name)s_step_output(arena, step, &bytes);
        show(out, bytes);
      }
    } else
      %(name)s_run(arena);
%(shows)s
    free(arena);
  }
}
"""

ROWS = """
static void read_%(name)s(void *context, uint32_t row, uint32_t first, uint32_t bytes, void *to) {
  if (first + bytes > %(NAME)s_INPUT_ROW_BYTES || row >= %(NAME)s_INPUT_ROWS) exit(3);
  memcpy(to, (const uint8_t *)context + row * %(NAME)s_INPUT_ROW_BYTES + first, bytes);
}

static void play_%(name)s(void) {
  for (int fetch = 0; fetch < 2; fetch++) {
    void *arena = painted(%(NAME)s_ARENA_BYTES);
    if (fetch)
      %(name)s_run_rows(arena, read_%(name)s, input);
    else {
      uint32_t rows = %(NAME)s_PASSES * %(NAME)s_INPUT_ROWS;
      %(name)s_begin(arena);
      for (uint32_t i = 0; i < rows; i++) {
        const uint8_t *row = input + i %% %(NAME)s_INPUT_ROWS * %(NAME)s_INPUT_ROW_BYTES;
        if (%(name)s_push_row(arena, row) != (i + 1 == rows)) exit(4);
      }
    }
%(shows)s
    free(arena);
  }
}
"""


def wrong_plans(plans: Sequence[Planned], case: dict[str, Array], folder: Path) -> list[str]:
    """What differs from the golden arithmetic in the emitted C of some plans of the same program.

    Args:
        plans: Of the same program and class of core.
        case: Inputs by port name.
        folder: For everything.
    """
    program = plans[0].program
    want = program.run(case, keep_all=True)
    parts: list[str] = []
    seen: set[str] = set()
    for i, planned in enumerate(plans):
        parts.append(_library(planned, f"net{i}", folder / f"net{i}", seen))
    players = [_player(p, f"net{i}") for i, p in enumerate(plans)]
    raw = b"".join(want[p.value].tobytes() for p in program.inputs)
    calls = "\n".join(f"  play_net{i}();" for i in range(len(plans)))
    main = MAIN % {"input_bytes": len(raw), "players": "\n".join(players), "calls": calls}
    includes = [f"-I{folder / f'net{i}'}" for i in range(len(plans))]
    (folder / "player.c").write_text("#define _POSIX_C_SOURCE 200112L\n" + "\n".join([*parts, main]))
    subprocess.run(["cc", *FLAGS, *includes, "player.c", "-o", "player"], cwd=folder, check=True)
    played = subprocess.run([folder / "player"], input=raw, capture_output=True)
    assert played.returncode == 0, (played.returncode, played.stderr.decode()[:4000])
    # The sanitizer goes on after undefined behaviour, so that all of it is seen.
    assert not played.stderr, played.stderr.decode()[:4000]
    return _differences(plans, want, played.stdout)


def _library(planned: Planned, name: str, folder: Path, seen: set[str]) -> str:
    """C of a library without the kernels that another one has brought along."""
    program = replace(planned.program, name=name)
    emit_library(program, planned.plan, planned.kernels, planned.cpu, folder)
    code = (folder / f"{name}.c").read_text() + (folder / f"{name}_weights.c").read_text()
    tables = build_tables(program, planned.plan, planned.kernels, planned.cpu, Constants(name))
    for source in tables.sources.values():
        assert source in code
        if source in seen:
            code = code.replace(source, "")
        seen.add(source)
    return code


def _player(planned: Planned, name: str) -> str:
    program = planned.program
    inputs = [p.value for p in program.inputs]
    copies, at = [], 0
    for i, value in enumerate(inputs):
        size, suffix = program.values[value].size_bytes, "" if len(inputs) == 1 else f"_{i}"
        copies.append(f"    memcpy({name}_input{suffix}(arena), input + {at}, {size});")
        at += size
    shows = []
    for i, port in enumerate(program.outputs):
        suffix = "" if len(program.outputs) == 1 else f"_{i}"
        shows.append(f"    show({name}_output{suffix}(arena), {program.values[port.value].size_bytes});")
    template = ROWS if planned.plan.input_mode == "rows" else RESIDENT
    return template % {
        "name": name,
        "NAME": name.upper(),
        "copies": "\n".join(copies),
        "shows": "\n".join(shows),
    }


def _differences(plans: Sequence[Planned], want: dict[str, Array], shown: bytes) -> list[str]:
    program, found, at = plans[0].program, [], 0
    outputs = [p.value for p in program.outputs]
    for planned in plans:
        plan = planned.plan
        steps = [s.nodes[-1].output for s in plan.steps]
        ways = [outputs, outputs] if plan.input_mode == "rows" else [outputs, [*steps, *outputs]]
        for way, values in enumerate(ways):
            for value in values:
                piece = want[value].tobytes()
                if shown[at : at + len(piece)] != piece:
                    found.append(f"{describe(planned)}, way {way}: {value}")
                at += len(piece)
    assert at == len(shown)
    return found


def describe(planned: Planned) -> str:
    """A plan in one line."""
    steps = [f"{s.name}/{s.schedule}/{s.patches or s.strips}" for s in planned.plan.steps]
    return f"{planned.plan.input_mode} {planned.plan.arena_bytes} [{', '.join(steps)}]"


def random_segmentation(planner: Planner, rng: np.random.Generator) -> Segmentation | None:
    """Any way to cut a program into segments; long ones, strips and lean kernels are as likely as others."""
    n = len(planner.edges)
    ends = {n}
    for at in range(n - 1, -1, -1):
        if any(c.stop in ends for c in planner.edges[at]):
            ends.add(at)
    if 0 not in ends:
        return None
    taken, at = [], 0
    while at < n:
        fits = [c for c in planner.edges[at] if c.stop in ends]
        # First how far, then how: the strips of one segment are many.
        stop = rng.choice(sorted({c.stop for c in fits}))
        fits = [c for c in fits if c.stop == stop]
        strips = rng.choice(sorted({c.strips for c in fits}))
        fits = [c for c in fits if c.strips == strips]
        taken.append(fits[int(rng.integers(len(fits)))])
        at = taken[-1].stop
    peak = max((c.peak_bytes for c in taken), default=0)
    return Segmentation(tuple(taken), peak, sum(c.cycles for c in taken), sum(c.macs for c in taken))
