"""Compressed files and tar archives from strangers: nothing is written to disk, and no more memory taken than is said.

A bomb expands a few bytes without end; names with `..` or links want to reach out of the archive. Both are refused.
"""

from __future__ import annotations

import io
import tarfile
import zlib

from nir.errors import ParseError

GZIP_MAGIC = b"\x1f\x8b"
LEAST_LIMIT = 256 * 2**20
"""Bytes that any compressed file may expand to."""

LARGEST_RATIO = 64
"""How many times its size a larger file may expand to: weights hardly shrink, text seldom more than twenty times."""

_MAX_MEMBERS = 100_000
_MAX_NAME = 4096
_CHUNK = 2**20


def unpacked(data: bytes, name: str) -> bytes:
    """What the gzip file `data` holds. Raises ParseError where it is damaged, or expands beyond all measure."""
    limit = max(LEAST_LIMIT, LARGEST_RATIO * len(data))
    pieces: list[bytes] = []
    size = 0
    rest = data
    while rest:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            try:
                piece = stream.decompress(rest, _CHUNK)
            except zlib.error as error:
                raise ParseError(f"{name}: this gzip file is damaged", found=str(error)) from None
            rest = stream.unconsumed_tail
            size += len(piece)
            if size > limit:
                raise ParseError(
                    f"{name}: this gzip file expands too far", expected=f"at most {limit} bytes", found="more"
                )
            pieces.append(piece)
            if not piece and not rest and not stream.eof:
                raise ParseError(f"{name}: this gzip file is cut off")
        rest = stream.unused_data.lstrip(b"\0")
    return b"".join(pieces)


def is_tar(data: bytes) -> bool:
    """Whether a tar archive begins here."""
    return data[257:262] == b"ustar"


def tar_members(data: bytes, name: str) -> dict[str, bytes]:
    """The regular files of a tar archive by their names (without `./`). Raises ParseError for anything suspicious."""
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive):
                if count >= _MAX_MEMBERS:
                    raise ParseError(f"{name}: the archive has more than {_MAX_MEMBERS} members")
                path = _checked_name(member, name)
                if member.isdir():
                    continue
                if path in members:
                    raise ParseError(f"{name}: the archive has two members of one name", found=path[:80])
                file = archive.extractfile(member)
                assert file is not None  # it is a regular file
                members[path] = file.read()
                if len(members[path]) != member.size:
                    raise ParseError(f"{name}: the archive is cut off in '{path[:80]}'")
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError, UnicodeError) as error:
        raise ParseError(f"{name}: this tar archive is damaged", found=str(error)[:80]) from None
    return members


def _checked_name(member: tarfile.TarInfo, name: str) -> str:
    path = member.name
    shown = repr(path[:80])
    if len(path) > _MAX_NAME:
        raise ParseError(f"{name}: a member's name is too long", found=shown)
    if path.startswith(("/", "\\")) or ".." in path.replace("\\", "/").split("/") or "\0" in path:
        raise ParseError(f"{name}: a member's name reaches out of the archive", found=shown)
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ParseError(
            f"{name}: the archive holds what is no plain file", expected="files and folders", found=f"{shown}, a link"
        )
    return "/".join(part for part in path.split("/") if part not in ("", "."))
