"""Each kind of fault that the emulator can be ordered to play at a method of Google's."""

from __future__ import annotations

from .canaries import CANARIES

TOKEN, CALENDARS, GET, CONFIRM = "oauth2.token", "calendarList.list", "acl.get", "acl.list"
INSERT, UPDATE, DELETE = "acl.insert", "acl.update", "acl.delete"
WRITES = (INSERT, UPDATE, DELETE)
AFTER = ("error_after", "dropped_after", "truncated", "not_json", "huge")
"""Kinds that let the work be done before they spoil the answer."""
ECHO = f"You sent {CANARIES['client_secret']} and {CANARIES['refresh_token']}"
ODD_TOKENS = [{"refresh_token": odd} for odd in (None, 5, "", "another")] + [{"scope": 5, "id_token": None}]
API_ERRORS = (
    (401, None), (403, "rateLimitExceeded"), (403, "forbidden"), (403, "requiredAccessLevel"), (404, None), (408, None),
    (409, None), (410, None), (412, None), (429, None), (500, None), (503, None),
)  # fmt: skip
TOKEN_ERRORS = (
    (400, "invalid_grant"), (401, "invalid_client"), (403, "access_denied"), (408, None), (429, None), (500, None),
    (503, None),
)  # fmt: skip
OF_OTHERS = ({"id": "domain:acme.com", "role": "reader"}, {"id": "", "role": "reader"})
"""Rules of another type, and of nobody."""


def orders(method):
    """Return the orders of each kind of fault for a method."""
    errors = TOKEN_ERRORS if method == TOKEN else API_ERRORS
    # To a read it is all the same whether the work was done before the error.
    after = errors if method in WRITES else [(401, None), (503, None)]

    def with_status(statuses):
        for status, reason in statuses:
            yield {"status": status, "message": ECHO, **({"reason": reason} if reason else {})}

    every = {
        "error": with_status(errors),
        "error_after": with_status(after),
        "answer": [
            {"status": 200, "body": ECHO},
            {"status": 200, "body": [ECHO]},
            {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}, "body": ""},
            {"status": 404, "body": ECHO},
            {"status": 410, "body": ECHO},
            *([{"status": 200, "body": body} for body in OF_OTHERS] if method.startswith("acl.") else ()),
        ],
        "delayed": [{"seconds": 0.01}],
        "interim": [{"statuses": [103]}, {"statuses": [100, 102, 103]}],
        "huge": [{"mib": 64}, {"mib": 64, "chunked": True}, {"mib": 64, "gzip": True}],
        "altered": [
            {"fields": fields} for fields in (ODD_TOKENS if method == TOKEN else [{"etag": 5, "nextSyncToken": None}])
        ],
        "meanwhile": [{"role": "none"}, {"role": "writerWithoutPrivateAccess"}],
        **{kind: [{}] for kind in ("dropped", "dropped_after", "truncated", "not_json", "second_answer")},
        **{kind: [{}] for kind in ("token_expired", "token_revoked")},
    }
    for kind, arguments in every.items():
        yield from ({"fault": kind, **argument} for argument in arguments)
