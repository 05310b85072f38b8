"""The counting plugin against instruction timings of Arm's reference manuals."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from edgewright.errors import DeviceError
from edgewright.runtime.emulator import cycle_counter
from edgewright.runtime.emulator.cycle_counter import CycleCounter, Passage, plugin_path
from edgewright.runtime.emulator.qemu import find_qemu
from tests.runtime.bare_metal import EXIT, assemble, needs, run_to_exit
from tests.shared import shared_path

pytestmark = pytest.mark.usefixtures("tools")

# Around each sequence: `bx lr` of the start marker and `bl` to the stop marker.
FRAME_INSTRUCTIONS = 2
FRAME_CYCLES = {"m0": 3 + 4, "m3": 3 + 3, "m4": 3 + 3, "m55": 3 + 3}

LOOP = "movs r0, #4; 1: subs r0, #1; bne 1b"  # 1 + 4 x 1, taken 3 times, once not
COMMON = [
    ("nop; movs r0, #1; adds r0, r0, #1", 3, 3),
    (LOOP, 9, 1 + 4 + 3 * 3 + 1),
    ("push {r0, r1}; pop {r0, r1}", 2, 3 + 3),
    ("ldmia r4!, {r0, r1, r2}; subs r4, #12", 2, 4 + 1),
    ("muls r0, r1", 1, 1),
]
PIPELINED = [
    ("ldr r0, [r4]", 1, 2),
    ("ldr r0, [r4]; ldr r1, [r4, #4]", 2, 2 + 1),
    ("ldr r5, [r4]; ldr r0, [r5]", 2, 2 + 2),
    ("ldr r0, [r4], #4; ldr r1, [r4]; subs r4, #4", 3, 2 + 1 + 1),
    ("ldr r0, [r4]; ldr r1, [r4], #4; subs r4, #4", 3, 2 + 2 + 1),
    ("str r0, [r4, #8]", 1, 1),
    ("str r0, [r4, r6]; str r4, [r4]", 2, 2 + 1),
    ("ldr r0, [r4]; str r0, [r4, r6]", 2, 2 + 1),
    ("adds r4, #0; ldr r0, [r4]", 2, 1 + 2 + 1),
    ("ldrd r0, r1, [r4]; strd r0, r1, [r4]", 2, 3 + 3),
    ("cmp r4, r4; it eq; ldreq r0, [r4]", 3, 1 + 1 + 2),
    ("cmp r4, r4; it ne; ldrne r0, [r4]", 3, 1 + 1 + 1),
    ("cmp r4, r4; itt eq; ldreq r0, [r4]; strdeq r0, r1, [r4, #16]", 4, 1 + 1 + 2 + 3),
    ("sdiv r0, r1, r4", 1, 7),
    ("bl leaf", 2, 3 + 3),
    ("bl pushing", 3, 3 + 2 + (1 + 1 + 2)),
    ("tbb [pc, r6]; .byte 1, 0; nop", 2, 6 + 1),
    ("mrs r0, primask", 1, 2),
]
TIMINGS = {
    "microbit": (
        "m0",
        [
            *COMMON,
            ("ldr r0, [r4]; ldr r1, [r4, #4]", 2, 2 + 2),
            ("str r0, [r4, #8]; str r0, [r4, r6]; str r4, [r4]", 3, 2 + 2 + 2),
            ("adds r4, #0; ldr r0, [r4]", 2, 1 + 2),
            ("bl leaf", 2, 4 + 3),
            ("bl pushing", 3, 4 + 2 + (4 + 1)),
            ("mrs r0, primask", 1, 4),
        ],
    ),
    "mps2-an385": (
        "m3",
        [
            *COMMON,
            *PIPELINED,
            ("mla r0, r1, r2, r3", 1, 2),
            ("smull r0, r1, r2, r3", 1, 5),
            ("smlal r0, r1, r2, r3", 1, 7),
        ],
    ),
    "mps2-an386": (
        "m4",
        [
            *COMMON,
            *PIPELINED,
            ("mla r0, r1, r2, r3; smull r0, r1, r2, r3; smlal r0, r1, r2, r3", 3, 3),
            ("smlad r0, r1, r2, r3; smmulr r0, r1, r2; sxtb16 r0, r1, ror #8; ssat r0, #8, r1, asr #3", 4, 4),
            ("vldr s0, [r4]; vstr s0, [r4, #16]", 2, 2 + 2),
            ("vldmia r4, {s0-s3}", 1, 5),
            ("vadd.f32 s0, s1, s2; vmul.f32 s0, s1, s2", 2, 2),
            ("vmla.f32 s0, s1, s2; vfma.f32 s0, s1, s2", 2, 3 + 3),
            ("vdiv.f32 s0, s1, s2; vsqrt.f32 s0, s1", 2, 14 + 14),
            ("vmov s0, r0; vmov r0, r1, d0", 2, 1 + 2),
        ],
    ),
    "mps3-an547": (
        "m55",
        [
            ("nop; movs r0, #1", 2, 2),
            ("vldrb.u8 q0, [r4]", 1, 2),
            ("vldrb.u8 q0, [r4]; vadd.i8 q1, q0, q0", 2, 2 + 2 - 1),
            ("vmladava.s8 r0, q0, q1", 1, 2),
            ("ldmia r4, {r0, r1, r2, r3}", 1, 2),
            ("movs r0, #3; dls lr, r0; 1: nop; le lr, 1b", 1 + 1 + 3 * 2, 1 + 0 + 3),
        ],
    ),
}


@pytest.fixture
def tools() -> None:
    needs("qemu-system-arm", "arm-none-eabi-gcc", "cc")


def measured(body: str) -> str:
    return f"  bl ew_bench_start\n  {body}\n  bl ew_bench_stop\n"


def count(board: str, model: str | None, body: str, folder: Path) -> list[Passage]:
    elf = assemble(board, body + EXIT, folder)
    counter = CycleCounter(plugin_path(find_qemu()), elf, model, folder)
    run_to_exit(board, elf, "-plugin", counter.argument())
    return counter.take()


@pytest.mark.parametrize("board", TIMINGS)
def test_timings(board: str, tmp_path: Path) -> None:
    model, sequences = TIMINGS[board]
    found = count(board, model, "".join(measured(s) for s, _, _ in sequences), tmp_path)
    assert [p.pair for p in found] == ["run"] * len(sequences)
    have = [(s, p.instructions, p.cycles) for (s, _, _), p in zip(sequences, found, strict=True)]
    assert have == [(s, n + FRAME_INSTRUCTIONS, c + FRAME_CYCLES[model]) for s, n, c in sequences]


def test_without_a_model_only_instructions_count(tmp_path: Path) -> None:
    (passage,) = count("mps2-an500", None, measured(LOOP), tmp_path)
    assert passage == Passage("run", 9 + FRAME_INSTRUCTIONS, None)


def test_pairs_nest_and_repeat_in_order(tmp_path: Path) -> None:
    layer = "  bl ew_layer_start\n  nop\n  bl ew_layer_stop\n"
    body = "  bl ew_bench_start\n" + layer * 2 + "  bl ew_bench_stop\n" + layer
    found = count("mps2-an386", "m4", body, tmp_path)
    assert [p.pair for p in found] == ["layer", "layer", "run", "layer"]
    assert found[0] == found[1] == found[3] == Passage("layer", 3, 3 + 1 + 3)
    # bx, then twice (bl start, bx, nop, bl stop, bx), then bl stop
    assert found[2] == Passage("run", 1 + 2 * 5 + 1, 3 + 2 * (3 + 3 + 1 + 3 + 3) + 3)


@pytest.mark.parametrize("option", ["maybe=x:nowhere:ew_bench_stop", "maybe=x:ew_layer_start:ew_layer_stop"])
def test_a_pair_the_firmware_may_lack(tmp_path: Path, option: str) -> None:
    body = measured("nop") + "  bl ew_layer_start\n  nop\n  nop\n  bl ew_layer_stop\n"
    elf = assemble("mps2-an386", body + EXIT, tmp_path)
    series = tmp_path / "series.jsonl"
    options = f"elf={elf},series={series},pair=run:ew_bench_start:ew_bench_stop,{option}"
    run_to_exit("mps2-an386", elf, "-plugin", f"{plugin_path(find_qemu())},{options}")
    found = [json.loads(line)["pair"] for line in series.read_text().splitlines()]
    assert found == (["run"] if "nowhere" in option else ["run", "x"])


def test_a_start_without_its_stop_is_dropped(tmp_path: Path) -> None:
    body = "  bl ew_bench_start\n  nop\n  nop\n" + measured("nop") + "  bl ew_bench_stop\n"
    assert count("mps2-an386", "m4", body, tmp_path) == [Passage("run", 3, 7)]


def test_conditional_loads_within_a_loop(tmp_path: Path) -> None:
    # Four rounds; the load happens in the last two only; the branch is taken three times.
    body = "movs r0, #4; 1: cmp r0, #3; it lt; ldrlt r1, [r4]; subs r0, #1; bne 1b"
    (passage,) = count("mps2-an386", "m4", measured(body), tmp_path)
    assert passage.cycles == FRAME_CYCLES["m4"] + 1 + 4 * (1 + 1 + 1 + 1) + (1 + 1 + 2 + 2) + 3 * 2


def test_the_report_names_functions_and_classes(tmp_path: Path) -> None:
    body = measured("bl leaf; ldr r0, [r4]; smlad r0, r1, r2, r3") + EXIT
    elf = assemble("mps2-an386", body, tmp_path)
    counter = CycleCounter(plugin_path(find_qemu()), elf, "m4", tmp_path)
    report = tmp_path / "report.txt"
    run_to_exit("mps2-an386", elf, "-plugin", f"{counter.argument()},report={report}")
    rows = dict(line.rsplit(" ", 1) for line in report.read_text().splitlines())
    assert rows["class LOAD"] == "1" and rows["class SIMD_MAC"] == "1"
    assert rows["pair run"] == "1" and rows["model"] == "m4"
    assert rows["function leaf 1"] == "3"
    assert int(rows["instructions"]) == 6


def test_it_agrees_with_the_tool_it_grew_from(tmp_path: Path) -> None:
    source = shared_path("tools/cyclecount/cyclecount.c")
    if cycle_counter.plugin_api(find_qemu()) != 1:
        pytest.skip("it is written for the plugin interface of QEMU before 9.0")
    old = tmp_path / "old.so"
    command = ["cc", "-O2", "-w", "-shared", "-fPIC", "-o", str(old), str(source)]
    subprocess.run(command, check=True, timeout=120)
    sequences = TIMINGS["mps2-an386"][1]
    body = measured(
        "; ".join(s.replace("1:", f"{i}7:").replace("1b", f"{i}7b") for i, (s, _, _) in enumerate(sequences))
    )
    (new,) = count("mps2-an386", "m4", body, tmp_path)
    elf, report = tmp_path / "program.elf", tmp_path / "old.txt"
    options = f"{old},elf={elf},start=ew_bench_start,stop=ew_bench_stop,model=m4,out={report}"
    run_to_exit("mps2-an386", elf, "-plugin", options)
    rows = dict(line.split(" ", 1) for line in report.read_text().splitlines()[:9])
    assert (int(rows["first_run_insns"]), int(rows["first_run_cycles"])) == (new.instructions, new.cycles)


@pytest.mark.parametrize(
    "option",
    ["pair=x:nowhere:ew_bench_stop", "pair=x", "model=m99", "series=/nonexistent/x", "wrong=1", "report"],
)
def test_bad_options_stop_the_emulator(tmp_path: Path, option: str) -> None:
    elf = assemble("mps2-an386", EXIT, tmp_path)
    plugin = f"{plugin_path(find_qemu())},elf={elf},{option}"
    command = [find_qemu(), "-M", "mps2-an386", "-display", "none", "-kernel", str(elf), "-plugin", plugin]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "cyclecount: " in done.stderr


@pytest.mark.parametrize("damage", ["truncated", "no symbols", "text"])
def test_firmware_without_symbols(tmp_path: Path, damage: str) -> None:
    elf = assemble("mps2-an386", EXIT, tmp_path)
    data = elf.read_bytes()
    broken = tmp_path / "broken.elf"
    broken.write_bytes(
        {"truncated": data[:-200], "no symbols": data[:52] + bytes(3000), "text": b"hello"}[damage]
    )
    plugin = f"{plugin_path(find_qemu())},elf={broken},pair=x:ew_bench_start:ew_bench_stop"
    command = [find_qemu(), "-M", "mps2-an386", "-display", "none", "-kernel", str(elf), "-plugin", plugin]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cannot read symbols" in done.stderr


def test_built_once_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = plugin_path(find_qemu())
    assert built.parent == tmp_path / "edgewright"
    monkeypatch.setenv("CC", "/nonexistent/cc")
    assert plugin_path(find_qemu()) == built
    assert [p.name for p in built.parent.iterdir()] == [built.name]


def test_a_compiler_that_is_missing_or_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for compiler, code in (("/nonexistent/cc", "EW-TOOL-MISSING"), ("false", "EW-EMU-PLUGIN")):
        monkeypatch.setenv("CC", compiler)
        with pytest.raises(DeviceError) as caught:
            plugin_path(find_qemu())
        assert caught.value.code == code
    qemu = find_qemu()
    monkeypatch.delenv("CC")
    monkeypatch.setattr(cycle_counter.shutil, "which", lambda _: None)
    with pytest.raises(DeviceError) as caught:
        plugin_path(qemu)
    assert caught.value.code == "EW-TOOL-MISSING" and "gcc" in caught.value.hint
    assert not list(tmp_path.rglob("*.so"))


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edgewright").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DeviceError) as caught:
        plugin_path(find_qemu())
    assert caught.value.code == "EW-CACHE-DIR"


def test_both_plugin_interfaces_compile(tmp_path: Path) -> None:
    sources = [str(s) for s in cycle_counter.SOURCES.glob("*.c")]
    for api in (1, 2, 3):
        target = tmp_path / f"{api}.so"
        command = ["cc", *cycle_counter.CFLAGS, f"-DQEMU_PLUGIN_API={api}", "-o", str(target), *sources]
        subprocess.run(command, check=True, timeout=120)


@pytest.mark.parametrize(
    ("version", "api"), [("6.2.0", 1), ("7.2.22", 1), ("8.2.2", 1), ("9.0.4", 2), ("9.1.0", 3), ("10.0.2", 3)]
)
def test_the_interface_follows_the_version(tmp_path: Path, version: str, api: int) -> None:
    fake = tmp_path / "qemu"
    fake.write_text(f"#!/bin/sh\necho 'QEMU emulator version {version} (Debian)'\n")
    fake.chmod(0o755)
    assert cycle_counter.plugin_api(str(fake)) == api


def test_half_a_row_is_left_for_later(tmp_path: Path) -> None:
    counter = CycleCounter(tmp_path / "p.so", tmp_path / "e.elf", "m4", tmp_path)
    series = tmp_path / "passages.jsonl"
    row = json.dumps({"pair": "run", "index": 0, "instructions": 5, "cycles": None})
    series.write_text(row + "\n" + row[:10])
    assert counter.take() == [Passage("run", 5, None)]
    series.write_text(row + "\n" + row + "\n")
    assert counter.take() == [Passage("run", 5, None)]
    assert counter.take() == []
