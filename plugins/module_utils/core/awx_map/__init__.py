# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalog in AWX, as data: items as job templates, bundles as workflow templates, and what AWX does otherwise."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import (
    Degradation,
    NodeSpec,
    TemplateSpec,
    WorkflowSpec,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.templates import (
    engine_template_of,
    job_template_of,
    undo_template_of,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.whole import AwxMap, awx_map_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.workflows import workflow_of

__all__ = [
    "AwxMap",
    "Degradation",
    "NodeSpec",
    "TemplateSpec",
    "WorkflowSpec",
    "awx_map_of",
    "engine_template_of",
    "job_template_of",
    "undo_template_of",
    "workflow_of",
]
