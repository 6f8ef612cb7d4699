"""A local emulator of the part of Google Calendar that sharing needs.

It listens on 127.0.0.1 and plays the token endpoint, the consent page, calendarList
(list, get) and acl (list, get, insert, update, patch, delete), with Google's error
bodies; faults can be ordered method by method, and every request is recorded.

    with Emulator({"page_size": 2}) as emulator:
        print(emulator.host, emulator.calls, emulator.rules())

As a server on somebody's machine it refuses what comes from elsewhere: a Host or an
Origin that is not 127.0.0.1, localhost or [::1] (403), a body above 1 MiB (413), lengths
that contradict each other (400). It forgets the oldest of 100,000 requests and mails, and
of 10,000 access tokens and codes.

What it does not imitate
    - batch and watch requests, push channels, events, calendars, settings, and every
      method of calendarList and acl that is not named above;
    - sync: the sync token of a last page is never accepted, the answer is always 410;
      showOwnOrganizationOnly changes nothing;
    - rate limits and quotas (order them as faults), delays before a write is seen;
    - effective access: what an account may do follows from `accessRole` in its list of
      calendars, never from rules, groups, domains or their policies; a new rule puts
      no calendar into anybody's list;
    - whether a recipient exists, the limit of 6,000 rules, API keys, billing;
    - mail: what would have been sent is only counted;
    - of a calendar list entry: colours, reminders, time zone, conference settings;
    - compression, caching headers and If-None-Match, chunked request bodies (411),
      indented answers, CORS, TLS, tokens in the query instead of a header;
    - sign-in: the consent page always asks, never merges earlier grants, and its codes
      do not expire; service accounts, ID tokens, revocation and token information;
      at most 100 refresh tokens for each account; a refresh token dies only when a
      fault revokes it.

What is a guess, as Google does not document it
    - an insert over an existing rule replaces it; role none in a write removes the
      rule; deleting or updating a rule that is not there is a 404;
    - a write that changes nothing mails again; nobody is mailed about rules for
      domains and the public; rule ids are compared in lower case;
    - statuses and texts of illegalAccessRoleForDefault (400), cannotChangeOwnAcl and
      cannotChangeOwnerAcl (403), notACalendarUser, and of `invalid` in a body; that
      the public may have no role above reader, and that the data owner's rule is fixed;
    - the access level named when rules may not be read;
    - what counts as an address or a domain name; that the scope of an update has to
      match the rule it is sent to, and that its role may not be left out;
    - a recipient that is kept under another spelling (`aliases` in the state) is found
      under that one alone, in lists and by acl.get;
    - If-Match is looked at in update, patch and delete, and not in insert;
    - the order of the checks: token, OAuth scope, query, mask, body as JSON, calendar,
      access, body; unknown query parameters are ignored, only `true` and `false` are
      booleans, a maxResults above 250 counts as 250;
    - `details` beside `errors` in scope and not-enabled errors, all of the token
      endpoint's statuses that the OAuth standard does not fix, and its answer to 429;
    - ticking no box on the consent page counts as a denial;
    - a path or HTTP method that is not known is a 404 in the API's form.
"""

from __future__ import annotations

from .accounts import ACCOUNT, Account, read_accounts
from .server import FAULT_KINDS, METHODS, SCHEMA, Emulator, Record

__all__ = ["ACCOUNT", "FAULT_KINDS", "METHODS", "SCHEMA", "Account", "Emulator", "Record", "read_accounts"]
