"""A module class from a Python file of the user's. Loading it runs the file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from torch import nn

from edgewright.errors import UsageError
from edgewright.quantize.binary.layers import binary_layers


def load_module(specification: str, *, trusted: bool) -> nn.Module:
    """Make the module of "FILE.py:ClassName".

    Args:
        specification: File and class; the class is called without arguments.
        trusted: Whether the user agreed that the file is run.

    Raises:
        UsageError: EW-TRUST-CODE where it is not trusted; EW-TRAIN-MODULE.
    """
    file, _, name = specification.rpartition(":")
    path = Path(file)
    if not file or not name.isidentifier():
        raise UsageError(
            "EW-TRAIN-MODULE", f"--module {specification}", "write it as --module FILE.py:ClassName"
        )
    if not trusted:
        raise UsageError(
            "EW-TRUST-CODE",
            f"--module runs {file} with all rights of yours",
            "read the file, then add --trust-code",
        )
    if not path.is_file():
        raise UsageError("EW-TRAIN-MODULE", f"there is no file {file}")
    spec = importlib.util.spec_from_file_location(f"edgewright_user_module_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError("EW-TRAIN-MODULE", f"{file} is no Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    try:
        spec.loader.exec_module(loaded)
        made = getattr(loaded, name)()
    except AttributeError as error:
        raise UsageError("EW-TRAIN-MODULE", f"{file}: {error}") from error
    except UsageError:
        raise
    except Exception as error:  # whatever the user's code throws
        raise UsageError("EW-TRAIN-MODULE", f"{file}: {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module) or not binary_layers(made):
        raise UsageError(
            "EW-TRAIN-MODULE",
            f"{name} is no torch module with binary layers",
            "use BinaryConv2d or BinaryLinear of edgewright.quantize.binary.layers",
        )
    return made
