# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw and what a person sees while typing: on a model of the screen (harness/screen.py).

The daemons are scripted (harness/peers.py), the terminal is a pty (harness/terminal.py).
"""
import os
import signal
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import claw  # noqa: E402
from claw import CLAW  # noqa: E402
from peers import DONE, Error  # noqa: E402
from person import RUNNING, Person  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ACCENT = "e\u0301"


class Fixture(claw.Fixture):
    def __enter__(self):
        super().__enter__()
        self.peers.replies["io.clawos.Agent.History"] = lambda _: {"turns": []}
        self.peers.replies["io.clawos.Agent.Status"] = {"status": {"model": "gpt", "provider": "openai"}}
        self.go, self.more = threading.Event(), threading.Event()
        return self

    def __exit__(self, *_):
        self.go.set()
        self.more.set()
        super().__exit__()

    def person(self, *arguments, **options):
        return Person([CLAW, "--state", self.state, *arguments], **options)

    def slow(self):
        """The first turn says half of its answer, waits for go, and says the rest; others answer at once."""
        def script(submit):
            if submit["text"] != "slow":
                return [("turn-started", {}), ("model-started", {"call": 1}), ("answer", {"text": f"answer to {submit['text']}"}), DONE]
            return [("turn-started", {}), ("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "first words "}),
                    lambda _: self.go.wait(20), ("text", {"call": 1, "offset": 12, "text": "and the rest "}),
                    lambda _: self.more.wait(20),
                    ("model-done", {"call": 1, "text": "first words and the rest "}), ("answer", {"text": "first words and the rest "}), DONE]
        self.queue(script)

    def queue(self, script):
        """As the agent does: a turn begins when the one before is over."""
        over = [threading.Event()]
        over[0].set()

        def in_order(submit):
            before, mine = over[-1], threading.Event()
            over.append(mine)
            return [lambda _: before.wait(20), *script(submit), lambda _: mine.set()]
        self.peers.script = in_order


@test
def a_newcomer_is_told_what_this_is_and_a_pipe_is_not(f):
    with f.person(columns=200) as t:
        t.prompt()
        expect(t.screen().lines()[:3], ["ClawOS 0.1.0 · gpt (OpenAI) · /help lists commands",
                                        f"workspace {f.state}/workspace · tools may write in it", "❯"])
    f.peers.replies["sandbox"] = lambda data: data[:2] + bytes((4, 0)) + data[4:8] + bytes(176)
    for allow, words in (((), "read-only for tools (--allow write opens it)"), (("--allow", "write"), "tools may write in it")):
        with f.person("--workspace", "/usr", *allow, columns=200) as t:
            t.prompt()
            expect(t.screen().lines()[1], f"workspace /usr · {words}")


@test
def what_is_typed_during_a_turn_is_seen_and_queues_up(f):
    f.slow()
    with f.person() as t:
        t.prompt().type("slow\n").sees("first words").type("and th")
        t.below("and th").type("en?")
        f.go.set()
        t.sees("first words and the rest").below("and then?").type("\n")
        t.sees("  queued: and then?").prompt("").type("more").below("more")
        expect(f.texts(), ["slow", "and then?"])
        f.more.set()
        t.sees("answer to and then?").prompt("more").type("\x15\x04")
        expect(t.end(), 0)
        lines = [line for line in t.screen().lines() if line]
        expect(lines[lines.index("❯ slow"):],
               ["❯ slow", "first words and the rest", "> and then?", "answer to and then?"])


@test
def ctrl_c_in_a_turn_keeps_what_is_being_typed(f):
    f.peers.script = lambda _: [("turn-started", {}), ("text", {"call": 1, "offset": 0, "text": "working "}), lambda p: p.interrupted.wait(20),
                                ("turn-done", {"state": "interrupted"})]
    with f.person() as t:
        t.prompt().type("slow\n").sees("working").type("half a th").below("half a th").type("\x03")
        t.sees("turn 1 interrupted").prompt("half a th").type("\x03").sees("❯ half a th^C").prompt("").type("\x04")
        expect(t.end(), 0)
        expect((f.texts(), len(f.peers.called("Interrupt"))), (["slow"], 1))


@test
def a_command_typed_during_a_turn_is_obeyed_at_once(f):
    f.slow()
    with f.person() as t:
        t.prompt().type("slow\n").sees("first words").type("/model\n").sees("❯ /model").sees("gpt (OpenAI)")
        f.go.set()
        f.more.set()
        t.sees("and the rest").prompt("")
        expect(t.screen().text().count("first words"), 1)


@test
def what_is_waited_for_is_said_again_below_a_command(f):
    f.queue(lambda _: [("turn-started", {}), ("model-started", {"call": 1}), ("status", {"text": "loading the local model"}),
                       lambda _: f.go.wait(20), ("answer", {"text": "here"}), DONE])
    with f.person() as t:
        t.prompt().type("go\n").sees("loading the local model").type("/model\n").sees("❯ /model")
        t.until(lambda s: [line for line in s.lines() if line][-1] == "loading the local model")
        f.go.set()
        t.sees("here").prompt()
        expect_true("loading" not in t.screen().text(), t.screen().text())


@test
def quitting_during_a_turn_says_that_it_goes_on(f):
    for way in ("/quit\n", "\x04"):
        f.slow()
        with f.person() as t:
            t.prompt().type("slow\n").until(lambda s: "first words" in s.lines()).type(way)
            expect(t.end(), 0)
            expect_true("goes on; the next claw shows it" in t.plain(), t.plain())
    expect(f.peers.called("Interrupt"), [])


@test
def interrupting_when_nothing_runs_says_so(f):
    f.peers.replies["io.clawos.Agent.Interrupt"] = {"turn": None}
    with f.person() as t:
        t.prompt().type("/interrupt\n").sees("nothing is running in this thread").prompt("")


@test
def the_prompt_and_the_words_say_which_thread_it_is(f):
    threads = [{"name": "main", "turns": 1}, {"name": "work", "turns": 3}]
    f.peers.replies["io.clawos.Agent.Threads"] = lambda _: {"threads": threads}
    f.peers.replies["io.clawos.Agent.History"] = lambda p: {"turns": []} if p["thread"] in [t["name"] for t in threads] else fail(p)
    f.peers.replies["io.clawos.Agent.NewThread"] = lambda p: threads.append({"name": p.get("name") or "thread-9", "turns": 0}) or {
        "thread": threads[-1]}

    def fail(p):
        raise Error("io.clawos.Agent.UnknownThread", thread=p["thread"])

    with f.person() as t:
        t.prompt().type("/thread work\n").sees("thread work, 3 turns").prompt(name="work ")
        t.type("/thread\n").prompt(name="work ").type("/thread fresh\n").sees("new thread fresh").prompt(name="fresh ")
        t.type("/new\n").sees("new thread thread-9").prompt(name="thread-9 ")
        t.type("/new work\n").sees('there is a thread "work" already; /thread work goes there').prompt(name="thread-9 ")
        t.type("/thread main\n").sees("thread main, 1 turn").prompt()
        f.peers.replies["io.clawos.Agent.NewThread"] = Error("io.clawos.Agent.InvalidArguments", reason="not a name")
        t.type("/thread a\x1b[200~\u202e\x1b[201~\n").sees("not a name").prompt()


@test
def a_thread_of_another_name_never_acts_on_the_terminal(f):
    name = "x\x1b]52;c;eA==\x07\u202e\u200b"
    f.peers.replies["io.clawos.Agent.Threads"] = lambda _: {"threads": [{"name": name, "title": name, "state": name, "turns": 1}]}
    f.peers.replies["io.clawos.Agent.NewThread"] = {"thread": {"name": name}}
    with f.person() as t:
        t.prompt().type("/new\n").sees("thread x\\x1b]52;c;eA==\\x07\\u{202e}\\u{200b}, 1 turn").type("/threads\n")
        t.until(lambda s: sum("eA==" in line for line in s.lines()) > 3)
        expect([c for c in t.output if c in "\x07\u202e\u200b" or 127 <= ord(c) < 160], [])


def edited(f, typed, **options):
    """The message that comes of these keys."""
    f.peers.script = lambda _: [("answer", {"text": "ok"}), DONE]
    with f.person(**options) as t:
        t.prompt().type(typed + "\n").sees("ok").prompt().type("\x04")
        t.end()
    return f.texts()[-1]


@test
def a_character_is_what_a_person_takes_for_one(f):
    left, right, home, end, delete = "\x1b[D", "\x1b[C", "\x1b[H", "\x1bOF", "\x1b[3~"
    for typed, wanted in ((f"a{FAMILY}b{left}\x7f", "ab"), (f"{ACCENT}x{left}{left}y", f"y{ACCENT}x"), (f"{ACCENT}\x7fz", "z"),
                          (f"漢字{left}\x7f", "字"), (f"a{FAMILY}{left}{delete}!", "a!"), (f"{home}1{end}2", "12"),
                          ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7\x7f", "\U0001f1e9\U0001f1ea"), ("👍🏽x\x7f\x7fy", "y"),
                          (f"한글{left}{left}{right}-", "한-글"), ("one two\x17three", "one three"), ("ab\x14", "ba"),
                          ("one two\x1bb\x1bbX", "Xone two"), ("one two\x01\x0b\x19\x19", "one twoone two"), ("❤️\x7fq", "q")):
        expect(edited(f, typed), wanted, repr(typed))


@test
def a_long_line_is_wrapped_and_edited_anywhere_on_every_kind_of_terminal(f):
    words = "word " * 12 + f"漢字{FAMILY}{ACCENT} " * 4
    for joined in (False, True):
        with f.person(columns=40, rows=10, joined=joined) as t:
            t.prompt().type(words)
            t.until(lambda s: "".join(s.text().partition("❯ ")[2].split()) == "".join(words.split()), "the whole line")
            t.type("\x01").until(lambda s: s.lines()[s.cursor()[0]].startswith("❯ word") and s.cursor()[1] == 2, "the start")
            t.type("X").until(lambda s: "❯ Xword" in s.text() and s.cursor()[1] == 3, "one letter")
            t.type("\x05 end").until(lambda s: s.lines()[s.cursor()[0]].rstrip().endswith("end"), "the end")
            expect_true(all(len(line) < 40 for line in t.screen().text().partition("❯")[2].split("\n")), t.screen().text())


@test
def a_text_higher_than_the_screen_is_edited_through_a_window(f):
    text = "\n".join(f"line {n}" for n in range(50))
    with f.person(columns=40, rows=10) as t:
        t.prompt().type(f"\x1b[200~{text}\x1b[201~").until(lambda s: "line 49" in s.lines()[s.cursor()[0]], "its end")
        t.type("\x1b[A" * 49).until(lambda s: "❯ line 0" in s.lines(), "its start").type("\x01-").sees("❯ -line 0")
        f.peers.script = lambda _: [("answer", {"text": "ok"}), DONE]
        t.type("\n").sees("ok").prompt()
        expect(f.texts(), ["-" + text])
        expect_true(all(f"line {n}" in t.screen().text() for n in range(50)), "all of it stays on the screen")


@test
def an_answer_goes_on_where_it_was_however_narrow_the_screen(f):
    f.queue(lambda _: [("turn-started", {}), ("text", {"call": 1, "offset": 0, "text": "alpha beta "}), lambda _: f.go.wait(20),
                       *[("text", {"call": 1, "offset": 11 + 6 * n, "text": f"word{n} "}) for n in range(10)], lambda _: f.more.wait(20),
                       ("answer", {"text": "alpha beta " + "".join(f"word{n} " for n in range(10))}), DONE])
    for rows in (5, 24):
        f.go.clear()
        f.more.clear()
        with f.person(columns=30, rows=rows) as t:
            t.prompt().type("go\n").sees("alpha beta").type("X" * 70)
            t.until(lambda s: s.text().count("X") == 70, "all that was typed")
            f.go.set()
            t.until(lambda s: "word9" in s.text() and s.text().count("X") == 70, "the answer above it")
            expect("".join(t.screen().text().partition("alpha")[2].partition("❯")[0].split()),
                   "beta" + "".join(f"word{n}" for n in range(10)))
            f.more.set()
            t.until(lambda s: RUNNING[:29] not in s.lines()).type("\x03\x04")
            t.end()


@test
def a_resize_during_an_answer_wraps_what_follows(f):
    f.peers.script = lambda _: [("turn-started", {}), ("text", {"call": 1, "offset": 0, "text": "one two "}), lambda _: f.go.wait(20),
                                ("answer", {"text": "one two\n\n" + "word " * 30}), DONE]
    with f.person(columns=80) as t:
        t.prompt().type("go\n").sees("one two").type("abc").below("abc").resize(50)
        before = len(t.output)
        t.until(lambda _: len(t.output) > before, "the line is drawn again")
        f.go.set()
        t.until(lambda s: s.text().count("word") == 30).prompt("abc")
        expect_true(all(len(line) < 50 for line in t.screen().lines() if "word" in line), t.screen().text())


@test
def history_is_gone_through_and_searched(f):
    f.peers.script = lambda _: [("answer", {"text": "ok"}), DONE]
    up, down = "\x1b[A", "\x1b[B"
    with f.person() as t:
        t.prompt()
        for line in ("first thing", "second thing", "third"):
            t.type(line + "\n").prompt()
        t.type("draft" + up).prompt("third").type(up).prompt("second thing").type(down + down).prompt("draft").type("\x15")
        t.type("\x12").sees("  search:").type("thing").until(lambda s: "❯ second thing" in s.lines()).type("\x12")
        t.until(lambda s: "❯ first thing" in s.lines()).type("\n").prompt()
        expect(f.texts()[-1], "first thing")
        t.type("\x12nowhere").sees("  search: nowhere (not found)").type("\x07").prompt().type("\x04")
        t.end()


@test
def names_are_completed_and_listed(f):
    with f.person() as t:
        t.prompt().type("/hel\t").prompt("/help").type("\x15/th\t").until(lambda s: "  /threads  /thread" in s.lines())
        expect(t.screen().lines()[t.screen().cursor()[0]], "❯ /thread")
        t.type("\x15/zz\t").prompt("/zz")


@test
def a_question_leaves_what_was_being_typed_alone(f):
    told = f.peers.decisions()
    f.peers.script = lambda _: [("turn-started", {}), ("text", {"call": 1, "offset": 0, "text": "hm "}), lambda _: f.go.wait(20),
                                ("question", {"tool": "http", "effect": "send", "action": "GET x", "via": "agent", "question": 5}),
                                lambda _: told.wait(20), ("answer", {"text": "hm yes"}), DONE]
    with f.person() as t:
        t.prompt().type("go\n").sees("hm").type("yyy").below("yyy")
        f.go.set()
        t.until(lambda s: "GET x" in s.text() and "/deny 3" in s.text()).below("yyy")
        time.sleep(1)  # long after the key that was pressed last
        t.type("y").below("yyyy")
        time.sleep(1)
        expect((told.is_set(), "[y]es" in t.screen().text()), (False, False))
        t.type("\x15").until(lambda s: "[y]es once  [n]o" in s.text()).type("y").sees("  allowed").prompt("").type("\x04")
        expect(t.end(), 0)


@test
def a_yes_that_was_begun_before_a_question_stays_a_message(f):
    told = f.peers.decisions()
    f.peers.script = lambda _: [("turn-started", {}), ("text", {"call": 1, "offset": 0, "text": "Shall I go on? "}), lambda _: f.go.wait(20),
                                ("question", {"tool": "http", "effect": "send", "action": "GET x", "via": "agent", "question": 5}),
                                lambda _: told.wait(20), ("answer", {"text": "Shall I go on? no"}), DONE]
    with f.person() as t:
        t.prompt().type("go\n").sees("Shall I go on?").type("y").below("y")
        f.go.set()
        t.until(lambda s: "GET x" in s.text())
        for key in "es":
            time.sleep(0.8)  # slower than anybody types: still no key of an answer
            t.type(key)
        t.below("yes")
        expect(told.is_set(), False)
        t.type("\n").until(lambda s: "[y]es once  [n]o" in s.text())
        expect((f.texts(), told.is_set()), (["go", "yes"], False))
        t.type("n").sees("  denied").type("\x04")
        expect(f.peers.called("Answer")[0][1]["allow"], False)


@test
def keys_in_the_first_moment_of_a_question_are_no_answer(f):
    told = f.peers.decisions()
    f.peers.script = lambda _: [("turn-started", {}), ("text", {"call": 1, "offset": 0, "text": "hm "}), lambda _: f.go.wait(20),
                                ("question", {"tool": "http", "effect": "send", "action": "GET x", "via": "agent", "question": 5}),
                                lambda _: told.wait(20), ("answer", {"text": "hm no"}), DONE]
    with f.person() as t:
        t.prompt().type("go\n").sees("hm")
        f.go.set()
        t.until(lambda s: "GET x" in s.text()).type("yes").below("yes")
        time.sleep(1)
        expect(told.is_set(), False)
        t.type("\n").until(lambda s: "[y]es once  [n]o" in s.text())
        expect((f.texts(), told.is_set()), (["go", "yes"], False))
        t.type("n").sees("  denied").type("\x04")


@test
def ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(f):
    with f.person() as t:
        before = t.flags()
        t.prompt().type("half").prompt("half").type("\x1a")
        os.waitid(os.P_PID, t.pid, os.WSTOPPED | os.WNOWAIT)
        expect(t.flags() & termios.ECHO, before & termios.ECHO)
        os.kill(t.pid, signal.SIGCONT)
        t.type(" more").prompt("half more").type("\x15\x04")
        expect(t.end(), 0)


@test
def a_dumb_terminal_is_talked_to_in_lines(f):
    f.slow()
    f.go.set()
    f.more.set()
    with f.person(env={"TERM": "dumb"}) as t:
        t.expect("/help lists commands").expect("❯ ").type("slow\n").expect("first words and the rest").expect("❯ ")
        t.type("/model\n").expect("gpt (OpenAI)").expect("❯ ").type("\x04")
        expect(t.end(), 0)
        expect_true("\x1b" not in t.output, repr(t.output))
        expect(f.texts(), ["slow"])


@test
def a_terminal_that_is_closed_ends_the_shell_and_nothing_else(f):
    f.slow()
    t = f.person()
    t.prompt().type("slow\n").sees("first words")
    os.close(t.fd)
    expect(os.waitstatus_to_exitcode(os.waitpid(t.pid, 0)[1]), 1)
    expect(f.peers.called("Interrupt"), [])


run(Fixture)
