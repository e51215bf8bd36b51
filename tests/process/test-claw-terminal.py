# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw on a terminal: typing, streaming, questions, Ctrl-C, what may reach the screen.

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
from peers import DONE, DROP, Error, Peers  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from terminal import Terminal, foreign  # noqa: E402

PROMPT = "❯ "
HOSTILE = ("\x1b[2J\x1b]52;c;eA==\x07\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\\x9b31m\x9d0;t\x9c\x90q\x9c\u202eevil\u2066\u200b\ufeff"
           "\u2028\x08\x7f\x1bc\x1b[6n\x1bP+q\x1b\\\U000e0041\x1b7\x1b[?2004h\r\x1b[A")


class Fixture(claw.Fixture):
    def __enter__(self):
        super().__enter__()
        self.peers.replies["io.clawos.Agent.History"] = lambda _: {"turns": []}
        return self

    def terminal(self, *arguments, **options):
        return Terminal([CLAW, "--state", self.state, *arguments], **options)


def answer(text):
    return [("turn-started", {}), ("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": text}),
            ("model-done", {"call": 1, "text": text}), ("answer", {"text": text}), DONE]


@test
def an_answer_streams_before_it_is_whole(f):
    go = threading.Event()
    f.peers.script = lambda _: [("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "first words "}),
                                lambda _: go.wait(20), ("text", {"call": 1, "offset": 12, "text": "and more"}),
                                ("model-done", {"call": 1, "text": "first words and more"}),
                                ("answer", {"text": "first words and more"}), DONE]
    with f.terminal() as t:
        t.expect(PROMPT).type("hi\n").expect("first words")
        go.set()
        t.expect(" and more").expect(PROMPT).type("\x04")
        expect(t.end(), 0)
        expect(t.plain().count("first words"), 1)


@test
def markdown_is_rendered_with_attributes_and_without_colour_on_request(f):
    f.say(*answer("# Head\n**bold** `code`\n- item\n"))
    with f.terminal("-m", "x") as t:
        expect(t.end(), 0)
        expect_true("\x1b[0;1mbold\x1b[0m" in t.output and "\x1b[0;36mcode" in t.output and "• item" in t.plain(), repr(t.output))
    with f.terminal("-m", "x", env={"NO_COLOR": "1"}) as t:
        t.end()
        expect_true("\x1b[0;1mbold\x1b[0m" in t.output and "36m" not in t.output and "34m" not in t.output, repr(t.output))
    with f.terminal("-m", "x", env={"TERM": "dumb"}) as t:
        t.end()
        expect_true("\x1b" not in t.output and "**bold**" in t.output, repr(t.output))


@test
def nothing_the_model_or_a_tool_says_acts_on_the_terminal(f):
    data = {"id": "a" + HOSTILE, "tool": "shell" + HOSTILE, "arguments": {"command" + HOSTILE: HOSTILE}}
    f.peers.script = lambda _: [
        ("status", {"text": HOSTILE}), ("reasoning", {"text": HOSTILE}),
        ("model-started", {"call": 1}), *[("text", {"call": 1, "offset": len(HOSTILE[:i].encode()), "text": c}) for i, c in enumerate(HOSTILE)],
        ("model-done", {"call": 1, "text": f"**{HOSTILE}** [a]({HOSTILE})\n```{HOSTILE}\n{HOSTILE}\n```\n| {HOSTILE} | b |\n|--|--|\n"}),
        ("tool-started", data), ("tool-done", {**data, "ok": False, "why": HOSTILE, "exit": 1}),
        ("answer", {"text": f"> {HOSTILE}\n# {HOSTILE}"}), ("turn-done", {"state": "failed" + HOSTILE, "reason": HOSTILE})]
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("turn 1 failed").expect(PROMPT).type("/quit\n")
        t.end()
        expect(foreign(t.output), [])
        expect_true("\\x1b[2J" in t.plain(), "it is shown instead")


@test
def a_tool_call_has_one_line_with_its_end(f):
    def later(usec):
        def wait(peers):
            peers.now_us += usec
        return wait

    f.say(("tool-started", {"id": "a", "tool": "shell", "arguments": {"command": "make\nall", "timeout": 5}}), later(2500000),
          ("tool-done", {"id": "a", "tool": "shell", "ok": True, "exit": 2, "bytes": 1234}),
          ("tool-started", {"id": "b", "tool": "time", "arguments": {}}),
          ("tool-started", {"id": "c", "tool": "echo", "arguments": {"message": "x" * 500}}), later(900),
          ("tool-done", {"id": "b", "tool": "time", "ok": True}),
          ("tool-done", {"id": "c", "tool": "echo", "ok": False, "content": "no such thing: " + "y" * 500 + "\nand more"}),
          ("tool-started", {"id": "d", "tool": "shell", "arguments": {"command": "false"}}), later(900),
          ("tool-done", {"id": "d", "tool": "shell", "ok": False, "exit": 1, "content": "said by its status"}),
          ("answer", {"text": "done"}), DONE)
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n")
        t.expect("› shell make\\nall timeout=5 · exit 2 · 1.2 kB · 2.5 s\r\n")
        t.expect("› time\r\n› echo xxx").expect("…\r\n  time · ok · 900 µs\r\n  echo · failed · 900 µs\r\n    no such thing: yyy")
        t.expect("y…\r\n› shell false · failed · exit 1 · 900 µs\r\ndone\r\n")
        t.expect(PROMPT)
        expect_true(all(len(line) <= 80 for line in t.plain().split("\r\n") if line.startswith(("›", "    no such"))), "lines fit")


@test
def ctrl_c_interrupts_a_turn_and_clears_a_line(f):
    f.peers.script = lambda _: [("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "working on "}),
                                lambda p: p.interrupted.wait(20), ("turn-done", {"state": "interrupted"})]
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("working").type("\x03").expect("turn 1 interrupted").expect(PROMPT)
        expect(len(f.peers.called("Interrupt")), 1)
        t.type("half a line").expect("half a line").type("\x03").expect("^C").expect(PROMPT)
        f.say(*answer("fine"))
        t.type("whole\n").expect("fine").expect(PROMPT).type("\x04")
        expect(t.end(), 0)
        expect(f.texts(), ["go", "whole"])


@test
def several_lines_and_a_paste_are_one_message(f):
    f.say(*answer("ok"))
    with f.terminal() as t:
        t.expect(PROMPT).type("first\\\n").expect("… ").type("second\n").expect("ok").expect(PROMPT)
        t.type("\x1b[200~pasted \x1b[31m\nlines\r\n\x1b[201~").expect("lines").type(" end\n").expect("ok").expect(PROMPT)
        t.type("\x04")
        t.end()
        expect(f.texts(), ["first\nsecond", "pasted \\x1b[31m\nlines end"])
        expect_true(t.output.count("\x1b[?2004h") == t.output.count("\x1b[?2004l"), "bracketed paste is switched off again")


@test
def history_is_kept_for_the_next_time_and_for_its_owner_only(f):
    f.say(*answer("ok"))
    with f.terminal() as t:
        t.expect(PROMPT).type("remember me\n").expect("ok").expect(PROMPT).type("\x04")
        t.end()
    expect(os.stat(os.path.join(f.state, "history")).st_mode & 0o777, 0o600)
    with f.terminal() as t:
        t.expect(PROMPT).type("\x1b[A").expect("remember me").type("\n").expect("ok").expect(PROMPT)
        expect(f.texts(), ["remember me", "remember me"])


@test
def a_command_is_completed_and_a_wrong_one_named(f):
    f.peers.replies["io.clawos.Agent.Status"] = {"status": {"model": "qwen", "provider": "local"}}
    with f.terminal() as t:
        t.expect(PROMPT).type("/mod\t\n").expect("qwen (local model)").expect(PROMPT)
        t.type("/statsu\n").expect("/statsu: no such command; did you mean /status?").expect(PROMPT)
        t.type("/run\n").expect("usage: /run COMMAND").expect(PROMPT)
        t.type("/help\n").expect("/approve [QUESTION]").expect(PROMPT).type("/quit\n")
        expect(t.end(), 0)
        expect(f.texts(), [])


def asking(f, via="egress", effect="send", action="POST https://example.org/ 12 bytes"):
    told = f.peers.decisions()
    f.peers.script = lambda _: [("question", {"tool": "http", "effect": effect, "action": action, "via": via, "question": 5,
                                              "timeoutUsec": 300000000, "reason": "no rule allows POST to example.org",
                                              "rule": "allow http POST https://example.org", "seenLabels": ["web:evil.example"]}),
                                lambda _: told.wait(20), ("answer", {"text": "it is over"}), DONE]
    return told


@test
def a_question_shows_the_exact_action_and_a_key_answers_it(f):
    rule = "allow http POST https://example.org"
    for key, word, wanted in (("y", "allowed", (True, "once", None, None)), ("a", "allowed", (True, "always", rule, "main")),
                              ("t", "allowed", (True, "thread", rule, "main")), ("n", "denied", (False, "once", None, None))):
        f.peers.calls.clear()
        asking(f)
        with f.terminal() as t:
            t.expect(PROMPT).type("go\n").expect("wants to send:").expect("POST https://example.org/ 12 bytes")
            t.expect("why: no rule allows POST to example.org").expect("this thread has read web:evil.example")
            t.expect("for longer it is the rule: " + rule)
            t.expect("[y]es once  in this [t]hread  [a]lways  [n]o").expect("5 min 00 s").type(key).expect(word).expect("it is over").expect(PROMPT)
        guard = f.peers.called("egress.Answer")[0][1]
        expect((guard["allow"], guard["scope"], guard.get("rule"), guard.get("thread")), wanted)
        expect(f.peers.called("Answer")[0][1]["allow"], wanted[0])


@test
def what_is_sent_does_not_push_out_of_sight_where_it_goes(f):
    forged = "GET https://en.wikipedia.org/wiki/Cat (0 bytes)"
    for action, true in (("POST https://evil.example/ (90 bytes)" + "\n" * 45 + forged, "POST https://evil.example/ (90 bytes)"),
                         ("POST https://evil.example/" + "a" * 4000 + forged, "POST https://evil.example/aaa")):
        asking(f, action=action)
        with f.terminal() as t:
            t.expect(PROMPT).type("go\n").expect(forged[-20:]).expect("? that is: " + true).expect("[y]es once")
            near = t.plain().split("? that is: ")[-1].split("[y]es")[0]
            expect_true(len(near) < 500, f"near the answer: {near}")
            t.type("n").expect("denied").expect(PROMPT)


@test
def keys_typed_before_a_question_do_not_answer_it(f):
    ask = threading.Event()
    told = asking(f)
    script = f.peers.script
    f.peers.script = lambda q: [("text", {"call": 1, "offset": 0, "text": "busy "}), lambda _: ask.wait(20), *script(q)]
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("busy").type("y\ny\n")
        ask.set()
        t.expect("[y]es once")
        expect(told.is_set(), False)
        t.type("n").expect("denied").expect(PROMPT)
        expect(f.peers.called("egress.Answer")[0][1]["allow"], False)


@test
def only_a_whole_word_answers_a_question(f):
    for typed, word, wanted in (("/approve\n", "allowed", (True, "once")), ("/deny\n", "denied", (False, "once")), ("yes\n", "allowed", (True, "once")),
                                ("\x1b[A", "", ()), ("\x1by", "", ()), ("say yes\n", "", ()), ("a moment\n", "", ()), ("\x04", "", ()),
                                ("see\ny\n", "", ()), ("\x1b[200~\ry\r\x1b[201~", "", ()), ("y\r\x1b[201~", "", ())):
        f.peers.calls.clear()
        asking(f)
        with f.terminal() as t:
            t.expect(PROMPT).type("go\n").expect("[a]lways").expect("5 min 00 s ")
            t.type(typed)
            if not word:
                time.sleep(0.6)
                expect(f.peers.called("Answer"), [])
                t.type("n")
            t.expect(word or "denied").expect("it is over").expect(PROMPT)
        guard = f.peers.called("egress.Answer")[0][1]
        expect((guard["allow"], guard["scope"]), wanted or (False, "once"))
        expect([c[1]["text"] for c in f.peers.called("Submit")], ["go"])


@test
def always_is_offered_only_where_it_means_a_host(f):
    asking(f, via="agent", effect="install")
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("[y]es once  [n]o").type("a\n").expect("[y]es once  [n]o").type("y").expect("allowed").expect(PROMPT)
        expect(f.peers.called("egress.Answer"), [])
        expect(f.peers.called("Answer")[0][1]["allow"], True)


@test
def an_agent_that_lies_offers_no_rule_of_another_tool(f):
    for via, tool, rule in (("agent", "shell", "allow http POST https://evil.example"), ("agent", "http", "allow http GET https://a.example"),
                            ("agent", "shell", "deny shell"), ("egress", "http", "allow shell"), ("fs", "memory_write", "allow memory_write"),
                            ("agent", "", "allow  shell"), ("agent", "sh", "allow shell")):
        told = f.peers.decisions()
        f.peers.script = lambda _, v=via, t=tool, r=rule, told=told: [
            ("question", {"tool": t, "effect": "send", "action": "x", "via": v, "question": 5, "rule": r}), lambda _: told.wait(20),
            ("answer", {"text": "it is over"}), DONE]
        f.peers.calls.clear()
        with f.terminal() as t:
            t.expect(PROMPT).type("go\n").expect("[y]es once  [n]o").type("a\n").expect("[y]es once  [n]o").type("t\n").expect("[y]es once  [n]o")
            t.type("n").expect("it is over")
        expect([c for c in f.peers.calls if c[0] == "egress.AddRule"], [])


@test
def a_rule_for_what_the_agent_does_itself_is_made_at_the_broker_first(f):
    for key, thread in (("a", None), ("t", "main")):
        told = f.peers.decisions()
        f.peers.script = lambda _, told=told: [
            ("question", {"tool": "shell", "effect": "execute", "action": "shell: ls", "via": "agent", "question": 0,
                          "rule": "allow shell command ls"}), lambda _: told.wait(20), ("answer", {"text": "it is over"}), DONE]
        f.peers.replies["io.clawos.Egress.AddRule"] = {"rule": {}}
        f.peers.calls.clear()
        with f.terminal() as t:
            t.expect(PROMPT).type("go\n").expect("[a]lways").type(key).expect("allowed").expect("it is over")
        expect([c[0] for c in f.peers.calls if c[0] in ("egress.AddRule", "Answer")], ["egress.AddRule", "Answer"])
        made = f.peers.called("egress.AddRule")[0][1]
        expect((made["text"], made.get("thread")), ("allow shell command ls", thread))


@test
def where_another_terminal_was_quicker_its_answer_counts(f):
    asking(f)
    f.peers.replies["io.clawos.Egress.Answer"] = Error("io.clawos.Egress.Answered", question=5, allow=False)
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("[y]es once").type("y").expect("another terminal was quicker: the answer was no").expect("it is over")
    expect(f.peers.called("Answer")[0][1]["allow"], False)


@test
def a_question_that_timed_out_is_no_longer_asked(f):
    f.peers.script = lambda _: [("question", {"tool": "http", "effect": "send", "action": "GET", "via": "egress", "question": 5}),
                                lambda p: p.wait_called("Subscribe"), lambda _: shown.wait(20),
                                ("decision", {"question": 2, "allow": False, "by": "timeout"}), ("answer", {"text": "gave up"}), DONE]
    shown = threading.Event()
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("[y]es")
        shown.set()
        t.expect("denied (nobody answered in time)").expect("gave up").expect(PROMPT)
        expect(f.peers.called("Answer"), [])


@test
def a_question_of_another_client_is_answered_by_command(f):
    with f.terminal() as t:
        t.expect(PROMPT)
        f.peers.wait_called("Subscribe")
        with f.peers.lock:
            f.peers.turn = 1
            f.peers.add("accepted", {"text": "from elsewhere"}, turn=1)
            f.peers.add("question", {"tool": "http", "effect": "send", "action": "GET x", "via": "egress", "question": 5}, turn=1)
        t.expect("> from elsewhere").expect("/approve 2 or /deny 2")
        t.type("/approve 2\n").expect(PROMPT)
        f.peers.wait_called("Answer")
        expect(f.peers.called("egress.Answer")[0][1]["allow"], True)
        t.type("/deny 77\n").expect("question 77 is not open")


@test
def a_restart_of_the_agent_in_mid_turn_is_bridged(f):
    seen = threading.Event()
    f.say(("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "one two "}), lambda _: seen.wait(20), DROP,
          lambda p: p.await_subscriptions(2), ("text", {"call": 1, "offset": 14, "text": "lost words "}),
          ("model-done", {"call": 1, "text": "one two three four"}), ("tool-started", {"id": "a", "tool": "time", "arguments": {}}),
          Peers.await_sent, DROP, ("tool-done", {"id": "a", "tool": "time", "ok": True}), ("answer", {"text": "and so on"}),
          Peers.await_sent, DROP, DONE)
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("one two")
        seen.set()
        t.expect(" three four\r\n").expect("› time").expect("ok").expect("and so on").expect(PROMPT)
        plain = t.plain()
        for once in ("one two", "three four", "› time", "and so on"):
            expect(plain.count(once), 1, once)
        expect_true("lost words" not in plain, "a piece behind a gap is left to the record")


@test
def a_model_call_that_is_asked_again_is_shown_anew(f):
    seen = threading.Event()
    f.say(("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "first try "}), lambda _: seen.wait(20), DROP,
          ("model-started", {"call": 1, "attempt": 2}), ("text", {"call": 1, "offset": 0, "text": "second try "}),
          ("model-done", {"call": 1, "text": "second try it is"}), ("answer", {"text": "second try it is"}), DONE)
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("first try")
        seen.set()
        t.expect("\r\n").expect("second try it is\r\n").expect(PROMPT)
        expect(t.plain().count("second try"), 1)


@test
def the_last_turn_is_shown_as_it_stands_and_goes_on(f):
    with f.peers.lock:
        f.peers.turn = 1
        f.peers.add("accepted", {"text": "the old question"}, turn=1)
        f.peers.add("model-started", {"call": 1}, turn=1)
        f.peers.add("model-done", {"call": 1, "text": "Half an answer."}, turn=1)
    f.peers.replies["io.clawos.Agent.History"] = {"turns": [{"turn": 1, "state": "started", "seq": 1}]}
    with f.terminal() as t:
        t.expect("> the old question").expect("Half an answer.").expect("turn 1 is not finished; it goes on")
        with f.peers.lock:
            f.peers.add("answer", {"text": "The other half."}, turn=1)
            f.peers.add(*DONE, turn=1)
        t.expect("The other half.").expect(PROMPT)
        expect(f.peers.called("Subscribe")[0][1]["afterSeq"], 0)


@test
def a_thread_is_made_when_it_does_not_exist(f):
    f.peers.replies["io.clawos.Agent.History"] = Error("io.clawos.Agent.UnknownThread", thread="work")
    f.peers.replies["io.clawos.Agent.NewThread"] = lambda p: {"thread": {"name": p.get("name") or "thread-2"}}
    f.say(*answer("ok"))
    with f.terminal("--thread", "work") as t:
        t.expect(PROMPT)
        expect(f.peers.called("NewThread")[0][1], {"name": "work"})
        t.type("/new\n").expect("thread thread-2").expect(PROMPT).type("hi\n").expect("ok").expect(PROMPT)
        expect(f.peers.called("Submit")[0][1]["thread"], "thread-2")
        t.type("/thread\n").expect("thread-2").expect(PROMPT)


@test
def a_direct_form_asks_no_model(f):
    f.say(("tool-started", {"id": "a", "tool": "shell", "arguments": {"command": "ls"}}),
          ("tool-done", {"id": "a", "tool": "shell", "ok": True, "exit": 0}), ("answer", {"text": "a.txt"}), DONE)
    with f.terminal() as t:
        t.expect(PROMPT).type("/run ls -la | wc\n").expect("a.txt").expect(PROMPT)
        (_, p, _), = f.peers.called("Submit")
        expect((p["tool"], p["arguments"], p["unattended"]), ("shell", {"command": "ls -la | wc"}, False))


@test
def the_terminal_is_as_before_however_it_ends(f):
    f.say(("text", {"call": 1, "offset": 0, "text": "busy "}))
    for end in ("\x04", None):
        with f.terminal() as t:
            before = t.flags()
            t.expect(PROMPT)
            if end:
                t.type(end)
                expect(t.end(), 0)
            else:
                t.type("go\n").expect("busy")
                os.kill(t.pid, signal.SIGTERM)
                expect(t.end(), 0)
            expect(t.flags() & (termios.ECHO | termios.ICANON | termios.ISIG), before & (termios.ECHO | termios.ICANON | termios.ISIG))


@test
def an_idle_prompt_does_not_wake(f):
    with f.terminal() as t:
        t.expect(PROMPT)

        def switches():
            with open(f"/proc/{t.pid}/status", encoding="ascii") as file:
                return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)

        before, settled = -1, switches()
        while settled != before:
            before = settled
            t.read(0.3)
            settled = switches()
        t.read(2)
        expect(switches() - settled, 0)


@test
def wide_characters_are_typed_and_wrapped_by_columns(f):
    f.say(*answer("漢字 " * 30))
    with f.terminal(columns=40) as t:
        t.expect(PROMPT).type("größe 漢字\n").expect("漢字").expect(PROMPT)
        expect(f.texts(), ["größe 漢字"])
        lines = [line for line in t.plain().split("\r\n") if line.startswith("漢字")]
        expect_true(len(lines) > 2 and all(len(line.rstrip()) <= 24 for line in lines), str(lines))


@test
def a_host_without_locales_is_typed_at_in_any_script(f):
    f.say(*answer("ok"))
    with f.terminal(env={"LOCPATH": "/nonexistent", "LANG": "xx_YY.UTF-8"}) as t:
        t.expect(PROMPT).type("größe\n").expect("größe").expect("ok").expect(PROMPT)
        expect(f.texts(), ["größe"])


@test
def nothing_stays_of_a_status_line(f):
    f.say(("model-started", {"call": 1}), ("answer", {"text": ""}), DONE)
    with f.terminal() as t:
        t.expect(PROMPT).type("hi\n").expect("thinking").expect("\x1b[K").expect(PROMPT)
    with f.terminal("-m", "x") as t:
        t.end()
        expect_true(t.plain().endswith("\x1b[K"), repr(t.plain()))


@test
def a_file_is_attached_to_the_next_message_and_to_no_other(f):
    f.say(*answer("ok"))
    path = os.path.join(f.state, "cat one.png")
    with open(path, "wb") as file:
        file.write(b"\x89PNG" + bytes(5000))
    with f.terminal() as t:
        t.expect(PROMPT).type(f"/attach {path}\n").expect("with the next message:").expect("cat one.png 5.0 kB")
        t.type("/attach /nowhere\n").expect("/nowhere: No such file")
        t.type("/time\n").expect("ok").type("what is it?\n").expect("ok").type("and now?\n").expect("ok")
        t.type("/attach\n").expect("nothing is attached").type(f"/attach {path}\n").expect("cat one.png").type("/attach -\n")
        t.expect("nothing is attached").type("\x04")
        expect(t.end(), 0)
    expect([(c[1]["text"], c[1].get("attachments")) for c in f.peers.called("Submit")],
           [("/time ", None), ("what is it?", [{"name": "cat one.png", "fd": 0}]), ("and now?", None)])


run(Fixture)
