# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell script that brings a Windows host back: ``restore.ps1``, the same for a restore and for a timer.

It lies in a folder that only SYSTEM and Administrators enter, beside ``wanted.json`` (see ``windows_wanted``) and the
contents of files, and it needs nothing else: no network, no controlling side. It says what it does a line at a time,
goes on after a step that failed and tries it again, and may be run again after it was interrupted at any step.

Files of the folder: ``deadline``, before which nothing is done (only a timer's folder has it: its task also starts with
the host, for a task whose time has passed during a reboot is begun by Windows only some ten minutes after it).
``claim``: made by whoever comes first, ``reverting`` by this script or ``disarmed`` by a guard; the other one leaves
off. ``reserve``: room for what this script writes, for the change may have filled the disk. ``outcome.json``: how it
ended; once it is there, nothing is done again.

It is ASCII, and for PowerShell 5.1, in which ConvertFrom-Json has no depth and leaves dates alone.
"""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.windows_reads import (
    FILE_FUNCTIONS,
    RULE_FUNCTIONS,
    VALUE_FUNCTIONS,
)

_BEGIN = r"""# Holdfast: bring this host back to the state in wanted.json, which lies beside this script.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$here = $PSScriptRoot
if (Test-Path -LiteralPath "$here\outcome.json") { exit 0 }
if (Test-Path -LiteralPath "$here\deadline") {
    $due = [long][IO.File]::ReadAllText("$here\deadline")
    if ([DateTime]::UtcNow.ToFileTimeUtc() -lt $due - 10000000) { exit 0 }
}
if (Test-Path -LiteralPath "$here\reserve") { Remove-Item -LiteralPath "$here\reserve" -Force }
try {
    $claim = New-Object -TypeName IO.FileStream -ArgumentList @(
        "$here\claim", [IO.FileMode]::CreateNew, [IO.FileAccess]::Write)
    $text = [Text.Encoding]::ASCII.GetBytes('reverting')
    $claim.Write($text, 0, $text.Length)
    $claim.Flush($true)
    $claim.Dispose()
}
catch {
    if (-not (Test-Path -LiteralPath "$here\claim")) { throw }
    if ([IO.File]::ReadAllText("$here\claim") -eq 'disarmed') { exit 0 }
}
$script:said = New-Object -TypeName 'Collections.Generic.List[string]'
$script:failed = 0

function Say([string]$What) { $script:said.Add($What) }

function Step([string]$About, [scriptblock]$Do) {
    try { & $Do }
    catch {
        $script:failed += 1
        Say "failed: ${About}: $($_.Exception.Message)"
    }
}
"""

_FIREWALL = r"""
function Get-Setting($Object) {
    $found = @{}
    foreach ($each in $Object.PSObject.Properties) { $found[$each.Name] = $each.Value }
    $found
}

function Restore-Firewall($Wanted) {
    foreach ($one in $Wanted.profiles) {
        Step "firewall profile $($one.name)" {
            $now = Get-NetFirewallProfile -Name $one.name
            $given = @{}
            foreach ($each in $one.settings.PSObject.Properties) {
                if ([string]$now.($each.Name) -ne $each.Value) { $given[$each.Name] = $each.Value }
            }
            if ($given.Count -gt 0) {
                Set-NetFirewallProfile -Name $one.name @given
                Say "firewall profile $($one.name): $(($given.Keys | Sort-Object) -join ', ')"
            }
        }
    }
    $script:rules = $null
    Step 'firewall rules' { $script:rules = Get-FirewallDefinition }
    if ($null -eq $script:rules) { return }
    $names = @{}
    foreach ($one in $Wanted.rules) {
        $names[$one.name] = $true
        $there = $script:rules[$one.name]
        if ($there -ceq $one.definition) { continue }
        Step "firewall rule $($one.name)" {
            if ($one.unknown) { throw "it has fields that cannot be written: $($one.unknown -join ', ')" }
            if ($null -eq $there) {
                $given = Get-Setting $one.made
                [void](New-NetFirewallRule -Name $one.name @given)
            }
            else {
                $given = Get-Setting $one.changed
                Set-NetFirewallRule -Name ([Management.Automation.WildcardPattern]::Escape($one.name)) @given
            }
            Say "firewall rule $($one.name): written"
        }
    }
    foreach ($name in @($script:rules.Keys)) {
        if ($names.ContainsKey($name)) { continue }
        Step "firewall rule $name" {
            Remove-NetFirewallRule -Name ([Management.Automation.WildcardPattern]::Escape($name))
            Say "firewall rule ${name}: removed"
        }
    }
}
"""

_SERVICES = r"""
function Get-Sid([string]$Account) {
    if ($Account -eq 'LocalSystem') { return 'S-1-5-18' }
    $full = $Account -replace '^\.\\', "$env:COMPUTERNAME\"
    (New-Object -TypeName Security.Principal.NTAccount -ArgumentList $full).Translate(
        [Security.Principal.SecurityIdentifier]).Value
}

function Get-StartMode($Service) {
    if ($Service.StartMode -eq 'Auto' -and $Service.DelayedAutoStart) { 'delayed' }
    else { ([string]$Service.StartMode).ToLowerInvariant() }
}

function Set-StartMode($One, $There) {
    $modes = @{ auto = 'auto'; delayed = 'delayed-auto'; manual = 'demand'; disabled = 'disabled' }
    if ((Get-StartMode $There) -eq $One.start_mode) { return }
    if (-not $modes.ContainsKey($One.start_mode)) { throw "its start mode cannot be set to $($One.start_mode)" }
    $answer = & "$env:SystemRoot\System32\sc.exe" config $One.name 'start=' $modes[$One.start_mode]
    if ($LASTEXITCODE -ne 0) { throw ($answer -join ' ') }
    Say "service $($One.name): start mode $($One.start_mode)"
}

function Set-Account($One, $There) {
    if (-not $One.account -or -not $There.StartName) { return }
    $sid = Get-Sid $One.account
    if ($sid -eq (Get-Sid $There.StartName)) { return }
    $builtin = @{
        'S-1-5-18' = 'LocalSystem'; 'S-1-5-19' = 'NT AUTHORITY\LocalService'; 'S-1-5-20' = 'NT AUTHORITY\NetworkService'
    }
    $account = $One.account
    if ($builtin.ContainsKey($sid)) { $account = $builtin[$sid] }
    elseif ($account -notlike '*$' -and $account -notlike 'NT SERVICE\*') {
        throw "it runs as $($There.StartName); set it to $account by hand, for that needs a password"
    }
    $change = @{ StartName = $account; StartPassword = '' }
    $status = (Invoke-CimMethod -InputObject $There -MethodName Change -Arguments $change).ReturnValue
    if ($status -ne 0) { throw "its account cannot be set to $account (Win32_Service.Change returned $status)" }
    Say "service $($One.name): account $account"
}

function Restore-Service($Wanted) {
    $script:services = @{}
    Step 'services' {
        foreach ($each in Get-CimInstance -ClassName Win32_Service) { $script:services[$each.Name] = $each }
    }
    if ($script:services.Count -eq 0) { return }
    foreach ($one in $Wanted) {
        Step "service $($one.name)" {
            $there = $script:services[$one.name]
            if ($null -eq $there) { throw 'it is not installed' }
            Set-StartMode $one $there
            Set-Account $one $there
        }
    }
    foreach ($state in 'stopped', 'started', 'paused') {
        foreach ($one in $Wanted) {
            if ($one.state -ne $state -or -not $script:services.ContainsKey($one.name)) { continue }
            Step "service $($one.name)" {
                $status = @{ stopped = 'Stopped'; started = 'Running'; paused = 'Paused' }[$state]
                $service = Get-Service -Name ([Management.Automation.WildcardPattern]::Escape($one.name))
                if ([string]$service.Status -eq $status) { return }
                if ($state -eq 'stopped') { $service | Stop-Service -Force -NoWait }
                elseif ($state -eq 'paused') { $service | Suspend-Service }
                elseif ([string]$service.Status -eq 'Paused') { $service.Continue() }
                else { $service.Start() }
                $service.WaitForStatus($status, [TimeSpan]::FromSeconds(60))
                Say "service $($one.name): $state"
            }
        }
    }
}
"""

_RESTARTS = r"""
function Restart-Reading($Names) {
    $written = @($script:said | Where-Object { $_ -like 'file *' -or $_ -like 'registry *' })
    if ($written.Count -eq 0) { return }
    foreach ($name in $Names) {
        if ($script:said -contains "service ${name}: started" -or $script:said -contains "service ${name}: restarted") {
            continue
        }
        Step "service $name" {
            $service = Get-Service -Name ([Management.Automation.WildcardPattern]::Escape($name))
            if ([string]$service.Status -ne 'Running') { return }
            $service | Restart-Service -Force
            Say "service ${name}: restarted"
        }
    }
}
"""

_REGISTRY = r"""
function Set-Data($Key, $Value) {
    $data = [string[]]@($Value.data)
    switch ($Value.kind) {
        'String' { $Key.SetValue($Value.name, $data[0], 'String') }
        'ExpandString' { $Key.SetValue($Value.name, $data[0], 'ExpandString') }
        'MultiString' { $Key.SetValue($Value.name, $data, 'MultiString') }
        'DWord' { $Key.SetValue($Value.name, [int]$data[0], 'DWord') }
        'QWord' { $Key.SetValue($Value.name, [long]$data[0], 'QWord') }
        'Binary' { $Key.SetValue($Value.name, [byte[]][Convert]::FromBase64String($data[0]), 'Binary') }
        'None' { $Key.SetValue($Value.name, [byte[]][Convert]::FromBase64String($data[0]), 'None') }
        default { throw "the value '$($Value.name)' is of a type that cannot be written" }
    }
}

function Test-Data($Key, $Value) {
    if ($Value.name -notin $Key.GetValueNames()) { return $false }
    if ((Get-ValueKind $Key $Value.name) -ne $Value.kind) { return $false }
    $now = Get-ValueData $Key $Value.name
    $then = [string[]]@($Value.data)
    $now.Count -eq $then.Count -and ($now -join "`0") -ceq ($then -join "`0")
}

function Test-Passing([string]$Path, $Patterns) {
    foreach ($pattern in $Patterns) { if ($Path -match $pattern) { return $true } }
    $false
}

function Restore-Key($Base, $One, $Known, $Passing) {
    $path = $One.path
    $key = $Base.OpenSubKey($One.key, $true)
    if (-not $One.exists) {
        if ($null -ne $key) {
            $Base.DeleteSubKeyTree($One.key)
            Say "registry ${path}: removed"
        }
        return
    }
    if ($null -eq $key) {
        $key = $Base.CreateSubKey($One.key)
        Say "registry ${path}: made"
    }
    $names = @{}
    foreach ($value in $One.values) {
        $names[$value.name] = $true
        Step "registry $path" {
            if (-not (Test-Data $key $value)) {
                Set-Data $key $value
                Say "registry ${path}: value '$($value.name)' written"
            }
        }
    }
    foreach ($name in $key.GetValueNames()) {
        if (-not $names.ContainsKey($name) -and -not (Test-Passing "$path.$name" $Passing)) {
            $key.DeleteValue($name)
            Say "registry ${path}: value '$name' removed"
        }
    }
    foreach ($name in $key.GetSubKeyNames()) {
        if (-not $Known.ContainsKey("$path\$name")) {
            $key.DeleteSubKeyTree($name)
            Say "registry $path\${name}: removed"
        }
    }
}

function Restore-Registry($Wanted) {
    $known = @{}
    foreach ($one in $Wanted.keys) { $known[$one.path] = $true }
    foreach ($one in $Wanted.keys) {
        Step "registry $($one.path)" { Restore-Key (Open-Hive $one.hive) $one $known $Wanted.passing }
    }
}
"""

_FILES = r"""
function Write-File([string]$Path, [byte[]]$Data) {
    $folder = Split-Path -Path $Path -Parent
    if (-not (Test-Path -LiteralPath $folder)) { [void][IO.Directory]::CreateDirectory($folder) }
    $there = Test-Path -LiteralPath $Path
    if ($there) { [IO.File]::SetAttributes($Path, [IO.FileAttributes]::Normal) }
    $part = "$Path.holdfast"
    [IO.File]::WriteAllBytes($part, $Data)
    if ($there) { [IO.File]::Replace($part, $Path, [NullString]::Value) } else { [IO.File]::Move($part, $Path) }
}

function Restore-File($Wanted) {
    foreach ($one in $Wanted) {
        Step "file $($one.path)" {
            $there = Test-Path -LiteralPath $one.path
            if (-not $one.exists) {
                if ($there) {
                    Remove-Item -LiteralPath $one.path -Force
                    Say "file $($one.path): removed"
                }
                return
            }
            $data = [IO.File]::ReadAllBytes("$here\$($one.content)")
            $now = ''
            if ($there) { $now = [Convert]::ToBase64String([IO.File]::ReadAllBytes($one.path)) }
            if (-not $there -or $now -cne [Convert]::ToBase64String($data)) {
                Write-File $one.path $data
                Say "file $($one.path): written"
            }
            $acl = Get-Acl -LiteralPath $one.path
            if ($acl.Sddl -cne $one.sddl) {
                $acl.SetSecurityDescriptorSddlForm($one.sddl, 'Owner, Group, Access')
                Set-Acl -LiteralPath $one.path -AclObject $acl
                Say "file $($one.path): owner and permissions"
            }
            if ((Get-KeptAttribute $one.path) -ne $one.attributes) {
                [IO.File]::SetAttributes($one.path, [IO.FileAttributes]$one.attributes)
                Say "file $($one.path): attributes $($one.attributes)"
            }
        }
    }
}
"""

_FEATURES = r"""
function Restore-Feature($Wanted) {
    $now = @{}
    foreach ($each in Get-WindowsFeature) { $now[$each.Name] = [bool]$each.Installed }
    $gone = @($Wanted | Where-Object { -not $now.ContainsKey($_.name) } | ForEach-Object { $_.name })
    if ($gone) { throw "this host does not know the features $($gone -join ', ')" }
    $extra = @($Wanted | Where-Object { -not $_.installed -and $now[$_.name] } | ForEach-Object { $_.name })
    $lost = @($Wanted | Where-Object { $_.installed -and -not $now[$_.name] } | ForEach-Object { $_.name })
    foreach ($order in @(@{ names = $extra; verb = 'removed' }, @{ names = $lost; verb = 'installed' })) {
        if (-not $order.names) { continue }
        $result = if ($order.verb -eq 'removed') { Uninstall-WindowsFeature -Name $order.names }
        else { Install-WindowsFeature -Name $order.names }
        if (-not $result.Success) { throw "$($order.names -join ', ') cannot be $($order.verb): $($result.ExitCode)" }
        Say "features $($order.verb): $($order.names -join ', ')"
        if ([string]$result.RestartNeeded -ne 'No') { Say 'features: a reboot is needed to complete this' }
        $script:again = $true
    }
}
"""

_MAIN = r"""
# What failed is tried again: after a start of the host not everything answers at once, and features bring services.
for ($round = 1; $round -le 3; $round++) {
    if ($script:failed -gt 0) { Start-Sleep -Seconds 10 }
    $script:failed = 0
    $script:again = $false
    [void]$script:said.RemoveAll([Predicate[string]] { param($line) $line -like 'failed: *' })
    $script:wanted = @{}
    Step 'wanted.json' {
        $script:wanted = [IO.File]::ReadAllText("$here\wanted.json", [Text.Encoding]::UTF8) | ConvertFrom-Json
    }
    if ($wanted.firewall) { Restore-Firewall $wanted.firewall }
    if ($wanted.registry) { Restore-Registry $wanted.registry }
    if ($wanted.files) { Restore-File $wanted.files }
    if ($wanted.services) { Restore-Service $wanted.services }
    if ($wanted.restart) { Restart-Reading $wanted.restart }
    if ($wanted.features) { Step 'features' { Restore-Feature $wanted.features } }
    if ($script:failed -eq 0 -and -not $script:again) { break }
}
$outcome = ConvertTo-Json -Compress -InputObject @{ complete = ($script:failed -eq 0); said = @($script:said) }
$bytes = (New-Object -TypeName Text.UTF8Encoding -ArgumentList $false).GetBytes($outcome)
$file = New-Object -TypeName IO.FileStream -ArgumentList @(
    "$here\outcome.new", [IO.FileMode]::Create, [IO.FileAccess]::Write)
$file.Write($bytes, 0, $bytes.Length)
$file.Flush($true)
$file.Dispose()
[IO.File]::Move("$here\outcome.new", "$here\outcome.json")
if ($script:failed -eq 0) {
    Get-ChildItem -LiteralPath $here -File | Where-Object { $_.Name -like 'content-*' -or $_.Name -eq 'wanted.json' } |
        Remove-Item -Force
}
Unregister-ScheduledTask -TaskName (Split-Path -Path $here -Leaf) -TaskPath '\' -Confirm:$false
exit 0
"""

RESTORE = (
    _BEGIN
    + RULE_FUNCTIONS
    + VALUE_FUNCTIONS
    + FILE_FUNCTIONS
    + _FIREWALL
    + _SERVICES
    + _RESTARTS
    + _REGISTRY
    + _FILES
    + _FEATURES
    + _MAIN
)
"""The whole script."""
