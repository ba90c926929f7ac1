# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider of Open vSwitch: rows as data by names, and the way back, against a database that keeps the rules."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unreadable, check
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import openvswitch_rows as rows
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.openvswitch import Openvswitch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.core.lkg.providers.linux_host import LinuxHost
from tests.unit.plugins.module_utils.core.lkg.providers.ovsdb_double import SCHEMA, Database, Server


def named(name: str) -> list[str]:
    return ["named-uuid", name]


def fresh() -> Database:
    """A switch with a trunk and an access port, a mirror, QoS that both share, and something of every table."""
    made = Database()

    def insert(table: str, key: str, **row: Any) -> dict[str, Any]:
        return {"op": "insert", "table": table, "uuid-name": key, "row": row}

    interfaces = [insert("Interface", f"i{name}", name=name, type="internal") for name in ("br0", "p1", "p2", "br1")]
    interfaces[1]["row"]["options"] = ["map", [["psk", "T0pSecretPsk"], ["status", "chosen by people"]]]
    ports = [insert("Port", f"p{name}", name=name, interfaces=named(f"i{name}")) for name in ("br0", "p1", "p2", "br1")]
    ports[1]["row"].update(tag=10, qos=named("q"))
    ports[2]["row"].update(trunks=["set", [20, 10]], qos=named("q"))
    done = made.transact(
        [
            *interfaces,
            *ports,
            insert("Queue", "u", other_config=["map", [["max-rate", "10"]]]),
            insert("QoS", "q", type="linux-htb", queues=["map", [[0, named("u")]]]),
            insert("QoS", "loose", type="linux-hfsc"),
            insert("Mirror", "m", name="m1", select_all=True, output_port=named("pp2")),
            insert("Controller", "c1", target="tcp:192.0.2.1:6653"),
            insert("Controller", "c2", target="tcp:192.0.2.2:6653"),
            insert("Flow_Table", "t", flow_limit=100),
            insert("Bridge", "b0", name="br0", ports=["set", [named("pbr0"), named("pp1"), named("pp2")]],
                   mirrors=named("m"), controller=["set", [named("c1"), named("c2")]],
                   flow_tables=["map", [[3, named("t")]]], external_ids=["map", [["status", "on"]]]),
            insert("Bridge", "b1", name="br1", ports=named("pbr1")),
            insert("Manager", "mm", target="ptcp:6640"),
            insert("Flow_Sample_Collector_Set", "f", id=1, bridge=named("b0")),
            {"op": "update", "table": "Open_vSwitch", "where": [],
             "row": {"bridges": ["set", [named("b0"), named("b1")]], "manager_options": named("mm"),
                     "external_ids": ["map", [["system-id", "6c1f6a0e-6f9a-4c6a-8b8e-0f2a3b4c5d6e"]]]}},
        ]
    )  # fmt: skip
    assert not any("error" in one for one in done)
    return made


def sections(database: Database) -> dict[str, dict[str, Any]]:
    return rows.Database(SCHEMA, database.rows).sections()


def back(database: Database, wanted: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    operations = rows.Transaction(rows.Database(SCHEMA, database.rows), wanted).operations()
    done = database.transact(operations)
    assert not any("error" in one for one in done), done
    return operations


def test_rows_are_data_by_names() -> None:
    found = sections(fresh())
    assert found["switch"]["settings"] == {
        "bridges": ["br0", "br1"],
        "external_ids": {"system-id": "6c1f6a0e-6f9a-4c6a-8b8e-0f2a3b4c5d6e"},
        "manager_options": [{"target": "ptcp:6640"}],
    }
    assert found["bridges"]["br0"] == {
        "name": "br0", "ports": ["br0", "p1", "p2"], "stp_enable": False, "external_ids": {"status": "on"},
        "controller": [{"target": "tcp:192.0.2.1:6653"}, {"target": "tcp:192.0.2.2:6653"}],
        "flow_tables": {"3": {"flow_limit": 100}},
        "mirrors": [{"name": "m1", "select_all": True, "output_port": "p2"}],
    }  # fmt: skip
    qos = {"type": "linux-htb", "queues": {"0": {"other_config": {"max-rate": "10"}}}}
    assert found["ports"]["p1"] == {"name": "p1", "interfaces": ["p1"], "tag": 10, "qos": qos}
    assert found["ports"]["p2"] == {"name": "p2", "interfaces": ["p2"], "trunks": [10, 20], "qos": qos}
    assert found["switch"]["unused"] == {"QoS": [{"type": "linux-hfsc"}]}
    assert found["switch"]["sampling"] == {"br0 1": {"id": 1, "bridge": "br0"}}
    assert json.loads(json.dumps(found)) == found


def some(database: Database, table: str, name: str = "") -> dict[str, Any]:
    """A row of a table, or the one of a name."""
    return next(row for row in database.rows[table].values() if name in ("", row.get("name")))


def drop_port(name: str) -> Callable[[Database], None]:
    def change(database: Database) -> None:
        bridge = some(database, "Bridge", "br0")
        key = next(key for key, row in database.rows["Port"].items() if row["name"] == name)
        left = [one for one in bridge["ports"][1] if one[1] != key]
        where = [["_uuid", "==", ["uuid", next(k for k, row in database.rows["Bridge"].items() if row is bridge)]]]
        database.transact([{"op": "update", "table": "Bridge", "where": where, "row": {"ports": ["set", left]}}])

    return change


def drop_bridge(database: Database) -> None:
    keep = next(key for key, row in database.rows["Bridge"].items() if row["name"] == "br1")
    sets = {"op": "delete", "table": "Flow_Sample_Collector_Set", "where": []}
    row = {"bridges": ["uuid", keep]}
    database.transact([sets, {"op": "update", "table": "Open_vSwitch", "where": [], "row": row}])


def add_bridge(database: Database) -> None:
    key = {"op": "insert", "table": "Bridge", "uuid-name": "new", "row": {"name": "br9"}}
    there = database.rows["Bridge"]
    bridges = ["set", [*(["uuid", one] for one in there), named("new")]]
    database.transact([key, {"op": "update", "table": "Open_vSwitch", "where": [], "row": {"bridges": bridges}}])


def setting(table: str, column: str, value: Any, name: str = "") -> Callable[[Database], None]:
    def change(database: Database) -> None:
        some(database, table, name)[column] = value
        database.transact([])

    return change


def loose(table: str, **row: Any) -> Callable[[Database], None]:
    return lambda database: database.transact([{"op": "insert", "table": table, "row": row}]) and None


def no_qos(database: Database) -> None:
    for row in database.rows["Port"].values():
        row["qos"] = ["set", []]
    database.rows["QoS"].clear()
    database.rows["Queue"].clear()


CHANGES: dict[str, Callable[[Database], None]] = {
    "a tag": setting("Port", "tag", 11, "p1"),
    "no tag": setting("Port", "tag", ["set", []], "p1"),
    "a tag more": setting("Port", "tag", 5, "p2"),
    "a trunk": setting("Port", "trunks", 10, "p2"),
    "a secret": setting("Interface", "options", ["map", [["psk", "An0therPsk"]]], "p1"),
    "an endpoint": setting("Interface", "cfm_mpid", 5, "p1"),
    "no mirror": setting("Bridge", "mirrors", ["set", []], "br0"),
    "another mirror": setting("Mirror", "select_all", False),
    "no controller": setting("Bridge", "controller", ["set", []], "br0"),
    "another controller": setting("Controller", "target", "tcp:192.0.2.9:1"),
    "no manager": setting("Open_vSwitch", "manager_options", ["set", []]),
    "no table": setting("Bridge", "flow_tables", ["map", []], "br0"),
    "an option of the switch": setting("Open_vSwitch", "other_config", ["map", [["a", "b"]]]),
    "no qos of one": setting("Port", "qos", ["set", []], "p1"),
    "no qos at all": no_qos,
    "a rate": setting("Queue", "other_config", ["map", [["max-rate", "20"]]]),
    "a queue nobody uses": loose("Queue", dscp=3),
    "a qos nobody uses": loose("QoS", type="linux-hfsc"),
    "the qos nobody uses": lambda database: (
        database.rows["QoS"].pop(next(key for key, row in database.rows["QoS"].items() if row["type"] == "linux-hfsc"))
        and None
    ),
    "no sampling": lambda database: database.rows["Flow_Sample_Collector_Set"].clear(),
    "a port less": drop_port("p1"),
    "the mirrored port less": drop_port("p2"),
    "a bridge less": drop_bridge,
    "a bridge more": add_bridge,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_seen_and_taken_back_and_only_what_went_is_new(change: Callable[[Database], None]) -> None:
    database = fresh()
    wanted, before = sections(database), {t: set(found) for t, found in database.rows.items()}
    change(database)
    left = {table: set(found) & before[table] for table, found in database.rows.items()}
    assert sections(database) != wanted
    back(database, wanted)
    assert sections(database) == wanted
    for table in rows.NAMED:
        assert left[table] <= set(database.rows[table]), "a row that is still there is not made anew"
    assert len([one for one in back(database, wanted) if one["op"] in ("insert", "update", "delete")]) == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(sorted(CHANGES)), min_size=2, max_size=6))
def test_any_changes_together_are_taken_back_by_one_transaction(names: list[str]) -> None:
    database = fresh()
    wanted = sections(database)
    for name in names:
        try:
            CHANGES[name](database)
        except (StopIteration, KeyError):  # what it would change is gone already
            continue
    back(database, wanted)
    assert sections(database) == wanted


def test_from_nothing_everything_is_made() -> None:
    database = Database()
    wanted = sections(fresh())
    back(database, wanted)
    assert sections(database) == wanted


def test_what_the_switch_says_is_no_state_and_stays() -> None:
    database = fresh()
    wanted = sections(database)
    interface = some(database, "Interface", "p1")
    interface.update(ofport=42, error="no such device", statistics=["map", [["rx", 1]]])
    assert sections(database) == wanted
    some(database, "Port", "p1")["tag"] = 11
    interface["options"] = ["map", []]
    back(database, wanted)
    assert some(database, "Interface", "p1")["ofport"] == 42


def test_a_snapshot_that_names_what_it_does_not_have_is_refused() -> None:
    database = fresh()
    wanted = sections(database)
    wanted["bridges"]["br0"]["ports"].append("ghost")
    with pytest.raises(ValueError, match="names the port 'ghost' and does not have it"):
        back(database, wanted)


# --- the provider -----------------------------------------------------------------------------------------------------


class Switch(LinuxHost):
    def __init__(self, folder: Path, rundir: str) -> None:
        super().__init__(folder)
        self.database = fresh()
        self.server = Server(f"{rundir}/db.sock", self.database)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.tool("ovsdb-client", 'case "$*" in *get-schema*) ;; *dump*) cat $STATE/dump ;; esac')
        self.tool("systemctl", "exit 0")
        self.tool("ovs-ofctl", FLOWS)
        (folder / "flows").write_text(
            " reset_counts priority=7,in_port=p1 actions=drop\n priority=0 actions=NORMAL\n", "utf-8"
        )
        self.provider = Openvswitch(rundir=rundir)

    def now(self) -> Snapshot:
        (self.folder / "dump").write_text(self.database.dump(), encoding="utf-8")
        return self.take(self.provider)


FLOWS = """
case "$*" in
    *dump-flows*) echo "NXST_FLOW reply:"; cat $STATE/flows ;;
    *replace-flows*) for file; do :; done; [ -e $STATE/broken ] || sed 's/^/ /' $file > $STATE/flows ;;
esac
"""


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Switch]:
    with tempfile.TemporaryDirectory(prefix="hf") as short:  # the path of a socket has 107 characters at most
        made = Switch(tmp_path, short)
        yield made
        made.server.shutdown()
        made.server.server_close()


def test_keys_that_people_choose_stay_whatever_they_are_called(switch: Switch) -> None:
    some(switch.database, "Interface", "p1")["cfm_mpid"] = 5
    found = switch.now().sections
    assert found["bridges"]["br0"]["external_ids"] == {"status": "on"}
    assert found["interfaces"]["p1"]["options"] == {"psk": "T0pSecretPsk", "status": "chosen by people"}
    assert found["interfaces"]["p1"]["cfm_mpid"] == 5


def test_the_bundle_brings_the_database_back_over_its_socket(switch: Switch) -> None:
    wanted = switch.now()
    assert check(switch.provider.declaration) == []
    for name in ("a bridge less", "no manager"):
        CHANGES[name](switch.database)
    status, said = switch.run_bundle(switch.provider.bundle(wanted))
    assert status == 0, said
    assert said[0].startswith("bringing back ") and said[-1] == "the database is as wanted"
    assert not any("T0pSecret" in line for line in said)
    assert switch.now().sections == wanted.sections
    assert switch.run_bundle(switch.provider.bundle(wanted)) == (0, ["the database is as wanted"])


def test_a_switch_without_anything_is_a_state_as_well(switch: Switch) -> None:
    full = switch.database.rows
    switch.database.rows = Database().rows
    wanted = switch.now()
    assert [name for name in ("bridges", "ports", "interfaces") if wanted.sections[name]] == []
    switch.database.rows = full
    assert switch.run_bundle(switch.provider.bundle(wanted))[0] == 0
    assert switch.now().sections == wanted.sections
    switch_alone = {**wanted.sections["switch"], "settings": {"bridges": ["b"]}}
    torn = Snapshot("s1", "openvswitch", 1.0, {**wanted.sections, "switch": switch_alone})
    status, said = switch.run_bundle(switch.provider.bundle(torn))
    assert (status, said[-1]) == (1, "FAILED: the snapshot names the bridge 'b' and does not have it")
    with pytest.raises(HoldfastError, match="its section 'bridges' was not read: it was not asked for"):
        switch.provider.bundle(Snapshot("s1", "openvswitch", 1.0, {"switch": switch_alone}))


def test_a_database_that_refuses_is_left_as_it_was_and_that_is_said(switch: Switch) -> None:
    wanted = switch.now()
    CHANGES["a tag"](switch.database)
    CHANGES["no manager"](switch.database)
    torn = sections(switch.database)
    switch.database.lies.add("Port")
    status, said = switch.run_bundle(switch.provider.bundle(wanted))
    assert status == 1 and said[-1] == "FAILED: the database refuses to update Port: constraint violation"
    assert sections(switch.database) == torn


def test_an_interface_that_the_switch_cannot_have_is_named(switch: Switch) -> None:
    wanted = switch.now()
    some(switch.database, "Interface", "p1")["error"] = "could not open"
    status, said = switch.run_bundle(switch.provider.bundle(wanted))
    assert status == 0 and any("interface p1" in line for line in said)


def test_flows_of_named_bridges_are_read_in_an_order_of_their_own_and_replaced(switch: Switch) -> None:
    switch.provider = Openvswitch(rundir=str(Path(switch.server.server_address).parent), flows=["br0"])  # type: ignore[arg-type]
    wanted = switch.now()
    assert wanted.sections["flows"] == {"br0": "priority=0 actions=NORMAL\npriority=7,in_port=p1 actions=drop\n"}
    (switch.folder / "flows").write_text(" priority=9 actions=drop\n", encoding="utf-8")
    status, said = switch.run_bundle(switch.provider.bundle(wanted))
    assert status == 0 and said[-1] == "bringing the flows of br0 back"
    assert switch.now().sections == wanted.sections
    (switch.folder / "flows").write_text(" priority=9 actions=drop\n", encoding="utf-8")
    (switch.folder / "broken").touch()
    status, said = switch.run_bundle(switch.provider.bundle(wanted))
    assert status == 1 and said[-1] == "FAILED: the flows of br0 are not as wanted"


def test_what_is_no_database_is_a_gap_and_no_snapshot_to_go_back_to(switch: Switch) -> None:
    (switch.folder / "dump").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(Unreadable, match="says what no Open vSwitch says"):
        switch.provider.read(switch, "ports")
    with pytest.raises(HoldfastError, match="section 'switch' was not read: no answer"):
        switch.provider.bundle(Snapshot("s1", "openvswitch", 1.0, {}, {"switch": "no answer"}))
