"""What every command promises: streams, JSON, exit statuses, and no traceback unless asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer

import edgewright.cli as cli
from edgewright.cli.common import Output, add_command, as_edgewright_error
from edgewright.errors import DeviceError, ModelError, UsageError, WorkError
from edgewright.log import LOGGER


class Probe:
    """Stands in for a command's file: one command `probe` that does what the test wants."""

    def __init__(self, action):
        self.action = action

    def register(self, app):
        def probe(count: Annotated[int, typer.Option("--count", metavar="N")] = 1) -> Output:
            """Probe."""
            return self.action(count)

        add_command(app, "probe", probe)


@pytest.fixture
def run_probe(monkeypatch, capsys):
    """Run `edgewright probe ARGS` with an action; returns (status, stdout, stderr)."""

    def run(action, *arguments):
        monkeypatch.setattr(cli, "MODULES", (*cli.MODULES, Probe(action)))
        status = cli.run(["probe", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def fail(error):
    def action(count):
        raise error

    return action


def test_result_goes_to_stdout(run_probe):
    assert run_probe(lambda n: Output({"n": n}, f"n is {n}"), "--count", "3") == (0, "n is 3\n", "")


def test_json_is_one_object(run_probe):
    status, out, err = run_probe(lambda n: Output({"n": n, "where": Path("a")}, "text"), "--json")
    assert json.loads(out) == {"schema_version": 1, "status": "ok", "n": 1, "where": "a"}
    assert (status, err) == (0, "")


def test_json_keeps_stdout_for_the_object(run_probe):
    def chatty(count):
        print("a library prints")
        LOGGER.info("a note")
        return Output({"n": count})

    _, out, err = run_probe(chatty, "--json")
    assert json.loads(out)["n"] == 1
    assert err == "a library prints\na note\n"


@pytest.mark.parametrize(
    ("kind", "status"), [(WorkError, 1), (UsageError, 2), (DeviceError, 3), (ModelError, 4)]
)
def test_expected_errors(run_probe, kind, status):
    error = kind("EW-TEST", "17 is [too] much", "take less", excess_bytes=17)
    assert run_probe(fail(error)) == (status, "", "EW-TEST  17 is [too] much\n  hint: take less\n")
    got, out, err = run_probe(fail(error), "--json")
    assert (got, err) == (status, "")
    assert json.loads(out) == {
        "schema_version": 1,
        "status": "error",
        "error": {"code": "EW-TEST", "message": "17 is [too] much", "hint": "take less", "excess_bytes": 17},
    }


def test_long_messages_are_not_wrapped(run_probe):
    _, _, err = run_probe(fail(WorkError("EW-TEST", "x" * 500)))
    assert err == f"EW-TEST  {'x' * 500}\n"


def test_result_with_error_shows_both(run_probe):
    output = Output({"mismatches": 3}, "3 of 20 differ", WorkError("EW-TEST", "it differs"))
    assert run_probe(lambda n: output) == (1, "3 of 20 differ\n", "EW-TEST  it differs\n")
    status, out, _ = run_probe(lambda n: output, "--json")
    document = json.loads(out)
    assert (status, document["status"], document["mismatches"]) == (1, "error", 3)


def test_unexpected_errors_get_a_code_and_no_traceback(run_probe):
    status, out, err = run_probe(fail(ZeroDivisionError("by zero")))
    assert (status, out) == (1, "")
    assert err.startswith("EW-INTERNAL  unexpected error, ZeroDivisionError: by zero\n  hint: ")
    assert "--debug" in err and "Traceback" not in err
    _, out, _ = run_probe(fail(ZeroDivisionError("by zero")), "--json")
    assert json.loads(out)["error"]["code"] == "EW-INTERNAL"


def test_debug_shows_the_traceback(run_probe):
    _, _, err = run_probe(fail(ZeroDivisionError("by zero")), "--debug")
    assert "Traceback" in err and "test_common.py" in err
    _, out, _ = run_probe(fail(WorkError("EW-TEST", "no")), "--debug", "--json")
    assert "test_common.py" in json.loads(out)["error"]["traceback"]


def test_interrupted(run_probe):
    status, out, err = run_probe(fail(KeyboardInterrupt()))
    assert (status, out, err) == (130, "", "EW-INTERRUPTED  interrupted\n")
    assert as_edgewright_error(typer.Abort()).exit_code == 130


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (["chekc"], ["chekc", "check"], "edgewright --help"),
        (["check"], ["MODEL"], "edgewright check --help"),
        (["check", "m.onnx", "--bogus"], ["--bogus"], "edgewright check --help"),
        (["boards"], ["command"], "edgewright boards --help"),
        (["convert", "m.onnx"], ["--out"], "edgewright convert --help"),
    ],
)
def test_usage_errors(capsys, arguments, words, hint):
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("EW-USAGE  ") and f"hint: {hint}" in captured.err
    assert all(word in captured.err for word in words)
    assert cli.run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["hint"] == hint


def test_value_of_the_wrong_type(run_probe):
    status, _, err = run_probe(lambda n: Output(), "--count", "many")
    assert status == 2 and "--count" in err


def test_version_and_help(capsys):
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"edgewright {cli.__version__}\n"
    assert cli.run([]) == cli.run(["--help"]) == cli.run(["-h"]) == 0
    assert capsys.readouterr().out.count("edgewright doctor") == 3


def test_every_command_takes_json_and_debug_and_says_what_it_does():
    def walk(command, name):
        for child, subcommand in getattr(command, "commands", {}).items():
            yield from walk(subcommand, f"{name} {child}")
        if not getattr(command, "commands", {}):
            yield name, command

    commands = dict(walk(typer.main.get_command(cli.build_app()), "edgewright"))
    assert {"edgewright check", "edgewright boards show"} <= set(commands)
    for name, command in commands.items():
        options = {o for p in command.params for o in p.opts}
        assert {"--json", "--debug"} <= options, name
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name}: {parameter.name} has no help text"
            if not getattr(parameter, "is_flag", False):
                assert parameter.metavar, f"{name}: {parameter.name} has no metavar"


def test_help_is_quick():
    code = (
        "import sys\nfrom edgewright.cli import run\nrun(['--help'])\n"
        "heavy = {'numpy', 'onnx', 'tvm', 'ortools', 'serial', 'onnxruntime'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "edgewright", "check", "missing.onnx"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.startswith("EW-MODEL-MISSING  ")


def test_completion_script():
    done = subprocess.run(
        [sys.executable, "-m", "edgewright"],
        env={"_EDGEWRIGHT_COMPLETE": "complete_bash", "COMP_WORDS": "edgewright bo", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["boards"]
