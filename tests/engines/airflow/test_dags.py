"""DAGs on a real Airflow, with its database: templates, mapping, retries, and what is kept."""

from __future__ import annotations

import base64
import json

import pytest

from .conftest import CANARIES, HOME, OWN_DELAY

JANE = {
    "calendar_name": "Example Calendar",
    "scope": "user",
    "recipient": "jane@acme.com",
    "calendar_access": "reader",
}
JOHN = {**JANE, "recipient": "john@acme.com"}
NOWHERE = {**JANE, "calendar_name": "Nowhere"}
pytestmark = pytest.mark.usefixtures("waits")
LIMIT = {"method": "acl.get", "fault": "error", "status": 429}
OUTAGE = {"method": "acl.get", "fault": "error", "status": 503}


@pytest.fixture
def google(emulate):
    """Return a function that starts an emulator with the account of the connection."""
    return lambda *faults: emulate({"account": CANARIES, "faults": list(faults)})


def tries(run):
    """Return state and number of tries of each share, in the order of mapping."""
    found = sorted(run.get_task_instances(), key=lambda one: one.map_index)
    return [(one.state, one.try_number) for one in found if one.task_id == "share"]


def xcoms(run):
    """Return what the shares of a run left behind, as plain values, in the order of mapping."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(XComModel).filter_by(run_id=run.run_id, task_id="share", key="return_value")
        return [XComModel.deserialize_value(row) for row in rows.order_by(XComModel.map_index)]


def test_parameters_are_templates(dag, google):
    """A step takes its values from the run, blank means not given, and its XCom is the results."""
    emulator = google()
    run = dag("step").test(run_conf=JANE)
    assert (run.state, tries(run)) == ("success", [("success", 1)])
    assert xcoms(run)[0]["change"] == "created"
    assert emulator.mails == ["user:jane@acme.com"]


def test_a_permanent_error_is_not_tried_again(dag, google, waits):
    """The task fails on its first try of four."""
    emulator = google()
    run = dag("step").test(run_conf=NOWHERE)
    assert (run.state, tries(run), waits) == ("failed", [("failed", 1)], [])
    assert emulator.calls.count("calendarList.list") == 1


def test_what_may_pass_is_tried_again_after_what_google_asks_for(dag, google, waits):
    """Retry-After takes the place of the task's own delay, also for a mapped task; without one the own delay counts."""
    emulator = google({**LIMIT, "retry_after": 77}, OUTAGE)
    run = dag("mapped").test(run_conf={"given": [JANE]})
    assert (run.state, tries(run), waits) == ("success", [("success", 3)], [77.0, OWN_DELAY])
    assert emulator.mails == ["user:jane@acme.com"]


def test_retries_are_the_task_s(dag, google, waits):
    """A task that never passes fails after the tries that it has."""
    google(*[{**LIMIT, "retry_after": 5}] * 4)
    run = dag("step").test(run_conf={**JANE, "error_handling": "Error Message"})
    assert (run.state, tries(run), waits) == ("failed", [("failed", 4)], [5.0] * 3)


def test_mapped_steps_end_each_by_itself(dag, google):
    """One that fails does not stop the others, and Airflow's pages call each as its DAG says."""
    google()
    run = dag("mapped").test(run_conf={"given": [JANE, NOWHERE, JOHN]})
    assert tries(run) == [("success", 1), ("failed", 1), ("success", 1)]
    assert [results["change"] for results in xcoms(run)] == ["created", "created"]
    names = {one.rendered_map_index for one in run.get_task_instances() if one.task_id == "share"}
    assert names == {"jane@acme.com", "john@acme.com"}


def test_rows_are_tried_again_until_each_is_as_wanted(dag, google, waits):
    """A chunk with a row that may pass is tried again, after the task's own delay, and nobody is mailed twice."""
    emulator = google({**OUTAGE, "method": "acl.insert"})
    run = dag("rows").test(run_conf={"given": [[JANE, JOHN]]})
    assert (run.state, tries(run), waits) == ("success", [("success", 2)], [OWN_DELAY])
    assert [outcome["results"]["change"] for outcome in xcoms(run)[0]] == ["created", "unchanged"]
    assert sorted(emulator.mails) == ["user:jane@acme.com", "user:john@acme.com"]


def test_outcomes_of_a_failed_task_are_kept(dag, google):
    """What became of the rows can be read from the XCom of a task that failed for good."""
    google()
    run = dag("rows").test(run_conf={"given": [[JANE, NOWHERE]]})
    assert (run.state, tries(run)) == ("failed", [("failed", 1)])
    ((done, failed),) = xcoms(run)
    assert done["results"]["change"] == "created"
    assert failed["error"]["code"] == "calendar_not_found"


def test_the_dag_of_the_page_works(dag, google):
    """What docs/engines/airflow.md tells to paste shares a calendar."""
    emulator = google()
    assert dag("share_a_calendar").test().state == "success"
    assert emulator.mails == ["user:jane@acme.com"]


def test_the_dag_of_the_page_with_a_service_account_works(dag, emulate, connect):
    """It acts as the user of the run, puts the calendar into the recipient's list, and XCom says so."""
    emulator = emulate()
    rails = {"may_act_as": "ann@acme.com", "may_add_to_lists_of": "acme.com"}
    connect({"service_account": emulator.service_account_key(), **rails}, "service_account")
    run = dag("share_as_a_user").test()
    assert run.state == "success"
    assert (xcoms(run)[0]["acted_as"], xcoms(run)[0]["list_entry"]) == ("ann@acme.com", "added")
    assert emulator.added_to_lists == {"jane@acme.com": ["team@group.calendar.google.com"]}


def test_airflow_keeps_and_shows_no_piece_of_a_key(dag, emulate, connect, monkeypatch, capfd, caplog):
    """Of a service account's key nothing is in output, logs, XComs or database, even if a step breaks over it."""
    key = emulate().service_account_key()
    connect(
        {"service_account": key, "may_act_as": "ann@acme.com", "may_add_to_lists_of": "acme.com"}, "service_account"
    )
    assert dag("share_as_a_user").test().state == "success"

    def broken(info, *_, **__):
        raise LookupError(info["service_account"], json.loads(info["service_account"])["private_key"])

    monkeypatch.setattr("google_apps_calendar_share_v1.handler.engines.attempt.execute", broken)
    assert dag("share_as_a_user").test().state == "failed"
    shown = [(caplog.text + "".join(capfd.readouterr())).encode()]
    shown += [file.read_bytes() for file in HOME.rglob("*") if file.is_file()]
    assert any(b"LookupError" in content for content in shown)
    for line in json.loads(key)["private_key"].split("\n")[1:-2]:
        assert not [content for content in shown if line[:20].encode() in content]


def test_the_example_for_a_few_works(dag, google):
    """A task for each of the team shares with it."""
    emulator = google()
    assert dag("share_with_a_team").test().state == "success"
    assert len(emulator.mails) == 3


def test_the_example_for_many_works(dag, google, monkeypatch):
    """Chunks are looked at first and then shared, and what was there before is kept."""
    monkeypatch.setattr("airflow_shares.PEOPLE", 5)
    monkeypatch.setattr("airflow_shares.ROWS_OF_A_TASK", 2)
    emulator = google()
    run = dag("share_with_many").test()
    assert run.state == "success"
    assert [len(outcomes) for outcomes in xcoms(run)] == [2, 2, 1]
    assert len(emulator.mails) == 5


def test_airflow_keeps_and_shows_no_secret(dag, google, waits, monkeypatch, capfd, caplog):
    """Not in the output, the logs, the XComs, the rendered templates, nor anywhere in the database's bytes."""
    echo = " ".join(CANARIES.values())
    body = {"error": {"errors": [{"reason": echo}], "message": echo, "status": echo}}
    google({"method": "acl.get", "fault": "answer", "status": 418, "body": body})
    assert dag("step").test(run_conf=JANE).state == "failed"
    google({"method": "acl.insert", "fault": "answer", "status": 403, "body": body})
    assert dag("rows").test(run_conf={"given": [[JANE, NOWHERE]]}).state == "failed"

    def broken(info, *_, **__):
        raise LookupError(*info.values())

    monkeypatch.setattr("google_apps_calendar_share_v1.handler.engines.attempt.execute", broken)
    assert tries(dag("step").test(run_conf=JANE)) == [("failed", 4)]
    kept = {file: file.read_bytes() for file in HOME.rglob("*") if file.is_file()}
    shown = caplog.text + "".join(capfd.readouterr())
    assert any(b"jane@acme.com" in content for content in kept.values())
    assert "LookupError" in shown
    for secret in (CANARIES["client_secret"], CANARIES["refresh_token"]):
        assert secret not in shown
        for form in (secret.encode(), base64.b64encode(secret.encode())[:-4]):
            assert [file for file, content in kept.items() if form in content] == []
