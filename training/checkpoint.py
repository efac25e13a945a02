"""Weights and the state of a run as safetensors: tensors by name, and everything else as JSON in the header.

No pickle: such a file can be opened without trusting whoever made it.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from datagen.database import appearing
from training.data import TrainingError


def write(path: Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Writes a file whole or not at all.

    Args:
        path: ends in .safetensors.
        tensors: by name.
        record: JSON values.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with appearing(path) as file:
        file.write(save(plain, metadata={"record": json.dumps(record, sort_keys=True)}))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write` wrote.

    Raises:
        TrainingError: no such file, or one that is damaged or of another kind.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: expected a checkpoint, found none; `training train` writes them.")
    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads((file.metadata() or {})["record"])
            return {name: file.get_tensor(name) for name in file.keys()}, record  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise TrainingError(
            f"{path}: expected a checkpoint of this project, got {type(error).__name__}: {error}; restore it."
        ) from None


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser by `parameter number.name`."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{name}": torch.as_tensor(value) for number, row in state.items() for name, value in row.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """`optimiser_tensors` undone."""
    rows: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        rows.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": rows})


def load(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Puts weights into a module.

    Raises:
        TrainingError: they are of another network.
    """
    try:
        module.load_state_dict({name: value.float() for name, value in tensors.items()})
    except RuntimeError as error:
        reason = str(error).replace(os.linesep, " ")[:300]
        raise TrainingError(
            f"{path}: expected weights of the network that its record names, got others ({reason})."
        ) from None
