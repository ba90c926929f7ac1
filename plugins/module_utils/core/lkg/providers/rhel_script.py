# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of the bundles for RHEL hosts: what does not depend on the snapshot.

It needs what every RHEL host has: sh, coreutils, findutils, awk, cmp, util-linux, systemd; and nft, iptables,
firewall-cmd, nmcli, rpm and dnf where there is something for them to do. Not Python, for a change may have broken that.
Nothing is written that is right already, so running it again does what is left. What has still to be done when a file
was written (services to restart) lies in ``pending``, so that whoever is interrupted in between does it later.
"""

from __future__ import annotations

BEGIN = r"""#!/bin/sh
# Brings this host back to its snapshot, alone and without a network. Run as root, in the folder with what it needs.
set -u -f
umask 077
PATH="${PATH:-}:/usr/sbin:/usr/bin:/sbin:/bin"
LC_ALL=C
export PATH LC_ALL
failures=0 round=last touched=''
todo=$(cat pending 2>/dev/null | tr '\n' ' ')

say() { printf '%s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }

# Before packages are back much cannot be right yet; then the same steps come once more.
failed() {
    if [ "$round" = last ]; then
        say "FAILED: $*"
        failures=$((failures + 1))
    else
        say "not yet: $*"
    fi
}

later() {
    for each in "$@"; do
        case " $todo " in
        *" $each "*) ;;
        *)
            todo="$todo $each"
            printf '%s\n' "$each" 2>/dev/null >> pending
            ;;
        esac
    done
}
"""

FILES = r"""
# --- files ---

changed() {
    concerns "$1"
    case "$1" in
    /etc/systemd/system/*.wants/* | /etc/systemd/system/*.requires/* | /etc/fstab) later reload ;;
    /etc/systemd/system/*)
        unit=${1#/etc/systemd/system/}
        unit=${unit%%/*}
        later reload "${unit%.d}"
        ;;
    esac
}

# What guards left in the folders of systemd stays: they may be at work.
clear_away() {
    case "$1" in
    /etc/systemd/system/*)
        find "$1" -depth ! -name 'holdfast-*' \
            \( -type d -exec rmdir --ignore-fail-on-non-empty {} \; -o ! -type d -exec rm -f {} + \)
        ;;
    *) rm -rf --one-file-system -- "$1" ;;
    esac
}

make_way() {
    [ -d "${1%/*}" ] || (umask 022 && mkdir -p -- "${1%/*}") || return 1
    if [ -d "$1" ] && [ ! -L "$1" ]; then clear_away "$1"; fi
}

# MODE OWNER GROUP LABEL PATH; a mode or label of - is left alone.
dress() {
    if ! now=$(stat -c '%a %U %u %G %g' -- "$5"); then
        failed "$5: it is not there"
        return 1
    fi
    set -- "$1" "$2" "$3" "$4" "$5" $now
    if [ "$2" != "$7" ] && [ "$2" != "$8" ] || [ "$3" != "$9" ] && [ "$3" != "${10}" ]; then
        say "$5: owner $2:$3"
        chown -h -- "$2:$3" "$5" || failed "$5: it cannot be given to $2:$3"
        [ "$1" = - ] || chmod -- "$1" "$5" || failed "$5: it cannot be given the mode $1"
    fi
    if [ "$1" != - ] && [ "$1" != "$6" ]; then
        say "$5: mode $1"
        chmod -- "$1" "$5" || failed "$5: it cannot be given the mode $1"
    fi
    if [ "$4" != - ] && [ "$(stat -c %C -- "$5" 2>/dev/null)" != "$4" ]; then
        say "$5: label $4"
        chcon -h -- "$4" "$5" || failed "$5: it cannot be given the label $4"
    fi
}

# DATA MODE OWNER GROUP LABEL PATH
put_file() {
    if [ -L "$6" ] || [ ! -f "$6" ] || ! cmp -s -- "$1" "$6"; then
        say "$6: writing what it held"
        changed "$6"
        if ! make_way "$6"; then
            failed "$6: it cannot be written"
            return
        fi
        write_whole "$@"
        if [ $? -eq 1 ]; then
            failed "$6: it cannot be written"
            return
        fi
    fi
    dress "$2" "$3" "$4" "$5" "$6"
}

# MODE OWNER GROUP LABEL PATH
put_directory() {
    if [ -L "$5" ] || [ ! -d "$5" ]; then
        say "$5: making the folder"
        if [ -L "$5" ] || [ -e "$5" ]; then clear_away "$5"; fi
        if ! { make_way "$5" && mkdir -- "$5"; }; then
            failed "$5: it cannot be made"
            return
        fi
    fi
    dress "$@"
}

# TARGET OWNER GROUP LABEL PATH
put_link() {
    if [ ! -L "$5" ] || [ "$(readlink -- "$5")" != "$1" ]; then
        say "$5: linking it to $1"
        case "$5" in /etc/systemd/system/*) later reload ;; *) concerns "$5" ;; esac
        if ! { make_way "$5" && link_whole "$1" "$5"; }; then
            failed "$5: it cannot be linked"
            return
        fi
    fi
    dress - "$2" "$3" "$4" "$5"
}

put_nothing() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    say "$1: taking it away"
    if [ -L "$1" ]; then later reload; else changed "$1"; fi
    clear_away "$1"
    if [ -e "$1" ] || [ -L "$1" ]; then failed "$1: it cannot be taken away"; fi
}

still_there() {
    [ -e "$1" ] || failed "$1: it was neither file, folder nor link, and cannot be made again"
}

# LIST FOLDER...: what is in the folders and not in the list is too much.
only() {
    list=$1
    shift
    extra=$(find "$@" -mindepth 1 -maxdepth 1 2>/dev/null | sort | comm -23 - "$list")
    while IFS= read -r path; do
        case "$path" in
        '' | /etc/systemd/system/holdfast-* | /etc/systemd/system/*/holdfast-*) continue ;;
        /etc/systemd/system/*.wants | /etc/systemd/system/*.requires)
            [ -n "$(find "$path" -mindepth 1 ! -name 'holdfast-*' 2>/dev/null)" ] || continue
            say "$path: taking away what is in it"
            later reload
            clear_away "$path"
            ;;
        *) put_nothing "$path" ;;
        esac
    done <<END
$extra
END
}
"""

SETTINGS = r"""
# --- settings of the kernel ---

# The settings that are not as they were, and those that are gone ("-"). Not by read, which takes a character at a time:
# of a setting one gets the first only.
wrong_settings() {
    awk '{
        wanted = substr($0, length($1) + 2)
        now = ""
        there = (getline now < $1) >= 0
        close($1)
        if (!there) print "-", $1
        else if (now != wanted) print "+", $1, wanted
    }' settings.wanted
}

# Some settings change others, so all are looked at again and again; what is wrong after that stays wrong. Values are
# not told: some are keys, and what is told comes into the journal.
settings() {
    for pass in 1 2 3 4; do
        wrong=$(wrong_settings)
        while IFS=' ' read -r there path value; do
            [ -n "$there" ] || continue
            name=${path#/proc/sys/}
            if [ "$there" = - ]; then
                [ "$pass" != 4 ] || failed "sysctl $name is not there any more, or cannot be read"
            elif [ "$pass" = 4 ]; then
                failed "sysctl $name cannot be set to what it was"
            else
                [ "$pass" != 1 ] || say "sysctl $name: setting it to what it was"
                (printf '%s\n' "$value" > "$path") 2>/dev/null
            fi
        done <<END
$wrong
END
    done
}
"""

FIREWALL = r"""
# --- firewall ---

# firewalld makes its tables itself, and iptables-restore replaces those that it has.
others_table() {
    case "$2" in
    firewalld) firewall-cmd --quiet --state >/dev/null 2>&1 ;;
    filter | nat | mangle | raw | security)
        { [ "$1" = ip ] && [ -e iptables.wanted ]; } || { [ "$1" = ip6 ] && [ -e ip6tables.wanted ]; }
        ;;
    *) false ;;
    esac
}

# All in one transaction: packets meet the old tables or the new ones.
tables() {
    if has nft; then
        say "firewall: loading its tables"
        {
            nft list tables | while read -r word family name; do
                others_table "$family" "$name" || printf 'delete %s %s %s\n' "$word" "$family" "$name"
            done
            cat nft.wanted
        } | nft -f - || failed "the tables of nftables cannot be loaded"
    elif [ -s nft.wanted ]; then
        failed "there are tables of nftables to load, and nft is gone"
    fi
    for program in iptables ip6tables; do
        if [ -e "$program.wanted" ]; then
            "$program-restore" < "$program.wanted" || failed "the tables of $program cannot be loaded"
        fi
    done
}

zones() {
    firewall-cmd --quiet --state >/dev/null 2>&1 || return 0
    say "firewall: firewalld reads its configuration"
    firewall-cmd --quiet --reload || failed "firewalld cannot read its configuration"
}
"""

END = r"""
[ -z "$touched" ] || tables
rm -f packages.before
if [ "$failures" -gt 0 ]; then
    say "$failures steps failed; this host is not as it was"
    exit 1
fi
say "this host is as it was"
"""
