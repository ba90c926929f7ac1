# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes ``ansible_collections.holdfast.ops`` importable when hands run as a script of their own.

Ansible's loader and installed packages do that for everybody else. A supervisor is started from a file, in an
interpreter that knows nothing of collections, and the file may lie in an installed collection, in a clone under any
name, or in site-packages. So the three packages above ``plugins`` are made here and pointed at the folder in which
this file lies: one copy of the code, whatever the layout.

This file is run by its path and imports nothing of Holdfast before ``install``.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = "ansible_collections.holdfast.ops"
ROOT = Path(__file__).absolute().parents[3]
"""The folder of the collection (or what a package installed of it), as it was reached: links are not resolved."""


def install() -> None:
    """Make the collection importable; does nothing where it is already."""
    names = PACKAGE.split(".")
    for count in range(1, len(names) + 1):
        name = ".".join(names[:count])
        module = sys.modules.get(name)
        if module is None:
            module = ModuleType(name)
            module.__path__ = []
            sys.modules[name] = module
            if count > 1:
                setattr(sys.modules[".".join(names[: count - 1])], names[count - 1], module)
    ops = sys.modules[PACKAGE]
    if str(ROOT) not in list(ops.__path__):
        ops.__path__ = [str(ROOT), *ops.__path__]


def main(arguments: list[str]) -> None:
    """Run a module of the hands: ``python _bootstrap.py supervise [argument ...]``."""
    install()
    hands = f"{PACKAGE}.plugins.plugin_utils.hands"
    sys.argv = arguments
    runpy.run_module(f"{hands}.{arguments[0]}", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").absolute() != Path(__file__).absolute().parent]
    main(sys.argv[1:])
