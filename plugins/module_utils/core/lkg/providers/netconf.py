# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NETCONF devices (RFC 6241): the running configuration, replaced through the candidate, and the confirmed commit.

Everything is asked by ``ansible.netcommon.netconf_rpc``: ``netconf_config`` hands a number to ncclient where that takes
only text, so that its ``confirm`` fails.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.network_platforms import NETCONF
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    AT_COMMIT,
    Armed,
    Declaration,
    Device,
    Reads,
    Reverted,
    Unanswered,
    Unreadable,
    Usual,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import netconf_xml as xml
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import normal_text

CONFIG, RUNNING = "config", "running"
SOMEBODY = "holdfast-of-somebody-else"
"""In place of a token, for a confirmed commit that this process did not begin: a server does not tell its token."""
PROBE = "holdfast-is-there-one"
"""A token that no commit has."""

_CANDIDATE = "<target><candidate/></target>"
_ANOTHER = re.compile(r"invalid[- ]value|persist-id (?:does not match|mismatch|is invalid)", re.IGNORECASE)
_MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
_STARTUP = "urn:ietf:params:netconf:capability:startup:1.0"


def rpc(device: Device, operation: str, content: str = "", secret: bool = False) -> str:
    """The reply to an operation. Raises Refused with what the server says against it."""
    arguments = {"rpc": operation, "xmlns": xml.BASE, **({"content": content} if content else {})}
    try:
        return str(device.run("ansible.netcommon.netconf_rpc", arguments, secret).get("stdout", ""))
    except Unanswered:
        raise
    except HoldfastError as error:
        raise Refused(operation, xml.errors(str(error)) or (str(error),)) from error


class Refused(HoldfastError):
    """The server refused an operation, or it could not be given."""

    def __init__(self, operation: str, said: Sequence[str]) -> None:
        super().__init__(f"<{operation}> was refused: {': '.join(said)}")


class Netconf(Usual):
    """The provider."""

    declaration = Declaration(
        name="netconf",
        platforms=("netconf", "juniper_junos"),
        reads=(Reads(CONFIG, "the running configuration, as XML"),),
        restores="an edit of the candidate that replaces everything, and a commit",
        exact=True,
        reverts="confirmed commit with a token (RFC 6241, 8.4), in seconds; a reboot reverts as well",
        armed=AT_COMMIT,
    )

    def __init__(self) -> None:
        self.timer = ConfirmedCommit(self)

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The running configuration; see ``Provider.read``."""
        self.declaration.section(section)
        try:
            return {RUNNING: self.shown(device)}
        except Unanswered:
            raise
        except HoldfastError as error:
            raise Unreadable(str(error)) from error

    def shown(self, device: Device) -> str:
        """The running configuration in the fixed form. Raises HoldfastError."""
        return self._config(device, "running")

    @staticmethod
    def _config(device: Device, source: str) -> str:
        return _steady(xml.normal(rpc(device, "get-config", f"<source><{source}/></source>", secret=True)))

    # --- restoring ---------------------------------------------------------------------------------------------------

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Replace the running configuration; see ``Provider.restore``. What a guard waits for is cancelled first.

        Where nothing has to be replaced, what was prepared in the candidate is discarded: the next commit, whoever
        gives it, would make it live.
        """
        done = []
        if self.timer.cancel(device):
            done.append("cancel-commit")
        now = self.shown(device)
        if difference.changes and now != self.wanted(wanted):
            self._replace(device, self.wanted(wanted))
            done.append("edit-config (replace) and commit")
        elif self._config(device, "candidate") != now:
            rpc(device, "discard-changes")
            done.append("discard-changes")
        return done

    def _replace(self, device: Device, text: str) -> None:
        rpc(device, "discard-changes")
        rpc(device, "lock", _CANDIDATE)
        try:
            self._prepare(device, text)
            rpc(device, "commit")
        except Unanswered:
            raise
        except HoldfastError:
            with contextlib.suppress(HoldfastError):  # what failed first is what must be known
                rpc(device, "discard-changes")
            raise
        finally:
            with contextlib.suppress(HoldfastError):  # the end of the session unlocks as well
                rpc(device, "unlock", _CANDIDATE)

    def _prepare(self, device: Device, text: str) -> None:
        """Make the candidate what is wanted, and see that it is, before anything of it becomes live."""
        self._edit(device, xml.without_missing(text, self._config(device, "candidate")))
        now = self._config(device, "candidate")
        if now != text:  # some servers leave entries of lists, or their order: what is not there can only be made anew
            self._edit(device, xml.removed(xml.differing(text, now)))
            self._edit(device, text)
            now = self._config(device, "candidate")
        if now != text:
            wrong = ", ".join(local for _space, local in xml.differing(text, now)) or "what is at the top"
            raise HoldfastError(
                f"the server does not take the configuration as it was, so nothing was changed: {wrong}"
            )

    @staticmethod
    def _edit(device: Device, content: str) -> None:
        edit = f"{_CANDIDATE}<default-operation>replace</default-operation><config>{content}</config>"
        rpc(device, "edit-config", edit, secret=True)

    @staticmethod
    def wanted(snapshot: Snapshot) -> str:
        """The configuration of a snapshot. Raises HoldfastError."""
        try:
            return _steady(str(snapshot.sections[CONFIG][RUNNING]))
        except KeyError as error:
            raise HoldfastError(f"the snapshot does not hold {CONFIG}/{RUNNING}, so it cannot be restored") from error

    # --- what stays --------------------------------------------------------------------------------------------------

    def keep(self, device: Device) -> Sequence[str]:
        """Write the startup configuration, where the server has one of its own; see ``Provider.keep``."""
        asked = f'<filter><netconf-state xmlns="{_MONITORING}"><capabilities/></netconf-state></filter>'
        if _STARTUP not in rpc(device, "get", asked):
            return []
        rpc(device, "copy-config", "<target><startup/></target><source><running/></source>")
        return ["copy-config from running to startup"]


def _steady(text: str) -> str:
    """A configuration without what servers write into it of the time of a commit."""
    return normal_text(NETCONF, CONFIG, text)


@dataclass(frozen=True)
class _Held:
    seconds: int
    before: str


class ConfirmedCommit:
    """The timer: the very commit that makes a prepared candidate live; see ``Timer``.

    A server tells whether one is pending, and neither its token nor how long it still waits. So the one that this
    object began is known by its token, and its time is what it was begun with; any other is somebody else's.
    """

    def __init__(self, provider: Netconf) -> None:
        self._netconf = provider
        self._held: dict[str, _Held] = {}

    def arm(self, device: Device, token: str, seconds: int, wanted: Snapshot) -> None:
        """Commit the candidate for so many seconds."""
        if self._pending(device):
            raise HoldfastError("a confirmed commit is pending already, and a server has only one")
        before = self._netconf.wanted(wanted)
        if self._netconf.shown(device) != before:
            raise HoldfastError("the server goes back to what runs before the commit, and that is not what is wanted")
        content = f"<confirmed/><confirm-timeout>{int(seconds)}</confirm-timeout><persist>{token}</persist>"
        try:
            rpc(device, "commit", content)
        except Unanswered:
            self._held[token] = _Held(seconds, before)
            raise
        self._held[token] = _Held(seconds, before)

    def armed(self, device: Device) -> Sequence[Armed]:
        """The confirmed commit that is pending, if one is."""
        if not self._pending(device):
            return ()
        for token, held in self._held.items():
            return (Armed(token, float(held.seconds)),)
        return (Armed(SOMEBODY, 1.0),)

    def disarm(self, device: Device, token: str) -> None:
        """Confirm the commit."""
        if token not in self._held:
            return
        try:
            rpc(device, "commit", f"<persist-id>{token}</persist-id>")
        except Refused as error:
            raise HoldfastError(f"the commit could not be confirmed, so it was taken back: {error}") from error
        if self._pending(device):
            raise HoldfastError("the commit was confirmed, and one is still pending")
        del self._held[token]

    def cancel(self, device: Device) -> bool:
        """Take the pending commit of this object back at once; whether there was one. Raises HoldfastError."""
        for token in list(self._held):
            try:
                rpc(device, "cancel-commit", f"<persist-id>{token}</persist-id>")
            except Refused:
                continue  # it was taken back by itself
            del self._held[token]
            return True
        return False

    def reverted(self, device: Device, token: str) -> Optional[Reverted]:
        """What came of the commit, known to the object that began it: nothing is pending, and what ran before runs."""
        held = self._held.get(token)
        if held is None or self._pending(device) or self._netconf.shown(device) != held.before:
            return None
        return Reverted(token, True, "the confirmed commit was not confirmed in time")

    @staticmethod
    def _pending(device: Device) -> bool:
        """Whether a confirmed commit is pending.

        By RFC 6241 (8.4.4.1) a token that is not the pending one's is refused with the tag invalid-value. Ansible
        passes on the message only, so that is looked for too. Where a server words it otherwise none is seen, and no
        guard takes its timer for armed then.
        """
        try:
            rpc(device, "cancel-commit", f"<persist-id>{PROBE}</persist-id>")
        except Refused as error:
            return bool(_ANOTHER.search(str(error)))
        raise HoldfastError(f"the server cancelled a commit by a token that none had ({PROBE})")
