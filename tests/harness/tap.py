# SPDX-License-Identifier: Apache-2.0 OR MIT
"""TAP from Python: a test is a function; its name, or first docstring line, is the sentence.

    @test
    def an_accepted_message_survives_kill_9(system): ...

    run(fixture)   # fixture() is a context manager made anew for each test; None: no argument
"""
import sys
import time
import traceback

TESTS = []


class Skip(Exception):
    """Raised with what is missing."""


def test(function):
    TESTS.append(function)
    return function


def expect(actual, wanted, note=""):
    if actual != wanted:
        raise AssertionError(f"{note + ': ' if note else ''}{actual!r}, wanted {wanted!r}")


def expect_true(condition, note):
    if not condition:
        raise AssertionError(note)


def wait_for(condition, note, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{note} within {seconds} s")
        time.sleep(0.005)


def run(fixture=None):
    wanted = sys.argv[1:]
    chosen = [t for t in TESTS if not wanted or any(w in t.__name__ for w in wanted)]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, function in enumerate(chosen, 1):
        name = function.__name__.replace("_", " ")
        try:
            if fixture:
                with fixture() as value:
                    function(value)
            else:
                function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as missing:
            print(f"ok {number} - {name} # SKIP {missing}", flush=True)
        except Exception:  # a test may fail in any way; each is a failure of that test
            failed += 1
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {name}", flush=True)
    sys.exit(1 if failed else 0)
