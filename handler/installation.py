"""What has to be installed for the handler, and the error about a package that cannot be used.

A drop-in folder brings no packages along: one that is missing, too old or half-written
is noticed at the first import. Modules that import third parties late do so within
`installed`, which turns the failure into an error like all others.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .errors import HandlerError, InvalidDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "installation_broken"
NEEDS = {
    "googleapiclient": "google-api-python-client>=2.34",
    "google.auth": "google-auth>=2.24",
    "yaml": "PyYAML>=6.0",
    "jsonschema": "jsonschema>=4.6",
    "urllib3": "urllib3>=2.0.7",
}
"""What pip is to install, as in setup.cfg, by the module that is imported."""
PARTS = {
    "google.oauth2": NEEDS["google.auth"],
    "google.api_core": "google-api-core",
    "google.protobuf": "protobuf",
    "google.api": "googleapis-common-protos",
    "google.rpc": "googleapis-common-protos",
    "_yaml": NEEDS["yaml"],
    "attr": "attrs",
    "rpds": "rpds-py",
}
"""The same for modules whose package has another name."""
OURS = __name__.rpartition(".")[0]
"""The handler's own name here: loaded by path, it may have any."""


@contextmanager
def installed() -> Iterator[None]:
    """Turn whatever an import within this raises into installation_broken."""
    try:
        yield
    except Exception as error:  # a half-written package raises anything
        raise broken(error) from error


def is_of_the_installation(error: HandlerError) -> bool:
    """Return whether every step of this installation would end with the error, whatever it asks for."""
    return isinstance(error, InvalidDescriptor) or error.code == CODE


def demand(module: str) -> None:
    """Raise ModuleNotFoundError for a module that is not there, without importing one that is."""
    from importlib.util import find_spec  # not needed by whoever only imports the handler

    if find_spec(module) is None:
        raise ModuleNotFoundError(name=module)


def hold_versions(*modules: str) -> None:
    """Raise ImportError for an imported module that is older than the handler needs."""
    for module in modules:
        if _too_old(NEEDS[module], _version(module, NEEDS[module])):
            raise ImportError(name=module)


def broken(error: BaseException, module: str = "") -> HandlerError:
    """Return the error for an import that failed; give `module` if the exception does not name it."""
    while error.__cause__ is not None:
        error = error.__cause__
    module = module or _module_of(error)
    if _is_in(module, OURS):
        problem = f"The handler's own folder lacks {module}, or has it broken; put the folder back as it came."
        return HandlerError(CODE, problem, {"module": module})
    if module.partition(".")[0] in sys.stdlib_module_names:
        problem = f"The Python {sys.executable} was built without its own module {module}; use another Python."
        return HandlerError(CODE, problem, {"module": module})
    need = next((need for known, need in {**NEEDS, **PARTS}.items() if _is_in(module, known)), module.partition(".")[0])
    package = re.split("[<>=]", need)[0]
    version = _version(module, need)
    needs = [need]
    if not module:
        problem, again, needs = "lacks a package, or has a broken one", True, list(NEEDS.values())
    elif _too_old(need, version):
        problem, again = f"has the package {package} in the version {version}, which is too old", False
    elif isinstance(error, ModuleNotFoundError) and any(_is_in(known, module) for known in (*NEEDS, *PARTS, package)):
        problem, again = f"lacks the package {package} (module {module})", bool(version)
        needs += [other for known, other in NEEDS.items() if other != need and not _version(known, other)]
    else:
        problem, again = f"has a broken package {package} ({type(error).__name__} in {module})", True
    command = _command(needs, again=again)
    message = f"The Python {sys.executable} {problem}; install it: {command}{_for_all()}."
    return HandlerError(CODE, message, {"package": package, "module": module})


def _command(needs: list[str], *, again: bool) -> str:
    """Return the pip command; `again` replaces files that pip believes to be installed."""
    mark = '"' if os.name == "nt" else "'"
    quoted = [f"{mark}{need}{mark}" for need in needs]
    program = f"{mark}{sys.executable}{mark}" if " " in sys.executable else sys.executable
    return " ".join([program, "-m pip install", *quoted, *(["--force-reinstall"] if again else [])])


def _for_all() -> str:
    # As Kinetic's bridge starts Python.
    alone = sys.flags.no_user_site and sys.prefix == sys.base_prefix
    return " (as root or administrator: packages of a single user do not count here)" if alone else ""


def _is_in(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def _module_of(error: BaseException) -> str:
    """Return the module that an import failed in or could not find, "" if unknown."""
    if isinstance(error, ImportError) and error.name:
        return error.name
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType | type):
        return error.obj.__name__ if isinstance(error.obj, ModuleType) else error.obj.__module__
    if isinstance(error, SyntaxError) and error.filename:
        return _dotted(Path(error.filename))
    found, place = "", error.__traceback__
    while place:
        module = str(place.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in sys.stdlib_module_names and not _is_in(module, OURS):
            found = module
        place = place.tb_next
    return found


def _dotted(file: Path) -> str:
    """Return the name that a file is imported by."""
    for folder in sys.path:
        if file.is_relative_to(folder or "."):
            parts = file.relative_to(folder or ".").with_suffix("").parts
            return ".".join(parts).removesuffix(".__init__")
    ours = Path(__file__).parent
    if file.is_relative_to(ours):
        return ".".join([OURS, *file.relative_to(ours).with_suffix("").parts])
    return ""


def _version(module: str, need: str) -> str:
    """Return the version of what is imported, or else of what pip has installed; "" if there is none."""
    known = next((known for known in NEEDS if _is_in(module, known)), module)
    for loaded in (sys.modules.get(known), sys.modules.get(f"{known}.version")):
        if isinstance(found := vars(loaded).get("__version__") if loaded else None, str):
            return found
    from importlib.metadata import PackageNotFoundError, version  # needed only to explain

    try:
        return version(re.split("[<>=]", need)[0])
    except (PackageNotFoundError, ValueError):
        return ""


def _too_old(need: str, version: str) -> bool:
    oldest = need.partition(">=")[2]
    return bool(version) and _numbers(version) < _numbers(oldest)


def _numbers(version: str) -> list[int]:
    return list(map(int, re.findall(r"\d+", version)[:3]))
