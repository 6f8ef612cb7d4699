"""The package in Ruby, on JRuby as in the engine and on MRI: Kinetic's harness, and a process that goes wrong."""

from __future__ import annotations

import html
import json
import os
import re
import select
import shutil
import signal
import sys
import threading
from base64 import b64encode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote, quote_plus

import pytest

from handler.descriptor import load
from handler.errors import quote as quoted
from handler.testing.cases import read_case
from handler.testing.emulator import Emulator

from ...support.kinetic import INFO, STEP, Ruby, make_program, make_python, results, unpack

pytestmark = pytest.mark.long

EXAMPLES = [
    path
    for path in sorted((Path(__file__).parent.parent.parent.parent / "fixtures" / "examples").glob("*.yaml"))
    if read_case(path).rows is None
]
CANARIES = {
    "client_id": "1d.apps.example.com",
    "client_secret": "CANARY-S3CR3T&'\"0",
    "refresh_token": "1//CANARY-R3FR35H",
}
SECRET = {**INFO, **CANARIES}
SPEAKING = "-----A CANARY KEY-----\nCANARY é/+=\"<'&>\\t0 key🗝 CANARY"
"""A secret of two lines with all that anybody escapes."""
OFTEN = 8
"""So many steps at once."""
LARGE = 8_000_000
WINDOWS = {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA"}
"""What programs on Windows need besides."""
ALLOWED = {
    *("PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TMP", "TEMP"),
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
    *("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CALENDAR_EMULATOR_HOST"),
}
WINDOWS_STUB = """
require 'open3'
require 'rbconfig'
RbConfig::CONFIG['host_os'] = 'mingw32'

# Ruby's ways on Windows: a group of its own goes by another name, and no signal reaches a group.
class << Open3
  alias popen3_elsewhere popen3
  def popen3(environment, *command, options)
    raise ArgumentError, 'wrong exec option symbol: pgroup' if options.key?(:pgroup)
    popen3_elsewhere(environment, *command, :unsetenv_others => true, :pgroup => options.fetch(:new_pgroup))
  end
end

class << Process
  alias kill_elsewhere kill
  def kill(signal, pid)
    raise Errno::EINVAL if pid < 0
    kill_elsewhere(signal, pid)
  end
end
"""
"""Makes a Ruby take its system for Windows, as far as init.rb can tell."""
SHELLS = {"PWD", "OLDPWD", "SHLVL", "_"}
"""What a shell adds by itself."""


def started(program, folder, **environment):
    """Return a running Ruby, or skip what needs it."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (on Debian: apt install {program})")
    return Ruby(found, folder, **environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the package unpacked, with a blank and a letter beyond ASCII in its name."""
    return unpack(tmp_path_factory.mktemp("engine") / "my handlers")


KINDS = [(program, locale) for program in ("jruby", "ruby") for locale in ("C", "C.UTF-8")]


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def ruby(request, folder):
    """Provide a running Ruby of each kind, in each locale."""
    program, locale = request.param
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    running = started(program, folder, LC_ALL=locale, PATH=path, ENGINES_OWN="CANARY of another handler")
    yield running
    running.stop()


def ended(pid_file):
    """Say that a process has ended, or ends within 10 seconds."""
    try:
        watched = os.pidfd_open(int(pid_file.read_text(encoding="utf-8")))
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 10)[0])
    finally:
        os.close(watched)


@pytest.fixture(params=["jruby", "ruby"])
def on_windows(request, folder, tmp_path):
    """Provide a running Ruby that takes its system for Windows, and a function that puts a program into its PATH."""
    (tmp_path / "windows.rb").write_text(WINDOWS_STUB, encoding="utf-8")
    programs = tmp_path / "programs"
    programs.mkdir()
    path = f"{programs}:{os.environ['PATH']}"
    running = started(request.param, folder, RUBYOPT=f"-r{tmp_path / 'windows.rb'}", PATH=path)
    yield running, lambda name, script: make_program(programs / name, script)
    running.stop()


def change(outcome):
    """Return the result Change of an outcome."""
    return results(outcome["xml"])["Change"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_each_test_of_the_package_passes(ruby, file):
    """Rendered as Kinetic renders it, an example does what it says, and gives the results of its output file."""
    case = read_case(file)
    with Emulator(case.google) as emulator:
        before = emulator.rules()
        (outcome,), log = ruby.do(
            {"test": file.stem, "info": INFO}, environment={"CALENDAR_EMULATOR_HOST": emulator.host}
        )
    assert outcome["differences"] == []
    assert log == ""
    assert (emulator.calls, emulator.unused_faults) == (case.calls, [])
    assert (emulator.mails, emulator.rules()) == (case.after.get("mails", []), case.after.get("rules", before))


def test_a_tree_of_version_1_goes_on(ruby):
    """With version 1's parameters and info values alone, the PATH's python3 shares, and defaults stand for the rest."""
    info = {name: value for name, value in INFO.items() if name != "python_command"} | {"enable_debug_logging": "No"}
    with Emulator() as emulator:
        environment = {"CALENDAR_EMULATOR_HOST": emulator.host}
        (outcome,), _ = ruby.do({"info": info, "parameters": STEP}, environment=environment)
    assert change(outcome) == "created"
    assert emulator.mails == ["user:jane@acme.com"]


def test_an_error_is_raised_with_its_code(ruby):
    """An error of the handler is raised as `CODE: message` on one line, and the object shows nothing of its input."""
    step = {"info": SECRET, "parameters": {**STEP, "scope": "x", "recipient": "a,b"}}
    (outcome,), _ = ruby.do(step)
    assert outcome["class"] == "RuntimeError"
    assert outcome["error"] == ("invalid_input: scope: 'x' is not in the menu: default, user, group, domain")
    assert outcome["shown"].endswith("#<GoogleAppsCalendarShareV1>")
    assert "CANARY" not in outcome["shown"]


def test_text_survives_in_any_locale(ruby):
    """Letters, signs and what means something in XML arrive in Google and come back, whatever the locale is."""
    title = "Ünï ☕ 😀 <b>&amp; \"x\" 'y' ]]> \\n"
    google = {"calendars": [{"id": "é@group.calendar.google.com", "summary": title}]}
    with Emulator(google) as emulator:
        environment = {"CALENDAR_EMULATOR_HOST": emulator.host}
        found, missed = (
            ruby.do({"info": INFO, "parameters": {**STEP, "calendar_name": name}}, environment=environment)[0][0]
            for name in (title, title + "!")
        )
    assert results(found["xml"])["Calendar Id"] == "é@group.calendar.google.com"
    assert missed["error"].startswith(
        "calendar_not_found: Invalid Calendar Name: Account does not contain the calendar "
    )
    assert f"'{title}!'. Did you mean {quoted(title)}?" in missed["error"]


def test_many_steps_at_once_keep_apart(ruby):
    """Eight threads share at once, each with its own recipient and answer."""
    steps = [{"info": INFO, "parameters": {**STEP, "recipient": f"{number}@acme.com"}} for number in range(OFTEN)]
    with Emulator() as emulator:
        outcomes, _ = ruby.do(*steps, environment={"CALENDAR_EMULATOR_HOST": emulator.host})
        rules = emulator.rules()["example@group.calendar.google.com"]
    answered = [results(outcome["xml"])["Rule Id"] for outcome in outcomes]
    assert answered == [f"user:{number}@acme.com" for number in range(OFTEN)]
    assert rules == dict.fromkeys(answered, "reader")


def test_a_large_value_arrives_whole(ruby):
    """A value of 8 MB neither blocks nor is cut; it is refused for its length."""
    (outcome,), _ = ruby.do({"info": INFO, "parameters": {**STEP, "calendar_name": "é" * (LARGE // 2)}})
    assert f"has {LARGE // 2:,} characters; at most 1,024 are allowed" in outcome["error"]


def test_a_chatty_python_is_heard_out(ruby, tmp_path):
    """3 MB on stderr do not block the answer, and reach the engine's log."""
    chatty = make_program(tmp_path / "python", f'yes nonsense | head -c 3000000 >&2\nexec "{sys.executable}" "$@"')
    (outcome,), log = ruby.do({"info": {**INFO, "python_command": chatty}, "parameters": {"scope": "x"}})
    assert outcome["error"].startswith("invalid_input: ")
    assert "nonsense\nnonsense" in log[-100:]


def test_the_stages_are_logged_if_asked_for(ruby):
    """With Enable Debug Logging the stages of a step are in the engine's log, without a secret."""
    info = {**SECRET, "enable_debug_logging": "Yes"}
    with Emulator({"account": CANARIES}) as emulator:
        (outcome,), log = ruby.do(
            {"info": info, "parameters": STEP}, environment={"CALENDAR_EMULATOR_HOST": emulator.host}
        )
    assert change(outcome) == "created"
    assert "input checked" in log
    assert "CANARY" not in log


def test_no_secret_is_where_others_can_see_it(ruby, tmp_path):
    """No info value is in any command line, or in the child's environment, which holds known names only."""
    spy = make_program(
        tmp_path / "python",
        f'cat /proc/[0-9]*/cmdline > "{tmp_path}/lines" 2>/dev/null; cat /proc/$$/environ > "{tmp_path}/environment"\n'
        f'exec "{sys.executable}" "$@"',
    )
    with Emulator({"account": CANARIES}) as emulator:
        environment = {"CALENDAR_EMULATOR_HOST": emulator.host, "NO_PROXY": "127.0.0.1"}
        (outcome,), log = ruby.do(
            {"info": {**SECRET, "python_command": spy}, "parameters": STEP}, environment=environment
        )
    assert change(outcome) == "created"
    lines = (tmp_path / "lines").read_bytes()
    variables = (tmp_path / "environment").read_text(encoding="utf-8")
    assert b"start.py" in lines
    assert "CANARY" not in lines.decode(errors="replace") + variables + log + outcome["xml"]
    assert environment.items() <= {tuple(line.partition("=")[::2]) for line in variables.split("\0")}
    assert {line.partition("=")[0] for line in variables.split("\0") if line} <= ALLOWED | SHELLS


def test_a_crash_shows_no_secret(ruby, tmp_path):
    """A program that writes its whole input to stderr and fails puts no info value into the error or the log."""
    crash = make_program(tmp_path / "python", "cat >&2; exit 3")
    (outcome,), log = ruby.do({"info": {**SECRET, "python_command": crash}, "parameters": STEP})
    assert f"bridge_failed: the program {crash} ended with status 3 and without a whole answer; " in outcome["error"]
    assert "run the step again" in outcome["error"]
    assert "jane@acme.com" in outcome["error"]
    assert "***" in log
    assert "CANARY" not in outcome["shown"] + log


SPELT = {
    "as it is": SPEAKING,
    "its longest line": SPEAKING.split("\n")[1],
    "repr": repr(SPEAKING),
    "bytes": repr(SPEAKING.split("\n")[1].encode()),
    "JSON": json.dumps(SPEAKING),
    "JSON with other slashes": json.dumps(SPEAKING.split("\n")[1]).replace("/", "\\/"),
    "HTML": html.escape(SPEAKING.split("\n")[1]),
    "address": quote(SPEAKING.split("\n")[1], safe=""),
    "form": quote_plus(SPEAKING.split("\n")[1]),
    "address in small letters": re.sub("%..", lambda escape: escape[0].lower(), quote(SPEAKING.split("\n")[1])),
    "accents apart": normalize("NFD", SPEAKING),
    **{f"Base64 at {place}": b64encode(b"." * place + SPEAKING.encode()).decode() for place in range(3)},
    "Base64 for addresses": urlsafe_b64encode(b"id:" + SPEAKING.encode()).decode(),
}
"""How a secret may stand in what a program writes."""


def test_a_crash_shows_no_form_of_a_secret(ruby, tmp_path):
    """A secret is masked in whatever form a failing program writes it."""
    (tmp_path / "written").write_text("\n".join(SPELT.values()), encoding="utf-8")
    crash = make_program(tmp_path / "python", f'cat >/dev/null; cat "{tmp_path}/written" >&2; exit 3')
    info = {**SECRET, "python_command": crash, "client_secret": f" {SPEAKING} "}
    (outcome,), log = ruby.do({"info": info, "parameters": STEP})
    shown = outcome["error"] + log
    assert "***" in log
    for name, form in SPELT.items():
        assert form[5:-5] not in shown, name
    assert not {part for part in ("CANARY", "t0 k", "%20", "Q0FOQVJZ", "NBTkFSW", "DQU5BUl") if part in shown}


def test_only_secrets_are_masked(ruby, tmp_path):
    """What is no secret, as a guard rail or the client's id, is left as it was written."""
    words = (
        "user:jane@reader.com has reader, 1d.apps.example.com, owner, as ann@acme.com or uni.edu in lists of acme.com"
    )
    crash = make_program(tmp_path / "python", f'cat >/dev/null; echo "{words}" >&2; exit 3')
    rails = {"highest_access": "reader", "allowed_domains": "reader.com"}
    users = {"act_as_by_default": "ann@acme.com", "may_act_as": "uni.edu", "may_add_to_lists_of": "acme.com"}
    info = {**SECRET, "python_command": crash, **rails, **users}
    _, log = ruby.do({"info": info, "parameters": STEP})
    assert log == f"{words}\n"


PASTED = {
    "as pasted": lambda key: key,
    "from Windows": lambda key: key.replace("\n", "\r\n"),
    "line feeds escaped": lambda key: key.replace("\n", "\\n"),
    "all of it escaped": lambda key: json.dumps(key)[1:-1],
    "line feeds dropped by a field of one line": lambda key: key.replace("\n", ""),
}
"""How the file with a service account's key may arrive."""


def test_a_key_of_many_lines_arrives(ruby):
    """With a service account's key, however its line feeds came, a step acts as a user and shows nothing of the key."""
    info = {"python_command": sys.executable, "enable_debug_logging": "Yes", "may_act_as": "acme.com"}
    parameters = {**STEP, "calendar_name": "Team Calendar", "act_as": "ann@acme.com", "add_to_list": "Yes"}
    with Emulator() as emulator:
        keys = [pasted(emulator.service_account_key()) for pasted in PASTED.values()]
        infos = [{**info, "may_add_to_lists_of": "acme.com", "service_account": key} for key in keys]
        outcomes, log = ruby.do(
            *({"info": one, "parameters": parameters} for one in infos),
            environment={"CALENDAR_EMULATOR_HOST": emulator.host},
        )
    answered = [results(outcome["xml"]) for outcome in outcomes]
    assert {(found["Acted As"], found["Rule Id"]) for found in answered} == {("ann@acme.com", "user:jane@acme.com")}
    assert set(emulator.added_to_lists["jane@acme.com"]) == {"team@group.calendar.google.com"}
    assert "user:jane@acme.com: created" in log
    assert not pieces_of(*keys) & pieces_of(log, *(outcome["xml"] for outcome in outcomes))


def test_a_crash_shows_no_line_of_a_key(ruby, tmp_path):
    """A program that writes a key whole, or by line, its line feeds as ones or escaped, has each line masked."""
    key, steps = Emulator().service_account_key(), []
    for number, pasted in enumerate(PASTED.values()):
        lines = re.sub(r"\\n", "\n", key)
        forms = [pasted(key), lines, json.dumps(lines), repr(lines), *lines.split("\n"), html.escape(key)]
        (tmp_path / f"written{number}").write_text("\n\n".join(forms), encoding="utf-8")
        script = f'cat >/dev/null; cat "{tmp_path}/written{number}" >&2; exit 3'
        crash = make_program(tmp_path / f"python{number}", script)
        steps.append({"info": {"service_account": pasted(key), "python_command": crash}, "parameters": STEP})
    outcomes, log = ruby.do(*steps)
    assert "***" in log
    private = pieces_of(json.loads(key)["private_key"])
    assert not private & pieces_of(log, *(outcome["shown"] for outcome in outcomes))


def pieces_of(*texts):
    """Return every piece of 20 letters and digits that stands in any of the texts."""
    runs = [run for text in texts for run in re.findall(r"[A-Za-z0-9+/=]{20,}", text)]
    return {run[at : at + 20] for run in runs for at in range(len(run) - 19)}


def test_what_is_no_secret_is_what_the_descriptor_says(folder):
    """The class leaves alone the info values that handler.yaml does not call secret, and its own."""
    source = (folder / "handler" / "init.rb").read_text(encoding="utf-8")
    names = re.search(r"PLAIN = %w\((.*?)\)", source, re.DOTALL)[1].split()
    fields = load().info.fields
    assert set(names) == {name for name in fields if not fields[name].get("writeOnly")} | {"python_command"}


def test_a_python_killed_in_the_middle_of_a_step_is_told(ruby, tmp_path):
    """A Python that is killed while it talks to Google ends the step with what to do, and at once."""
    python = make_program(tmp_path / "python", f'echo $$ > "{tmp_path}/pid"\nexec "{sys.executable}" "$@"')

    class Killer(BaseHTTPRequestHandler):
        def do_POST(self):
            os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), signal.SIGKILL)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Killer) as server:
        threading.Thread(target=server.handle_request).start()
        host = f"127.0.0.1:{server.server_address[1]}"
        message = ruby.fails(python, environment={"CALENDAR_EMULATOR_HOST": host})
    assert "ended with status 137 and without a whole answer; " in message
    assert "run the step again, which does nothing twice" in message


def test_a_hung_python_is_ended_with_its_children(ruby, tmp_path):
    """After the time-out neither the program nor a child of it is left, though none reads its 8 MB of input."""
    hung = make_program(
        tmp_path / "python",
        f'sleep 1000 & echo $! > "{tmp_path}/child"; echo $$ > "{tmp_path}/pid"; exec sleep 1000',
    )
    step = {"parameters": {**STEP, "calendar_name": "x" * LARGE}}
    message = ruby.fails(hung, timeout=2, step=step)
    assert message.startswith(f"bridge_failed: the program {hung} gave no answer within 2 seconds and was ended; ")
    assert ended(tmp_path / "pid")
    assert ended(tmp_path / "child")


def test_a_child_that_is_left_behind_holds_nothing_up(ruby, tmp_path):
    """A process that outlives Python and keeps its pipes open does not keep the answer from coming."""
    python = make_program(
        tmp_path / "python", f'sleep 1000 & echo $! > "{tmp_path}/child"; exec "{sys.executable}" "$@"'
    )
    message = ruby.fails(python, step={"parameters": {}})
    os.kill(int((tmp_path / "child").read_text(encoding="utf-8")), signal.SIGKILL)
    assert message.startswith("invalid_input: ")


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("printf 'results 100\\n<results>'", 0),
        ("printf 'error 5\\ntoo long'; exit 1", 1),
        ("printf '<results/>'", 0),
        ("exit 0", 0),
    ],
    ids=["half", "longer", "no head", "nothing"],
)
def test_no_part_of_an_answer_is_taken_for_one(ruby, tmp_path, script, status):
    """Only an answer of the announced length counts, also from a program that read none of 8 MB of input."""
    step = {"parameters": {**STEP, "calendar_name": "x" * LARGE}}
    message = ruby.fails(make_program(tmp_path / "python", script), step=step)
    assert f"ended with status {status} and without a whole answer; " in message


BANNERS = {
    "line": "echo 'Welcome to acme'",
    "no line feed": "printf 'Welcome: '",
    "like an answer": "printf 'error 5\\nhello\\nresults 20\\n<results>'",
    "a megabyte": "head -c 3000000 /dev/zero",
    "no text": "printf '\\377\\376\\0'",
}
"""What a wrapper may print, as commands of a shell."""


@pytest.mark.parametrize("banner", BANNERS.values(), ids=BANNERS)
@pytest.mark.parametrize("script", ["{banner}; exec {python}", "{python}; {banner}; exit 3"], ids=["before", "after"])
def test_what_a_wrapper_prints_around_an_answer_is_no_part_of_it(ruby, tmp_path, banner, script):
    """A finished step is told as finished, whatever was printed before or after its answer."""
    python = make_program(tmp_path / "python", script.format(banner=banner, python=f'"{sys.executable}" "$@"'))
    with Emulator() as emulator:
        step = {"info": {**INFO, "python_command": python}, "parameters": STEP}
        (outcome,), _ = ruby.do(step, environment={"CALENDAR_EMULATOR_HOST": emulator.host})
    assert change(outcome) == "created"
    assert "invalid_input: scope: 'x' is not in the menu" in ruby.fails(
        python, step={"parameters": {**STEP, "scope": "x"}}
    )


def test_what_a_site_prints_before_an_answer_is_no_part_of_it(ruby, tmp_path):
    """A sitecustomize that prints, before anything of ours is running, does not hide what a step has done."""
    python = make_python(tmp_path / "python", "print('Welcome', flush=True)")
    with Emulator() as emulator:
        step = {"info": {**INFO, "python_command": python}, "parameters": STEP}
        (outcome,), _ = ruby.do(step, environment={"CALENDAR_EMULATOR_HOST": emulator.host})
    assert change(outcome) == "created"


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("py\0thon", id="NUL"),
        pytest.param("py&#0;thon", id="NUL by number"),
        pytest.param("py&#xD800;thon", id="surrogate"),
        pytest.param("py&#x110000;thon", id="beyond Unicode"),
        pytest.param("py&#99999999999999999999;thon", id="beyond everything"),
        pytest.param("p\u00fcthon\u2615", id="beyond ASCII"),
        pytest.param("py&#10;thon\x01", id="control characters"),
        pytest.param("x" * 300, id="too long"),
        pytest.param("/" + "x/" * 5000, id="too long a path"),
    ],
)
def test_an_impossible_name_of_a_python_is_told(ruby, written):
    """Whatever python_command holds, what is wrong is said as any program that cannot be started."""
    document = f"<handler><infos><info name='python_command'>{written}</info></infos><parameters/></handler>"
    (outcome,), _ = ruby.do({"input": document})
    assert outcome["class"] == "RuntimeError"
    assert outcome["error"].startswith("bridge_failed: the program ")
    assert "cannot be started (" in outcome["error"]
    assert "in the info value python_command" in outcome["error"]
    assert "\0" not in outcome["error"]


@pytest.mark.parametrize("number", ["&#0;", "&#xD800;", "&#x7fffffff;", "&#99999999999999999999;"])
def test_an_impossible_character_in_another_value_is_refused_as_input(ruby, number):
    """A secret with a number that stands for no character is for the handler to refuse, and no fault of Ruby's."""
    document = (
        f"<handler><infos><info name='python_command'>{sys.executable}</info>"
        f"<info name='refresh_token'>CANARY{number}</info></infos><parameters/></handler>"
    )
    (outcome,), _ = ruby.do({"input": document})
    assert outcome["class"] == "RuntimeError"
    assert outcome["error"].startswith("invalid_input: input document: is not well-formed XML")


def test_a_python_that_is_not_there_is_told_with_what_to_set(ruby, tmp_path):
    """A program that is missing, or is none, is named together with the info value that names another."""
    (tmp_path / "text").write_text("no program", encoding="utf-8")
    for program in ("no-such-python", tmp_path / "text"):
        message = ruby.fails(str(program))
        assert message.startswith(f"bridge_failed: the program {program} cannot be started (")
        assert "in the info value python_command" in message


def test_a_python_that_cannot_run_the_handler_says_why(ruby, tmp_path):
    """A Python that is too old, or has no packages, is told by the message that start.py gives."""
    old = make_python(tmp_path / "old", "sys.version_info = (3, 9, 18, 'final', 0)")
    assert f"bridge_failed: the program {old} is Python 3.9" in ruby.fails(old)
    bare = make_python(tmp_path / "bare", packages=False)
    message = ruby.fails(bare)
    assert message.startswith(f"installation_broken: The Python {bare} lacks the package ")
    assert f"{bare} -m pip install " in message


def test_no_parameter_can_name_the_python(ruby, tmp_path):
    """What a tree puts into a parameter is never run, however the engine writes it."""
    evil = make_program(tmp_path / "evil", f'touch "{tmp_path}/ran"')
    value = f"<info name='python_command'>{evil}</info>"
    document = (
        f"<handler><infos><info name='python_command'>{sys.executable}</info></infos><parameters>"
        f"<parameter name='calendar_name'><![CDATA[{value}]]></parameter></parameters></handler>"
    )
    for step in ({"input": document}, {"info": INFO, "parameters": {**STEP, "calendar_name": value, "scope": "x"}}):
        (outcome,), _ = ruby.do(step)
        assert outcome["error"].startswith("invalid_input: ")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("command", ["", "python3"], ids=["none", "the default"])
def test_python_is_found_on_windows(on_windows, command):
    """Without an info value that names another program, `py -3` starts Python there."""
    ruby, put = on_windows
    put("py", f'[ "$1" = -3 ] && shift && exec "{sys.executable}" "$@"')
    put("python", "exit 7")
    with Emulator() as emulator:
        step = {"info": {**INFO, "python_command": command}, "parameters": STEP}
        (outcome,), _ = ruby.do(step, environment={"CALENDAR_EMULATOR_HOST": emulator.host})
    assert change(outcome) == "created"


def test_python_is_found_on_windows_without_its_launcher(on_windows):
    """Where `py` cannot be started, `python` is, and what neither can is told with what to set."""
    ruby, put = on_windows
    put("python", f'exec "{sys.executable}" "$@"')
    assert ruby.fails("", step={"parameters": {**STEP, "scope": "x"}}).startswith("invalid_input: scope: ")
    put("python", "exit 103")
    message = ruby.fails("")
    assert message.startswith("bridge_failed: the program py -3 or python found no Python (status 103)")
    assert r"such as C:\calendar-share\Scripts\python.exe" in message


def test_a_program_that_is_named_is_the_one_on_windows(on_windows, tmp_path):
    """What python_command names is started there, and ended after the time-out."""
    ruby, put = on_windows
    put("py", "exit 7")
    hung = make_program(tmp_path / "python", f'echo $$ > "{tmp_path}/pid"; exec sleep 1000')
    message = ruby.fails(hung, timeout=2)
    assert message.startswith(f"bridge_failed: the program {hung} gave no answer within 2 seconds and was ended; ")
    assert ended(tmp_path / "pid")


def test_jruby_needs_no_native_support(folder):
    """Where JRuby may load no native library, as in some containers, a step works all the same."""
    ruby = started("jruby", folder, JRUBY_OPTS="--dev -Xnative.enabled=false")
    with Emulator() as emulator:
        (outcome,), _ = ruby.do(
            {"info": INFO, "parameters": STEP}, environment={"CALENDAR_EMULATOR_HOST": emulator.host}
        )
    ruby.stop()
    assert change(outcome) == "created"


def test_the_allowed_variables_are_those_of_the_class(folder):
    """The list of this file is the class's, so that a new name is a decision."""
    source = (folder / "handler" / "init.rb").read_text(encoding="utf-8")
    names = re.search(r"ENVIRONMENT = %w\((.*?)\)", source, re.DOTALL)[1].split()
    assert set(names) == ALLOWED | WINDOWS
