#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Tools with which a model speaks to the person and asks about its tools, and web_fetch, with the shipped daemons.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (daemons have their own uids).
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import Answer, Provider, calls, text  # noqa: E402
from stack import Stack, stack  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

STEPS = [{"title": "look", "status": "completed"}, {"title": "do", "status": "in_progress"}]


def results(turn):
    return [(d["tool"], d["ok"], d["content"]) for d in turn.of("tool-done")]


@test
def a_message_and_a_plan_reach_the_person_and_stand_in_the_journal():
    said = calls(("message", {"content": "This takes a while."}), ("plan_update", {"title": "Move", "steps": STEPS}))
    with stack([said, text("Done.")]) as s:
        turn = s.ask("move it")
        expect([(d["tool"], d["arguments"]) for d in turn.of("tool-started")],
               [("message", {"content": "This takes a while."}), ("plan_update", {"title": "Move", "steps": STEPS})])
        expect(results(turn), [("message", True, "The person was told."),
                               ("plan_update", True, "The person sees the plan: 1 of 2 completed.")])
        kept = [r.data["arguments"] for r in s.journal().records if r.kind == "tool-started"]
        expect(kept, [{"content": "This takes a while."}, {"title": "Move", "steps": STEPS}])
        s.agentd.kill()
        s.agentd.start()
        expect([e["data"]["tool"] for e in s.events() if e and e["kind"] == "tool-started"], ["message", "plan_update"])


@test
def a_message_of_a_background_job_reaches_the_thread_that_made_it():
    def say(request):
        said = [m["content"] for m in request.json["messages"] if m["role"] != "system"]
        if "count the stars" in said[0]:
            return text("Done.") if len(said) > 1 else calls(("message", {"content": "There are many."}))
        return text("It works.") if len(said) > 1 else calls(("create_job", {"title": "stars", "description": "count the stars"}))
    with stack(say) as s:
        heard, last = [], []
        turn = s.submit("go")
        for event in s.events("main", 0, True, True):
            if event and event["kind"] == "message":
                heard.append((event["seq"], event["turn"], event["data"]["text"]))
            if event and event["kind"] == "turn-done":
                last.append(event["turn"])
            if heard and last:
                break
        expect(last, [turn.id])
        expect(len(heard), 1)
        expect_true(heard[0][:2] == (0, 0) and heard[0][2].endswith(": There are many.") and heard[0][2].startswith("job-"), heard)


@test
def what_says_nothing_is_refused():
    bad = calls(("message", {"content": " \n"}), ("plan_update", {"steps": []}), ("message", {"content": "x" * 20000}),
                ("plan_update", {"steps": [{"title": "a", "status": "almost"}]}))
    with stack([bad, text("ok")]) as s:
        said = results(s.ask("go"))
        expect([ok for _, ok, _ in said], [False] * 4)
        text_of = "\n".join(content for _, _, content in said)  # each as soon as it is known
        for part in ("empty", "1 to 64 steps", "16384 bytes", "one of pending"):
            expect_true(part in text_of, f"{part}: {text_of}")


@test
def a_tool_is_described_with_its_bounds_and_what_happens():
    with stack([calls(("tool_info", {"name": "http"}), ("tool_info", {"name": "bash"})), text("ok")]) as s:
        (_, ok, said), (_, bad, hint) = results(s.ask("go"))
        expect((ok, bad), (True, False))
        for part in ("HTTPS request", "effect: send, by default the person is asked", "with the network", '"maximum":600'):
            expect_true(part in said, f"{part!r} in {said!r}")
        expect_true('did you mean "shell"?' in hint, hint)


# --- web_fetch

def site(request):
    pages = {"/": Answer(b"<html><title>A page</title><h1>Head</h1><script>no()</script><p>Some <b>words</b>.", content_type="text/html"),
             "/moved": Answer(status=301, headers=[("Location", "/d/next")]), "/d/next": Answer(status=302, headers=[("Location", "../")]),
             "/away": Answer(status=302, headers=[("Location", "http://other.example/x")]),
             "/round": Answer(status=302, headers=[("Location", "/round")]), "/plain": Answer(b"just text", content_type="text/plain")}
    return pages.get(request.path, Answer(b"no", status=404, content_type="text/plain"))


def fetched(path, egress=True, **options):
    with Provider(site) as page:
        origin = page.url[: page.url.rindex("/")]
        allow = f"allow = {origin}" if egress else ""
        with Provider([calls(("web_fetch", {"url": origin + path})), text("ok")]) as provider, Stack(provider, egress=allow) as s:
            turn = s.ask("read it", **options)
            return turn, results(turn)[0], [(r.method, r.path) for r in page.requests], origin


@test
def a_page_is_read_as_markdown_with_its_label():
    turn, (_, ok, said), asked, _ = fetched("/")
    expect((ok, asked), (True, [("GET", "/")]))
    expect_true("Title: A page" in said and "# Head" in said and "Some words." in said and "no()" not in said, said)
    expect(turn.of("tool-done")[0]["labels"], ["web:127.0.0.1"])
    expect(fetched("/plain")[1][2], "HTTP 200 text/plain, 9 bytes\n\njust text")


@test
def a_redirect_on_the_same_site_is_followed():
    _, (_, ok, said), asked, origin = fetched("/moved")
    expect((ok, asked), (True, [("GET", "/moved"), ("GET", "/d/next"), ("GET", "/")]))
    expect_true(said.startswith(f"from {origin}/d/../\nHTTP 200") and "# Head" in said, said)


@test
def a_redirect_to_another_site_is_only_told():
    _, (_, _, said), asked, _ = fetched("/away")
    expect(asked, [("GET", "/away")])
    expect_true("location: http://other.example/x (not followed)" in said, said)


@test
def a_circle_of_redirects_ends():
    _, (_, _, said), asked, _ = fetched("/round")
    expect(len(asked), 4)
    expect_true("HTTP 302" in said and "not followed" in said, said)


@test
def without_a_rule_nothing_is_fetched():
    turn, (_, ok, said), asked, _ = fetched("/", egress=False, unattended=True)
    expect((ok, asked), (False, []))
    expect_true("refused" in said or "denied" in said, said)
    expect(turn.of("tool-started")[0]["effect"], "send")


run()
