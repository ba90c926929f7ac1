# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch: everything that is configured in its database, and flows where people have set them by hand.

A restore compares the database with what is wanted and makes one transaction of the difference, on the host itself and
over the socket of the database, so that all of it holds or nothing does. A backup that is put back by ``ovsdb-client
restore`` would be exact too, but every row becomes another one: the switch would set up anew what has not changed, and
the archive would have to keep what no snapshot says.
"""

from __future__ import annotations

import inspect
import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, encoded
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Declaration,
    Device,
    Reads,
    Timer,
    Unreadable,
    Usual,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import on_target, openvswitch_rows
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.openvswitch_rows import (
    NAMED,
    ROOT,
    SWITCH,
    Database,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import SystemdTimer, run_bundle

PLATFORM = "openvswitch"
FLOWS, WHERE = "flows", "where"
DATABASE = (SWITCH, *NAMED.values())
"""The sections that are the database."""

_READS = (
    Reads(SWITCH, "the whole switch: which bridges, external ids, managers, SSL, connection tracking, unused QoS"),
    Reads("bridges", "the bridges, with their ports, controllers, mirrors, NetFlow, sFlow, IPFIX and flow tables"),
    Reads("ports", "the ports: VLANs, bonds, LACP, QoS with its queues"),
    Reads("interfaces", "the interfaces: types, options, policing, BFD, CFM"),
)
_FLOWS = Reads(FLOWS, "the OpenFlow flows of the bridges that are named")
_VERSIONS = ",".join(f"OpenFlow1{number}" for number in range(6))

_READ = 'ovsdb-client get-schema "$1" && ovsdb-client --format=json --data=json dump "$1" Open_vSwitch'
_DUMP_FLOWS = "ovs-ofctl --protocols={versions} --names --no-stats dump-flows {target}"

_RESTORER = '''"""Run in the folder of a bundle: SOCKET. Makes the database what wanted.json says."""

import json
import socket
import sys
import time

import openvswitch_rows

SECONDS = 30


class Server:
    """A database server: one question after another (RFC 7047, section 4)."""

    def __init__(self, path):
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(SECONDS)
        self._line.connect(path)
        self._rest = ""
        self._decoder = json.JSONDecoder()

    def ask(self, method, *given):
        self._line.sendall(json.dumps({"method": method, "params": given, "id": method}).encode())
        while True:
            said = self._next()
            if said.get("method") == "echo":
                answer = {"id": said["id"], "result": said["params"], "error": None}
                self._line.sendall(json.dumps(answer).encode())
            elif said.get("id") == method:
                if said.get("error"):
                    raise ValueError("the database refuses " + method + ": " + str(said["error"].get("error")))
                return said["result"]

    def _next(self):
        data = b""
        while True:
            try:
                said, end = self._decoder.raw_decode(self._rest.lstrip())
                self._rest = self._rest.lstrip()[end:]
                return said
            except ValueError:
                pass
            more = self._line.recv(1 << 20)
            if not more:
                raise OSError("the database has closed the connection")
            data += more
            try:
                self._rest += data.decode()
                data = b""
            except UnicodeDecodeError:
                continue

    def read(self):
        schema = self.ask("get_schema", openvswitch_rows.ROOT)
        tables = sorted(schema["tables"])
        selects = [{"op": "select", "table": table, "where": []} for table in tables]
        found = self.ask("transact", openvswitch_rows.ROOT, *selects)
        rows = {table: {row["_uuid"][1]: row for row in one["rows"]} for table, one in zip(tables, found)}
        return openvswitch_rows.Database(schema, rows)

    def change(self, operations):
        """What the switch must have come to; raises ValueError without saying what is in the rows."""
        found = self.ask("transact", openvswitch_rows.ROOT, *operations)
        for at, one in enumerate(found):
            if one and one.get("error"):
                where = operations[at] if at < len(operations) else {}
                what = " ".join(filter(None, (where.get("op"), where.get("table"))))
                raise ValueError("the database refuses to " + (what or "commit") + ": " + one["error"])
        return found[len(operations) - 2]["rows"][0]["next_cfg"]

    def settled(self, number):
        """Whether the switch has taken in the change of this number in time."""
        look = {"op": "select", "table": openvswitch_rows.ROOT, "where": [], "columns": ["cur_cfg"]}
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if self.ask("transact", openvswitch_rows.ROOT, look)[0]["rows"][0]["cur_cfg"] >= number:
                return True
            time.sleep(0.2)
        return False


def differ(wanted, now):
    """The places that are not as wanted."""
    return sorted(
        section + "/" + name
        for section, items in wanted.items()
        for name in {*items, *now[section]}
        if items.get(name) != now[section].get(name)
    )


def broken(database):
    """The interfaces of which the switch says that it cannot have them."""
    rows = database.rows["Interface"].values()
    return sorted(row["name"] for row in rows if row.get("error", ["set", []]) != ["set", []])


def main():
    with open("wanted.json", encoding="utf-8") as file:
        wanted = json.load(file)
    try:
        server = Server(sys.argv[1])
        for _round in range(3):
            database = server.read()
            wrong = differ(wanted, database.sections())
            if not wrong:
                break
            print("bringing back " + ", ".join(wrong[:20]) + (" and more" if len(wrong) > 20 else ""))
            news = server.change(openvswitch_rows.Transaction(database, wanted).operations())
            if not server.settled(news):
                print("FAILED: ovs-vswitchd has not taken the change in; see: systemctl status ovs-vswitchd")
                return 1
    except (OSError, ValueError, KeyError) as error:
        print("FAILED: " + str(error))
        return 1
    wrong = differ(wanted, server.read().sections())
    if wrong:
        print("FAILED: these are not as wanted: " + ", ".join(wrong[:20]))
        return 1
    for name in broken(server.read()):
        print("the switch says of the interface " + name + " that it cannot have it; see: ovs-vsctl show")
    print("the database is as wanted")
    return 0


sys.exit(main())
'''

_SCRIPT = """
flows_of() { ovs-ofctl --protocols="$versions" --names --no-stats dump-flows "$1" 2>/dev/null |
    sed -n -E -e 's/reset_counts //' -e 's/^ +//p' | LC_ALL=C sort; }

restore_flows() {  # BRIDGE TARGET FILE
    flows_of "$2" | cmp -s "$3" - && return 0
    say "bringing the flows of $1 back"
    # Its complaints would repeat lines of the file.
    ovs-ofctl --protocols="$versions" --names --bundle replace-flows "$2" "$3" >/dev/null 2>&1
    flows_of "$2" | cmp -s "$3" - || fail "the flows of $1 are not as wanted"
}

find_python || { fail "there is no python3, with which the database is asked"; exit 1; }
if [ ! -S "$socket" ]; then  # while the host boots, it may not be there yet
    say "starting ovsdb-server and ovs-vswitchd"
    systemctl start ovsdb-server.service ovs-vswitchd.service
    for second in 1 2 3 4 5 6 7 8 9 10; do [ -S "$socket" ] && break; sleep 1; done
fi
systemctl is-active --quiet ovs-vswitchd.service || systemctl start ovs-vswitchd.service
"$python" restorer.py "$socket" || failed=1
"""


class Openvswitch(Usual):
    """Open vSwitch on a host with a shell.

    ``rundir``: where its sockets are (OVS_RUNDIR); ``socket``: that of the database, where it is not ``db.sock`` there.
    ``flows``: the bridges whose flows people have set by hand; those of a bridge with a controller are its own affair.
    """

    def __init__(self, rundir: str = "/run/openvswitch", socket: str = "", flows: Sequence[str] = ()) -> None:
        self._rundir = rundir
        self._socket = socket or posixpath.join(rundir, "db.sock")
        self._flows = list(flows)
        self.timer: Optional[Timer] = SystemdTimer(self, PLATFORM)

    @property
    def declaration(self) -> Declaration:
        """What it is."""
        reads = (*_READS, _FLOWS) if self._flows else _READS
        how = "one transaction of the database; flows by ovs-ofctl replace-flows"
        return Declaration(PLATFORM, (PLATFORM,), reads, how, True, "a systemd timer")

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The items of a section. Raises Unreadable and Unanswered."""
        name = self.declaration.section(section).section
        if name == FLOWS:
            return {bridge: self._flows_of(device, bridge) for bridge in self._flows}
        what = f"the database of Open vSwitch at {self._socket} (options.socket names another)"
        said = on_target.ask(device, ["/bin/sh", "-c", _READ, "sh", f"unix:{self._socket}"], what)
        try:
            sections = _database(said).sections()
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Unreadable(f"{what}: it says what no Open vSwitch says: {type(error).__name__}: {error}") from error
        where = {"rundir": self._rundir, "socket": self._socket}
        return {**sections[name], WHERE: where} if name == SWITCH else sections[name]

    def _flows_of(self, device: Device, bridge: str) -> str:
        target = shlex.quote(_management(self._rundir, bridge))
        command = _DUMP_FLOWS.format(versions=_VERSIONS, target=target)
        said = on_target.ask(device, ["/bin/sh", "-c", command], f"the flows of {bridge}")
        # OpenFlow 1.0 sets this flag by itself, and a later version that puts the flow back does not.
        lines = [line.replace("reset_counts ", "").strip() for line in said.splitlines() if line.startswith(" ")]
        return "".join(f"{line}\n" for line in sorted(lines))

    def bundle(self, wanted: Snapshot) -> Bundle:
        """What brings the switch back. Raises HoldfastError when the snapshot lacks a section."""
        sections = {name: on_target.section(wanted, name) for name in DATABASE}
        try:
            where = sections[SWITCH].pop(WHERE)
            rundir, socket = str(where["rundir"]), str(where["socket"])
        except (KeyError, TypeError) as error:
            raise HoldfastError(f"the snapshot of {wanted.host} does not say of Open vSwitch: {error}") from error
        files = {
            "wanted.json": encoded(json.dumps(sections)),
            "openvswitch_rows.py": encoded(inspect.getsource(openvswitch_rows)),
            "restorer.py": encoded(_RESTORER),
        }
        script = [on_target.SHELL, f"socket={shlex.quote(socket)}", f"versions={_VERSIONS}", _SCRIPT.lstrip("\n")]
        flows = on_target.section(wanted, FLOWS) if FLOWS in {*wanted.sections, *wanted.gaps} else {}
        for number, (bridge, text) in enumerate(sorted(flows.items())):
            files[f"flows-{number}"] = encoded(str(text))
            script.append(f"restore_flows {shlex.join([bridge, _management(rundir, bridge), f'flows-{number}'])}")
        return Bundle("\n".join([*script, 'exit "$failed"\n']), files)

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Make the switch what ``wanted`` says. Raises HoldfastError."""
        return () if difference.same else run_bundle(device, self.bundle(wanted))


def _management(rundir: str, bridge: str) -> str:
    """How ovs-ofctl reaches a bridge."""
    return f"unix:{posixpath.join(rundir, f'{bridge}.mgmt')}"


def _database(said: str) -> Database:
    """What ``ovsdb-client get-schema`` and ``dump --format=json`` say, a line for the schema and one for each table."""
    schema, *tables = (json.loads(line) for line in said.splitlines() if line.strip())
    rows: dict[str, dict[str, Any]] = {table: {} for table in schema["tables"]}
    for table in tables:
        name = table["caption"].rpartition(" ")[0]
        every = (dict(zip(table["headings"], row)) for row in table["data"])
        rows[name] = {row["_uuid"][1]: row for row in every}
    if ROOT not in rows or not rows[ROOT]:
        raise ValueError(f"the table {ROOT} is empty")
    return Database(schema, rows)
