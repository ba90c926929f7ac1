# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How bundles write a file of a Linux host, in the shell of POSIX with the tools of Linux: whole at any moment.

It is written beside the old one, under a name that begins with a dot, so that no program that reads a folder of
configurations takes it for one, and moved into its place. Neither function says anything.
"""

from __future__ import annotations

WRITING = r"""
# DATA MODE OWNER GROUP LABEL PATH; a label of - is that of the policy. Ends with 1 when the file is not written, and
# with 2 when it is, and somebody else's or open to others than it should be.
write_whole() {
    new="${6%/*}/.holdfast-new"
    if ! { rm -rf -- "$new" && cat -- "$1" > "$new"; }; then
        rm -f -- "$new"
        return 1
    fi
    dressed=0
    chown -- "$3:$4" "$new" && chmod -- "$2" "$new" || dressed=2
    [ "$5" = - ] || chcon -- "$5" "$new" || dressed=2
    if ! mv -fT -- "$new" "$6"; then
        rm -f -- "$new"
        return 1
    fi
    if [ "$5" = - ] && command -v restorecon >/dev/null 2>&1; then restorecon "$6"; fi
    sync -- "$6" 2>/dev/null || sync
    return "$dressed"
}

# TARGET PATH
link_whole() {
    new="${2%/*}/.holdfast-new"
    rm -rf -- "$new" && ln -s -- "$1" "$new" && mv -fT -- "$new" "$2" && return 0
    rm -f -- "$new"
    return 1
}
"""
