# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Molecule scenarios, each from its create to its destroy, with a second converge that must change nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import places
from tests.lab.places import REPOSITORY

pytestmark = pytest.mark.slow

EXTENSIONS = REPOSITORY / "extensions"
SCENARIOS = sorted(path.parent.name for path in (EXTENSIONS / "molecule").glob("*/molecule.yml"))
STEPS = ("create", "converge", "idempotence", "verify", "cleanup", "destroy")


def molecule(scenario: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``molecule test`` for a scenario, with its state in a folder of ours; the checkout stays as it is."""
    pytest.importorskip("molecule")
    folder.mkdir()
    # This checkout's collection and command, though another one may be the one that is installed.
    ours = [os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0], str(EXTENSIONS / "controller")]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(filter(None, [*ours, os.environ.get("PYTHONPATH", "")])),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(folder),
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "molecule", "test", "--scenario-name", scenario],
        cwd=EXTENSIONS,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_every_role_that_the_lab_can_prove_has_a_scenario() -> None:
    assert SCENARIOS == ["drain", "health_check", "integrated_maintenance", "verified_reboot"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, can_have_labs: None, tmp_path: Path) -> None:
    labs = set(places.lab_names())
    done = molecule(scenario, tmp_path / "molecule")
    assert done.returncode == 0, done.stdout
    ended = dict(re.findall(rf"\[{scenario} > (\w+)\] Executed: (\w+)", done.stdout))
    assert {step: ended.get(step) for step in STEPS} == dict.fromkeys(STEPS, "Successful"), done.stdout
    assert [name for name in places.lab_names() if name not in labs and name.startswith("molecule-")] == []
