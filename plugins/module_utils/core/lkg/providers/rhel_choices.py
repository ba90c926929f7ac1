# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a RHEL host is its state and what comes and goes by itself: the choices of the provider, as data."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

FILES: tuple[str, ...] = (
    # How one comes in, and who may do what.
    "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/root/.ssh/authorized_keys", "/etc/sudoers", "/etc/sudoers.d",
    "/etc/pam.d", "/etc/authselect", "/etc/nsswitch.conf", "/etc/security/limits.conf", "/etc/security/limits.d",
    "/etc/security/access.conf", "/etc/selinux/config", "/etc/sssd/sssd.conf", "/etc/krb5.conf", "/etc/krb5.conf.d",
    # The network, but not /etc/resolv.conf, which NetworkManager writes anew.
    "/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/conf.d", "/etc/NetworkManager/system-connections",
    "/etc/sysconfig/network", "/etc/sysconfig/network-scripts", "/etc/hosts", "/etc/hostname",
    "/etc/sysconfig/nftables.conf", "/etc/nftables",
    # The kernel and what is mounted.
    "/etc/sysctl.conf", "/etc/sysctl.d", "/etc/modules-load.d", "/etc/modprobe.d", "/etc/fstab",
    # Services, time, logs and packages.
    "/etc/systemd/system", "/etc/systemd/system.conf", "/etc/systemd/journald.conf", "/etc/systemd/logind.conf",
    "/etc/crontab", "/etc/cron.d", "/etc/chrony.conf", "/etc/localtime", "/etc/locale.conf",
    "/etc/rsyslog.conf", "/etc/rsyslog.d", "/etc/dnf/dnf.conf", "/etc/yum.repos.d",
)  # fmt: skip
"""The files that are kept unless somebody leaves them out. The host itself writes none of them."""

USERS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
FIREWALLD = "/etc/firewalld"

MOST_FILES, MOST_BYTES, MOST_BYTES_OF_ONE = 2000, 16 * 1024 * 1024, 1024 * 1024

PASSING_UNITS = r"(?:holdfast-|user@|user-runtime-dir@|plymouth|initrd-|systemd-fsck|emergency|rescue|session-)"
"""Units whose running says nothing: sessions, and what only runs while a host boots."""
FIXED = ("static", "generated", "indirect", "bad")
"""States of unit files that nobody chooses by enable and disable."""

FAMILIES = ("kernel", "vm", "fs", "net.core", "net.ipv4", "net.ipv6", "net.unix")
"""Kernel settings that are there on every host, whatever modules were loaded since it booted."""
_CONTAINERS = r"(?:veth|docker|cni|podman|cali|flannel|virbr|vnet|tap|lxc|ifb|br-[0-9a-f]{12})"
PASSING_SETTINGS = (
    # Reckoned at each boot from the memory that is there, a little different each time.
    r"(?:kernel\.threads-max|vm\.(?:min_free|user_reserve|admin_reserve)_kbytes|fs\.file-max"
    r"|fs\.epoll\.max_user_watches|fs\.inotify\.max_user_watches|fs\.fanotify\.max_user_marks"
    r"|net\.ipv4\.(?:tcp_mem|udp_mem|tcp_max_orphans|tcp_max_tw_buckets|tcp_max_syn_backlog|inet_peer_threshold)"
    # Changed by the kernel itself, by a router's announcements, or by whoever only gives an order through them.
    r"|kernel\.(?:ns_last_pid|perf_event_max_sample_rate|hung_task_warnings|tainted|random\..*|pty\.nr)"
    r"|vm\.(?:stat_refresh|drop_caches|compact_memory)|net\.ipv[46]\.route\..*|net\.ipv4\.tcp_fastopen_key"
    r"|net\.ipv6\.conf\.[^.]+\.(?:mtu|hop_limit)|net\.ipv6\.neigh\.[^.]+\.(?:retrans_time|base_reachable_time).*"
    # Those of modules and of containers come with them and stay.
    r"|fs\.(?:nfs|quota|binfmt_misc|xfs|fuse|lustre)\..*|net\.ipv4\.vs\..*"
    rf"|net\.ipv[46]\.(?:conf|neigh)\.{_CONTAINERS}.*)$"
)
"""Kernel settings that are no state, unless a file of sysctl.d sets them."""

PASSING_KINDS = (
    "autofs", "bpf", "binfmt_misc", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "fuse.gvfsd-fuse", "fuse.portal", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs",
    "securityfs", "selinuxfs", "sysfs", "tracefs",
)  # fmt: skip
PASSING_MOUNTS = (
    "/(proc|sys|dev|run|var/lib/(containers|docker|kubelet|machines|nfs/rpc_pipefs)|tmp/[^/]+|var/tmp/[^/]+)(/|$)"
)
"""Mounts of the kernel, of systemd, of containers and of whoever mounts below /tmp for a moment.

An extended regular expression, for awk reads it as well.
"""

_OWN_BY_KERNEL = ("proc", "sys", "dev", "run")
_TOO_WIDE = ("usr", "var", "home", "root", "boot", "opt", "srv", "tmp", "mnt", "media", "etc", "")


def chosen(files: Sequence[str], without: Sequence[str]) -> tuple[str, ...]:
    """The files to keep: the usual ones and ``files``, but not those of ``without``, nor what is below a chosen one.

    Raises HoldfastError for what is no path, or one that takes in too much.
    """
    for path in (*files, *without):
        parts = path.split("/")
        if parts[0] or {".", "..", ""} & set(parts[1:]) or "\n" in path:
            raise HoldfastError(f"'{path}' must be an absolute path as the host has it, such as /etc/chrony.conf")
    for path in files:
        parts = path.split("/")
        if parts[1] in _OWN_BY_KERNEL or (len(parts) == 2 and parts[1] in _TOO_WIDE):
            raise HoldfastError(
                f"'{path}' holds what changes by itself; choose the files and folders in it that matter"
            )
    wanted = {path for path in (*FILES, *files) if path not in without or path in files}
    return tuple(sorted(path for path in wanted if not any(path.startswith(f"{other}/") for other in wanted)))
