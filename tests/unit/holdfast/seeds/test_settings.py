# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: which there are, how they are shown and described, and every no that AWX says to a value."""

from __future__ import annotations

from typing import Any

import pytest
from holdfast.seeds.errors import Invalid
from holdfast.seeds.settings import (
    CATEGORIES,
    SETTINGS,
    categories,
    metadata,
    settings_of,
    shown,
    validate_category,
    validate_setting,
)
from holdfast.seeds.settings.checks import check


def refusal(name: str, value: Any) -> Any:
    with pytest.raises(Invalid) as caught:
        validate_setting(name, value)
    assert list(caught.value.body) == [name]
    return caught.value.body[name]


def test_categories_are_listed_by_slug() -> None:
    listed = categories("/api/v2/")
    assert len(listed) == 23
    assert listed[0] == {"url": "/api/v2/settings/all/", "slug": "all", "name": "All"}
    assert [one["slug"] for one in listed] == sorted(CATEGORIES)


def test_every_setting_stands_in_one_category_and_under_all() -> None:
    assert len(settings_of("all")) == len(SETTINGS) == 280
    assert sum(len(settings_of(slug)) for slug in CATEGORIES if slug not in ("all", "changed")) == len(SETTINGS)
    with pytest.raises(KeyError):
        settings_of("zap")


def test_every_default_is_a_value_that_could_be_set() -> None:
    """But for those that are required and have none: nobody can set a value to nothing."""
    for one in SETTINGS.values():
        if not one.read_only and one.name != "SOCIAL_AUTH_OIDC_KEY":
            assert check(one, one.default) == one.default, one.name


def test_a_category_is_shown_with_what_was_set_and_no_secret() -> None:
    view = shown("logging", {"LOG_AGGREGATOR_PASSWORD": "s3cret", "LOG_AGGREGATOR_TCP_TIMEOUT": 9})
    assert view["LOG_AGGREGATOR_PASSWORD"] == "$encrypted$"
    assert view["LOG_AGGREGATOR_TCP_TIMEOUT"] == 9
    assert view["LOG_AGGREGATOR_LEVEL"] == "INFO"
    assert shown("logging", {})["LOG_AGGREGATOR_PASSWORD"] == ""
    assert list(shown("bulk", {})) == ["BULK_JOB_MAX_LAUNCH", "BULK_HOST_MAX_CREATE", "BULK_HOST_MAX_DELETE"]


def test_changed_shows_only_what_somebody_changed() -> None:
    assert shown("changed", {"MAX_FORKS": 5, "INSTALL_UUID": "9b9d"}) == {"MAX_FORKS": 5}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAX_FORKS", "abc", ["A valid integer is required."]),
        ("MAX_FORKS", True, ["A valid integer is required."]),
        ("MAX_FORKS", None, ["This field may not be null."]),
        ("MAX_FORKS", "9" * 1001, ["String value too large."]),
        ("SCHEDULE_MAX_JOBS", 0, ["Ensure this value is greater than or equal to 1."]),
        ("SESSION_COOKIE_AGE", 10**11, ["Ensure this value is less than or equal to 30000000000."]),
        ("AWX_ROLES_ENABLED", "maybe", ["Must be a valid boolean."]),
        ("AWX_ISOLATION_BASE_PATH", "  ", ["This field may not be blank."]),
        ("AWX_ISOLATION_BASE_PATH", ["/tmp"], ["Not a valid string."]),
        ("TOWER_URL_BASE", "tower", ["Enter a valid URL"]),
        ("TOWER_URL_BASE", "ftp://tower", ["Enter a valid URL"]),
        ("TOWER_URL_BASE", "http://to wer", ["Enter a valid URL"]),
        ("ALLOW_JINJA_IN_EXTRA_VARS", "perhaps", ['"perhaps" is not a valid choice.']),
        ("AD_HOC_COMMANDS", "ping", ['Expected a list of items but got type "str".']),
        ("AD_HOC_COMMANDS", ["ping", None, {}], {"1": ["This field may not be null."], "2": ["Not a valid string."]}),
        (
            "AWX_ISOLATION_SHOW_PATHS",
            {"not": "a valid"},
            ["Expected list of strings but got <class 'dict'> instead."],
        ),
        (
            "AWX_ISOLATION_SHOW_PATHS",
            ["tmp"],
            ["tmp is not a valid path choice. You must provide an absolute path."],
        ),
        (
            "AWX_ISOLATION_SHOW_PATHS",
            ["/a:/b:rw:x"],
            ["Invalid syntax. A string HOST-DIR[:CONTAINER-DIR[:OPTIONS]] is expected but got /a:/b:rw:x."],
        ),
        (
            "AWX_ISOLATION_SHOW_PATHS",
            ["/a:/b:rx"],
            ["rx is not a valid mount option. Allowed types are ['z', 'O', 'ro', 'rw']"],
        ),
        ("CUSTOM_VENV_PATHS", ["/opt/venv"], ["/opt/venv is not a valid path choice."]),
        ("AWX_TASK_ENV", [], ['Expected a dictionary of items but got type "list".']),
        ("AWX_TASK_ENV", {"A": {}}, {"A": ["Not a valid string."]}),
        (
            "OAUTH2_PROVIDER",
            {"ACCESS_TOKEN_EXPIRE_SECONDS": 0},
            {"ACCESS_TOKEN_EXPIRE_SECONDS": ["Ensure this value is greater than or equal to 1."]},
        ),
        ("OAUTH2_PROVIDER", {"FOO": 1}, ["Invalid key names: FOO"]),
        ("DEFAULT_EXECUTION_ENVIRONMENT", "x", ["Incorrect type. Expected pk value, received str."]),
        ("CUSTOM_LOGO", "data:text/plain;base64,YQ==", "Invalid format for custom logo."),
        ("CUSTOM_LOGO", "data:image/png;base64,a", ["Invalid base64-encoded data in data URL."]),
        ("AUTOMATION_ANALYTICS_LAST_GATHER", "yesterday", "Datetime has wrong format."),
    ],
)
def test_values_that_are_refused(name: str, value: Any, said: Any) -> None:
    problems = refusal(name, value)
    if isinstance(said, str):
        assert problems[0].startswith(said)
    else:
        assert problems == said


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("MAX_FORKS", "12.0", 12),
        ("AWX_ROLES_ENABLED", "off", False),
        ("AWX_ISOLATION_SHOW_PATHS", ["/b:/c:ro", "/a"], ["/a", "/b:/c:ro"]),
        ("AWX_TASK_ENV", {"A": 1}, {"A": "1"}),
        ("TOWER_URL_BASE", "https://edge:8052", "https://edge:8052"),
        ("TOWER_URL_BASE", "http://[::1]:80/x", "http://[::1]:80/x"),
        ("LOG_AGGREGATOR_PORT", "", None),
        ("DEFAULT_EXECUTION_ENVIRONMENT", "2", 2),
        ("AUTOMATION_ANALYTICS_LAST_GATHER", "2026-11-21T02:00:00+02:00", "2026-11-21T00:00:00Z"),
        ("CUSTOM_LOGO", "data:image/png;base64,YQ==", "data:image/png;base64,YQ=="),
    ],
)
def test_values_that_are_taken(name: str, value: Any, kept: Any) -> None:
    assert validate_setting(name, value) == kept


def test_ways_to_sign_in_that_are_not_here_cannot_be_set_up() -> None:
    assert "signs people in by itself" in refusal("AUTH_LDAP_SERVER_URI", "ldap://ldap.example.com")[0]
    assert validate_setting("AUTH_LDAP_SERVER_URI", "") == ""
    assert validate_setting("TACACSPLUS_PORT", 49) == 49


def test_patch_takes_what_is_given_and_passes_over_the_rest() -> None:
    given = {"MAX_FORKS": 5, "BOGUS": 1, "SESSION_COOKIE_AGE": 1}
    assert validate_category("jobs", given, {}, partial=True) == {"MAX_FORKS": 5}
    assert validate_category("system", {"INSTALL_UUID": "x", "LICENSE": {}}, {}, partial=True) == {}
    assert validate_category("logging", {"LOG_AGGREGATOR_PASSWORD": "$encrypted$"}, {}, partial=True) == {}


def test_put_wants_what_is_required_and_names_all_that_is_wrong() -> None:
    with pytest.raises(Invalid) as caught:
        validate_category("ui", {"MAX_UI_JOB_EVENTS": 1}, {}, partial=False)
    assert caught.value.body == {
        "UI_LIVE_UPDATES_ENABLED": ["This field is required."],
        "MAX_UI_JOB_EVENTS": ["Ensure this value is greater than or equal to 100."],
    }
    for slug in ("ui", "jobs", "bulk", "authentication"):
        assert validate_category(slug, shown(slug, {}), {}, partial=False)


@pytest.mark.parametrize(
    ("given", "stored", "said"),
    [
        (
            {"LOG_AGGREGATOR_ENABLED": True},
            {},
            "Cannot enable log aggregator without providing host.\n"
            "Cannot enable log aggregator without providing type.",
        ),
        (
            {"LOG_AGGREGATOR_ENABLED": True, "LOG_AGGREGATOR_TYPE": "other"},
            {"LOG_AGGREGATOR_TYPE": "splunk"},
            "Cannot enable log aggregator without providing host.",
        ),
        ({"DISABLE_LOCAL_AUTH": True}, {}, "There are no remote authentication systems configured."),
        ({"CSRF_TRUSTED_ORIGINS": ["edge"]}, {}, "but found edge."),
    ],
)
def test_what_only_several_settings_can_say(given: dict[str, Any], stored: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate_category("all", given, stored, partial=True)
    assert said in caught.value.body["__all__"][0]


def test_a_log_aggregator_that_is_set_up_can_be_enabled() -> None:
    stored = {"LOG_AGGREGATOR_HOST": "logs", "LOG_AGGREGATOR_TYPE": "splunk"}
    assert validate_category("logging", {"LOG_AGGREGATOR_ENABLED": True}, stored, partial=True)


def test_options_describe_settings_for_reading_and_for_writing() -> None:
    assert metadata("jobs", "GET")["SCHEDULE_MAX_JOBS"] == {
        "type": "integer",
        "hidden": False,
        "label": "Maximum Scheduled Jobs",
        "help_text": SETTINGS["SCHEDULE_MAX_JOBS"].help_text,
        "category": "Jobs",
        "category_slug": "jobs",
        "min_value": 1,
        "defined_in_file": False,
    }
    written = metadata("jobs", "PUT")["SCHEDULE_MAX_JOBS"]
    assert (written["required"], written["default"]) == (True, 10)
    assert "defined_in_file" not in written
    assert "INSTALL_UUID" not in metadata("system", "PUT") and "INSTALL_UUID" in metadata("system", "GET")
    assert metadata("logging", "GET")["LOG_AGGREGATOR_TYPE"]["choices"][:2] == [
        [None, "---------"],
        ["logstash", "logstash"],
    ]
    assert metadata("jobs", "GET")["AD_HOC_COMMANDS"]["child"] == {"type": "string", "hidden": False}
