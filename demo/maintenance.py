# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo on the lab: Integrated Maintenance of a little data centre, while customers ask; a good one and a bad one.

Three hosts like RHEL 9 run version 1 of an application behind a real HAProxy; a Windows double stands beside them. The
bundle ``integrated-maintenance`` patches and reboots them all. Then version 3 is published, which turns unhealthy two
seconds after its start: the first server is brought back to exactly the packages it had, the others are never touched.

Ends with 0 only if everything went as promised and no request was lost. Whatever was started is ended again, also on
Ctrl-C. Needs root on a machine of the Debian family; ``--can`` says whether there can be a lab, and why not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run, RunsStore
from evidence import Outcome, broken_promises, closing_words, evidence_table
from lab import PATH, REPOSITORY, collections_path
from load import Load
from run import front_door, heading, terminated_like_interrupted

sys.path.append(str(REPOSITORY))

from tests.lab import places, requirements
from tests.lab.commands import LabError
from tests.lab.lab import HOSTS, Lab

BUNDLE = "integrated-maintenance"
GRACE = 60.0
"""Seconds that a run which is interrupted has to end in order."""


def say(line: str) -> None:
    """A line, at once."""
    print(f"  {line}", flush=True)


@contextlib.contextmanager
def ticking(every: float = 10.0) -> Iterator[None]:
    """Say now and then that something is still going on, and for how long."""
    begun, over = time.monotonic(), threading.Event()

    def tick() -> None:
        while not over.wait(every):
            say(f"… still at work after {time.monotonic() - begun:.0f} s")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Demo:
    """``folder`` keeps the records of the runs, which stay; the lab goes with the demo."""

    def __init__(self, folder: Path, clients: int, name: str) -> None:
        self.home = folder.resolve() / "holdfast"
        self.clients = clients
        self.lab = Lab(name, say=say)
        self._ours = False

    # --- coming up and going down --------------------------------------------------------------------------------

    def up(self) -> None:
        """Bring the lab up. Raises LabError."""
        held = places.try_lock(places.lab_lock(self.lab.name))
        if held is None:
            end_it = f"python -m tests.lab --name {self.lab.name} down"
            raise LabError(f"another demo is at work; wait for its end, or end its lab: {end_it}")
        os.close(held)
        self._ours = True
        with ticking():
            self.lab.up()

    def close(self) -> None:
        """Take the lab down, if this demo has brought it up."""
        if self._ours:
            self.lab.down()

    # --- maintaining it ------------------------------------------------------------------------------------------

    def maintain(self, **fields: Any) -> Outcome:
        """Launch the bundle through its front door while customers ask, and wait for its end. Raises LabError."""
        before, begun = self.hosts(), time.monotonic()
        with Load(self.lab.url, self.clients) as load:
            status = self._follow(front_door(self.lab.inventory, BUNDLE, fields))
            seconds = time.monotonic() - begun
        run = self.newest()
        if run is None:
            raise LabError("the run never began; what is said above tells why")
        in_traffic = [name for name, row in self.lab.servers().items() if row["status"] == "UP"]
        return Outcome(status, run, load.report, before, self.hosts(), in_traffic, seconds)

    def hosts(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Of every host, as it says itself over ssh: its boot id and its packages."""
        found = {}
        for host in HOSTS:
            told = self.lab.ssh(host, "cat /proc/sys/kernel/random/boot_id; rpm -qa | sort").stdout.split()
            found[host] = (told[0] if told else "", tuple(told[1:]))
        return found

    def newest(self) -> Optional[Run]:
        """The run that was launched last, if there is one."""
        store = RunsStore(self.home)
        ids = store.ids()
        return store.get(ids[0]) if ids else None

    def _follow(self, command: list[str]) -> int:
        """Run to the end; on Ctrl-C the child is told, and gets the time to cancel what it began."""
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": collections_path(),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "HOLDFAST_HOME": str(self.home),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), PATH]),
        }
        # In a session of its own, so that Ctrl-C reaches it once and not twice: the second one ends a run hard.
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True) as child:
            try:
                return child.wait()
            except KeyboardInterrupt:
                print("\nInterrupted: the run ends in order what it has begun; Ctrl-C again ends it hard.", flush=True)
                child.send_signal(signal.SIGINT)
                try:
                    child.wait(timeout=GRACE)
                except (subprocess.TimeoutExpired, KeyboardInterrupt):
                    child.kill()
                self._outlive()
                raise

    def _outlive(self) -> None:
        """Wait until nobody conducts the run any more, for a while."""
        run, deadline = self.newest(), time.monotonic() + GRACE
        while run is not None and run.is_alive() and time.monotonic() < deadline:
            time.sleep(0.2)


def perform(demo: Demo) -> int:
    """The demo itself."""
    heading("A data centre on this machine: three hosts like RHEL 9, HAProxy, a repository, a Windows double")
    if not any(places.cache().glob("rhel-*")):
        say("this is the first time here: the hosts' operating system is built, which takes two to five minutes")
    demo.up()
    say(f"up: HAProxy listens on {demo.lab.url}, {demo.clients} clients will ask it without pause")
    say(f"the hosts' operating system is kept in {places.cache()}; to remove it:")
    say(f"  cd {REPOSITORY} && {sys.executable} -m tests.lab clear")
    heading("Version 2 closes two advisories: one server after another is patched and rebooted, Windows meanwhile")
    good = demo.maintain(pool="app", windows="windows")
    windows = demo.lab.windows.state()
    heading("Version 3 closes one more, and turns unhealthy two seconds after its start: it must not stay")
    demo.lab.publish("3")
    bad = demo.maintain(pool="app")
    heading("The evidence of the good maintenance, before and after")
    for line in evidence_table(good):
        say(line)
    broken = broken_promises(good, bad, windows)
    heading("What happened")
    for line in closing_words(good, bad):
        say(line)
    for promise in broken:
        say(f"NOT KEPT: {promise}")
    print("\nThis is not what was promised." if broken else "\nEverything went as promised; no request was lost.")
    print(
        f"To look at a record: HOLDFAST_HOME={demo.home} {Path(sys.executable).parent}/holdfast runs show {bad.run.id}"
    )
    return 1 if broken else 0


def main() -> int:
    """Perform the demo and tidy up: 0 as promised, 1 not, 2 the lab cannot be brought up, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Integrated Maintenance on the lab, under load.")
    parser.add_argument("--can", action="store_true", help="only say whether there can be a lab: 0, or 2 and why not")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".demo", help="where the records are kept")
    parser.add_argument("--clients", type=int, default=16, help="how many clients ask at the same time")
    parser.add_argument("--name", default="demo", help="what the lab is called")
    given = parser.parse_args()
    why = requirements.reasons(lambda line: print(f"setup: {line}", file=sys.stderr, flush=True))
    if why:
        print("\n".join(why), file=sys.stdout if given.can else sys.stderr)
        return 2
    if given.can:
        return 0
    demo = Demo(given.folder, given.clients, given.name)
    with terminated_like_interrupted():
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
        try:
            return perform(demo)
        except LabError as error:
            print(f"The demo cannot go on: {error}", file=sys.stderr)
            print("The rolling deployment needs no lab: make demo DEMO=rolling", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nInterrupted; everything that was started is ended.", file=sys.stderr)
            return 130
        finally:
            demo.close()


if __name__ == "__main__":
    sys.exit(main())
