# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell that reads a Windows host: a script for each section that no module reads at once.

Each runs in ``ansible.windows.win_powershell``, is the same for every host, gets what differs as parameters, changes
nothing (so that it runs in check mode too) and writes one JSON text. For PowerShell 5.1 or newer; ASCII only.
"""

from __future__ import annotations

_BEGIN = r"""
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {
"""
_END = r"""
}
catch {
    ConvertTo-Json -Compress -InputObject @{ wrong = [string]$_.Exception.Message }
}
"""


def reading(body: str, parameters: str = "") -> str:
    """A script that changes nothing. Whatever goes wrong in it is written as ``wrong``."""
    begin = f"[CmdletBinding(SupportsShouldProcess)]\nparam({parameters})\n$Ansible.Changed = $false"
    return f"{begin}{_BEGIN}{body.strip()}{_END}"


def changing(body: str, parameters: str = "") -> str:
    """A script that changes something: in check mode ``win_powershell`` does not run it."""
    return f"[CmdletBinding()]\nparam({parameters}){_BEGIN}{body.strip()}{_END}"


FEATURES = reading(
    r"""
$found = @(Get-WindowsFeature | ForEach-Object { @{ name = [string]$_.Name; installed = [bool]$_.Installed } })
ConvertTo-Json -Compress -Depth 4 -InputObject @{ features = $found }
"""
)

UPDATES = reading(
    r"""
$found = @(Get-CimInstance -ClassName Win32_QuickFixEngineering | Where-Object { $_.HotFixID } | ForEach-Object {
    @{ name = [string]$_.HotFixID; description = [string]$_.Description }
})
ConvertTo-Json -Compress -Depth 4 -InputObject @{ updates = $found }
"""
)

DOMAIN = reading(
    r"""
$computer = Get-CimInstance -ClassName Win32_ComputerSystem -Property Name, Domain, Workgroup, PartOfDomain
ConvertTo-Json -Compress -InputObject @{
    name = [string]$computer.Name
    member = [bool]$computer.PartOfDomain
    domain = [string]$computer.Domain
    workgroup = [string]$computer.Workgroup
}
"""
)

RULE_FUNCTIONS = r"""
function Get-FirewallDefinition {
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey(
        'SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules')
    if ($null -eq $key) { throw 'the registry has no key of firewall rules' }
    $found = @{}
    foreach ($name in $key.GetValueNames()) {
        $definition = ([string]$key.GetValue($name)) -replace '^v[0-9.]+\|', ''
        if ($definition -notmatch '(^|\|)LUOwn=') { $found[$name] = $definition }
    }
    $found
}
"""
"""The local rules as the firewall itself keeps them, without the version in front. Rules of a user's apps (``LUOwn``)
come and go with his logons."""

FIREWALL = reading(
    RULE_FUNCTIONS
    + r"""
$profiles = @(Get-NetFirewallProfile | ForEach-Object {
    @{
        name = [string]$_.Name
        settings = @{
            Enabled = [string]$_.Enabled
            DefaultInboundAction = [string]$_.DefaultInboundAction
            DefaultOutboundAction = [string]$_.DefaultOutboundAction
        }
    }
})
$rules = Get-FirewallDefinition
$listed = @(foreach ($name in $rules.Keys) { @{ name = $name; definition = $rules[$name] } })
ConvertTo-Json -Compress -Depth 5 -InputObject @{ profiles = $profiles; rules = $listed }
"""
)

VALUE_FUNCTIONS = r"""
function Get-ValueKind($Key, [string]$Name) {
    $kind = [string]$Key.GetValueKind($Name)
    $known = 'String', 'ExpandString', 'MultiString', 'DWord', 'QWord', 'Binary', 'None'
    if ($kind -in $known) { $kind } else { 'Other' }
}

function Get-ValueData($Key, [string]$Name) {
    $value = $Key.GetValue($Name, $null, [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
    $kind = Get-ValueKind $Key $Name
    $data = [string[]]@()
    if ($kind -eq 'MultiString') { $data = [string[]]@($value) }
    elseif ($kind -notin 'Binary', 'None', 'Other') { $data = [string[]]@([string]$value) }
    elseif ($null -eq $value) { $data = [string[]]@('') }
    else { $data = [string[]]@([Convert]::ToBase64String([byte[]]$value)) }
    , $data
}

function Open-Hive([string]$Hive) {
    [Microsoft.Win32.RegistryKey]::OpenBaseKey(
        [Microsoft.Win32.RegistryHive]$Hive, [Microsoft.Win32.RegistryView]::Registry64)
}
"""
"""Values of the registry as a kind and a list of texts; bytes as base64, numbers as .NET writes them (signed)."""

REGISTRY = reading(
    VALUE_FUNCTIONS
    + r"""
$script:left = $Most
function Read-Key($Base, [string]$Hive, [string]$Path) {
    $key = $Base.OpenSubKey($Path)
    if ($null -eq $key) { return @{ hive = $Hive; key = $Path; exists = $false; values = @() } }
    $values = @(foreach ($name in $key.GetValueNames()) {
        $script:left -= 1
        @{ name = $name; kind = (Get-ValueKind $key $name); data = (Get-ValueData $key $name) }
    })
    $script:left -= 1
    if ($script:left -lt 0) { throw "there are more than $Most values in the chosen keys; choose smaller ones" }
    @{ hive = $Hive; key = $Path; exists = $true; values = $values }
    foreach ($name in $key.GetSubKeyNames()) { Read-Key $Base $Hive "$Path\$name" }
}

$found = @(foreach ($chosen in $Keys) { Read-Key (Open-Hive $chosen.hive) $chosen.hive $chosen.key })
ConvertTo-Json -Compress -Depth 6 -InputObject @{ keys = $found }
""",
    "[object[]]$Keys, [int]$Most",
)

FILE_FUNCTIONS = r"""
$kept = [IO.FileAttributes]'ReadOnly, Hidden, System, NotContentIndexed'

function Get-KeptAttribute([string]$Path) {
    $found = [IO.File]::GetAttributes($Path) -band $kept
    if ($found -eq 0) { 'Normal' } else { [string]$found }
}
"""
"""Attributes that count. The archive attribute does not: each backup takes it away."""

FILES = reading(
    FILE_FUNCTIONS
    + r"""
$left = $MostBytes
$found = @(foreach ($path in $Paths) {
    if (-not (Test-Path -LiteralPath $path)) { @{ path = $path; exists = $false }; continue }
    if (Test-Path -LiteralPath $path -PathType Container) { throw "$path is a folder; choose the files in it" }
    $left -= (Get-Item -LiteralPath $path -Force).Length
    if ($left -lt 0) { throw "the chosen files have more than $MostBytes bytes; $path is one too many" }
    @{
        path = $path
        exists = $true
        content = [Convert]::ToBase64String([IO.File]::ReadAllBytes($path))
        attributes = (Get-KeptAttribute $path)
        sddl = (Get-Acl -LiteralPath $path).Sddl
    }
})
ConvertTo-Json -Compress -Depth 4 -InputObject @{ files = $found }
""",
    "[string[]]$Paths, [int]$MostBytes",
)
