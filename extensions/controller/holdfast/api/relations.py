# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which object a filter gets to which others, under the names that AWX's clients know.

One word for each relation of a model:

``name``                      the model's own reference or relationship of that name
``name=attribute:Model``      its own reference ``attribute_id``, to rows of Model
``name<Model.attribute``      rows of Model whose reference or relationship ``attribute`` leads here
``name~Model``                the very same row, as what Model says of it
``name%Link.mine.theirs``     rows that a link class holds: ``mine`` is our id in it, ``theirs`` the other one's
``name!``                     AWX has it and nothing of it is kept here: it leads nowhere
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_AUTHORS = "created_by modified_by "
_NOTIFY = "notification_templates_error notification_templates_started notification_templates_success "
_TEMPLATE = (
    _AUTHORS
    + _NOTIFY
    + "credentials execution_environment instance_groups labels organization "
    + "current_job=current_job:UnifiedJob last_job=last_job:UnifiedJob next_schedule=next_schedule:Schedule "
    + "schedules<Schedule.unified_job_template unifiedjob_unified_jobs<UnifiedJob.unified_job_template "
    + "workflowjobnodes<WorkflowJobNode.unified_job_template "
    + "workflowjobtemplatenodes<WorkflowJobTemplateNode.unified_job_template "
)
_TEMPLATE_KIND = _TEMPLATE + "unifiedjobtemplate_ptr~UnifiedJobTemplate "
_JOB = (
    _AUTHORS
    + "credentials execution_environment instance_group labels organization unified_job_template "
    + "schedule=schedule:Schedule unified_job_node<WorkflowJobNode.job dependent_jobs! launch_config! notifications! "
    + "unifiedjob_blocked_jobs! "
)
_JOB_KIND = _JOB + "unifiedjob_ptr~UnifiedJob "
_NODE = (
    "credentials execution_environment instance_groups inventory labels unified_job_template "
    "always_nodes failure_nodes success_nodes "
)

RELATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        model: tuple(words.split())
        for model, words in {
            "ActivityStream": "actor",
            "AdHocCommand": _JOB_KIND + "inventory credential! hosts! ad_hoc_command_events!",
            "Application": "organization user<Token.application",
            "Credential": _AUTHORS
            + "credential_type organization ad_hoc_commands! executionenvironments<ExecutionEnvironment.credential "
            "input_sources<CredentialInputSource.target_credential instancegroups<InstanceGroup.credential "
            "joblaunchconfigs! jobs! jobtemplates<JobTemplate.webhook_credential "
            "organization_galaxy_credentials<Organization.galaxy_credentials projects<Project.credential "
            "projects_signature_validation<Project.signature_validation_credential "
            "projectupdates<ProjectUpdate.credential schedules! "
            "target_input_sources<CredentialInputSource.source_credential unifiedjobs<UnifiedJob.credentials "
            "unifiedjobtemplates<UnifiedJobTemplate.credentials workflowjobnodes<WorkflowJobNode.credentials "
            "workflowjobs! workflowjobtemplatenodes<WorkflowJobTemplateNode.credentials "
            "workflowjobtemplates<WorkflowJobTemplate.webhook_credential",
            "CredentialInputSource": _AUTHORS + "target_credential source_credential",
            "CredentialType": _AUTHORS + "credentials<Credential.credential_type",
            "ExecutionEnvironment": _AUTHORS + "credential organization joblaunchconfig_as_prompt! schedule_as_prompt! "
            "unifiedjobs<UnifiedJob.execution_environment "
            "unifiedjobtemplates<UnifiedJobTemplate.execution_environment "
            "workflowjobnode_as_prompt<WorkflowJobNode.execution_environment "
            "workflowjobtemplatenode_as_prompt<WorkflowJobTemplateNode.execution_environment",
            "Group": _AUTHORS + "inventory hosts parents children inventory_sources!",
            "Host": _AUTHORS + "inventory groups ad_hoc_command_events! ad_hoc_commands! constructed_host_summaries! "
            "inventory_sources! job_events_as_primary_host! job_host_summaries<JobHostSummary.host "
            "jobs%JobHostSummary.host_id.job_id last_job=last_job:Job "
            "last_job_host_summary=last_job_host_summary:JobHostSummary smart_inventories!",
            "Instance": "rampart_groups<InstanceGroup.instances receptor_addresses! peers!",
            "InstanceGroup": "credential instances joblaunchconfigs! schedule_instance_groups! "
            "workflow_job_instance_groups! workflow_job_node_instance_groups<WorkflowJobNode.instance_groups "
            "workflow_job_template_node_instance_groups<WorkflowJobTemplateNode.instance_groups",
            "Inventory": _AUTHORS
            + "organization hosts groups instance_groups labels ad_hoc_commands! constructed_inventory_memberships! "
            "destination_inventories! input_inventories inventory_sources<InventorySource.inventory inventory_updates! "
            "joblaunchconfigs! "
            "schedules! jobs<Job.inventory jobtemplates<JobTemplate.inventory "
            "workflowjobnodes<WorkflowJobNode.inventory workflowjobs<WorkflowJob.inventory "
            "workflowjobtemplatenodes<WorkflowJobTemplateNode.inventory "
            "workflowjobtemplates<WorkflowJobTemplate.inventory",
            "InventorySource": _TEMPLATE_KIND + "inventory credential! source_project hosts! groups! "
            "inventory_updates<InventoryUpdate.unified_job_template",
            "InventoryUpdate": _JOB_KIND
            + "inventory inventory_source=unified_job_template:InventorySource inventory_update_events! "
            "source_project_update!",
            "Job": _JOB_KIND
            + "inventory project hosts%JobHostSummary.job_id.host_id job_events! job_host_summaries<JobHostSummary.job "
            "job_template=unified_job_template:JobTemplate project_update=project_update:ProjectUpdate "
            "webhook_credential=webhook_credential:Credential",
            "JobEvent": "job=job:Job host=host:Host",
            "JobHostSummary": "job host constructed_host=constructed_host:Host",
            "JobTemplate": _TEMPLATE_KIND
            + "inventory project webhook_credential jobs<Job.unified_job_template slice_workflow_jobs!",
            "Label": _AUTHORS
            + "organization inventory_labels<Inventory.labels joblaunchconfig_labels! schedule_labels! "
            "unifiedjob_labels<UnifiedJob.labels unifiedjobtemplate_labels<UnifiedJobTemplate.labels "
            "workflowjobnode_labels<WorkflowJobNode.labels "
            "workflowjobtemplatenode_labels<WorkflowJobTemplateNode.labels",
            "Notification": "notification_template unifiedjob_notifications!",
            "NotificationTemplate": _AUTHORS + "organization notifications<Notification.notification_template "
            "organization_notification_templates_for_approvals<Organization.notification_templates_approvals "
            "organization_notification_templates_for_errors<Organization.notification_templates_error "
            "organization_notification_templates_for_started<Organization.notification_templates_started "
            "organization_notification_templates_for_success<Organization.notification_templates_success "
            "unifiedjobtemplate_notification_templates_for_errors<UnifiedJobTemplate.notification_templates_error "
            "unifiedjobtemplate_notification_templates_for_started<UnifiedJobTemplate.notification_templates_started "
            "unifiedjobtemplate_notification_templates_for_success<UnifiedJobTemplate.notification_templates_success "
            "workflowjobtemplate_notification_templates_for_approvals"
            "<WorkflowJobTemplate.notification_templates_approvals",
            "Organization": _AUTHORS
            + _NOTIFY
            + "notification_templates_approvals default_environment galaxy_credentials instance_groups "
            "applications<Application.organization credentials<Credential.organization "
            "executionenvironments<ExecutionEnvironment.organization inventories<Inventory.organization "
            "labels<Label.organization notification_templates<NotificationTemplate.organization resource! "
            "teams<Team.organization unifiedjobs<UnifiedJob.organization "
            "unifiedjobtemplates<UnifiedJobTemplate.organization",
            "Project": _TEMPLATE_KIND
            + "credential default_environment signature_validation_credential jobs<Job.project "
            "jobtemplates<JobTemplate.project project_updates<ProjectUpdate.project "
            "scm_inventory_sources<InventorySource.source_project",
            "ProjectUpdate": _JOB_KIND + "credential project project_update_events! scm_inventory_updates!",
            "Role": "members%RoleUser.role_id.user_id teams%RoleTeam.role_id.team_id ancestors! children! parents!",
            "Schedule": _AUTHORS
            + "unified_job_template credentials execution_environment instance_groups inventory labels",
            "SystemJob": _JOB_KIND + "system_job_template=unified_job_template:SystemJobTemplate system_job_events!",
            "SystemJobTemplate": _TEMPLATE_KIND + "jobs<SystemJob.unified_job_template",
            "Team": _AUTHORS + "organization has_roles! resource! role_assignments!",
            "Token": "application user id_token! refresh_token! source_refresh_token!",
            "UnifiedJob": _JOB + "job~Job project_update~ProjectUpdate workflow_job~WorkflowJob "
            "workflow_approval~WorkflowApproval ad_hoc_command~AdHocCommand inventory_update~InventoryUpdate "
            "system_job~SystemJob",
            "UnifiedJobTemplate": _TEMPLATE
            + "job_template~JobTemplate project~Project workflow_job_template~WorkflowJobTemplate "
            "workflow_approval_template~WorkflowApprovalTemplate system_job_template~SystemJobTemplate "
            "inventory_source~InventorySource",
            "User": "activity_stream<ActivityStream.actor main_oauth2accesstoken<Token.user "
            "roles%RoleUser.user_id.role_id enterprise_auth! has_roles! main_oauth2application! "
            "oauth2_provider_grant! oauth2_provider_idtoken! oauth2_provider_refreshtoken! profile! resource! "
            "role_assignments! social_auth!",
            "WorkflowApproval": _JOB_KIND
            + "approved_or_denied_by workflow_approval_template=unified_job_template:WorkflowApprovalTemplate",
            "WorkflowApprovalTemplate": _TEMPLATE_KIND + "approvals<WorkflowApproval.unified_job_template",
            "WorkflowJob": _JOB_KIND
            + "inventory instance_groups job_template! webhook_credential=webhook_credential:Credential "
            "workflow_job_nodes<WorkflowJobNode.workflow_job "
            "workflow_job_template=unified_job_template:WorkflowJobTemplate",
            "WorkflowJobNode": _NODE + "job workflow_job workflowjobnodes_always<WorkflowJobNode.always_nodes "
            "workflowjobnodes_failure<WorkflowJobNode.failure_nodes "
            "workflowjobnodes_success<WorkflowJobNode.success_nodes",
            "WorkflowJobTemplate": _TEMPLATE_KIND + "inventory notification_templates_approvals webhook_credential "
            "workflow_job_template_nodes<WorkflowJobTemplateNode.workflow_job_template "
            "workflow_jobs<WorkflowJob.unified_job_template",
            "WorkflowJobTemplateNode": _NODE
            + "workflow_job_template workflowjobtemplatenodes_always<WorkflowJobTemplateNode.always_nodes "
            "workflowjobtemplatenodes_failure<WorkflowJobTemplateNode.failure_nodes "
            "workflowjobtemplatenodes_success<WorkflowJobTemplateNode.success_nodes",
        }.items()
    }
)
"""The relations of each model, by the name of its class."""

MORE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Role": frozenset(("role_field", "object_id", "singleton_name", "content_type")),
        "RoleUser": frozenset(("object_id", "content_type")),
        "RoleTeam": frozenset(("object_id", "content_type")),
    }
)
"""Columns that filters know beside the fields that are shown."""

FORBIDDEN = frozenset(
    (
        *("password", "token", "refresh_token", "client_secret", "client_id", "webhook_key", "host_config_key"),
        *("extra_vars", "survey_spec", "survey_passwords", "secret_answers", "secret_data", "job_args", "job_env"),
        *("pod_spec_override", "notification_configuration"),
    )
)
"""Fields that hold what nobody may guess bit by bit with a filter."""

PASSWORDS = frozenset((("Credential", "inputs"), ("*", "start_args")))
"""Likewise, with the words AWX has for fields of passwords (``*``: of any model)."""

CLASS_NAMES: Mapping[str, str] = MappingProxyType({"Token": "OAuth2AccessToken", "Application": "OAuth2Application"})
"""Models whose class AWX calls differently where it speaks of it."""
