# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented of a module, with what its fragments add, as Ansible shows it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import yaml
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import add_fragments


def documented(module: ModuleType) -> dict[str, Any]:
    """The documentation of a module as data."""
    found = yaml.safe_load(module.DOCUMENTATION)
    add_fragments(found, str(module.__file__), fragment_loader=fragment_loader, is_module=True)
    return dict(found)


def options(module: ModuleType) -> dict[str, Any]:
    """The options of a module, by name."""
    return dict(documented(module)["options"])
