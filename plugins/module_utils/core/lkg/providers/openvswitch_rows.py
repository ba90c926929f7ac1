# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of Open vSwitch as data by names, and the one transaction that makes it what such data says.

Bridges, ports and interfaces have names of their own and are items; whatever else hangs at them (controllers, mirrors,
QoS, ...) has none and stands within. Types come from the schema that the server gives (RFC 7047), so columns of other
versions are read as well. A column that is empty is left out.

This file is also sent to hosts, as a part of a bundle, so that a restore judges by the same lines: it imports the
standard library alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Optional

Rows = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""For each table its rows by UUID, columns as the protocol writes them (RFC 7047, 5.1)."""

ROOT = "Open_vSwitch"
NAMED = {"Bridge": "bridges", "Port": "ports", "Interface": "interfaces"}
"""Tables whose rows are known by name, and the section of each."""
SWITCH, SETTINGS, SAMPLING, UNUSED = "switch", "settings", "sampling", "unused"
SETS = "Flow_Sample_Collector_Set"
LOOSE = ("QoS", "Queue")
"""Tables whose rows stay when nobody refers to them any more."""
STATUS: Mapping[str, tuple[str, ...]] = {
    ROOT: ("cur_cfg", "next_cfg", "db_version", "ovs_version", "system_type", "system_version",
           "iface_types", "datapath_types", "dpdk_initialized", "dpdk_version"),
    "Bridge": ("datapath_version",),
    "Port": ("bond_active_slave",),
    "Interface": ("ofport", "error", "cfm_flap_count"),
    "Datapath": ("capabilities", "datapath_version"),
}  # fmt: skip
"""Columns in which the switch says something, besides those that the schema calls ephemeral."""


class Column:
    """A column as the schema describes it."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        kind = said["type"] if isinstance(said["type"], dict) else {"key": said["type"]}
        self.key, self.key_table = _base(kind["key"])
        self.value, self.value_table = _base(kind["value"]) if "value" in kind else ("", "")
        self.optional = kind.get("min", 1) == 0
        self.single = kind.get("max", 1) == 1 and not self.value
        self.lasts = not said.get("ephemeral", False)
        self.changes = said.get("mutable", True)


def _base(said: Any) -> tuple[str, str]:
    """The type of a key or value, and the table that it refers to."""
    return (str(said["type"]), str(said.get("refTable", ""))) if isinstance(said, dict) else (str(said), "")


class Database:
    """What a server holds. Raises KeyError for what is no database of Open vSwitch."""

    def __init__(self, schema: Mapping[str, Any], rows: Rows) -> None:
        self.rows = rows
        self.columns = {
            table: {
                name: column
                for name, column in ((name, Column(one)) for name, one in sorted(said["columns"].items()))
                if column.lasts and name not in STATUS.get(table, ())
            }
            for table, said in schema["tables"].items()
        }

    def sections(self) -> dict[str, dict[str, Any]]:
        """Everything that is configured, by section and item."""
        found: dict[str, dict[str, Any]] = {
            section: {str(row["name"]): self.content(table, row) for row in self.rows[table].values()}
            for table, section in NAMED.items()
        }
        sets = [self.content(SETS, row) for row in self.rows.get(SETS, {}).values()]
        found[SWITCH] = {
            SETTINGS: self.content(ROOT, next(iter(self.rows[ROOT].values()))),
            SAMPLING: {f"{one['bridge']} {one['id']}": one for one in sets},
            UNUSED: self._unused(),
        }
        return found

    def _unused(self) -> dict[str, Any]:
        """By table the rows that stay though nobody refers to them."""
        referred = {key for table in self.rows for row in self.rows[table].values() for key in self.refers(table, row)}
        found = {}
        for table in LOOSE:
            rows = self.rows.get(table, {}).items()
            loose = [self.content(table, row) for key, row in rows if key not in referred]
            found.update({table: sorted(loose, key=canonical)} if loose else {})
        return found

    def content(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """What is configured in a row; others stand in it by their names, or whole when they have none."""
        said = {}
        for name, column in self.columns[table].items():
            if name in row:
                value = self._plain(column, row[name])
                if value not in (None, [], {}):
                    said[name] = value
        return said

    def _plain(self, column: Column, value: Any) -> Any:
        kind = value[0] if isinstance(value, list) else ""
        if kind == "map":
            return {
                str(self._atom(column.key_table, key)): self._atom(column.value_table, one) for key, one in value[1]
            }
        atoms = [self._atom(column.key_table, one) for one in (value[1] if kind == "set" else [value])]
        if column.single:
            return atoms[0] if atoms else None
        return sorted(atoms, key=canonical)

    def _atom(self, table: str, value: Any) -> Any:
        if not table:
            return value
        row = self.rows[table][value[1]]
        return str(row["name"]) if table in NAMED else self.content(table, row)

    def refers(self, table: str, row: Mapping[str, Any]) -> dict[str, str]:
        """The UUIDs of the rows that a row refers to, and their tables."""
        found = {}
        for name, column in self.columns.get(table, {}).items():
            kind = column.value_table or column.key_table
            found.update(dict.fromkeys(_uuids(row.get(name)) if kind else [], kind))
        return found

    def reached(self, first: Iterable[tuple[str, str]]) -> set[str]:
        """The UUIDs of these rows (table, UUID) and of all that stand within them, which rows with names do not."""
        todo = list(first)
        found: set[str] = set()
        while todo:
            table, key = todo.pop()
            if key not in found and key in self.rows.get(table, {}):
                found.add(key)
                within = self.refers(table, self.rows[table][key]).items()
                todo += [(kind, one) for one, kind in within if kind not in NAMED]
        return found


def canonical(value: Any) -> str:
    """The same text for the same value."""
    return json.dumps(value, sort_keys=True)


class Transaction:
    """Makes a database what sections say. Rows that are right, or only have to be changed, stay the rows they are."""

    def __init__(self, now: Database, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        self._now, self._wanted = now, wanted
        self._operations: list[dict[str, Any]] = []
        self._names = {
            table: {str(row["name"]): ["uuid", key] for key, row in now.rows[table].items()} for table in NAMED
        }
        self._kept: set[tuple[str, str]] = set()
        self._made: dict[tuple[str, str], list[str]] = {}
        self._count = 0

    def operations(self) -> list[dict[str, Any]]:
        """The operations, for ``transact``; the last ones are made durable and tell the switch that there is news."""
        fresh = set()
        for table, section in NAMED.items():
            for name in self._wanted.get(section, {}):
                if name not in self._names[table]:
                    self._names[table][name] = ["named-uuid", self._new_name()]
                    fresh.add((table, name))
        for table, section in NAMED.items():
            for name, said in self._wanted.get(section, {}).items():
                self._row(table, self._names[table][name], said, (table, name) in fresh)
        self._root()
        self._sets()
        self._loose()
        bump = {"op": "mutate", "table": ROOT, "where": [], "mutations": [["next_cfg", "+=", 1]]}
        look = {"op": "select", "table": ROOT, "where": [], "columns": ["next_cfg"]}
        return [*self._operations, bump, look, {"op": "commit", "durable": True}]

    def _new_name(self) -> str:
        self._count += 1
        return f"row{self._count}"

    def _row(self, table: str, key: list[str], said: Mapping[str, Any], fresh: bool) -> None:
        """Insert a row or give an existing one these contents; columns that the snapshot does not know stay."""
        old = {} if fresh else self._now.rows[table][key[1]]
        if not fresh and self._now.content(table, old) == said:
            self._kept.add((table, key[1]))
            return
        row = {}
        for name, column in self._now.columns[table].items():
            if (name in said or (column.optional and not fresh)) and (fresh or column.changes):
                row[name] = self._encoded(column, said.get(name), old.get(name))
        if fresh:
            self._operations.append({"op": "insert", "table": table, "uuid-name": key[1], "row": row})
        else:
            self._operations.append({"op": "update", "table": table, "where": [["_uuid", "==", key]], "row": row})

    def _encoded(self, column: Column, value: Any, old: Any) -> Any:
        if column.value and value is None:
            return ["map", []]
        if value is None:
            return ["set", []]
        if column.value:
            pairs = value.items()
            return ["map", [[_key(column.key, key), self._atom(column.value_table, one, old)] for key, one in pairs]]
        atoms = [self._atom(column.key_table, one, old) for one in (value if isinstance(value, list) else [value])]
        return atoms[0] if column.single and not column.optional else ["set", atoms]

    def _atom(self, table: str, value: Any, old: Any) -> Any:
        if not table:
            return value
        return self._named(table, value) if table in NAMED else self._nameless(table, value, old)

    def _named(self, table: str, name: str) -> list[str]:
        if name not in self._names[table]:
            raise ValueError(f"the snapshot names the {table.lower()} '{name}' and does not have it")
        return self._names[table][name]

    def _nameless(self, table: str, said: Mapping[str, Any], old: Any) -> list[str]:
        """The row of these contents: one that is referred to already, one of a table of loose rows, or a new one."""
        key = self._found(table, said, _uuids(old))
        if key is None and table in LOOSE:
            if (table, canonical(said)) in self._made:
                return self._made[table, canonical(said)]
            key = self._found(table, said, self._now.rows.get(table, {}))
        if key is not None:
            self._kept.add((table, key))
            return ["uuid", key]
        made = ["named-uuid", self._new_name()]
        self._made[table, canonical(said)] = made
        self._row(table, made, said, True)
        return made

    def _found(self, table: str, said: Mapping[str, Any], keys: Iterable[str]) -> Optional[str]:
        rows = self._now.rows.get(table, {})
        return next((key for key in keys if key in rows and self._now.content(table, rows[key]) == said), None)

    def _root(self) -> None:
        for key in self._now.rows[ROOT]:
            self._row(ROOT, ["uuid", key], self._wanted[SWITCH][SETTINGS], False)

    def _sets(self) -> None:
        wanted = [one for _name, one in sorted(self._wanted[SWITCH].get(SAMPLING, {}).items())]
        for key, row in self._now.rows.get(SETS, {}).items():
            said = self._now.content(SETS, row)
            if said in wanted:
                wanted.remove(said)
                self._kept.add((SETS, key))
            else:
                self._delete(SETS, key)
        for said in wanted:
            self._row(SETS, ["named-uuid", self._new_name()], said, True)

    def _loose(self) -> None:
        """Rows that would stay though nobody wants them go, those that nobody refers to and are wanted come."""
        for table in LOOSE:
            used = self._now.reached(self._kept)
            wanted = list(self._wanted[SWITCH].get(UNUSED, {}).get(table, []))
            for key, row in self._now.rows.get(table, {}).items():
                said = self._now.content(table, row)
                if key not in used and said in wanted:
                    wanted.remove(said)
                    self._kept.add((table, key))
                elif key not in used:
                    self._delete(table, key)
            for said in wanted:
                self._row(table, ["named-uuid", self._new_name()], said, True)

    def _delete(self, table: str, key: str) -> None:
        where = [["_uuid", "==", ["uuid", key]]]
        self._operations.append({"op": "delete", "table": table, "where": where})


def _key(kind: str, key: str) -> Any:
    return int(key) if kind == "integer" else key


def _uuids(old: Any) -> list[str]:
    """The rows that a column refers to now."""
    if not isinstance(old, list):
        return []
    if old[0] == "map":
        return [value[1] for _key, value in old[1] if isinstance(value, list)]
    atoms = old[1] if old[0] == "set" else [old]
    return [atom[1] for atom in atoms if isinstance(atom, list)]
