# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: roll out a good version and a bad one under load, on this machine, and show that nothing is lost.

Three servers run version 1 behind a real HAProxy while clients ask without pause. The bundle ``rolling-deploy`` brings
them to version 2; then it tries version 3, which turns unhealthy two seconds after its start, and ends rolled back.

Ends with 0 only if everything went as promised: no request lost, version 2 on every server at the end, and the servers
that version 3 never reached not even touched. Whatever was started is ended again, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run, RunsStore
from lab import REPOSITORY, Lab, LabError
from load import Load, Report

BUNDLE = "rolling-deploy"
POOL = "app"
Launch = Callable[[Path, str, Mapping[str, Any]], list[str]]


class Outcome(NamedTuple):
    """How one rollout ended: the exit status, its record's state and folder, what the clients saw, the versions."""

    version: str
    status: int
    state: str
    record: Path
    report: Report
    versions: dict[str, str]
    untouched: list[str]
    seconds: float


class Notices:
    """A webhook on loopback that remembers the subjects of the notices it was sent."""

    def __init__(self) -> None:
        heard = self.heard = list[str]()

        class Handler(BaseHTTPRequestHandler):
            """Takes one notice."""

            def do_POST(self) -> None:  # pylint: disable=invalid-name
                """Remember it."""
                heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["subject"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class Demo:
    """``folder`` holds the lab and, beside it, the records of the runs, which stay."""

    def __init__(self, folder: Path, clients: int, pause: float = 0.1) -> None:
        self.home = folder.resolve() / "holdfast"
        self.lab = Lab(folder / "lab")
        self.clients = clients
        self.pause = pause
        self.notices = Notices()

    def roll_out(self, version: str, launch: Optional[Launch] = None, bundle: str = BUNDLE, **more: Any) -> Outcome:
        """Launch the bundle through its front door while clients ask, and wait for its end.

        ``more`` are further answers; ``launch`` gives the command for (inventory, bundle, answers).
        """
        fields = {"pool": POOL, "version": version, "notify_url": self.notices.url, **more}
        before = self.lab.processes()
        begun = time.monotonic()
        with Load(self.lab.url, self.clients, self.pause) as load:
            status = self.follow((launch or front_door)(self.lab.inventory, bundle, fields))
        after = self.lab.processes()
        run = self.newest()
        return Outcome(
            version=version,
            status=status,
            state=run.record().state if run else "never began",
            record=run.path if run else self.home,
            report=load.report,
            versions=self.lab.versions(),
            untouched=[name for name in self.lab.names if before[name] == after[name]],
            seconds=time.monotonic() - begun,
        )

    def follow(self, command: list[str]) -> int:
        """Run to the end; on Ctrl-C the child gets the signal as well, and the time to cancel what it began."""
        with subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL) as child:
            try:
                return child.wait()
            except KeyboardInterrupt:
                child.wait(timeout=60)
                raise

    def environment(self) -> dict[str, str]:
        """The lab's environment, with the records beside the lab."""
        return {**self.lab.environment(), "HOLDFAST_HOME": str(self.home)}

    def newest(self) -> Optional[Run]:
        """The run that was launched last, if there is one."""
        store = RunsStore(self.home)
        ids = store.ids()
        return store.get(ids[0]) if ids else None

    def close(self) -> None:
        """End everything that was started."""
        self.lab.down()
        self.notices.close()


def front_door(inventory: Path, bundle: str, fields: Mapping[str, Any]) -> list[str]:
    """The command that launches a bundle: with a live tree where somebody watches, otherwise with plain lines."""
    programs = Path(sys.executable).parent
    if sys.stdout.isatty() and (programs / "holdfast").exists():
        return [str(programs / "holdfast"), "run", bundle, "-i", str(inventory), "--fields", json.dumps(fields)]
    return by_playbook(inventory, "-e", f"workflow={bundle}", "-e", json.dumps({"fields": fields}))


def by_playbook(inventory: Path, *arguments: str) -> list[str]:
    """The command that works wherever Ansible does."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    return [program, "holdfast.ops.run", "-i", str(inventory), *arguments]


def heading(text: str) -> None:
    """A line that is seen among many others."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def broken_promises(good: Outcome, bad: Outcome, notices: list[str], names: tuple[str, ...]) -> list[str]:
    """What did not go as promised; empty when all did."""
    promises = {
        "the rollout of version 2 ends successful, with exit status 0": good.status == 0 and good.state == "successful",
        "version 2 is then on every server": set(good.versions.values()) == {"2"},
        "the rollout of version 3 ends rolled_back, with another exit status": bad.status != 0
        and bad.state == "rolled_back",
        "version 2 is still on every server": set(bad.versions.values()) == {"2"},
        "the servers that version 3 did not reach are untouched": bad.untouched == list(names[1:]),
        "a client met version 2": good.report.versions["2"] > 0,
        "no client met version 3": "3" not in bad.report.versions,
        "no request is lost": not good.report.lost and not bad.report.lost,
        "requests of two seconds were under way all the time": bool(
            good.report.slow_answered and bad.report.slow_answered
        ),
        "a notice tells of the success, another of the rollback with both versions": len(notices) == 2
        and "rolled back from 3 to 2" in notices[1],
    }
    return [promise for promise, kept in promises.items() if not kept]


def show(outcome: Outcome) -> None:
    """What one rollout did, for people."""
    report = outcome.report
    versions = ", ".join(f"{version}: {count}" for version, count in sorted(report.versions.items()))
    print(f"  version {outcome.version}: {outcome.state}, exit status {outcome.status}, {outcome.seconds:.0f} s")
    print(f"    requests answered  {report.answered} ({report.slow_answered} of two seconds); by version {versions}")
    print(f"    requests lost      {len(report.lost)} {report.reasons() or ''}")
    print(f"    servers            {', '.join(f'{name}: {version}' for name, version in outcome.versions.items())}")
    print(f"    never touched      {', '.join(outcome.untouched) or 'none'}")
    print(f"    record             {outcome.record}")


@contextlib.contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that it tidies up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def perform(demo: Demo) -> int:
    """The demo itself."""
    heading(f"Three servers with version 1 behind HAProxy, and {demo.clients} clients")
    demo.lab.up("1")
    print(f"HAProxy listens on {demo.lab.url}; everything is in {demo.lab.folder}", flush=True)
    heading("Version 2 is good: it is rolled out, server by server")
    good = demo.roll_out("2")
    heading("Version 3 turns unhealthy two seconds after its start: it must not stay")
    bad = demo.roll_out("3")
    heading("What happened")
    show(good)
    show(bad)
    print(f"  notices: {'; '.join(demo.notices.heard) or 'none'}")
    broken = broken_promises(good, bad, demo.notices.heard, demo.lab.names)
    for promise in broken:
        print(f"  NOT KEPT: {promise}")
    print("\nThis is not what was promised." if broken else "\nEverything went as promised.")
    print(f"To look at a record: HOLDFAST_HOME={demo.home} holdfast runs show {bad.record.name}")
    return 1 if broken else 0


def main() -> int:
    """Perform the demo and tidy up: 0 as promised, 1 not, 2 the lab cannot be brought up, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Roll out a good and a bad version under load.")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".demo", help="where everything is kept")
    parser.add_argument("--clients", type=int, default=16, help="how many clients ask at the same time")
    given = parser.parse_args()
    demo = Demo(given.folder, given.clients)
    with terminated_like_interrupted():
        try:
            return perform(demo)
        except LabError as error:
            print(f"The demo cannot be brought up: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nInterrupted; everything that was started is ended.", file=sys.stderr)
            return 130
        finally:
            demo.close()


if __name__ == "__main__":
    sys.exit(main())
