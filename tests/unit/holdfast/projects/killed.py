# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that fetches a project, for a test to kill: ``killed.py HOME URL``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

from holdfast.build import build
from holdfast.engine.port import Engine
from holdfast.projects import access, git, urls
from holdfast.projects.access import Credential
from holdfast.projects.process import Programs, environment
from holdfast.projects.workplace import workplace
from holdfast.settings import Settings
from pydantic import SecretStr


class NoEngine:
    """Nothing is queued."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_any, **_more: None


def main() -> None:
    settings = Settings(home=Path(sys.argv[1]), admin_password=SecretStr("pw"), log_level="ERROR")
    controller = build(settings, lambda _settings: cast(Engine, NoEngine()))
    source = urls.source("git", sys.argv[2])
    with workplace(controller, "update") as private:
        env = environment(private, {})
        env.update(access.for_git(source, Credential("me", "pa55"), private, private / "known_hosts"))
        programs = Programs(print, lambda: False, private=private)
        git.Repository(settings.home / "tree", source, programs, env).update(git.Wanted("main"), print)


if __name__ == "__main__":
    main()
