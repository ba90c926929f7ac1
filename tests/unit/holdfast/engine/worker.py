# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process with an engine, for tests to kill. Whatever happens stands in the log before anything else does."""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import threading
import time

from holdfast.engine.dbos_engine import DbosEngine


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("log")
    parser.add_argument("--boot", default="0", help="begins the keys this process queues and the lines it writes")
    parser.add_argument("--queue", type=int, default=0, help="so many units")
    parser.add_argument("--most", type=float, default=0.0, help="seconds a handler takes at most")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--timer", type=float, default=0.0, help="one unit more, so many seconds from now")
    parser.add_argument("--child", action="store_true", help="every handler starts a process that outlives it")
    parser.add_argument("--again", action="store_true", help="run interrupted units again")
    parser.add_argument("--patience", type=float, default=5.0)
    options = parser.parse_args()

    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(*words: str) -> None:
        os.write(log, (" ".join([options.boot, *words]) + "\n").encode())

    def handler(key: str) -> None:
        note("began", key)
        if options.child:
            child = subprocess.Popen(["sleep", "60"], close_fds=False, stderr=subprocess.DEVNULL)
            note("child", str(child.pid))
        time.sleep(random.uniform(0, options.most))
        note("ended", key)

    told_to_end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_unused: told_to_end.set())
    engine = DbosEngine(f"sqlite:///{options.database}", options.slots)
    engine.register("job", handler)
    for task, key in engine.interrupted():
        note("interrupted", key)
        engine.settle(task, key, again=options.again)
    if options.timer:
        engine.schedule("job", f"{options.boot}-timer", time.time() + options.timer)
    engine.start()
    note("up")
    for number in range(options.queue):
        engine.enqueue("job", f"{options.boot}-{number}")
        note("queued", f"{options.boot}-{number}")
    note("all-queued")
    told_to_end.wait()
    engine.stop(options.patience)
    note("stopped")


if __name__ == "__main__":
    main()
