# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell of timers and restores on a Windows host: a script for each operation, each one round trip.

Each runs in ``ansible.windows.win_powershell``, is the same for every host and gets what differs as parameters, so that
no secret is part of a script (Windows may log those). Each writes one JSON text. ASCII, for PowerShell 5.1.
"""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.windows_reads import changing, reading

FOLDER = r"C:\ProgramData\Holdfast\guard"
"""Where the folders of guards are (as ``%ProgramData%`` usually has it)."""

_STATE = "[string]$Token, [int]$Seconds, [string]$Restore, [string]$Wanted, [string[]]$Contents"

_LOOK = r"""
$guards = Join-Path -Path $env:ProgramData -ChildPath 'Holdfast\guard'

function Find-Task([string]$Pattern) {
    # All are asked for: a question for one name cannot tell one that is not there from a scheduler that is not.
    @(Get-ScheduledTask | Where-Object { $_.TaskPath -eq '\' -and $_.TaskName -like $Pattern })
}

function Read-Whole([string]$Path) {
    if (Test-Path -LiteralPath $Path) { [IO.File]::ReadAllText($Path, [Text.Encoding]::UTF8) } else { '' }
}
"""

_GUARD = r"""
function Write-Whole([string]$Path, [byte[]]$Data) {
    $file = New-Object -TypeName IO.FileStream -ArgumentList @(
        $Path, [IO.FileMode]::CreateNew, [IO.FileAccess]::Write)
    try {
        $file.Write($Data, 0, $Data.Length)
        $file.Flush($true)
    }
    finally { $file.Dispose() }
}

function Remove-Guard([string]$Name) {
    foreach ($task in Find-Task $Name) {
        Unregister-ScheduledTask -TaskName $task.TaskName -TaskPath '\' -Confirm:$false
    }
    if (Test-Path -LiteralPath "$guards\$Name") { Remove-Item -LiteralPath "$guards\$Name" -Recurse -Force }
    if (@(Find-Task $Name).Count -gt 0) { throw "the scheduled task $Name is still there" }
    if (Test-Path -LiteralPath "$guards\$Name") { throw "the folder $guards\$Name is still there" }
}
"""

_STAGE = r"""
function Protect-Folder([string]$Path) {
    [void][IO.Directory]::CreateDirectory($Path)
    $folder = Get-Item -LiteralPath $Path -Force
    if ($folder.Attributes -band [IO.FileAttributes]::ReparsePoint) { throw "$Path is a link, and must be a folder" }
    $acl = New-Object -TypeName Security.AccessControl.DirectorySecurity
    $sddl = 'O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)'
    $acl.SetSecurityDescriptorSddlForm($sddl, 'Owner, Group, Access')
    Set-Acl -LiteralPath $Path -AclObject $acl
    $rules = (Get-Acl -LiteralPath $Path).GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier])
    foreach ($rule in $rules) {
        $who = $rule.IdentityReference.Value
        if ($who -ne 'S-1-5-18' -and $who -ne 'S-1-5-32-544') { throw "$Path is open to $who" }
    }
}

function Write-Stage([string]$Folder) {
    Protect-Folder (Split-Path -Path $guards -Parent)
    Protect-Folder $guards
    Protect-Folder $Folder
    Write-Whole "$Folder\wanted.json" ([Convert]::FromBase64String($Wanted))
    for ($number = 0; $number -lt $Contents.Count; $number++) {
        Write-Whole "$Folder\content-$number" ([Convert]::FromBase64String($Contents[$number]))
    }
    Write-Whole "$Folder\restore.ps1" ([Text.Encoding]::ASCII.GetBytes($Restore))
}

function Register-Restore([string]$Name, [string]$Folder, [object[]]$Triggers) {
    $given = @{ TaskName = $Name; TaskPath = '\' }
    if ($Triggers) { $given.Trigger = $Triggers }
    $given.Action = New-ScheduledTaskAction -Execute (
        "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe") -Argument (
        "-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$Folder\restore.ps1`"")
    $given.Principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
    $given.Settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -AllowStartIfOnBatteries `
        -DontStopIfGoingOnBatteries -DontStopOnIdleEnd -MultipleInstances Queue -Priority 4 `
        -ExecutionTimeLimit (New-TimeSpan -Hours 4)
    $given.Description = 'Holdfast brings this host back to the state before a change'
    [void](Register-ScheduledTask @given)
}
"""

ARM = changing(
    _LOOK
    + _GUARD
    + _STAGE
    + r"""
function Remove-Old {
    # What earlier guards left and nobody reads any more: no task, and a day has passed.
    if (-not (Test-Path -LiteralPath $guards)) { return }
    foreach ($old in Get-ChildItem -LiteralPath $guards -Directory) {
        if ($old.LastWriteTimeUtc -gt [DateTime]::UtcNow.AddDays(-1)) { continue }
        if (@(Find-Task $old.Name).Count -gt 0) { continue }
        Remove-Item -LiteralPath $old.FullName -Recurse -Force
    }
}

$folder = "$guards\$Token"
if ([string](Get-Service -Name Schedule).Status -ne 'Running') {
    throw 'the Task Scheduler does not run there, so nothing would revert when nobody comes back'
}
if (@(Find-Task $Token).Count -gt 0 -or (Test-Path -LiteralPath $folder)) {
    throw "there is a guard named $Token already"
}
Remove-Old
try {
    Write-Stage $folder
    Write-Whole "$folder\reserve" (New-Object -TypeName byte[] -ArgumentList 65536)
    $now = [DateTime]::UtcNow
    $deadline = $now.AddSeconds($Seconds + 1)
    $deadline = $deadline.AddTicks(-($deadline.Ticks % 10000000))
    Write-Whole "$folder\deadline" ([Text.Encoding]::ASCII.GetBytes([string]$deadline.ToFileTimeUtc()))
    # Coordinated time, so that neither summer time nor another time zone moves it.
    $once = New-ScheduledTaskTrigger -Once -At $deadline.ToLocalTime()
    $once.StartBoundary = $deadline.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", [Globalization.CultureInfo]::InvariantCulture)
    $boot = New-ScheduledTaskTrigger -AtStartup
    $boot.Delay = 'PT15S'
    Register-Restore $Token $folder @($once, $boot)
    $task = @(Find-Task $Token)[0]
    if ($null -eq $task) { throw "the scheduled task $Token is not there after it was registered" }
    if ([string]$task.State -eq 'Disabled') { throw "the scheduled task $Token is disabled" }
    $next = ($task | Get-ScheduledTaskInfo).NextRunTime
    if ($null -eq $next) { throw "the scheduled task $Token has no time to run" }
    $off = ($next.ToUniversalTime() - $deadline).TotalSeconds
    if ([Math]::Abs($off) -gt 2) { throw "the scheduled task $Token is off by $off seconds" }
}
catch {
    $why = $_
    try { Remove-Guard $Token } catch { throw "$why; and what was made of it cannot be taken away: $_" }
    throw $why
}
ConvertTo-Json -Compress -InputObject @{ left = ($next.ToUniversalTime() - [DateTime]::UtcNow).TotalSeconds }
""",
    _STATE,
)

ARMED = reading(
    _LOOK
    + r"""
$tokens = @{}
$tasks = @{}
foreach ($task in Find-Task 'holdfast-*') {
    $tokens[$task.TaskName] = $true
    $tasks[$task.TaskName] = $task
}
if (Test-Path -LiteralPath $guards) {
    foreach ($each in Get-ChildItem -LiteralPath $guards -Directory -Filter 'holdfast-*') {
        $tokens[$each.Name] = $true
    }
}
$found = @(foreach ($token in $tokens.Keys) {
    $task = $tasks[$token]
    $next = $null
    if ($null -ne $task) { $next = ($task | Get-ScheduledTaskInfo).NextRunTime }
    $deadline = Read-Whole "$guards\$token\deadline"
    $due = $null
    if ($deadline) { $due = ([DateTime]::FromFileTimeUtc([long]$deadline) - [DateTime]::UtcNow).TotalSeconds }
    @{
        token = $token
        task = if ($null -eq $task) { '' } else { [string]$task.State }
        next = if ($null -eq $next) { $null } else { ($next.ToUniversalTime() - [DateTime]::UtcNow).TotalSeconds }
        due = $due
        claim = Read-Whole "$guards\$token\claim"
        claimed = (Test-Path -LiteralPath "$guards\$token\claim")
        outcome = Read-Whole "$guards\$token\outcome.json"
    }
})
ConvertTo-Json -Compress -Depth 4 -InputObject @{ guards = $found }
"""
)

DISARM = changing(
    _LOOK
    + _GUARD
    + r"""
$folder = "$guards\$Token"
$begun = $false
if (Test-Path -LiteralPath $folder) {
    # Whoever makes this file first goes on; the other one, guard or revert, leaves off.
    try { Write-Whole "$folder\claim" ([Text.Encoding]::ASCII.GetBytes('disarmed')) }
    catch {
        if (-not (Test-Path -LiteralPath "$folder\claim")) { throw }
        $begun = (Read-Whole "$folder\claim") -ne 'disarmed'
    }
}
if (-not $begun) { Remove-Guard $Token }
ConvertTo-Json -Compress -InputObject @{ begun = $begun; outcome = (Read-Whole "$folder\outcome.json") }
""",
    "[string]$Token",
)

OUTCOME = reading(
    _LOOK
    + r"""
ConvertTo-Json -Compress -InputObject @{ outcome = (Read-Whole "$guards\$Token\outcome.json") }
""",
    "[string]$Token",
)

RUN = changing(
    _LOOK
    + _GUARD
    + _STAGE
    + r"""
$folder = "$guards\$Token"
if (@(Find-Task $Token | Where-Object { [string]$_.State -eq 'Running' }).Count -gt 0) {
    throw 'this restore is at work already'
}
Remove-Guard $Token
Write-Stage $folder
Register-Restore $Token $folder
Start-ScheduledTask -TaskName $Token -TaskPath '\'
$watch = [Diagnostics.Stopwatch]::StartNew()
while (-not (Test-Path -LiteralPath "$folder\outcome.json")) {
    $passed = $watch.Elapsed.TotalSeconds
    if ($passed -gt 60 -and -not (Test-Path -LiteralPath "$folder\claim")) {
        $last = (Find-Task $Token | Get-ScheduledTaskInfo).LastTaskResult
        throw "the restore has not begun after a minute; the last result of its task is $last"
    }
    if ($passed -gt $Seconds) { throw "the restore has not ended after $Seconds seconds; it goes on there" }
    Start-Sleep -Milliseconds 500
}
$outcome = Read-Whole "$folder\outcome.json"
# The script takes its task away as its last step.
for ($try = 0; $try -lt 20 -and @(Find-Task $Token).Count -gt 0; $try++) { Start-Sleep -Milliseconds 500 }
Remove-Guard $Token
ConvertTo-Json -Compress -InputObject @{ outcome = $outcome }
""",
    _STATE,
)
"""A restore at once is a task too: SYSTEM runs it as it would a timer's, and no connection that breaks ends it."""
