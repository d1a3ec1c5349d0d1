"""TVM's Model Library Format: the Relay module, parameters and facts in the archive that microTVM's compiler exports.

Versions 5 (TVM 0.8: one module) and 7 (TVM 0.9 to 0.18: modules by name). The Relay text in it is the module before
compilation and without its metadata: constants that are no scalars are not in the archive as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nir.errors import ParseError, suggestion
from nir.relay.archive import tar_members
from nir.relay.metadata import read_json

METADATA = "metadata.json"
_MANY = 2**20


@dataclass(frozen=True)
class Library:
    """One module of an archive. `relay` is its text, `params` its parameter file or None."""

    version: int
    module_name: str
    relay: str
    relay_name: str
    params: bytes | None
    tvm_version: str | None
    notes: tuple[str, ...]


def read_library(data: bytes, name: str, module_name: str | None = None) -> Library:
    """The module `module_name` of the archive `data`, or the only one. Raises ParseError."""
    members = tar_members(data, name)
    if METADATA not in members:
        raise ParseError(
            f"{name}: this archive is not in the Model Library Format",
            expected=f"a member '{METADATA}'",
            found=", ".join(list(members)[:5])[:200] or "nothing",
        )
    facts = read_json(_text(members, METADATA, name), f"{name}/{METADATA}")
    if not isinstance(facts, dict):
        raise ParseError(f"{name}/{METADATA}: no JSON object")
    version = facts.get("version")
    if type(version) is not int or not 1 <= version < _MANY:
        raise ParseError(f"{name}/{METADATA}: no version of the format", expected="5 or 7", found=repr(version)[:40])
    modules = facts.get("modules")
    if isinstance(modules, dict):
        chosen = _chosen(modules, module_name, name)
        return _library(members, name, version, chosen, modules[chosen], (f"src/{chosen}.relay",))
    return _library(members, name, version, str(facts.get("model_name")), facts, ("src/relay.txt",))


def _chosen(modules: dict[str, Any], wanted: str | None, name: str) -> str:
    if wanted is None and len(modules) == 1:
        return next(iter(modules))
    if wanted is None or wanted not in modules:
        what = "has several modules" if wanted is None else f"has no module '{wanted[:80]}'"
        raise ParseError(
            f"{name}: the archive {what}",
            expected="one of " + ", ".join(modules)[:300],
            hint=suggestion(wanted, modules) if wanted else "name one of them as 'module_name'",
        )
    return wanted


def _library(
    members: dict[str, bytes], name: str, version: int, module: str, facts: Any, texts: tuple[str, ...]
) -> Library:
    if not isinstance(facts, dict):
        raise ParseError(f"{name}/{METADATA}: nothing is said about the module '{module[:80]}'")
    relay_name = next((text for text in texts if text in members), None)
    if relay_name is None:
        style = facts.get("style")
        raise ParseError(
            f"{name}: the archive has no Relay text",
            expected=f"a member '{texts[0]}'",
            found=f"style '{style}'" if isinstance(style, str) else None,
            hint="archives of single operators hold TIR only" if style == "operator" else None,
        )
    params = members.get(f"parameters/{module}.params")
    return Library(
        version,
        module,
        _text(members, relay_name, name),
        f"{name}/{relay_name}",
        params,
        _stated_version(facts),
        (_described(version, module, facts),),
    )


def _text(members: dict[str, bytes], member: str, name: str) -> str:
    try:
        return members[member].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(f"{name}/{member}: byte {error.start} is not UTF-8") from None


def _stated_version(facts: dict[str, Any]) -> str | None:
    """TVM's version, which stands beside the runtime that an ahead-of-time archive depends on."""
    dependencies = facts.get("external_dependencies")
    for dependency in dependencies if isinstance(dependencies, list) else ():
        if isinstance(dependency, dict) and dependency.get("short_name") == "tvm_standalone_crt":
            stated = dependency.get("version_spec")
            return stated if isinstance(stated, str) else None
    return None


def _described(version: int, module: str, facts: dict[str, Any]) -> str:
    said = []
    for key in ("executors", "target"):
        value = facts.get(key)
        items = value.values() if isinstance(value, dict) else value
        if isinstance(items, list) or isinstance(value, dict):
            said.append(f"{key}: {', '.join(str(item).strip() for item in items or ())}")
    return f"module '{module}' of a Model Library Format {version} archive" + "".join(
        f"; {item[:100]}" for item in said
    )
