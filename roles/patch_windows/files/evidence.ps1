# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
$ErrorActionPreference = 'Stop'
$os = Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime, Version
$fixes = @(Get-CimInstance -ClassName Win32_QuickFixEngineering -Property HotFixID)
$kbs = @($fixes | ForEach-Object { [string]$_.HotFixID } | Where-Object { $_ -like 'KB*' } | Sort-Object -Unique)
$pending = @()
$windows = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'
$control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
if (Test-Path -LiteralPath "$windows\Component Based Servicing\RebootPending") { $pending += 'servicing' }
if (Test-Path -LiteralPath "$windows\WindowsUpdate\Auto Update\RebootRequired") { $pending += 'windows update' }
$renames = (Get-Item -LiteralPath "$control\Session Manager").GetValue('PendingFileRenameOperations')
if ($renames) { $pending += 'file renames' }
$now = (Get-Item -LiteralPath "$control\ComputerName\ActiveComputerName").GetValue('ComputerName')
$then = (Get-Item -LiteralPath "$control\ComputerName\ComputerName").GetValue('ComputerName')
if ($now -ne $then) { $pending += 'computer name' }
ConvertTo-Json -Compress -Depth 3 -InputObject @{
    kbs = @($kbs)
    pending = @($pending)
    boot = [string]$os.LastBootUpTime.ToFileTime()
    version = [string]$os.Version
}
