"""Rules on the wire: what a body may say, and how a rule is answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .google_errors import GoogleError
from .state import ROLES, KeptRule

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC_ROLES = ROLES[:3]
"""Roles that the public (scope `default`) may have."""

DOMAIN = re.compile(r"(?=.{1,253}$)(?!-)[\w-]+(\.[\w-]+)+")
ADDRESS = re.compile(rf"[^\s@,;<>\"]{{1,64}}@{DOMAIN.pattern}")
VALUES = {"user": ADDRESS, "group": ADDRESS, "domain": DOMAIN}
"""What the value of a scope may be, by its type."""

PUBLIC_VALUE = "__public_principal__@public.calendar.google.com"
"""The value of the scope `default` in answers; requests may leave it out."""


def read_rule_id(body: Mapping[str, Any]) -> str:
    """Return the rule id that follows from a body's scope, or raise GoogleError."""
    scope = body.get("scope")
    kind = scope.get("type") if isinstance(scope, dict) else None
    if not isinstance(scope, dict) or not kind:
        raise GoogleError(reason="required", message="Missing scope type.")
    if kind == "default":
        return "default"
    value = scope.get("value")
    if kind not in VALUES:
        raise GoogleError(reason="invalid", message="Invalid scope type.")
    if not isinstance(value, str) or not VALUES[kind].fullmatch(value):
        raise GoogleError(reason="invalid", message="Invalid scope value.")
    return f"{kind}:{value.lower()}"


def known_form(rule_id: str) -> str:
    """Return a rule id in lower case, or raise GoogleError if no rule can have it."""
    kind, _, value = rule_id.lower().partition(":")
    if rule_id.lower() != "default" and not (kind in VALUES and VALUES[kind].fullmatch(value)):
        raise GoogleError(reason="invalid", message="Invalid resource id value.")
    return rule_id.lower()


def read_role(body: Mapping[str, Any], rule_id: str) -> str:
    """Return a body's role for a rule, or raise GoogleError."""
    role = body.get("role")
    if role is None:
        raise GoogleError(reason="required", message="Missing role.")
    if not isinstance(role, str) or role not in ROLES:
        raise GoogleError(reason="invalid", message="Invalid role.")
    if rule_id == "default" and role not in PUBLIC_ROLES:
        raise GoogleError(reason="illegalAccessRoleForDefault")
    return role


def rule_answer(rule: KeptRule) -> dict[str, Any]:
    """Return a rule as the API shows it."""
    kind, _, value = rule.rule_id.partition(":")
    return {
        "kind": "calendar#aclRule",
        "etag": rule.etag,
        "id": rule.rule_id,
        "scope": {"type": kind, "value": value or PUBLIC_VALUE},
        "role": rule.role,
    }
