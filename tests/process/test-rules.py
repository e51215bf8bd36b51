#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Rules and the person's word at claw-egressd, before a claw-agentd that lies.

Here the test is claw-agentd: it may say whatever it likes. What reaches the site is what counts.
Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import contextlib
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import AGENT, BIN, EGRESS, Broker, refused  # noqa: E402
from provider import Answer, Provider  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Client, Gone, VarlinkError  # noqa: E402


class Site:
    """A site that may be asked about: the configuration has a rule that asks, by its number; nothing is allowed."""

    def __init__(self, provider, broker):
        self.provider, self.broker = provider, broker
        self.url = f"http://127.0.0.1:{provider.port}"

    def fetch(self, path="/", method="GET", body=b"", question=None, thread="main", origins=("person",), headers=()):
        """As claw-agentd asks; thread and origins are its word."""
        parameters = {"method": method, "url": self.url + path, "headers": [{"name": n, "value": v} for n, v in headers],
                      "length": len(body), "timeoutMsec": 5000, "maxBytes": 1 << 20, "intent": 9, "thread": thread, "origins": list(origins)}
        if question is not None:
            parameters["question"] = question
        return self.broker.call("Fetch", parameters, body)

    def asked(self, *arguments, **options):
        return refused(lambda: self.fetch(*arguments, **options), "ApprovalNeeded")

    def answer(self, asked, allow=True, scope="once", **more):
        extra = {"rule": asked["rule"], "thread": "main"} if scope != "once" else {}
        return self.broker.person("Answer", question=asked["question"], allow=allow, action=asked["action"], scope=scope,
                                  **{**extra, **more})

    def rules(self):
        return [rule["text"] for rule in self.broker.person("Rules")["rules"]]

    def reached(self):
        return [(r.method, r.path, r.body) for r in self.provider.requests]

    def restart(self):
        self.broker.daemon.kill()
        self.broker.daemon.start()


@contextlib.contextmanager
def site():
    with Provider([], Answer(b"page")) as provider, Broker(backend="local") as broker:
        made = Site(provider, broker)
        broker.person("AddRule", text=f"ask http any {made.url}")  # an inner address is reached only when it is named
        yield made


# --- an agent that lies

@test
def nothing_leaves_on_the_word_of_the_agent():
    with site() as s:
        asked = s.asked("/a", "POST", b"private")
        for claim in (dict(question=asked["question"]), dict(question=asked["question"], origins=("person",)),
                      dict(question=asked["question"], thread="another"), dict(question=asked["question"] + 1000)):
            refused(lambda c=claim: s.fetch("/a", "POST", b"private", **c), "UnknownQuestion" if claim["question"] != asked["question"] else "ApprovalNeeded")
        with s.broker.link() as agent:  # its own uid
            for method, parameters in (("Answer", {"question": asked["question"], "allow": True, "action": asked["action"], "scope": "always",
                                                   "rule": asked["rule"], "thread": "main"}),
                                       ("AddRule", {"text": f"allow http any {s.url}"}), ("Revoke", {"id": 1}), ("Rules", {}), ("Questions", {})):
                refused(lambda m=method, p=parameters: agent.call(EGRESS + m, p), "Denied")
        refused(lambda: s.fetch("/a", "POST", b"private", question=asked["question"]), "ApprovalNeeded")
        expect(s.reached(), [])


@test
def what_is_changed_after_the_question_is_asked_about_anew():
    with site() as s:
        asked = s.asked("/a", "POST", b"harmless")
        s.answer(asked)
        for changed in (dict(method="PUT"), dict(path="/b"), dict(path="/a?x=1"), dict(body=b"harmles5"), dict(body=b"harmless!"),
                        dict(headers=[("X-Note", "private words")]), dict(thread="other")):
            arguments = {"path": "/a", "method": "POST", "body": b"harmless", **changed}
            other = s.asked(question=asked["question"], **arguments)
            expect_true(other["question"] != asked["question"], changed)
        expect(s.reached(), [])
        s.fetch("/a", "POST", b"harmless", question=asked["question"]).unwrap()
        expect(s.reached(), [("POST", "/a", b"harmless")])


@test
def an_old_yes_is_not_good_twice():
    with site() as s:
        asked = s.asked("/a")
        s.answer(asked)
        s.fetch("/a", question=asked["question"]).unwrap()
        refused(lambda: s.fetch("/a", question=asked["question"]), "UnknownQuestion")
        s.restart()
        refused(lambda: s.fetch("/a", question=asked["question"]), "UnknownQuestion")
        expect_true(s.asked("/a")["question"] != asked["question"], "it is asked anew")
        expect(len(s.reached()), 1)


@test
def a_yes_that_is_used_side_by_side_is_used_once():
    with site() as s:
        asked = s.asked("/a")
        s.answer(asked)
        ends = []
        threads = [threading.Thread(target=lambda: ends.append(s.fetch("/a", question=asked["question"]))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(sorted(end.error.short if end.error else "sent" for end in ends), ["UnknownQuestion"] * 7 + ["sent"])
        expect(len(s.reached()), 1)


@test
def the_person_is_not_led_to_another_question_rule_or_thread():
    with site() as s:
        harmless, evil = s.asked("/"), s.asked("/take", "POST", b"everything")
        for changed in (dict(action=harmless["action"]), dict(scope="always", rule=harmless["rule"]), dict(scope="always", rule=None),
                        dict(scope="thread", rule=evil["rule"], thread="other"), dict(scope="thread", rule=evil["rule"], thread=None),
                        dict(scope="thread", rule=harmless["rule"], thread="main")):
            word = {"question": evil["question"], "allow": True, "action": evil["action"], "scope": "once", **changed}
            refused(lambda w=word: s.broker.person("Answer", **w), "Denied")
        expect(s.rules(), [f"ask http any {s.url}"])
        s.asked("/take", "POST", b"everything", question=evil["question"])
        expect(s.reached(), [])


@test
def an_origin_can_only_make_it_stricter():
    with site() as s:
        for origins in ((), ("person",), ("tool",), ("routine", "tool"), ("agent",)):
            s.asked("/a", origins=origins)
        refused(lambda: s.fetch("/a", origins=("root",)), "InvalidArguments")
        s.broker.person("AddRule", text=f"deny http POST {s.url}")
        refused(lambda: s.fetch("/a", "POST", b"x", origins=("person",)), "Denied")
        expect(s.reached(), [])


# --- the first word counts

@test
def the_first_of_two_answers_counts():
    with site() as s:
        for first in (True, False):
            asked = s.asked("/a", "POST", b"x")
            s.answer(asked, allow=first)
            for scope in ("once", "always"):
                failure = refused(lambda c=scope, a=asked, f=first: s.answer(a, allow=not f, scope=c), "Answered")
                expect(failure, {"question": asked["question"], "allow": first})
            expect(s.rules(), [f"ask http any {s.url}"], "the second word makes no rule either")
            if first:
                s.fetch("/a", "POST", b"x", question=asked["question"]).unwrap()
            else:
                refused(lambda a=asked: s.fetch("/a", "POST", b"x", question=a["question"]), "Denied")
        expect(len(s.reached()), 1)


# --- over restarts

@test
def a_question_waits_on_over_a_restart_and_so_does_its_answer():
    with site() as s:
        asked = s.asked("/a", "POST", "zwei\nZeilen ä\u0000".encode())
        s.restart()
        expect([(q["question"], q["action"]) for q in s.broker.person("Questions")["questions"]], [(asked["question"], asked["action"])])
        s.answer(asked)
        s.restart()
        refused(lambda: s.answer(asked, allow=False), "Answered")
        s.fetch("/a", "POST", "zwei\nZeilen ä\u0000".encode(), question=asked["question"]).unwrap()
        expect(len(s.reached()), 1)


@test
def a_no_is_a_no_after_a_restart():
    with site() as s:
        asked = s.asked("/a")
        s.answer(asked, allow=False)
        s.restart()
        refused(lambda: s.fetch("/a", question=asked["question"]), "Denied")
        expect(s.reached(), [])


@test
def a_damaged_file_of_questions_is_no_answer():
    with site() as s:
        asked = s.asked("/a")
        s.answer(asked)
        path = os.path.join(s.broker.state, "questions")
        s.broker.daemon.kill()
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) - 3)
        s.broker.daemon.start()
        expect_true("questions is damaged" in s.broker.daemon.log(), s.broker.daemon.log())
        refused(lambda: s.fetch("/a", question=asked["question"]), "UnknownQuestion")
        s.asked("/a")
        expect(s.reached(), [])


@test
def what_cannot_be_kept_is_not_promised():
    """The disk is full, or gone: no question without its line, no answer, and nothing is sent."""
    with site() as s:
        asked, other = s.asked("/a"), s.asked("/b")
        s.answer(asked)
        os.chmod(s.broker.state, 0o500)  # claw-egressd is not root
        try:
            for attempt in (lambda: s.fetch("/new"), lambda: s.answer(other), lambda: s.answer(other, scope="always"),
                            lambda: s.fetch("/a", question=asked["question"])):
                try:
                    outcome = attempt()
                    expect_true(outcome.error and outcome.error.short == "System", outcome)
                except VarlinkError as failure:
                    expect(failure.short, "System")
        finally:
            os.chmod(s.broker.state, 0o700)
        expect((s.reached(), s.rules()), ([], [f"ask http any {s.url}"]))
        s.fetch("/a", question=asked["question"]).unwrap()
        expect(len(s.reached()), 1)


# --- killed at each call of the kernel that writes, syncs, names or answers

CALLS = ("write", "fsync", "fdatasync", "rename", "renameat", "renameat2", "sendmsg", "sendto")


def under_strace(s, call, number):
    """From the next start on claw-egressd is killed at its number-th such call."""
    daemon, binary = s.broker.daemon, os.path.join(BIN, "claw-egressd")
    arguments = daemon.arguments
    daemon.binary = "/usr/bin/strace"
    daemon.arguments = ["-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}", binary,
                        *arguments]

    def as_it_is():
        daemon.binary, daemon.arguments = binary, arguments

    return as_it_is


def here(s):
    """Who connects to one that is gone waits in the queue of its socket, which the test keeps open."""
    time.sleep(0.02)  # it may be killed behind its reply, when it writes its log
    if s.broker.daemon.poll() is not None:
        raise Gone("killed")
    return s


def asked_answered_sent(s):
    """How far it comes before claw-egressd is gone: the question, whether its yes was acknowledged, whether an answer came."""
    seen = {"asked": None, "answered": False, "sent": False}
    try:
        seen["asked"] = s.asked("/a", "POST", b"once")
        here(s).answer(seen["asked"])
        seen["answered"] = True
        seen["sent"] = here(s).fetch("/a", "POST", b"once", question=seen["asked"]["question"]).unwrap().body == b"page"
    except (Gone, OSError):
        pass
    except VarlinkError as failure:
        expect_true(failure.short in ("Disconnected", "System"), failure)
    return seen


def goes_on(s, seen):
    """What claw and claw-agentd do after the restart; True when the request was sent now."""
    question = seen["asked"]["question"]
    if not seen["answered"]:
        try:
            s.answer(seen["asked"])
        except VarlinkError as failure:
            expect(failure.short, "Answered")
            expect(failure.parameters["allow"], True)
    outcome = s.fetch("/a", "POST", b"once", question=question)
    if outcome.error:
        expect((outcome.error.short, seen["answered"]), ("UnknownQuestion", True), "the word was used, and it may have been sent")
        return False
    return True


@test
def it_can_be_killed_anywhere_and_a_yes_is_neither_lost_nor_used_twice():
    if not os.path.exists("/usr/bin/strace"):
        raise Skip("strace")
    points = 0
    for call in CALLS:
        number, was_killed = 0, True
        while was_killed:
            number += 1
            with Provider([], Answer(b"page")) as provider, Broker(backend="local") as broker:
                s = Site(provider, broker)
                broker.link = lambda uid=AGENT, b=broker: Client(b.daemon.socket("egress"), uid=uid, timeout=3)  # it may be gone
                broker.person("AddRule", text=f"ask http any {s.url}")
                broker.daemon.kill()
                as_it_is = under_strace(s, call, number)
                try:
                    broker.daemon.start()
                    seen = asked_answered_sent(s)
                except (Gone, OSError, RuntimeError, AssertionError) as failure:
                    if isinstance(failure, AssertionError) and "ready" not in str(failure):
                        raise
                    seen = {"asked": None, "answered": False, "sent": False}  # killed before it was ready
                was_killed = not seen["sent"]
                broker.daemon.kill()
                as_it_is()
                broker.daemon.start()
                if seen["asked"] and not seen["sent"]:
                    goes_on(s, seen)
                expect_true(len(s.reached()) <= 1, f"{call} {number}: sent twice")
                if not seen["asked"]:
                    expect(s.reached(), [], f"{call} {number}")
                points += was_killed
    print(f"# figure: {points} crash points of a question, its answer and the request")
    expect_true(points >= 12, f"{points} crash points")


# --- answers for longer

@test
def always_is_the_method_and_the_host_that_were_shown_and_can_be_revoked():
    with site() as s:
        asked = s.asked("/a")
        expect(asked["rule"], f"allow http GET {s.url}")
        s.answer(asked, scope="always")
        s.restart()
        s.fetch("/other").unwrap()
        s.asked("/other", "POST", b"x")
        rule, = [r for r in s.broker.person("Rules")["rules"] if r["text"] == asked["rule"]]
        s.broker.person("Revoke", id=rule["id"])
        # no word is left behind that would outlive the rule
        refused(lambda: s.fetch("/a", question=asked["question"]), "UnknownQuestion")
        s.asked("/a")
        expect(s.reached(), [("GET", "/other", b"")])


@test
def an_answer_for_a_thread_holds_there_until_its_time():
    with Provider([], Answer(b"page")) as provider, Broker(backend="local", egress="thread_seconds = 2") as broker:
        s = Site(provider, broker)
        broker.person("AddRule", text=f"ask http any {s.url}")
        s.answer(s.asked("/a"), scope="thread")
        begun = time.monotonic()
        s.restart()
        s.fetch("/b").unwrap()
        s.asked("/b", thread="other")
        rule = broker.person("Rules")["rules"][-1]
        expect((rule["text"], rule["thread"]), (f"allow http GET {s.url}", "main"))
        while time.monotonic() < begun + 2.1:
            time.sleep(0.05)
        s.asked("/b")
        expect(len(s.reached()), 1)
        expect(s.rules(), [f"ask http any {s.url}"])


# --- the person's rules

@test
def rules_are_added_changed_and_revoked_and_survive_a_kill():
    with site() as s:
        def add(text, **more):
            return s.broker.person("AddRule", text=text, **more)["rule"]

        deny = add("deny http .evil.example")
        expect(deny["text"], "deny http any .evil.example")
        allow = add("allow http api.example.org")
        changed = add("allow http GET,POST api.example.org", replaces=allow["id"])
        expect(changed["text"], "allow http GET,POST https://api.example.org")
        add("ask shell from tool")
        s.restart()
        expect(s.rules(), [f"ask http any {s.url}", "deny http any .evil.example", "allow http GET,POST https://api.example.org",
                           "ask shell from tool"])
        refused(lambda: s.broker.fetch("http://x.evil.example:8080/"), "Denied")
        for text, word in (("allow http .com", "owners"), ("allow http *", "\"*\""), ("allow http", "names the host"),
                           ("allow http any .example.org", "too much"), ("allow sehll", "did you mean \"shell\"")):
            failure = refused(lambda t=text: add(t), "InvalidArguments")
            expect_true(word in failure["reason"], failure)
        refused(lambda: add("ask shell", replaces=99), "InvalidArguments")
        refused(lambda: add("ask shell", thread=""), "InvalidArguments")


@test
def a_rule_is_there_after_a_kill_or_it_was_not_acknowledged():
    with site() as s:
        for n in range(5):
            stop = threading.Event()
            made = []

            def add(n=n, made=made, stop=stop):
                i = 0
                while not stop.is_set():
                    text = f"allow http GET https://h{n}-{i}.example"
                    try:
                        s.broker.person("AddRule", text=text)
                    except Exception:  # pylint: disable=broad-except  # the daemon is gone
                        return
                    made.append(text)
                    i += 1

            thread = threading.Thread(target=add)
            thread.start()
            time.sleep(0.02 + 0.013 * n)
            s.broker.daemon.kill()
            stop.set()
            thread.join()
            s.broker.daemon.start()
            kept = s.rules()
            expect([text for text in made if text not in kept], [])


# --- calls that others carry out

@test
def other_tools_are_judged_by_rule_and_table():
    with site() as s:
        def judge(tool, thread="main", origins=("person",), **arguments):
            with s.broker.link() as agent:
                return agent.call(EGRESS + "Judge", {"tool": tool, "thread": thread, "origins": list(origins), "arguments": arguments})

        expect(judge("shell", command="ls")["verdict"], "allow")
        s.broker.person("AddRule", text="ask shell")
        s.broker.person("AddRule", text="allow shell command make *")
        s.broker.person("AddRule", text="ask shell command make test", thread="work")
        asked = judge("shell", command="rm -rf build")
        expect((asked["verdict"], asked["reason"], asked["proposal"]), ("ask", "rule 2: ask shell", "allow shell command rm -rf build"))
        expect(judge("shell", command="make test")["verdict"], "allow")
        expect(judge("shell", thread="work", command="make test")["verdict"], "ask")
        expect(judge("shell", command="make test; rm x")["verdict"], "ask")
        expect(judge("shell", command=None)["verdict"], "ask")
        refused(lambda: judge("http"), "InvalidArguments")
        refused(lambda: judge("nothing"), "InvalidArguments")
        refused(lambda: judge("shell", origins=("root",)), "InvalidArguments")
        refused(lambda: s.broker.person("Judge", tool="shell", thread="main", origins=[], arguments={}), "Denied")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (calls are made as several uids)")
        sys.exit(0)
    run()
