"""Files are read and written whole, devices only so far."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import nir.files
from nir.errors import NirError, ParseError


def test_a_file_is_written_whole_with_its_rights_and_through_links(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    nir.files.write_bytes(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link"]


@pytest.mark.parametrize("name", ["nowhere/file", "zero\0byte", "x" * 300])
def test_what_cannot_be_written_or_read_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(NirError, match="cannot be written"):
        nir.files.write_bytes(f"{tmp_path}/{name}", b"")
    with pytest.raises(ParseError, match="cannot be read"):
        nir.files.read_bytes(f"{tmp_path}/{name}")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="devices have other names here")
def test_devices_are_written_to_and_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    nir.files.write_bytes("/dev/null", b"data")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert nir.files.read_bytes("/dev/null") == b""
    monkeypatch.setattr("nir.files.LARGEST_STREAM", 1000)
    with pytest.raises(ParseError, match="more than 1000 bytes"):
        nir.files.read_bytes("/dev/zero")
