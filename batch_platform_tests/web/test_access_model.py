"""Roles and permissions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.registry import build_grants
from batch_platform.web.access.model import (
    PERMISSIONS,
    Principal,
    Role,
    allowed,
    check_name,
    check_permission,
    granting,
    roles_of,
)

WORDS = st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True)
PERMISSION = st.builds("{}:{}".format, WORDS, WORDS | st.just("read"))
ROLES = st.frozensets(st.sampled_from(Role))


@given(PERMISSION)
def test_an_administrator_may_everything_and_nobody_nothing(permission: str) -> None:
    assert allowed([Role.ADMINISTRATOR], permission)
    assert not allowed([], permission)


@given(PERMISSION)
def test_a_viewer_may_read_and_no_more(permission: str) -> None:
    assert allowed([Role.VIEWER], permission) is permission.endswith(":read")


@given(ROLES, ROLES, PERMISSION)
def test_roles_add_up(some: frozenset[Role], others: frozenset[Role], permission: str) -> None:
    both = allowed(some, permission) or allowed(others, permission)
    assert allowed(some | others, permission) is both
    assert Principal("local:x", "x", some | others, "session").may(permission) is both


def test_only_administrators_execute_batches() -> None:
    assert [role for role in Role if allowed([role], "batch:execute")] == [Role.ADMINISTRATOR]
    grants = build_grants()
    assert [role for role in Role if allowed([role], "batch:execute", grants)] == [Role.ADMINISTRATOR]
    assert [role for role in Role if allowed([role], "zengin:approve", grants)] == [Role.APPROVER, Role.ADMINISTRATOR]
    assert [role for role in Role if allowed([role], "jobs:run")] == [Role.OPERATOR, Role.ADMINISTRATOR]
    assert set(PERMISSIONS) == set(Role)


def test_a_domain_grants_no_wildcard() -> None:
    assert granting({Role.VIEWER: frozenset({"toys:wind"})})[Role.VIEWER] == PERMISSIONS[Role.VIEWER] | {"toys:wind"}
    with pytest.raises(ValueError, match="written things:verb"):
        granting({Role.VIEWER: frozenset({"*"})})


@pytest.mark.parametrize("wrong", ["", "read", "*:read", "*", "jobs:", ":read", "Jobs:read", "jobs:read ", "a:b:c"])
def test_routes_cannot_ask_for_wildcards_or_misspellings(wrong: str) -> None:
    with pytest.raises(ValueError, match="things:verb"):
        check_permission(wrong)


@pytest.mark.parametrize("names", [[], ["root"], ["viewer", "Viewer"], ["viewer "]])
def test_only_roles_are_roles(names: list[str]) -> None:
    with pytest.raises(InvalidInput) as failure:
        roles_of(names)
    assert failure.value.field == "roles"


@pytest.mark.parametrize("name", ["", "Ann", "-a", "a b", "a/b", "ａｎｎ", "a" * 64, "a\n"])
def test_names_of_accounts(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_name(name)
    assert check_name("ann.o-hara@example.com") == "ann.o-hara@example.com"
