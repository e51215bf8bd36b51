#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Background jobs and sub-agents: threads that work for another one, with limits, a log and a result.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root.
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from memory import read, write  # noqa: E402
from provider import calls, text  # noqa: E402
from stack import stack  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import Client, VarlinkError  # noqa: E402

JOB_TOOLS = ["cancel_job", "create_job", "job_events", "job_prompt", "job_status", "list_jobs", "spawn_subagent"]


def talk(says):
    """A provider that answers each conversation by its last message of a person: a list, one answer a model call."""
    lock = threading.Lock()

    def answer(request):
        messages = request.json["messages"]
        last = max(i for i, m in enumerate(messages) if m["role"] == "user" and not m["content"].startswith("<"))
        with lock:
            script = says[messages[last]["content"].split()[0]]
            return script.pop(0) if len(script) > 1 else script[0]
    return answer


def order(title="count", description="work hard", **more):
    return ("create_job", {"title": title, "description": description, **more})


def jobs(s, job=None):
    return s.call("Jobs", job=job)["jobs"]


def job(s, name=None):
    return jobs(s, name)[-1]


def over(s, name=None):
    wait_for(lambda: job(s, name)["state"] not in ("pending", "in_progress"), "the job is over")
    return job(s, job(s)["id"] if not name else name)


def contents(turn):
    return [d["content"] for d in sorted(turn.of("tool-done"), key=lambda d: d["id"])]


def offered(request):
    return [t["function"]["name"] for t in request.json["tools"]]


def requests_of(s, word):
    return [r for r in s.provider.requests if any(m["role"] == "user" and m["content"].startswith(word) for m in r.json["messages"])]


def restart(s):
    s.agentd.kill()
    s.agentd.start()


# --- a job

@test
def a_job_that_is_waited_for_gives_its_result_as_data():
    with stack(talk({"do": [calls(order(wait=True)), text("told")], "work": [text("42 beans")]})) as s:
        turn = s.ask("do it")
        expect(turn.answer, "told")
        expect(contents(turn), ["job-2 completed: count (1 of 50 model calls)\n42 beans"])
        expect([r["name"] for r in s.call("Threads")["threads"] if r["kind"] == "job"], ["job-2"])
        shown = job(s, "job-2")
        expect((shown["state"], shown["parent"], shown["result"]), ("completed", "main", "42 beans"))
        expect_true("accepted work hard" in shown["log"] and "turn-done done" in shown["log"], shown["log"])


@test
def a_job_works_on_while_its_creator_goes_on_and_is_asked_about_later():
    gate = threading.Event()
    says = {"do": [calls(order()), text("begun")], "work": [text("the end", wait=gate)],
            "ask": [calls(("list_jobs", {"filter": "active"}), ("job_status", {"job_id": "job-2"})), text("still")],
            "look": [calls(("list_jobs", {"filter": "completed"}), ("job_status", {"job_id": "job-2"}),
                           ("job_events", {"job_id": "job-2", "limit": 2})), text("done")]}
    with stack(talk(says)) as s:
        expect(contents(s.ask("do it")), ["job-2 pending: count (0 of 50 model calls)\n"])
        wait_for(lambda: job(s)["state"] == "in_progress", "it is at work")
        line = "job-2 in_progress: count (0 of 50 model calls)\n"
        expect(contents(s.ask("ask", thread="other")), [line, line])
        gate.set()
        over(s)
        listed, status, events = contents(s.ask("look"))
        expect(listed, "job-2 completed: count (1 of 50 model calls)\n")
        expect(status, listed + "the end")
        expect([line[10:] for line in events.splitlines()], ["answer", "turn-done done"])


@test
def a_job_has_its_creators_tools_but_none_for_jobs_and_what_was_not_offered_is_not_run():
    says = {"do": [calls(order(wait=True)), text("told")], "work": [calls(order(), ("spawn_subagent", {"task": "x"})), text("no")]}
    with stack(talk(says)) as s:
        s.ask("do it")
        all_tools, of_job = offered(requests_of(s, "do")[0]), offered(requests_of(s, "work")[0])
        expect(sorted(set(all_tools) - set(of_job)), JOB_TOOLS)
        expect(len(jobs(s)), 1)
        events = [e for e in s.events("job-2") if e and e["kind"] == "tool-done"]
        expect([e["data"]["denied"] for e in events], [True, True])


@test
def a_job_may_ask_nobody_when_its_creator_may_not():
    fetch = calls(("http", {"url": "https://localhost:9/x"}))
    says = {"do": [calls(order(wait=True)), text("told")], "work": [fetch, text("no")]}
    with stack(talk(says)) as s:
        s.ask("do it", unattended=True)
        done = [e["data"] for e in s.events("job-2") if e and e["kind"] == "tool-done"]
        expect([d["denied"] for d in done], [True])
        accepted = [e["data"] for e in s.events("job-2") if e and e["kind"] == "accepted"]
        expect((accepted[0]["unattended"], accepted[0]["allow"]), (True, []))


@test
def a_question_of_a_job_reaches_the_person_and_the_answer_reaches_it():
    fetch = calls(("http", {"url": "https://localhost:9/x"}))
    says = {"do": [calls(order()), text("begun")], "work": [fetch, text("no")]}
    with stack(talk(says)) as s:
        s.ask("do it")
        wait_for(lambda: job(s)["asks"], "it asks")
        question = [e for e in s.events() if e and e["kind"] == "question"][0]
        expect(question["thread"], "job-2")
        s.call("Answer", question=question["seq"], allow=False)
        expect(over(s)["result"], "no")


@test
def labels_go_into_a_job_and_come_back_with_its_result():
    says = {"do": [calls(("memory_read", {"path": "notes/a.md"})), calls(order(wait=True)), text("told")],
            "work": [calls(("memory_read", {"path": "notes/b.md"})), text("42")],
            "look": [calls(("list_jobs", {})), text("done")]}
    with stack(talk(says)) as s:
        with Client(s.clawfsd.socket("fs"), uid=0) as fs:
            write(fs, "notes/a.md", "one\n", labels=["mail"])
            write(fs, "notes/b.md", "two\n", labels=["web:b.example"])
        turn = s.ask("do it")
        expect([e["data"]["labels"] for e in s.events("job-2") if e and e["kind"] == "accepted"], [["mail"]])
        expect(turn.of("tool-done")[1]["labels"], ["mail", "web:b.example"])
        expect(s.ask("look", thread="other").of("tool-done")[0]["labels"], ["mail", "web:b.example"])


# --- its end

@test
def cancelling_is_quick_and_for_good():
    gate = threading.Event()
    says = {"do": [calls(order()), text("begun")], "work": [text("never", wait=gate)],
            "more": [calls(("job_prompt", {"job_id": "job-2", "content": "later"})), text("ok")],
            "end": [calls(("cancel_job", {"job_id": "job-2"})), calls(("job_prompt", {"job_id": "job-2", "content": "x"}),
                                                                         ("cancel_job", {"job_id": "job-2"})), text("ok")]}
    with stack(talk(says)) as s:
        s.ask("do it")
        wait_for(lambda: len(requests_of(s, "work")) == 1, "it asks the model")
        s.ask("more")
        turn = s.ask("end")
        line = "job-2 cancelled: count (0 of 50 model calls)\n"
        expect(contents(turn), [line, "job-2 is cancelled", line])
        started, done = ([e for e in turn.events if e["kind"] == kind][0] for kind in ("tool-started", "tool-done"))
        took_ms = (done["timeUsec"] - started["timeUsec"]) / 1000
        print(f"# cancelled within {took_ms:.1f} ms, with two syncs of the journal")
        expect_true(took_ms < 200, f"{took_ms} ms")
        try:
            s.submit("hello", thread="job-2")
            expect("accepted", "refused")
        except VarlinkError as problem:
            expect(problem.short, "InvalidArguments")
        restart(s)
        expect(job(s)["state"], "cancelled")
        expect(len(requests_of(s, "later")), 0)
        gate.set()


@test
def the_person_cancels_a_job_by_interrupting_its_thread():
    gate = threading.Event()
    with stack(talk({"do": [calls(order()), text("begun")], "work": [text("never", wait=gate)]})) as s:
        s.ask("do it")
        wait_for(lambda: len(requests_of(s, "work")) == 1, "it asks the model")
        expect(s.call("Interrupt", thread="job-2")["turn"], 2)
        expect((job(s)["state"], job(s, "job-2")["result"]), ("cancelled", "[cancelled by the person]\n"))
        gate.set()


@test
def jobs_at_once_are_bounded_and_those_that_are_over_do_not_count():
    gate = threading.Event()
    says = {"do": [calls(order(), order(), order()), text("begun")], "work": [text("end", wait=gate)]}
    with stack(talk(says), agent="jobs_max = 2") as s:
        turn = s.ask("do it")
        expect([d["ok"] for d in sorted(turn.of("tool-done"), key=lambda d: d["id"])], [True, True, False])
        expect_true("agent.jobs_max" in contents(turn)[2], contents(turn)[2])
        gate.set()
        wait_for(lambda: all(j["state"] == "completed" for j in jobs(s)), "both are completed")
        says["do"] = [calls(order()), text("begun")]
        expect(s.ask("do one more").of("tool-done")[0]["ok"], True)


@test
def a_job_ends_at_its_limit_of_model_calls_and_of_time():
    echo = calls(("echo", {"message": "x"}))
    says = {"do": [calls(order(wait=True)), text("told")], "work": [echo, echo, text("as far as I came")]}
    with stack(talk(says), agent="job_iterations = 3") as s:
        expect(contents(s.ask("do it")), ["job-2 completed: count (3 of 3 model calls)\nas far as I came"])
        expect(requests_of(s, "work")[-1].json["tool_choice"], "none")
    gate = threading.Event()
    says = {"do": [calls(order(wait=True)), text("told")], "work": [text("never", wait=gate)]}
    with stack(talk(says), agent="job_timeout = 1") as s:
        turn = s.ask("do it")
        expect(contents(turn), ["job-2 failed: count (0 of 50 model calls)\n[the time limit of the job is over]\n"])
        expect(turn.of("tool-done")[0]["ok"], False)
        gate.set()


@test
def a_message_to_a_job_is_read_after_what_it_does_now_within_the_same_limit():
    gate = threading.Event()
    says = {"do": [calls(order()), text("begun")], "work": [text("first", wait=gate)], "and": [text("second")],
            "more": [calls(("job_prompt", {"job_id": "job-2", "content": "and then this"})), text("ok")]}
    with stack(talk(says)) as s:
        s.ask("do it")
        wait_for(lambda: len(requests_of(s, "work")) == 1, "it asks the model")
        expect(s.ask("more").of("tool-done")[0]["ok"], True)
        gate.set()
        shown = over(s)
        expect((shown["state"], shown["result"], shown["modelCalls"]), ("completed", "second", 2))


# --- sub-agents

@test
def a_sub_agent_answers_the_call_and_has_only_tools_that_read_or_those_named():
    says = {"do": [calls(("spawn_subagent", {"task": "find\nbeans"}), ("spawn_subagent", {"task": "write it", "tools": ["write_file", "echo"]})),
                   text("told")],
            "find": [calls(("write_file", {"path": "x", "content": "y"})), text("no beans")], "write": [text("written")]}
    with stack(talk(says)) as s:
        turn = s.ask("do it")
        expect(contents(turn), ["no beans", "written"])
        expect(offered(requests_of(s, "write")[0]), ["echo", "write_file"])
        reads = offered(requests_of(s, "find")[0])
        expect_true("read_file" in reads and not {"write_file", "shell", "http", *JOB_TOOLS} & set(reads), str(reads))
        denied = [e["data"]["denied"] for e in s.events("sub-2") if e and e["kind"] == "tool-done"]
        expect(denied, [True])


@test
def a_sub_agent_is_given_nothing_its_creator_lacks():
    says = {"do": [calls(("spawn_subagent", {"task": "x", "tools": ["create_job"]}), ("spawn_subagent", {"task": "x", "tools": ["nosuch"]})),
                   text("ok")]}
    with stack(talk(says)) as s:
        turn = s.ask("do it")
        expect([d["ok"] for d in turn.of("tool-done")], [False, False])
        expect(jobs(s), [])


@test
def sub_agents_of_a_turn_are_bounded():
    says = {"do": [calls(*[("spawn_subagent", {"task": "x"})] * 4), text("told")], "x": [text("yes")]}
    with stack(talk(says), agent="subagents_max = 3") as s:
        turn = s.ask("do it")
        expect(sorted(contents(turn))[-1][:3], "yes")
        expect(sum(d["ok"] for d in turn.of("tool-done")), 3)


@test
def an_interrupt_of_the_creator_ends_the_sub_agent_first():
    gate = threading.Event()
    says = {"do": [calls(("spawn_subagent", {"task": "work"})), text("told")], "work": [text("never", wait=gate)]}
    with stack(talk(says)) as s:
        turn = s.submit("do it")
        wait_for(lambda: len(requests_of(s, "work")) == 1, "it asks the model")
        begun = time.monotonic()
        s.call("Interrupt", thread="main")
        print(f"# interrupted within {(time.monotonic() - begun) * 1000:.1f} ms")
        expect(job(s)["state"], "cancelled")
        expect(s.follow(turn).state, "interrupted")
        gate.set()


@test
def what_a_message_sets_off_is_counted_in_its_budget_however_many_threads_work_for_it():
    says = {"do": [calls(("spawn_subagent", {"task": "find x"}), order(wait=True)), text("told")], "find": [text("yes")],
            "work": [calls(("spawn_subagent", {"task": "find y"})), text("end")]}
    with stack(talk(says)) as s:
        s.ask("do it")
        expect(len(jobs(s)), 2)  # a job makes none
        with Client(s.egressd.socket("egress"), uid=0) as egress:
            rows = egress.call("io.clawos.Egress.Spending", {"thread": "main", "turn": 1})["spending"]
        requests = {r["scope"]: r["requests"] for r in rows}
        expect((requests["turn"], requests["thread"], len(s.provider.requests)), (5, 5, 5))


# --- restarts

@test
def a_job_goes_on_where_it_was_when_agentd_is_killed():
    gate = threading.Event()
    says = {"do": [calls(order()), text("begun")], "work": [calls(("echo", {"message": "x"})), text("late", wait=gate), text("the end")]}
    with stack(talk(says)) as s:
        s.ask("do it")
        wait_for(lambda: len(requests_of(s, "work")) == 2, "its second model call")
        restart(s)
        shown = over(s)
        expect((shown["state"], shown["result"], shown["modelCalls"]), ("completed", "the end", 2))
        expect(len([e for e in s.events("job-2") if e and e["kind"] == "tool-done"]), 1)
        s.agentd.stop()  # what is kept at an ordered end says the same
        s.agentd.start()
        expect([j["state"] for j in jobs(s)], ["completed"])
        expect((job(s, "job-2")["modelCalls"], job(s, "job-2")["deadlineUsec"]), (2, shown["deadlineUsec"]))
        gate.set()


@test
def who_waits_for_a_job_or_a_sub_agent_waits_again_after_a_kill_and_it_is_made_once():
    for call in (order(wait=True), ("spawn_subagent", {"task": "work hard"})):
        gate = threading.Event()
        says = {"do": [calls(call), text("told")], "work": [text("late", wait=gate), text("42 beans")]}
        with stack(talk(says)) as s:
            turn = s.submit("do it")
            wait_for(lambda: len(requests_of(s, "work")) == 1, "it asks the model")
            restart(s)
            s.follow(turn)
            expect(turn.answer, "told")
            expect_true(contents(turn)[-1].endswith("42 beans"), contents(turn)[-1])
            expect(len(jobs(s)), 1)
            gate.set()


def by_results(request):
    """The same answer for the same conversation, however often it is asked."""
    messages = request.json["messages"]
    last = max(i for i, m in enumerate(messages) if m["role"] == "user" and not m["content"].startswith("<"))
    results = sum(m["role"] == "tool" for m in messages[last:])
    word = messages[last]["content"].split()[0]
    if word == "do" and results == 0:
        return calls(order(wait=True), ("spawn_subagent", {"task": "find beans"}))
    if word == "do":
        return text("told")
    return calls(("memory_write", {"content": word, "target": f"{word}.md"}), ("time", {"operation": "now"})) \
        if results == 0 and word == "work" else text("42 beans")


def memory(s, path):
    with Client(s.clawfsd.socket("fs"), uid=0) as fs:
        return read(fs, path)[1].decode()


@test
def a_kill_after_any_record_loses_no_job_and_makes_none_twice():
    n, last = 0, 10 ** 9
    while n < last:
        n += 1
        with stack(by_results) as s:
            turn = s.submit("do it")
            seen = 0
            for event in s.events(after=turn.seq - 1, follow=True):
                seen += event is not None
                if seen == n or event and event["kind"] == "turn-done" and event["turn"] == turn.id:
                    break
            last = seen if seen < n else last
            restart(s)
            s.follow(turn)
            expect((turn.state, turn.answer), ("done", "told"), f"after record {n}")
            expect([(j["kind"], j["state"], j["modelCalls"]) for j in jobs(s)],
                   [("job", "completed", 2), ("subagent", "completed", 1)], f"after record {n}")
            expect(sorted(contents(turn)), ["42 beans", f"{jobs(s)[0]['id']} completed: count (2 of 50 model calls)\n42 beans"])
            expect(memory(s, "work.md").count("work"), 1, f"after record {n}")
    print(f"# {n} kills")
    expect_true(n > 20, f"{n} records were enough")


@test
def a_person_makes_a_job_without_a_model_and_a_clients_key_is_never_a_calls():
    with stack(talk({"work": [text("42 beans")], "hello": [text("hi")]})) as s:
        turn = s.ask("", tool="create_job", arguments={"title": "t", "description": "work", "wait": True})
        expect(turn.answer, "job-2 completed: t (1 of 50 model calls)\n42 beans")
        intent = [e["seq"] for e in turn.events if e["kind"] == "tool-started"][0]
        other = s.ask("hello", key=f"call:{intent}")
        expect((other.thread, other.answer), ("main", "hi"))


if __name__ == "__main__":
    run()
