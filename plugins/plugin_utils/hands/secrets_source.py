# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where ``$secrets.NAME`` comes from: the environment, or a file that only its owner can read.

``HOLDFAST_SECRET_DB_PASSWORD`` is ``$secrets.db_password``; ``HOLDFAST_SECRETS`` names a YAML file with a mapping.
The environment wins. Children never see these variables: a play gets the values its item's ``with:`` names, no more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

PREFIX = "HOLDFAST_SECRET_"
CONTROLLER_KEY = "HOLDFAST_SECRET_KEY"
"""What a controller encrypts with: no secret of anybody's changes, though its name looks like one."""
FILE = "HOLDFAST_SECRETS"


def read(environ: Optional[Mapping[str, str]] = None) -> dict[str, Any]:
    """All secrets by name. Raises HoldfastError for a file that others can read, or that holds no mapping."""
    env = os.environ if environ is None else environ
    found = _from_file(Path(env[FILE]).expanduser()) if env.get(FILE) else {}
    for name, value in env.items():
        if name.startswith(PREFIX) and len(name) > len(PREFIX) and name != CONTROLLER_KEY:
            found[name[len(PREFIX) :].lower()] = value
    return found


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise HoldfastError(f"{path}: others can read this file of secrets; make it private: chmod 600 {path}")
            data = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        # the error of a parser shows the line it stumbled over, which may be a secret
        reason = error.strerror if isinstance(error, OSError) else "it is no YAML"
        raise HoldfastError(f"cannot read the secrets in {path}: {reason}") from None
    if not isinstance(data, dict):
        raise HoldfastError(f"{path}: a file of secrets holds a mapping of names to values")
    return {str(name): value for name, value in data.items()}


def for_children(environ: Mapping[str, str]) -> list[str]:
    """The names of variables that children must not see."""
    return [name for name in environ if name.startswith(PREFIX) or name == FILE]
