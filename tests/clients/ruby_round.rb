# A round with Google's client for Ruby, as Debian packages it.
require "google/apis/calendar_v3"
require "json"
require "signet/oauth_2/client"

Calendar = Google::Apis::CalendarV3
HOST = ENV.fetch("EMULATOR")
ID = "example@group.calendar.google.com"
JANE = "user:jane@acme.com"

def service
  google = Calendar::CalendarService.new
  google.root_url = "http://#{HOST}/"
  google.authorization = Signet::OAuth2::Client.new(
    token_credential_uri: "http://#{HOST}/token",
    client_id: ENV.fetch("CLIENT_ID"),
    client_secret: ENV.fetch("CLIENT_SECRET"),
    refresh_token: ENV.fetch("REFRESH_TOKEN")
  )
  google
end

# All pages of a list, and the sync token behind them.
def pages
  items = []
  page_token = nil
  loop do
    page = yield page_token
    items.concat(page.items)
    page_token = page.next_page_token
    return items, page.next_sync_token unless page_token
  end
end

def rule(role, type, value = nil)
  Calendar::AclRule.new(role: role, scope: Calendar::AclRule::Scope.new(type: type, value: value))
end

def refused
  yield
  ["no error"]
rescue Google::Apis::Error => error
  [error.status_code, JSON.parse(error.body).fetch("error").fetch("message")]
end

def roles(rules)
  rules.to_h { |one| [one.id, one.role] }
end

google = service
seen = {}
calendars, = pages { |token| google.list_calendar_lists(page_token: token) }
seen["calendars"] = calendars.map(&:id)
seen["summary"] = google.get_calendar(ID).summary
rules, sync_token = pages { |token| google.list_acls(ID, page_token: token) }
seen["rules"] = rules.map(&:id)
added = google.insert_acl(ID, rule("reader", "user", "jane@acme.com"))
seen["added"] = [added.id, added.role]
seen["updated"] = google.update_acl(ID, JANE, rule("writer", "user", "jane@acme.com")).role
seen["patched"] = google.patch_acl(ID, JANE, Calendar::AclRule.new(role: "owner")).role
seen["public"] = google.insert_acl(ID, rule("reader", "default")).scope.value
rules, later = pages { |token| google.list_acls(ID, page_token: token, sync_token: sync_token) }
seen["since"] = roles(rules)
google.delete_acl(ID, JANE)
rules, = pages { |token| google.list_acls(ID, page_token: token, sync_token: later) }
seen["removed"] = roles(rules)
seen["errors"] = {
  "absent" => refused { google.get_acl(ID, JANE) },
  "calendar" => refused { google.list_acls("none@acme.com") },
  "malformed" => refused { google.delete_acl(ID, "nonsense") },
  "own" => refused { google.delete_acl(ID, "user:owner@example.com") },
  "stale" => refused { google.list_acls(ID, sync_token: "0" * 20) },
  "events" => refused { google.list_events(ID) }
}
puts JSON.generate(seen)
