"""A partition as files: the whole and each region as `.nir`, the report as JSON, and a picture."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nir.draw
import nir.text
from nir.errors import NirError, RunError
from nir.ir import Module, copy_module, reachable
from nir.passes.partition.report import Report

REPORT = "report.json"
WHOLE = "partitioned.nir"
PICTURE = "partition.svg"


def write_partition(
    module: Module, report: Report, folder: str | os.PathLike[str], *, picture: bool = True
) -> list[Path]:
    """Writes a partitioned NIR module: `partitioned.nir`, a file per region with what it calls, `report.json`, and
    `partition.svg`, or `partition.dot` where no layout can be made. Returns the files, weights not counted.

    Raises `NirError` where something cannot be written.
    """
    target = Path(folder)
    written: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        nir.text.save(module, target / WHOLE)
        written.append(target / WHOLE)
        for region in report.regions:
            alone = Module(reachable(module, [region.name]), version=module.version)
            nir.text.save(copy_module(alone), target / f"{region.name}.nir")
            written.append(target / f"{region.name}.nir")
        (target / REPORT).write_text(json.dumps(report.to_json(), indent=1) + "\n", "utf-8")
        written.append(target / REPORT)
        if picture:
            written.append(_picture(module, report, target))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NirError(f"{os.fspath(folder)} cannot be written", found=reason) from None
    return written


def _picture(module: Module, report: Report, folder: Path) -> Path:
    """The picture, which says of every operator outside why; DOT text where there is no layout engine, or no layout."""
    reasons = {each.name: [str(reason) for reason in each.reasons] for each in report.outside}
    try:
        nir.draw.save(module, folder / PICTURE, reasons=reasons)
    except RunError:
        path = folder / Path(PICTURE).with_suffix(".dot")
        path.write_text(nir.draw.to_dot(module, reasons=reasons), "utf-8")
        return path
    return folder / PICTURE
