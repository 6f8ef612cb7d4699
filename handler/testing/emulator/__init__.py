"""A local emulator of the part of Google Calendar that sharing needs.

It listens on 127.0.0.1 and plays the token endpoint, the consent page, calendarList
(list, get, insert), calendars (get) and acl (list, get, insert, update, patch, delete), in
the words that Google was recorded to answer with; faults can be ordered method by method,
and every request is recorded. Google's other methods are answered with 501, which names
them.

    with Emulator({"page_size": 2}) as emulator:
        print(emulator.host, emulator.calls, emulator.rules())

There is one world of calendars and rules, and three kinds of people see it: accounts, who
sign in with a refresh token; users of a Workspace, whom a service account acts as; and
service accounts themselves. `service_account_key()` gives a key, made for this process.

As a server on somebody's machine it refuses what comes from elsewhere: a Host or an
Origin that is not 127.0.0.1, localhost or [::1] (403), a body above 1 MiB (413), lengths
that contradict each other (400). It forgets the oldest of 100,000 requests and mails, and
of 10,000 access tokens and codes.

What it does not imitate
    - batch and watch requests, push channels, events, settings, writes to calendars, and to
      the calendar list but for insert;
    - sync: a token ends only when 10,000 newer ones were given out, never by age;
      showOwnOrganizationOnly changes nothing;
    - rate limits and quotas (order them as faults), delays before a write is seen;
    - effective access beyond the rules: who may do what follows from the `accessRole` that
      a state gives somebody, else from the rules for the own address, the own domain and the
      public; never from groups, subdomains or a domain's policies. A new rule puts no
      calendar into anybody's list, and a calendar that nobody's list names is unknown;
    - whether a recipient exists, the limit of 6,000 rules, API keys, billing;
    - mail: what would have been sent is only counted;
    - of a calendar and its list entry: colours, reminders, time zone, conference settings;
    - compression, If-None-Match, chunked request bodies (411), indented answers, CORS, TLS,
      tokens in the query instead of a header; the name in the header Server is its own;
    - sign-in: the consent page always asks, never merges earlier grants, and its codes
      do not expire; ID tokens, revocation and token information;
      at most 100 refresh tokens for each account; a refresh token dies only when a
      fault revokes it, also where its end was told (`testing` in the account);
    - service accounts without a key (identity federation, the metadata server, signJwt);
      several pairs of keys: all that are good have one, told apart by their ids alone; one
      domain, which every user is of;
    - the project that asks, which is 0.

What is a guess, as Google does not document it and nobody has shown an answer
    - an insert over an existing rule replaces it; role none in a write removes the
      rule; deleting or updating a rule that is not there is a 404;
    - a write that changes nothing mails again, and makes a new etag; nobody is mailed
      about rules for domains and the public; rule ids are compared in lower case;
    - every secondary calendar (@group.calendar.google.com) lists its own address as an
      owner, behind the account's own rule, as one kind was seen to do. No state names
      this rule, it counts for nobody as an owner, and to change it is refused as it is
      for the data owner's;
    - statuses and texts of illegalAccessRoleForDefault (400) and cannotChangeOwnerAcl (403),
      the status of cannotChangeOwnAcl (403), and the text of `invalid` in a body; that
      the public may have no role above reader, and that the data owner's rule is fixed;
    - an unknown scope type is `invalid`; in 2013 it was answered as one that is missing;
    - the reason `invalid` beside "Invalid resource id value.", which was recorded of
      acl.delete and is said by get, update and patch too (GAM looks for "Invalid scope
      value." when it gets a rule);
    - the access level named when rules may not be read;
    - what counts as an address or a domain name; that the scope of an update has to
      match the rule it is sent to, and that its role may not be left out;
    - a recipient that is kept under another spelling (`aliases` in the state) is found
      under that one alone, in lists and by acl.get;
    - If-Match is looked at in update, patch and delete, and not in insert;
    - the order of the checks: token, OAuth scope, query, mask, body as JSON, calendar,
      access, rule id, body; unknown query parameters are ignored, only `true` and `false`
      are booleans, a maxResults above 250 counts as 250;
    - what is said to a sync token beside showDeleted=false, showHidden=false,
      minAccessRole or showOwnOrganizationOnly (400);
    - the method that a missing scope names, of acl and calendars: calendar.v3.Acl.List;
      the header beside it, which was once seen with its error unquoted;
    - the words of a status in the front end's form, but for 401 and 403;
    - of an assertion: the order of its checks (issuer, signature, audience, times, scopes,
      the form of the user's address, delegation, the user), which of the quoted words a
      deleted, a disabled and an unknown service account get, the words about another
      audience and about what is no assertion, and that clocks may be 300 s apart; its
      answer names no scopes; a token for the service account as its own user is given and
      then refused;
    - calendarList.insert of what is in the list already is a 409 (others expect 200, too),
      without an id a 400; the order of a missing scope and a suspended user; who loses
      access has the calendar in no list any more;
    - all of the token endpoint's statuses that the OAuth standard does not fix, and its
      answer to 429;
    - ticking no box on the consent page counts as a denial;
    - an HTTP method that a path does not have is a 404 and a page, as an unknown path is.
"""

from __future__ import annotations

from .accounts import ACCOUNT, Account, read_accounts
from .server import FAULT_KINDS, METHODS, SCHEMA, Emulator, Record
from .workspace import RobotAccount, read_robots, read_users

__all__ = [
    "ACCOUNT",
    "FAULT_KINDS",
    "METHODS",
    "SCHEMA",
    "Account",
    "Emulator",
    "Record",
    "RobotAccount",
    "read_accounts",
    "read_robots",
    "read_users",
]
