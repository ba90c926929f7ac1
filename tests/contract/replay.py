# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the recorded scenario against a served controller and compares every answer in meaning.

    python -m tests.contract.replay                 a line for each recording that differs, and how many pass
    python -m tests.contract.replay 208 254 300-320 what differs in these, in full (the whole scenario is played)
    python -m tests.contract.replay --known         exceptions too; --log shows what the server logs

The scenario is one story: a step that fails makes those after it fail, so begin with the first. ``exceptions.py``
holds what differs on purpose, with the reason. ``scenario.py`` holds the steps that were not recorded.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.contract import meaning, scenario
from tests.contract.exceptions import EXCEPTIONS, PARTS
from tests.contract.ids import Ids
from tests.contract.stage import make_repository, write_playbooks
from tests.served import PASSWORD, Served, controller

RECORDINGS = Path(__file__).parent / "recordings" / "awx.json"
USERS = {"admin": ("admin", PASSWORD), "joe": ("joe", "Passw0rd!x"), "badpw": ("admin", "wrong")}
PATIENCE = 90.0
#: whose rows stand in lists in the same order, so that they can be learnt from one
LISTED = ("job_events", "workflow_job_nodes")


@dataclass
class Result:
    """What one recording came to."""

    number: int
    name: str
    request: str
    differences: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why it may differ; "" when it may not."""
        return EXCEPTIONS.get(self.number, "")


def load() -> list[dict[str, Any]]:
    """The recordings, in order."""
    found: list[dict[str, Any]] = json.loads(RECORDINGS.read_text(encoding="utf-8"))
    return found


class Player:
    """Plays the scenario against one controller."""

    def __init__(self, served: Served, repository: str) -> None:
        self._served = served
        self._repository = repository
        self._ids = Ids()
        self._http = requests.Session()
        self._http.trust_env = False
        self.notes: list[str] = []

    def play(self, recordings: Iterable[Mapping[str, Any]]) -> Iterator[Result]:
        """Play every step and recording, in order."""
        self._meet()
        for recording in recordings:
            for step in scenario.BEFORE.get(recording["number"], ()):
                try:
                    self._step(step)
                except Exception as error:
                    self.notes.append(f"before {recording['number']}: {step}: {error!r}"[:600])
            yield self._recording(recording)

    def _meet(self) -> None:
        """Learn the objects that every controller begins with."""
        known = {
            "credential_types": {1: "Machine", 3: "Vault"},
            "credentials": {1: "Demo Credential", 2: "Ansible Galaxy"},
            "organizations": {1: "Default"},
            "inventories": {1: "Demo Inventory"},
            "projects": {6: "Demo Project"},
            "job_templates": {7: "Demo Job Template"},
            "execution_environments": {1: "AWX EE (latest)", 2: "Control Plane Execution Environment"},
            "instance_groups": {1: "controlplane", 2: "default"},
        }
        self._ids.learn("users", 1, 1)
        for kind, names in known.items():
            for number, name in names.items():
                answer = self._send("GET", f"/api/v2/{kind}/?name={name}", None, "admin")
                results = _json(answer).get("results") if answer.ok and isinstance(_json(answer), dict) else None
                if results:
                    self._ids.learn(kind, number, results[0]["id"])
                else:
                    self.notes.append(f"there is no {name} in {kind} ({answer.status_code})")

    def _send(
        self, method: str, path: str, body: Any, auth: str | None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        sent = dict(headers or {})
        if auth is not None:
            text = ":".join(USERS[auth])
            sent["Authorization"] = "Basic " + base64.b64encode(text.encode()).decode()
        data = None
        if body is not None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        url = self._served.url + requests.utils.requote_uri(path)
        return self._http.request(method, url, data=data, headers=sent, timeout=60, allow_redirects=False)

    def _step(self, step: scenario.Step | scenario.Until | scenario.Find) -> None:
        if isinstance(step, scenario.Until):
            self._wait(step)
            return
        path = self._ids.path(step.path)
        if isinstance(step, scenario.Find):
            self._ids.learn(*step.learn, self._first(path))
            return
        body = json.loads(json.dumps(step.body).replace(f'"{scenario.GIT}"', json.dumps(self._repository)))
        answer = self._send(step.method, path, self._ids.body(path, body), "admin")
        if answer.ok and step.learn is not None:
            self._ids.learn(*step.learn, answer.json()["id"])
        elif not answer.ok and not step.may_fail:
            raise RuntimeError(f"{answer.status_code} {answer.text[:300]}")

    def _wait(self, step: scenario.Until) -> None:
        path = self._ids.path(step.path)
        end = time.monotonic() + PATIENCE
        value = None
        while time.monotonic() < end:
            answer = self._send("GET", path, None, "admin")
            value = _json(answer).get(step.key) if answer.ok else None
            if value in step.values:
                return
            if not answer.ok and answer.status_code != 503:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
            time.sleep(0.2)
        raise TimeoutError(f"{path}: {step.key} is {value!r}, not {step.values}")

    def _first(self, path: str) -> int:
        end = time.monotonic() + PATIENCE / 3
        while time.monotonic() < end:
            answer = self._send("GET", path, None, "admin")
            if answer.ok and answer.json()["results"]:
                return int(answer.json()["results"][0]["id"])
            if not answer.ok:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
            time.sleep(0.2)
        raise TimeoutError(f"{path}: nothing came")

    def _recording(self, recording: Mapping[str, Any]) -> Result:
        path = self._ids.path(recording["path"])
        result = Result(recording["number"], recording["name"], f"{recording['method']} {path}")
        body = self._ids.body(path, recording.get("body"))
        if isinstance(body, dict) and "variables" in body:  # paths were taken out of the recordings
            body["variables"] = json.loads(json.dumps(body["variables"]).replace(" PATH", f" {sys.executable}"))
        auth = "badpw" if recording["name"] == "e401_badpw" else recording.get("auth")
        try:
            answer = self._send(recording["method"], path, body, auth, recording.get("headers"))
        except requests.RequestException as error:
            result.differences.append(f"no answer: {error!r}"[:300])
            return result
        self._learn(recording, answer)
        found = compare(recording, answer)
        _why, parts = PARTS.get(result.number, ("", ()))
        result.differences = [one for one in found if not any(one.startswith(part) for part in parts)]
        return result

    def _learn(self, recording: Mapping[str, Any], answer: requests.Response) -> None:
        body = _json(answer)
        if not answer.ok or not isinstance(body, dict):
            return
        for kind, number, place in recording.get("learn", ()):
            found: Any = body
            try:
                for key in place:
                    found = found[key]
            except (KeyError, IndexError, TypeError):
                continue
            ours = int(found.split("?")[0].strip("/").split("/")[-1]) if isinstance(found, str) else found
            if place[0] != "results" or kind in LISTED:
                self._ids.learn(kind, number, ours)


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}


def compare(expected: Mapping[str, Any], answer: requests.Response) -> list[str]:
    """What an answer says otherwise than the recorded one."""
    found = []
    if answer.status_code != expected["status"]:
        text = " ".join(answer.text[:400].split())
        return [f"status: is {answer.status_code} ({text}), was {expected['status']}"]
    found.extend(_headers(expected, answer))
    if expected["method"] == "HEAD":
        return found
    body = _json(answer)
    count, cut = expected.get("count"), expected.get("cut")
    if cut is not None and isinstance(body.get("results"), list):
        body["results"] = body["results"][:cut]
    if "exact" in expected:
        found.extend(meaning.exactly(expected["exact"], body))
    elif "shape" in expected:
        found.extend(meaning.differences(expected["shape"], body))
    if count is not None and body.get("count") != count:
        found.append(f"count: is {body.get('count')}, was {count}")
    if expected.get("names"):
        names = [row.get("name") for row in body.get("results", ())]
        if names != expected["names"]:
            found.append(f"names: are {names}, were {expected['names']}")
    return found


def _headers(expected: Mapping[str, Any], answer: requests.Response) -> Iterator[str]:
    kind, was = answer.headers.get("content-type"), expected.get("content")
    if (kind or "").split(";")[0] != (was or "").split(";")[0] and (was or answer.content):
        yield f"content-type: is {kind}, was {was}"
    allow, was = answer.headers.get("allow"), expected.get("allow")
    if (set((allow or "").split(", ")) ^ set((was or "").split(", "))) - {"HEAD"}:
        yield f"allow: is {allow}, was {was}"
    location = answer.headers.get("location")
    if _place(location) != _place(expected.get("location")):
        yield f"location: is {location}, was {expected.get('location')}"


def _place(location: str | None) -> str:
    return "/".join("N" if part.isdigit() else part for part in (location or "").split("/"))


def play(folder: Path) -> tuple[list[Result], list[str]]:
    """Play everything against a new controller in a folder."""
    repository, home = make_repository(folder / "repository"), folder / "home"
    write_playbooks(home / "projects" / "demo_manual")
    with controller(home, catalog=False, HOLDFAST_PROJECT_FILE_ROOTS=str(folder)) as served:
        player = Player(served, repository)
        return list(player.play(load())), player.notes


def _numbers(words: Iterable[str]) -> set[int]:
    found: set[int] = set()
    for word in words:
        first, _unused, last = word.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def main(arguments: list[str]) -> int:
    """Play, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*")
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--log", action="store_true")
    given = parser.parse_args(arguments)
    wanted = _numbers(given.numbers)
    with tempfile.TemporaryDirectory(prefix="holdfast-replay-") as folder:
        results, notes = play(Path(folder))
        if given.log:
            print(Path(folder, "home", "serve.log").read_text(encoding="utf-8"), end="")
    for note in notes:
        print(f"STEP {note}")
    bad = [one for one in results if one.differences]
    for one in bad:
        if (wanted and one.number not in wanted) or (one.reason and not wanted and not given.known):
            continue
        shown = one.differences if wanted else one.differences[:3]
        more = f" (+{len(one.differences) - len(shown)})" if len(shown) < len(one.differences) else ""
        print(f"{one.number:03} {one.name}  {one.request}{f'  [known: {one.reason}]' if one.reason else ''}")
        print("".join(f"      {line}\n" for line in shown) + (f"      {more}\n" if more else ""), end="")
    unknown = [one for one in bad if not one.reason]
    passed, known = len(results) - len(bad), len(bad) - len(unknown)
    print(f"{passed} of {len(results)} pass, {known} differ as known, {len(unknown)} not")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
