"""Times the import of custom nodes: a host runs this, as a prestartup script, before all others.

The host's own line says tenths of a second, and not which modules came with it.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
import time

TARGETS = json.loads(os.environ["IMPORT_PROBE_TARGETS"])  # name -> __init__.py
NAMES = {os.path.realpath(path): name for name, path in TARGETS.items()}
report = {}
plain = importlib.machinery.SourceFileLoader.exec_module


def exec_module(self, module):
    name = NAMES.get(os.path.realpath(self.path))
    if name is None:
        return plain(self, module)
    before, started = set(sys.modules), time.perf_counter()
    try:
        return plain(self, module)
    finally:
        seconds = time.perf_counter() - started
        new = {m.partition(".")[0] for m in set(sys.modules) - before}
        known = {m.partition(".")[0] for m in before} | set(sys.stdlib_module_names)
        report[name] = {
            "import_seconds": round(seconds, 4),
            "new_third_party": sorted(m for m in new - known if os.sep not in m),
        }
        with open(os.environ["IMPORT_PROBE_OUT"], "w") as file:
            json.dump(report, file)


importlib.machinery.SourceFileLoader.exec_module = exec_module
