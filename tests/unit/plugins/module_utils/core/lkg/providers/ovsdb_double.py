# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database server as RFC 7047 describes it, as far as a restore of Open vSwitch asks it; for the rest it fails.

The schema is a part of that of Open vSwitch 3.1.
"""

from __future__ import annotations

import copy
import itertools
import json
import socketserver
import uuid
from typing import Any

STRINGS = {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}
STRING, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
NUMBER = {"type": {"key": {"type": "integer"}, "min": 0, "max": 1}}
NUMBERS = {"type": {"key": {"type": "integer"}, "min": 0, "max": 4096}}
WORD = {"type": {"key": "string", "min": 0, "max": 1}}
NAME = {"type": "string", "mutable": False}
EPHEMERAL = {**STRINGS, "ephemeral": True}


def refers(table: str, most: Any = "unlimited", least: int = 0, kind: str = "strong") -> dict[str, Any]:
    """A column that refers to rows."""
    return {"type": {"key": {"type": "uuid", "refTable": table, "refType": kind}, "min": least, "max": most}}


def maps(key: str, table: str) -> dict[str, Any]:
    """A column with rows by key."""
    value = {"type": "uuid", "refTable": table}
    return {"type": {"key": {"type": key}, "value": value, "min": 0, "max": "unlimited"}}


SCHEMA: dict[str, Any] = {
    "name": "Open_vSwitch",
    "tables": {
        "Open_vSwitch": {"isRoot": True, "columns": {
            "bridges": refers("Bridge"), "manager_options": refers("Manager"), "external_ids": STRINGS,
            "other_config": STRINGS, "next_cfg": INTEGER, "cur_cfg": INTEGER, "ovs_version": WORD,
            "statistics": EPHEMERAL}},
        "Bridge": {"columns": {
            "name": NAME, "ports": refers("Port"), "mirrors": refers("Mirror"), "controller": refers("Controller"),
            "flow_tables": maps("integer", "Flow_Table"), "stp_enable": BOOLEAN, "fail_mode": WORD,
            "external_ids": STRINGS, "datapath_version": STRING, "status": EPHEMERAL}},
        "Port": {"columns": {
            "name": NAME, "interfaces": refers("Interface", least=1), "qos": refers("QoS", 1), "tag": NUMBER,
            "trunks": NUMBERS, "statistics": EPHEMERAL, "bond_active_slave": WORD}},
        "Interface": {"columns": {
            "name": NAME, "type": STRING, "options": STRINGS, "ofport": NUMBER, "ofport_request": NUMBER, "error": WORD,
            "cfm_mpid": NUMBER, "statistics": EPHEMERAL}},
        "Mirror": {"columns": {
            "name": STRING, "select_all": BOOLEAN, "output_port": refers("Port", 1, kind="weak")}},
        "Controller": {"columns": {"target": STRING, "is_connected": {"type": "boolean", "ephemeral": True}}},
        "Manager": {"columns": {"target": STRING}},
        "Flow_Table": {"columns": {"flow_limit": NUMBER}},
        "QoS": {"isRoot": True, "columns": {
            "type": STRING, "queues": maps("integer", "Queue"), "other_config": STRINGS}},
        "Queue": {"isRoot": True, "columns": {"dscp": NUMBER, "other_config": STRINGS}},
        "Flow_Sample_Collector_Set": {"isRoot": True, "columns": {
            "id": INTEGER, "bridge": refers("Bridge", 1, 1), "external_ids": STRINGS}},
    },
}  # fmt: skip
PLAIN = {"integer": 0, "boolean": False, "string": ""}
Row = dict[str, Any]


def empty(column: dict[str, Any]) -> Any:
    """What a column holds when nothing was said."""
    kind = column["type"]
    if isinstance(kind, str):
        return PLAIN[kind]
    return ["map", []] if "value" in kind else ["set", []]


class Refused(Exception):
    """A transaction that the server does not do."""


class Database:
    """Rows by table and UUID; ``lies`` are tables that refuse every update."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Row]] = {table: {} for table in SCHEMA["tables"]}
        self.lies: set[str] = set()
        self.settles = True
        self._number = itertools.count()
        self.transact([{"op": "insert", "table": "Open_vSwitch", "row": {}}])

    def transact(self, operations: list[dict[str, Any]]) -> list[Any]:
        """All of it or nothing; an error comes after the results, as the protocol wants it."""
        before, names, done = copy.deepcopy(self.rows), {}, []
        for one in operations:
            if one["op"] == "insert" and "uuid-name" in one:
                names[one["uuid-name"]] = str(uuid.uuid4())
        try:
            for one in operations:
                done.append(self._do(one, names))
            self._commit()
        except Refused as error:
            self.rows = before
            return [*done, {"error": str(error), "details": "secret details"}]
        (root,) = self.rows["Open_vSwitch"].values()
        if self.settles:
            root["cur_cfg"] = root["next_cfg"]
        for row in self.rows["Interface"].values():
            if row["ofport"] == ["set", []]:
                row["ofport"] = next(self._number)
        return done

    def _do(self, one: dict[str, Any], names: dict[str, str]) -> Any:
        if one["op"] == "commit":
            return {}
        rows = self.rows[one["table"]]
        columns = SCHEMA["tables"][one["table"]]["columns"]
        if one["op"] == "insert":
            key = names.get(one.get("uuid-name", ""), str(uuid.uuid4()))
            row = {name: self._resolved(value, names) for name, value in one["row"].items()}
            rows[key] = {**{name: empty(column) for name, column in columns.items()}, **row}
            return {"uuid": ["uuid", key]}
        where = [value[1] for column, how, value in one["where"] if (column, how) == ("_uuid", "==")]
        chosen = where if one["where"] else list(rows)
        if one["op"] == "select":
            wanted = one.get("columns", [*columns, "_uuid"])
            found = [{**rows[key], "_uuid": ["uuid", key]} for key in chosen]
            return {"rows": [{name: row[name] for name in wanted} for row in found]}
        if one["op"] == "delete":
            for key in chosen:
                del rows[key]
        elif one["op"] == "mutate":
            ((name, how, by),) = one["mutations"]
            assert how == "+="
            for key in chosen:
                rows[key][name] += by
        else:
            self._update(one, names, chosen)
        return {"count": len(chosen)}

    def _update(self, one: dict[str, Any], names: dict[str, str], chosen: list[str]) -> None:
        assert one["op"] == "update"
        columns = SCHEMA["tables"][one["table"]]["columns"]
        if one["table"] in self.lies:
            raise Refused("constraint violation")
        if any(columns[name].get("mutable") is False for name in one["row"]):
            raise Refused("the column cannot be changed")
        for key in chosen:
            self.rows[one["table"]][key].update({n: self._resolved(v, names) for n, v in one["row"].items()})

    def _resolved(self, value: Any, names: dict[str, str]) -> Any:
        if isinstance(value, list):
            if value[:1] == ["named-uuid"]:
                return ["uuid", names[value[1]]]
            found = [self._resolved(one, names) for one in value]
            single = found[:1] == ["set"] and len(found[1]) == 1
            return found[1][0] if single else found
        return value

    def _commit(self) -> None:
        """What nobody refers to goes, weak references to it too; lost strong ones and doubled names are refused."""
        while self._collected():
            pass
        for table, said in SCHEMA["tables"].items():
            for row in self.rows[table].values():
                for name, column in said["columns"].items():
                    for other, key in references(column, row[name]):
                        if key not in self.rows[other]:
                            if column["type"]["key"].get("refType") != "weak":
                                raise Refused("referential integrity violation")
                            row[name] = ["set", []]
        for table in ("Bridge", "Port", "Interface"):
            found = [row["name"] for row in self.rows[table].values()]
            if len(found) != len(set(found)):
                raise Refused("constraint violation")

    def _collected(self) -> bool:
        used = {
            key
            for table, said in SCHEMA["tables"].items()
            for row in self.rows[table].values()
            for name, column in said["columns"].items()
            for _other, key in references(column, row[name])
            if isinstance(column["type"], dict) and _strong(column)
        }
        gone = [
            (t, k) for t, s in SCHEMA["tables"].items() if not s.get("isRoot") for k in self.rows[t] if k not in used
        ]
        for table, key in gone:
            del self.rows[table][key]
        return bool(gone)

    def dump(self) -> str:
        """What ``ovsdb-client get-schema`` and ``dump --format=json`` print."""
        lines = [json.dumps(SCHEMA)]
        for table, rows in self.rows.items():
            names = sorted(SCHEMA["tables"][table]["columns"])
            data = [[["uuid", key], *(row[name] for name in names)] for key, row in rows.items()]
            lines.append(json.dumps({"caption": f"{table} table", "headings": ["_uuid", *names], "data": data}))
        return "\n".join(lines) + "\n"


def _strong(column: dict[str, Any]) -> bool:
    kind = column["type"]
    return not isinstance(kind["key"], dict) or kind["key"].get("refType") != "weak"


def references(column: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    """The rows that a value refers to: table and UUID."""
    kind = column["type"]
    base = kind.get("value", kind["key"]) if isinstance(kind, dict) else kind
    if not isinstance(base, dict) or "refTable" not in base:
        return []
    atoms = value[1] if value[0] in ("map", "set") else [value]
    atoms = [one for _key, one in atoms] if value[0] == "map" else atoms
    return [(base["refTable"], one[1]) for one in atoms]


class Talk(socketserver.StreamRequestHandler):
    """One client; before its first answer it is asked for an echo, as servers do."""

    def handle(self) -> None:
        assert isinstance(self.server, Server)
        decoder, rest, asked = json.JSONDecoder(), "", False
        while data := self.request.recv(65536):
            rest += data.decode()
            while rest:
                try:
                    said, end = decoder.raw_decode(rest)
                except ValueError:
                    break
                rest = rest[end:]
                if said.get("id") == "echo":
                    assert said["result"] == []
                    continue
                if not asked:
                    self.wfile.write(json.dumps({"id": "echo", "method": "echo", "params": []}).encode())
                asked = True
                answer = json.dumps({"id": said["id"], "result": self.server.answer(said), "error": None}).encode()
                for at in range(0, len(answer), 1000):
                    self.wfile.write(answer[at : at + 1000])


class Server(socketserver.ThreadingUnixStreamServer):
    """The server at a socket."""

    daemon_threads = True

    def __init__(self, path: str, database: Database) -> None:
        self.database = database
        super().__init__(path, Talk)

    def answer(self, said: dict[str, Any]) -> Any:
        """What it answers."""
        if said["method"] == "get_schema":
            return SCHEMA
        assert said["method"] == "transact" and said["params"][0] == "Open_vSwitch"
        return self.database.transact(said["params"][1:])
