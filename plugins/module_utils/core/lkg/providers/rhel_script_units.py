# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of the bundles for RHEL hosts, second part: units, restarts, mounts and packages. See ``rhel_script``."""

from __future__ import annotations

UNITS = r"""
# --- units ---

kinds=--type=service,timer,socket,path

# UNIT NOW WANTED
enable() {
    say "$1: it was $3, and is $2"
    case "$2" in masked*) systemctl --quiet unmask "$1" && systemctl --quiet unmask --runtime "$1" ;; esac
    case "$3" in
    enabled) systemctl --quiet enable "$1" ;;
    enabled-runtime) systemctl --quiet enable --runtime "$1" ;;
    disabled) systemctl --quiet disable "$1" ;;
    masked) systemctl --quiet mask "$1" ;;
    masked-runtime) systemctl --quiet mask --runtime "$1" ;;
    esac
}

enabled() {
    for pass in 1 2 3; do
        wrong=$({
            systemctl list-unit-files $kinds --full --no-legend --no-pager
            for unit in $(awk '$1 ~ /@[^.]/ { print $1 }' units.wanted); do
                printf '%s %s\n' "$unit" "$(systemctl is-enabled "$unit" 2>/dev/null)"
            done
        } | awk '
            FILENAME == "units.wanted" { wanted[$1] = $2; next }
            $2 == "alias" || $2 == "transient" || $1 ~ /^holdfast-/ { next }
            { there[$1] = 1 }
            !($1 in wanted) { if ($2 ~ /^enabled/) print "extra", $1, $2; next }
            wanted[$1] != "-" && wanted[$1] != $2 { print "differs", $1, ($2 == "" ? "gone" : $2), wanted[$1] }
            END { for (unit in wanted) if (!(unit in there)) print "gone", unit }
        ' units.wanted -)
        [ -n "$wrong" ] || break
        while read -r what unit now was; do
            if [ "$pass" = 3 ]; then
                case "$what" in
                extra) failed "$unit is $now, and was not there" ;;
                differs) failed "$unit is $now, and was $was" ;;
                gone) failed "$unit is gone" ;;
                esac
            elif [ "$what" = differs ]; then
                enable "$unit" "$now" "$was"
            elif [ "$what" = extra ]; then
                say "$unit: it was not there"
                systemctl --quiet disable --now "$unit"
                touched=1
            fi
        done <<END
$wrong
END
    done
}

# UNIT LOADED; whether it began after the snapshot and not by itself. Sessions and programs start units for themselves.
started_since() {
    case "$1" in holdfast-* | session-* | user@* | user-runtime-dir@*) return 1 ;; esac
    [ "$2" != not-found ] || return 0
    case "$1 $(systemctl is-enabled "$1" 2>/dev/null)" in
    *@*' static' | *' transient' | *' generated' | *' ') return 1 ;;
    esac
}

running() {
    for pass in 1 2; do
        wrong=$(systemctl list-units $kinds --state=active,reloading --full --plain --no-legend --no-pager | awk '
            FILENAME == "units.wanted" { wanted[$1] = $3; next }
            { runs[$1] = 1 }
            !($1 in wanted) { print "extra", $1, $2 }
            wanted[$1] == "no" { print "stop", $1 }
            END { for (unit in wanted) if (wanted[unit] == "yes" && !(unit in runs)) print "start", unit }
        ' units.wanted -)
        while read -r what unit loaded; do
            [ -n "$what" ] || continue
            if [ "$what" = extra ]; then
                started_since "$unit" "$loaded" || continue
                what=stop
            fi
            if [ "$pass" = 2 ]; then
                if [ "$what" = start ]; then failed "$unit does not run, and did"; continue; fi
                failed "$unit runs, and did not"
                continue
            fi
            say "$unit: $what"
            [ "$what" = stop ] || systemctl reset-failed "$unit" 2>/dev/null
            systemctl "$what" "$unit"
            [ "$what" = start ] || systemctl reset-failed "$unit" 2>/dev/null
            touched=1
        done <<END
$wrong
END
    done
}
"""

RESTARTS = r"""
# --- what reads its configuration only when it is told to ---

reread() {
    case " $todo " in *" reload "*) systemctl daemon-reload || failed "systemd cannot read its units" ;; esac
}

restart() {
    case " $todo " in
    *connection:*) nmcli connection reload || failed "NetworkManager cannot read its connections" ;;
    esac
    for each in $todo; do
        case "$each" in
        reload | connection:) ;;
        connection:*)
            say "connection ${each#connection:}: up"
            nmcli --wait 30 connection up uuid "${each#connection:}" ||
                failed "the connection ${each#connection:} does not come up"
            ;;
        *)
            [ "$(systemctl show -p LoadState --value "$each")" = loaded ] || continue
            systemctl is-active --quiet "$each" || continue
            say "$each: restart"
            touched=1
            systemctl restart "$each" || failed "$each cannot be restarted"
            ;;
        esac
    done
    todo=''
    rm -f pending
}
"""

MOUNTS = r"""
# --- mounts ---

# SOURCE TYPE OPTIONS ALL_OPTIONS ROOT PATH
mounted() {
    if [ -z "$(findmnt --noheadings --output TARGET --mountpoint "$6")" ]; then
        say "$6: mounting it"
        [ -d "$6" ] || (umask 022 && mkdir -p -- "$6")
        mount -- "$6" 2>/dev/null || { [ "$5" = / ] && mount -t "$2" -o "$4" -- "$1" "$6"; } ||
            failed "$6: it cannot be mounted again: $2 of $1"
        touched=1
    fi
    now=$(findmnt --noheadings --output VFS-OPTIONS --mountpoint "$6" | tail -n 1)
    if [ -n "$now" ] && [ "$now" != "$3" ]; then
        say "$6: mounting it with $3"
        mount -o "remount,$4" -- "$6" ||
            failed "$6: it cannot be mounted with $3; it is mounted with $now"
    fi
}

# KINDS BELOW; the innermost first. Nothing is torn away from who uses it.
unmounted() {
    extra=$(awk -v kinds=" $1 " -v below="^$2" '
        { for (at = 7; $at != "-"; at++); kind = $(at + 1) }
        kind == "autofs" { automatic[$5] = 1 }
        index(kinds, " " kind " ") || $5 ~ below { next }
        { for (path in automatic) if ($5 == path || index($5, path "/") == 1) next; print $5 }
    ' /proc/self/mountinfo | sort -u | comm -23 - mounts.wanted | sort -r)
    while IFS= read -r path; do
        [ -n "$path" ] || continue
        path=$(printf "$(printf '%s' "$path" | sed 's/%/%%/g')")
        say "$path: unmounting it"
        umount -- "$path" || failed "$path: it is mounted, and was not"
    done <<END
$extra
END
}
"""

PACKAGES = r"""
# --- packages ---

dnf_quietly() {
    dnf --assumeyes --quiet --setopt=timeout=10 --setopt=retries=2 --setopt=clean_requirements_on_remove=False "$@"
}

installed() {
    timeout 120 rpm -qa --queryformat '%{NAME}.%{ARCH} %{EPOCH}:%{VERSION}-%{RELEASE}\n' |
        sed -e '/^gpg-pubkey[.]/d' -e 's/ (none):/ /' -e 's/ 0:/ /' | sort -u
}

# As dnf wants them: NAME-VERSION.ARCH
specs() { sed -e 's/^[[:space:]]*\(.*\)[.]\([^. ]*\) \(.*\)$/\1-\3.\2/'; }

same_packages() { [ -z "$(installed | comm -3 - packages.wanted)" ]; }

# What is too much, but not the other version of a package whose own could not be had: one of them is better than none.
removable() {
    {
        installed | comm -13 - packages.wanted | sed -e 's/^/missing /'
        installed | comm -23 - packages.wanted | sed -e 's/^/extra /'
    } | awk '$1 == "missing" { lacks[$2] = 1; next } !($2 in lacks) { print $2, $3 }'
}

# What runs now cannot be taken away from under itself.
without_running_kernel() { grep -vF -e "-$(uname -r)"; }

packages() {
    if ! has rpm || ! has dnf; then
        failed "packages have changed, and rpm or dnf is gone"
        return
    fi
    [ -e packages.before ] || installed > packages.before
    last=$(dnf --quiet history list 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { print $1; exit }')
    # One transaction is undone as a whole, which keeps who wanted which package. Several are not: dnf reckons with all
    # that was between, and takes away and installs again what only has to stay.
    if [ -n "$1" ] && [ "${last:-0}" -eq $(($1 + 1)) ]; then
        say "packages: undoing dnf's transaction $last"
        dnf_quietly history undo "$last" || say "packages: that was not possible; trying them by their versions"
    fi
    missing=$(installed | comm -13 - packages.wanted | specs)
    if [ -n "$missing" ]; then
        say "packages: installing" $missing
        dnf_quietly install --allowerasing $missing || dnf_quietly --setopt=strict=False install --allowerasing $missing
    fi
    extra=$(removable | specs | without_running_kernel)
    if [ -n "$extra" ]; then
        say "packages: removing" $extra
        dnf_quietly remove $extra
    fi
    while IFS= read -r line; do
        case "$line" in
        '') ;;
        '	'*) failed "the package ${line#?} is missing, and cannot be had" ;;
        *) failed "the package $line is installed, and was not" ;;
        esac
    done <<END
$(installed | comm -3 - packages.wanted)
END
    touched=1
    later reload
}

# Services that came from packages which were changed; those of the system itself are left to their packages.
renew() {
    [ -e packages.before ] && [ -e units.wanted ] || return 0
    renewed=$(installed | comm -3 - packages.before | awk '{ print $1 }')
    for unit in $(awk '$3 == "yes" && $1 ~ /[.]service$/ { print $1 }' units.wanted); do
        case "$unit" in dbus* | systemd-* | getty@* | auditd.service) continue ;; esac
        path=$(systemctl show -p FragmentPath --value "$unit")
        [ -n "$path" ] && owner=$(rpm -qf --queryformat '%{NAME}.%{ARCH}\n' "$path" 2>/dev/null) || continue
        case "
$renewed
" in *"
$owner
"*) later "$unit" ;; esac
    done
}
"""
