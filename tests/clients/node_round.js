// A round with Google's own client for Node.js.
"use strict";

const { auth, calendar: client } = require("@googleapis/calendar");

const host = process.env.EMULATOR;
const calendarId = "example@group.calendar.google.com";
const jane = { calendarId, ruleId: "user:jane@acme.com" };

const signedIn = new auth.OAuth2({
  clientId: process.env.CLIENT_ID,
  clientSecret: process.env.CLIENT_SECRET,
  endpoints: { oauth2TokenUrl: `http://${host}/token` },
});
signedIn.setCredentials({ refresh_token: process.env.REFRESH_TOKEN });
const google = client({ version: "v3", auth: signedIn, rootUrl: `http://${host}/` });

// All pages of a list, and the sync token behind them.
async function pages(list, asked) {
  const items = [];
  for (let pageToken; ; ) {
    const { data } = await list({ ...asked, pageToken });
    items.push(...data.items);
    pageToken = data.nextPageToken;
    if (!pageToken) return [items, data.nextSyncToken];
  }
}

async function refused(call) {
  try {
    await call;
  } catch (error) {
    return [error.status, error.response.data.error.message];
  }
  return ["no error"];
}

const roles = (rules) => Object.fromEntries(rules.map((rule) => [rule.id, rule.role]));
const listRules = (asked) => google.acl.list(asked);

async function main() {
  const seen = {};
  const [calendars] = await pages((asked) => google.calendarList.list(asked), {});
  seen.calendars = calendars.map((entry) => entry.id);
  seen.summary = (await google.calendars.get({ calendarId })).data.summary;
  let [rules, syncToken] = await pages(listRules, { calendarId });
  seen.rules = rules.map((rule) => rule.id);
  const scope = { type: "user", value: "jane@acme.com" };
  const { data: added } = await google.acl.insert({ calendarId, requestBody: { role: "reader", scope } });
  seen.added = [added.id, added.role];
  const update = google.acl.update({ ...jane, requestBody: { ...added, role: "writer" } });
  seen.updated = (await update).data.role;
  seen.patched = (await google.acl.patch({ ...jane, requestBody: { role: "owner" } })).data.role;
  const open = google.acl.insert({ calendarId, requestBody: { role: "reader", scope: { type: "default" } } });
  seen.public = (await open).data.scope.value;
  [rules, syncToken] = await pages(listRules, { calendarId, syncToken });
  seen.since = roles(rules);
  await google.acl.delete(jane);
  [rules] = await pages(listRules, { calendarId, syncToken });
  seen.removed = roles(rules);
  seen.errors = {
    absent: await refused(google.acl.get(jane)),
    calendar: await refused(google.acl.list({ calendarId: "none@acme.com" })),
    malformed: await refused(google.acl.delete({ calendarId, ruleId: "nonsense" })),
    own: await refused(google.acl.delete({ calendarId, ruleId: "user:owner@example.com" })),
    stale: await refused(google.acl.list({ calendarId, syncToken: "0".repeat(20) })),
    events: await refused(google.events.list({ calendarId })),
  };
  console.log(JSON.stringify(seen));
}

main();
