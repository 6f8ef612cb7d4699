"""Starts the handler that this file came with, for one step; init.rb, the Ruby end, runs it.

Reads the input document from stdin and writes `KIND LENGTH`, a line feed and so many
bytes to stdout; the kind is `results` or `error`. Every Python has to be able to read
this file, so that one that is too old can say so.
"""

import os
import sys

OLDEST = (3, 10)
FOLDER = os.path.abspath(__file__)
for _ in ("start.py", "kinetic", "engines", "handler"):
    FOLDER = os.path.dirname(FOLDER)


def step(document):
    """Return the kind and the text of the answer."""
    if sys.version_info < OLDEST:
        return failed(
            "the program %s is Python %d.%d, but Python %d.%d or newer is needed; install one, and name it with its "
            "full path in the info value python_command" % ((sys.executable,) + sys.version_info[:2] + OLDEST)
        )
    try:
        return load("handler.engines.kinetic.bridge").main(document)
    except BaseException as error:
        # Not its text, which may quote what it failed on.
        place = error.__traceback__
        while place.tb_next:
            place = place.tb_next
        return failed(
            "a fault of the handler or its installation, %s in %s, line %d; the share may have been made or not: run "
            "the step again, which does nothing twice; if it ends so again, import the package of the handler anew"
            % (type(error).__name__, place.tb_frame.f_code.co_filename, place.tb_lineno)
        )


def load(module):
    """Import a module of the folder's own handler, wherever others of that name are installed."""
    import importlib.util

    init = os.path.join(FOLDER, "handler", "__init__.py")
    spec = importlib.util.spec_from_file_location("handler", init)
    sys.modules["handler"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["handler"])
    return importlib.import_module(module)


def failed(problem):
    """Return the answer for a step that could not be done."""
    return "error", "bridge_failed: " + problem


def main():
    """Do the step."""
    del sys.path[0]  # the folder of this file, which is on no module's account
    document = getattr(sys.stdin, "buffer", sys.stdin).read()
    stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no part of the answer
    kind, text = step(document)
    content = text.encode("utf-8", "replace")
    stdout.write(("%s %d\n" % (kind, len(content))).encode("ascii") + content)
    stdout.close()


if __name__ == "__main__":
    main()
