# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell scripts of ``systemd_timer``: each does one whole operation on a target, so that it costs one round trip.

They need sh, coreutils and systemd, no more. Each ends with status 0 and a last line, ``ok`` or ``failed WHY``: what
became of it then does not depend on what a connection makes of a status. None holds contents of files.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle

FOLDER = "/var/lib/holdfast/guard"
"""Where a target keeps what its guards need: a folder for each, which only root enters."""
UNITS = "/etc/systemd/system"
STAMPS = "/var/lib/systemd/timers"
_RESERVE = 65536
"""Bytes kept free for the outcome: the change may have filled the disk."""

RUN = "/run"
_WHERE = """\
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
umask 077
"""
_ROOT = """\
fail() { printf 'failed %s\\n' "$*"; exit 0; }
[ "$(id -u)" = 0 ] || fail "root is needed there (become: true), and this was $(id -un)"
"""


def _systemd() -> str:
    return f"""command -v systemctl >/dev/null 2>&1 && [ -d {RUN}/systemd/system ] ||
    fail "systemd does not run there, so nothing would revert when nobody comes back"
"""


def folder_of(token: str) -> str:
    """The folder of a guard."""
    return f"{FOLDER}/{token}"


def stamp_of(token: str) -> str:
    """Where systemd remembers when a persistent timer fired last (systemd.timer(5), ``Persistent=``)."""
    return f"{STAMPS}/stamp-{token}.timer"


def pack(bundle: Bundle) -> bytes:
    """All contents of a bundle in one piece, so that they cost one transfer however many they are."""
    return b"".join([bundle.script.encode(), *(bundle.files[name] for name in sorted(bundle.files))])


def _unpack(bundle: Bundle) -> str:
    """Shell: the piece ``pack`` becomes ``script`` and the files in ``bundle/``, and is gone."""
    script = bundle.script.encode()
    lines = ["mkdir bundle || fail 'no folder can be made there'"]
    offset = 1
    for path, data in [("script", script), *((f"bundle/{name}", bundle.files[name]) for name in sorted(bundle.files))]:
        target = shlex.quote(path)
        taken = f"tail -c +{offset} pack | head -c {len(data)} > {target}" if data else f": > {target}"
        lines.append(f'{taken} && [ "$(wc -c < {target})" -eq {len(data)} ] || fail {target} cannot be written')
        offset += len(data)
    return "\n".join([*lines, "chmod 0700 script; rm -f pack", ""])


def _alone(said: str) -> str:
    """Shell: run the script, its words into a file; a revert that begins while somebody restores waits for that.

    The lock is not passed on (``-o``): what the script starts would hold it for as long as it lives.
    """
    lock = f"flock -o {RUN}/holdfast-guard.lock"
    return f"""lock="{lock}"; command -v flock >/dev/null 2>&1 || lock=
(cd bundle && exec $lock /bin/sh ../script) > {said} 2>&1 < /dev/null"""


# --- run at once -----------------------------------------------------------------------------------------------------


def make_run_folder(needed: int) -> str:
    """A fresh folder with room for so many bytes; says ``folder PATH``. Folders that a day has passed over go."""
    return f"""{_WHERE}{_ROOT}{_room(needed)}
find {FOLDER} -mindepth 1 -maxdepth 1 -name 'run.*' -mmin +1440 -exec rm -rf {{}} + 2>/dev/null
made=$(mktemp -d {FOLDER}/run.XXXXXXXX) || fail "no folder can be made in {FOLDER}"
printf 'folder %s\\n' "$made"
echo ok
"""


def run_pack(folder: str, bundle: Bundle) -> str:
    """Run the bundle whose pack lies in a folder; says its lines as ``said ...`` and its ``status N``.

    A restore may cut the connection it is ordered through: nobody's hanging up ends it, nor that nobody reads on.
    """
    return f"""{_WHERE}{_ROOT}trap '' HUP
cd {shlex.quote(folder)} || fail "{folder} is gone"
trap 'cd /; rm -rf {shlex.quote(folder)}' EXIT
{_unpack(bundle)}
{_alone("said")}
status=$?
trap '' PIPE
sed 's/^/said /' said
printf '\\nstatus %s\\n' "$status"
echo ok
"""


# --- arm -------------------------------------------------------------------------------------------------------------


def _room(needed: int) -> str:
    kibibytes = (2 * needed + _RESERVE) // 1024 + 64
    return f"""mkdir -p -m 0755 {FOLDER.rpartition("/")[0]} && mkdir -p -m 0700 {FOLDER} && chmod 0700 {FOLDER} ||
    fail "{FOLDER} cannot be made"
free=$(df -Pk {FOLDER} | awk 'NR == 2 {{ print $4 }}')
[ "${{free:-0}}" -ge {kibibytes} ] || fail "{FOLDER} needs {kibibytes} KiB, and ${{free:-0}} are free"
"""


def make_folder(token: str, needed: int) -> str:
    """The folder of a guard, once it is known that a timer can be had and that there is room.

    Sweeps up what earlier guards left and nobody will read: folders without units that an hour has passed over, and
    outcomes of a day ago.
    """
    return f"""{_WHERE}{_ROOT}{_systemd()}{_room(needed)}
cd {FOLDER} || fail "{FOLDER} cannot be entered"
for old in holdfast-*; do
    [ -d "$old" ] && [ ! -e "{UNITS}/$old.timer" ] && [ ! -e "{UNITS}/$old.service" ] || continue
    age=60; [ -e "$old/outcome" ] && age=1440
    [ -z "$(find "$old" -prune -mmin +$age)" ] || rm -rf "$old"
done
for there in {token} {UNITS}/{token}.timer {UNITS}/{token}.service; do
    [ ! -e "$there" ] || fail "there is a guard named {token} already"
done
mkdir {token} || fail "no folder can be made in {FOLDER}"
echo ok
"""


def revert_script(token: str) -> str:
    """What the service runs: the bundle, once from its beginning to its end however often the host goes down meanwhile.

    Setting the stamp back makes systemd believe at each boot that the timer has not fired yet. The outcome is written
    before the timer is taken away; whoever comes in between finds it and only does the rest.
    """
    folder, stamp = folder_of(token), stamp_of(token)
    return f"""#!/bin/sh
# Holdfast: nobody has confirmed the change, so this host goes back to the state before it.
{_WHERE}cd {folder} || exit 1
rm -f reserve
if [ ! -e outcome ]; then
    echo "{token}: nobody has confirmed the change; going back to the state before it"
    touch -d @86400 {stamp}; date +%s > begun; sync {stamp} begun .
    said={RUN}/{token}.said
    (: > $said) 2>/dev/null || said=/dev/null
    {_alone("$said")}
    status=$?
    [ $status -le 128 ] || exit 1  # it was killed, as in a shutdown: that is no outcome
    word=complete; [ $status -eq 0 ] || word="failed $status"
    {{ echo "$word" && grep -v '^[[:space:]]*$' $said | tail -n 20; }} > outcome.new
    sync outcome.new && [ -s outcome.new ] && mv outcome.new outcome && sync . || exit 1
    rm -f {RUN}/{token}.said
fi
read -r word < outcome
echo "{token}: $word"
systemctl disable {token}.timer
systemctl stop {token}.timer
if [ "$word" = complete ]; then
    rm -rf bundle script {UNITS}/{token}.timer {UNITS}/{token}.service {stamp}
    sync . {UNITS}
    systemctl daemon-reload
fi
exit 0
"""


def timer_unit(seconds: int) -> str:
    """The timer, with ``@DEADLINE@`` where the target puts the moment by its own clock.

    Two conditions, the first to come true counts: the moment, and the seconds since the timer was started. So a clock
    that is set back does not put the revert off, and a host that boots with a wrong clock reverts after those seconds.
    Without the default dependencies it does not wait for the time to be synchronised (systemd.timer(5)), which on a
    host that the change has cut off would take minutes.
    """
    return f"""[Unit]
Description=Holdfast goes back to the state before a change, unless that is confirmed
DefaultDependencies=no
Requires=sysinit.target
After=sysinit.target
Before=timers.target shutdown.target
Conflicts=shutdown.target

[Timer]
OnCalendar=@DEADLINE@
OnActiveSec={seconds}s
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
"""


def service_unit(token: str) -> str:
    """The service: of nobody's session, without any wish for a network, begun again when it is killed.

    ``Type=simple``, because systemd before 244 allows no ``Restart=`` for others that end by themselves. It is run by
    the shell, for SELinux lets systemd start no program from below /var/lib.
    """
    folder = folder_of(token)
    return f"""[Unit]
Description=Holdfast goes back to the state before a change that nobody has confirmed
StartLimitIntervalSec=3600
StartLimitBurst=10

[Service]
Type=simple
ExecStart=/bin/sh {folder}/revert
WorkingDirectory={folder}
Environment=HOME=/root
UMask=0077
Restart=on-failure
RestartSec=10
OOMScoreAdjust=-900
"""


def arm(token: str, seconds: int, bundle: Bundle) -> str:
    """Unpack, write units, enable and start the timer, all of it on the disk; when one step fails, nothing is left."""
    folder, stamp = folder_of(token), stamp_of(token)
    timer, service = f"{UNITS}/{token}.timer", f"{UNITS}/{token}.service"
    return f"""{_WHERE}{_ROOT}{_systemd()}
undo() {{
    systemctl disable {token}.timer; systemctl stop {token}.timer
    cd /; rm -rf {folder} {timer} {service} {stamp}
    systemctl daemon-reload
}}
fail() {{ undo >/dev/null 2>&1; printf 'failed %s\\n' "$*"; exit 0; }}
cd {folder} || fail "{folder} is gone"
{_unpack(bundle)}
head -c {_RESERVE} /dev/zero > reserve || fail "{FOLDER} is full"
{_written("revert", revert_script(token))}
chmod 0700 revert
umask 022
mkdir -p {STAMPS} && touch -d @86400 {stamp} || fail "{stamp} cannot be written"
{_written(service, service_unit(token))}
deadline=$(date -u -d "@$(($(date +%s) + {seconds}))" '+%Y-%m-%d %H:%M:%S UTC') || fail "its date cannot reckon"
{_written(timer, timer_unit(seconds), 'sed "s/@DEADLINE@/$deadline/"')}
sync script revert reserve bundle . {FOLDER} {stamp} {STAMPS} {service} {timer} &&
    find bundle -type f -exec sync {{}} + ||
    fail "it cannot be brought onto the disk"
why=$(systemctl daemon-reload 2>&1) || fail "systemd does not read its units: $why"
why=$(systemctl enable {token}.timer 2>&1) || fail "systemd does not enable the timer: $why"
sync {UNITS} {UNITS}/timers.target.wants || fail "it cannot be brought onto the disk"
why=$(systemctl start {token}.timer 2>&1) || fail "systemd does not start the timer: $why"
[ "$(systemctl is-active {token}.timer)" = active ] || fail "the timer does not stay active"
echo ok
"""


def _written(path: str, text: str, through: str = "cat") -> str:
    """Shell: a file with this text, written in its own folder, so that it gets the label of that."""
    return f"{through} > {path} <<'HOLDFAST' || fail {path} cannot be written\n{text}HOLDFAST"


# --- look, disarm ----------------------------------------------------------------------------------------------------

_BEGUN = """\
begun() {
    [ -e "$1/begun" ] || [ -e "$1/outcome" ] && return 0
    case $(systemctl show "$2.service" -p ActiveState --value) in inactive | '') ;; *) return 0 ;; esac
    [ -n "$(systemctl list-jobs --plain --no-legend "$2.service" 2>/dev/null | grep -F "$2.service")" ]
}
"""


def armed() -> str:
    """Says of each timer ``timer TOKEN begun|active|broken NOW NEXT``: NEXT as systemd writes it in UTC, or nothing.

    Units of which systemd knows nothing count too, and folders whose units are gone: somebody has to look at them. A
    folder in which all is done, or in which arming never came that far, does not.
    """
    return f"""{_WHERE}{_ROOT}{_systemd()}{_BEGUN}
{{
    ls {UNITS} 2>/dev/null | sed -n -e 's/^\\(holdfast-[a-z0-9-]*\\)[.]timer$/\\1/p'
    systemctl list-units --all --plain --no-legend 'holdfast-*.timer' |
        sed -n -e 's/^\\(holdfast-[a-z0-9-]*\\)[.]timer .*/\\1/p'
    for each in {FOLDER}/holdfast-*; do
        [ -e "$each/revert" ] && {{ [ -e "$each/begun" ] || [ -e "{UNITS}/${{each##*/}}.service" ]; }} || continue
        read -r word 2>/dev/null < "$each/outcome" && [ "$word" = complete ] || printf '%s\\n' "${{each##*/}}"
    done
}} | sort -u | while read -r token; do
    state=broken next=
    [ "$(systemctl show "$token.timer" -p ActiveState --value)" = active ] && state=active
    [ -e "{FOLDER}/$token/revert" ] && [ -e "{UNITS}/$token.service" ] || state=broken
    ! begun "{FOLDER}/$token" "$token" || state=begun
    [ $state = active ] && next=$(TZ=UTC systemctl show "$token.timer" -p NextElapseUSecRealtime --value)
    [ -z "$next" ] || next=$(date -d "$next" +%s) || next=
    printf 'timer %s %s %s %s\\n' "$token" $state "$(date +%s.%N)" "$next"
done
echo ok
"""


def disarm(token: str) -> str:
    """Take a timer away and look whether it is gone. Says ``begun`` when it has begun to revert; then it goes on.

    The timer is stopped first: what has not begun then does not begin any more.
    """
    folder, stamp = folder_of(token), stamp_of(token)
    files = f"{UNITS}/{token}.timer {UNITS}/{token}.service {folder} {stamp} {UNITS}/timers.target.wants/{token}.timer"
    return f"""{_WHERE}{_ROOT}{_systemd()}{_BEGUN}
if ! begun {folder} {token}; then
    systemctl stop {token}.timer >/dev/null 2>&1
fi
if begun {folder} {token}; then
    echo begun
    [ ! -e {folder}/outcome ] || sed 's/^/outcome /' {folder}/outcome
    echo ok
    exit 0
fi
systemctl disable {token}.timer >/dev/null 2>&1
rm -f {UNITS}/{token}.timer {UNITS}/{token}.service {UNITS}/timers.target.wants/{token}.timer
sync {UNITS}
systemctl daemon-reload
systemctl reset-failed {token}.timer {token}.service >/dev/null 2>&1
rm -rf {folder} {stamp}
[ ! -d {FOLDER} ] || sync {FOLDER}
for file in {files}; do
    [ ! -e "$file" ] && [ ! -h "$file" ] || fail "$file is still there"
done
for unit in {token}.timer {token}.service; do
    state=$(systemctl show $unit -p ActiveState --value) || fail "systemd does not answer"
    [ "$state" = inactive ] || fail "$unit is $state"
done
echo ok
"""


def outcome(token: str) -> str:
    """Says the outcome, a line each as ``outcome ...``; nothing while there is none."""
    return f"""{_WHERE}{_ROOT}
[ ! -e {folder_of(token)}/outcome ] || sed 's/^/outcome /' {folder_of(token)}/outcome
echo ok
"""


def needed(bundle: Bundle) -> int:
    """Bytes that a bundle takes."""
    contents: Mapping[str, bytes] = bundle.files
    return len(bundle.script.encode()) + sum(len(data) + 4096 for data in contents.values()) + 4096
