"""How an engine loads the handler from a folder."""

from __future__ import annotations

LOADER = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location(name, folder + "/handler/__init__.py")
handler = sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(handler)
"""
"""The four statements that docs/engines/load-by-path.md tells engines to use."""
