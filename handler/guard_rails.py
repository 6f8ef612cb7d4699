"""Guard rails: what the info values forbid, whichever way a step comes in.

They are enforced before any request is made. Taking access away is never forbidden, but
whom a service account acts as is, whatever it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access_rules import PUBLIC, ROLES, domain_of
from .acting import ASK, acting_user, list_owner
from .calendar_names import PRIMARY
from .errors import InvalidDescriptor, Refused, quote, shown
from .public_principal import is_public
from .share import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def allowed_wish(info: Mapping[str, str], params: Mapping[str, str]) -> Wish:
    """Return what a step asks for, if it is allowed: every way in passes here before any request.

    Both mappings are as the descriptor spells them. Raises Refused if a guard rail forbids
    it, whom the step acts as included, and InvalidDescriptor if a parameter that a step needs is missing.
    """
    try:
        user = acting_user(info, params.get("act_as", ""))
        if params["calendar_name"].lower() in (PRIMARY, user.address):
            user.uphold(user.address)
        uphold(info, params)
        return Wish.of(params)._replace(act_as=user.address)
    except KeyError as missing:
        message = f"handler.yaml lets {missing.args[0]} be left out, and gives no default for it"
        raise InvalidDescriptor("invalid_descriptor", message) from None


def in_force(info: Mapping[str, str]) -> dict[str, str]:
    """Return the guard rails that forbid anything, by id, as they are set."""
    idle = {"allow_public": "Yes", "highest_access": ROLES[-1]}
    rails = ("allowed_domains", "allow_public", "highest_access", "may_act_as", "may_add_to_lists_of")
    return {name: info[name] for name in rails if name in info and info[name] != idle.get(name)}


def uphold(info: Mapping[str, str], params: Mapping[str, str]) -> None:
    """Do nothing if a step is allowed; both mappings as the descriptor spells them.

    Raises Refused (policy_refused) with a line for each guard rail that forbids the
    step, and their ids in `details["guard_rails"]`.
    """
    broken = dict(_broken(info, params))
    if broken:
        raise Refused("policy_refused", "\n".join(broken.values()), {"guard_rails": list(broken)})


def _broken(info: Mapping[str, str], params: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the id and the message of each guard rail that forbids the step."""
    role = params["calendar_access"]
    if role == "none":
        return
    if params.get("add_to_list") == "Yes":
        try:
            list_owner(info, params["recipient"])
        except Refused as refused:
            yield "may_add_to_lists_of", refused.message
    public = params["scope"] == PUBLIC
    # The descriptor refuses the public's other name; if it ever passed, it would still mean the public.
    if info.get("allow_public") == "No" and (public or is_public(params["recipient"])):
        yield (
            "allow_public",
            f"The guard rail allow_public forbids sharing with the public. Choose a recipient, {ASK}",
        )
    if not public and "allowed_domains" in info:
        allowed = [domain.strip().lower() for domain in info["allowed_domains"].split(",")]
        if domain_of(params["recipient"]) not in allowed:
            what = f"forbids sharing with {quote(params['recipient'])}: it allows {shown(', '.join(allowed))}"
            yield (
                "allowed_domains",
                f"The guard rail allowed_domains {what}, no subdomains. Choose a recipient there, {ASK}",
            )
    highest = info.get("highest_access", ROLES[-1])
    if role not in ROLES[: ROLES.index(highest) + 1]:
        what = f"forbids the role {role}: it allows {highest} at most"
        yield "highest_access", f"The guard rail highest_access {what}. Choose a lower role, {ASK}"
