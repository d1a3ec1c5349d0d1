"""The page of Relay's operators: fresh, and true of every recorded program."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from data import REPOSITORY, data_path

import nir.relay
from nir.cli import cli
from nir.errors import ConvertError
from nir.passes import relay_to_nir

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

from nir.cli.relay.operators import page, remark
from nir.passes.relay_to_nir import HANDLERS
from nir.passes.relay_to_relax.lowerings import LOWERINGS

PAGE = REPOSITORY / "docs" / "relay_operators.md"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == page(), "`make docs` writes it"
    assert CliRunner().invoke(cli, ["relay", "operators"]).output == page()


def test_whatever_is_refused_has_a_remark() -> None:
    path: Path = data_path("relay", "ops.jsonl.gz")
    refused = []
    with gzip.open(path, "rt") as lines:
        for program in map(json.loads, lines):
            source = nir.relay.load(program["relay"])
            called = {expr.op_name for expr in nir.relay.post_order(source.main) if isinstance(expr, nir.relay.Call)}
            assert called <= set(LOWERINGS)
            try:
                relay_to_nir(source)
            except ConvertError:
                refused.append(program["name"])
                assert [name for name in called if remark(name or "") not in ("", "no counterpart in NIR")], called
            else:
                assert called <= set(HANDLERS)
    assert len(refused) == 9
