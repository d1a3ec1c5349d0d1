"""`nir diff`: the first difference of two modules, of two runs, or of two files of arrays."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from nir.cli.files import STANDARD, read_arrays, read_module
from nir.interp import DEFAULT_PROFILE, PROFILES, Tolerance, compare, compare_arrays
from nir.ir import first_difference
from nir.source import printable
from nir.verify import verify


@click.command(name="diff")
@click.argument("left", metavar="LEFT")
@click.argument("right", metavar="[RIGHT]", required=False)
@click.option("--inputs", metavar="IN.npz", help="Run both on these arrays and compare every value.")
@click.option("--seed", type=int, metavar="N", help="Run both on random inputs and compare every value.")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="How real values become integers in a run.",
)
@click.option("--right-profile", type=click.Choice(list(PROFILES)), help="The profile of the right run, if another.")
@click.option("--steps", type=click.IntRange(min=0), default=0, help="Integers so many steps apart count as equal.")
@click.option("--ulps", type=click.IntRange(min=0), default=0, help="Floats so many units in the last place, too.")
def command(
    left: str,
    right: str | None,
    inputs: str | None,
    seed: int | None,
    profile: str,
    right_profile: str | None,
    steps: int,
    ulps: int,
) -> int:
    """Tell the first difference between LEFT and RIGHT; exit with 1 if there is one.

    Two .nir files are compared by structure; with --inputs or --seed both are run, and every value is compared. One
    file is run under two profiles. Two .npz files are compared array by array.

    \b
    Examples:
      nir diff before.nir after.nir
      nir diff before.nir after.nir --seed 1
      nir diff model.nir --seed 1 --profile tflite --right-profile relay
      nir diff out.npz expected.npz --steps 1
    """
    tolerance = Tolerance(steps=steps, ulps=ulps)
    runs = inputs is not None or seed is not None or right is None
    _check_usage(left, right, inputs, seed, right_profile)
    if right is not None and left.endswith(".npz"):
        return _arrays(left, right, tolerance)
    if right is not None and not runs:
        if tolerance != Tolerance():
            raise click.UsageError(
                "--steps and --ulps compare runs or .npz files: give --inputs IN.npz or --seed N too."
            )
        difference = first_difference(read_module(left), read_module(right))
        click.echo("no difference" if difference is None else str(difference))
        return 1 if difference is not None else 0
    left_module = read_module(left)
    right_module = left_module if right is None else read_module(right)
    for module in (left_module, right_module):
        verify(module)
    comparison = compare(
        left_module,
        right_module,
        inputs=None if inputs is None else read_arrays(inputs),
        profile=profile,
        right_profile=right_profile,
        tolerance=tolerance,
        seed=seed or 0,
    )
    click.echo(comparison.report())
    return 0 if comparison.equal else 1


def _check_usage(left: str, right: str | None, inputs: str | None, seed: int | None, right_profile: str | None) -> None:
    """Raises `click.UsageError` for files and options that do not go together."""
    if right is None and right_profile is None:
        raise click.UsageError("Give RIGHT, or --right-profile to run LEFT under two profiles.")
    if left == right == STANDARD:
        raise click.UsageError("Standard input can be read once only: give a file as LEFT or RIGHT.")
    if inputs is not None and seed is not None:
        raise click.UsageError("--inputs and --seed exclude each other.")
    runs = inputs is not None or seed is not None
    if left.endswith(".npz") or (right or "").endswith(".npz"):
        if right is None or not (left.endswith(".npz") and right.endswith(".npz")):
            raise click.UsageError("An .npz file is compared with another .npz file only.")
        if runs or right_profile is not None:
            raise click.UsageError("--inputs, --seed and --right-profile compare runs, not .npz files.")
    elif right is not None and right_profile is not None and not runs:
        raise click.UsageError("--right-profile compares runs: give --inputs IN.npz or --seed N too.")


def _arrays(left_path: str, right_path: str, tolerance: Tolerance) -> int:
    """Compares two files of arrays, name by name, and tells every array that differs."""
    left, right = read_arrays(left_path), read_arrays(right_path)
    told = []
    for name in dict.fromkeys([*left, *right]):
        if name not in left or name not in right:
            told.append(f"{name}: only in {left_path if name in left else right_path}")
        elif left[name].dtype != right[name].dtype or left[name].shape != right[name].shape:
            types = [f"{array.dtype}{list(array.shape)}" for array in (left[name], right[name])]
            told.append(f"{name}: {types[0]} on the left, {types[1]} on the right")
        elif not _is_comparable(left[name].dtype):
            told.append(f"{name}: elements of type {left[name].dtype} cannot be compared")
        else:
            difference = compare_arrays(left[name], right[name], tolerance)
            if difference is not None:
                told.append(f"{name}: {difference}")
    arrays = "1 array" if len(left) == 1 else f"{len(left)} arrays"
    click.echo("\n".join(map(printable, told)) if told else f"no difference in {arrays}")
    return 1 if told else 0


def _is_comparable(dtype: np.dtype[Any]) -> bool:
    """Integers, and the floats that NIR has."""
    return dtype.kind in "iub" or dtype in (np.float16, np.float32)
