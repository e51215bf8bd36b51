#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What calls to providers may cost: claw-egressd counts by itself, and an agentd that lies spends no more than the day's budget.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import contextlib
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import AGENT, EGRESS, OTHER, Broker, refused, served  # noqa: E402
from provider import Provider, error, text  # noqa: E402
from stack import stack  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Gone  # noqa: E402

PRICE = "price = 1,10\n"  # 1 $ in, 10 $ out for a million tokens
MORE = 1024  # tokens that a provider may put around a prompt


def body(model="m", **members):
    return json.dumps({"model": model, "stream": True, "messages": [], **members}).encode()


@contextlib.contextmanager
def budgeted(script, otherwise=None, keys="", settings="", **options):
    with served(script, otherwise, egress=f"[budget]\n{keys}", settings=settings, **options) as (broker, provider):
        yield broker, provider


def complete(broker, content=None, thread="main", turn=1, is_stream=True):
    content = content or body(max_tokens=100)
    parameters = {"path": "/chat/completions", "offset": 0, "length": len(content), "stream": is_stream, "intent": 7}
    if thread:
        parameters.update(thread=thread, turn=turn)
    return broker.call("Complete", parameters, content)


def spending(broker, uid=0, **whose):
    with broker.link(uid) as link:
        reply = link.call(EGRESS + "Spending", whose)
    return {row["scope"]: row for row in reply["spending"]}, reply["price"]


def today(broker):
    return spending(broker)[0]["day"]


@test
def what_the_provider_says_is_counted_for_day_thread_and_turn():
    with budgeted([text("one", usage=(1000, 50)), text("two", usage=(2000, 60))], keys=PRICE) as (broker, _):
        first = complete(broker).unwrap()
        expect(first.done["nanodollars"], 1000 * 1000 + 50 * 10000)
        complete(broker, turn=2).unwrap()
        rows, price = spending(broker, thread="main", turn=2)
        expect([(scope, row["requests"], row["tokens"], row["nanodollars"]) for scope, row in rows.items()],
               [("day", 2, 3110, 4100000), ("thread", 2, 3110, 4100000), ("turn", 1, 2060, 2600000)])
        expect((price["basis"], price["in"], price["out"]), ("set", 1000000, 10000000))
        expect(spending(broker, thread="main")[0]["turn"]["turn"], 2)
        expect(sorted(spending(broker)[0]), ["day"])


@test
def a_whole_answer_and_anthropics_form_are_counted_too():
    with budgeted([text("x", usage=(300, 7))], keys=PRICE) as (broker, _):
        complete(broker, body(stream=False), is_stream=False).unwrap()
        expect(today(broker)["tokens"], 307)
    with Provider([text("x", usage=(300, 7))]) as provider, \
            Broker(provider.url, backend="anthropic", egress="[budget]", provider="model = claude-sonnet-4-6") as broker:
        content = body("claude-sonnet-4-6", max_tokens=100)
        broker.complete(content, path="/messages").unwrap()
        rows, price = spending(broker)
        expect((rows["day"]["tokens"], rows["day"]["nanodollars"], price["basis"]), (307, 300 * 3000 + 7 * 15000, "listed"))


@test
def the_limit_says_which_how_much_when_it_ends_and_how_to_raise_it():
    with budgeted([], text("x", usage=(1000, 900)), keys=PRICE + "day_cents = 2\n") as (broker, provider):
        complete(broker).unwrap()
        complete(broker).unwrap()  # 1 cent each
        failure = refused(lambda: complete(broker), "BudgetExceeded")
        expect((failure["scope"], failure["limit"], failure["value"], failure["spent"]), ("day", "budget.day_cents", 20000000, 20000000))
        for word in ("today's budget is used up", "$0.02 of $0.02", "00:00 UTC", "[budget] day_cents", "clawos.conf"):
            expect_true(word in failure["reason"], failure["reason"])
        expect(failure["endsUsec"] % (86400 * 1000000), 0)
        expect(len(provider.requests), 2)
        expect(broker.requests_log()[-1]["result"], "BudgetExceeded")


@test
def turn_and_thread_have_budgets_of_their_own():
    keys = "turn_requests = 1\nthread_requests = 2\nday_requests = 3\n"
    with budgeted([], text("x"), keys=keys) as (broker, _):
        def limit(thread, turn):
            return refused(lambda: complete(broker, thread=thread, turn=turn), "BudgetExceeded")["limit"]

        complete(broker, thread="a", turn=1).unwrap()
        expect(limit("a", 1), "budget.turn_requests")
        complete(broker, thread="a", turn=2).unwrap()
        expect(limit("a", 3), "budget.thread_requests")
        complete(broker, thread="b", turn=4).unwrap()
        expect(limit("c", 5), "budget.day_requests")


@test
def an_agent_that_lies_about_thread_and_turn_spends_the_days_budget_and_no_more():
    keys = PRICE + "day_cents = 10\nturn_cents = 1\nthread_cents = 1\n"
    with budgeted([], text("x", usage=(1000, 100)), keys=keys) as (broker, provider):
        names = [None] + [f"thread {n}" for n in range(1000)]
        for n, name in enumerate(names):
            outcome = complete(broker, thread=name, turn=n + 1)
            if outcome.error:
                break
        expect(outcome.error.parameters["limit"], "budget.day_cents")
        expect_true(today(broker)["nanodollars"] <= 10 * 10**7, today(broker))
        expect(len(provider.requests) * 2000000, today(broker)["nanodollars"])


@test
def many_calls_at_once_do_not_spend_more_than_one_after_another():
    hold = threading.Event()
    with budgeted([], text("x", usage=(1000, 100), wait=hold), keys=PRICE + "day_cents = 1\n") as (broker, provider):
        outcomes = [None] * 20
        threads = [threading.Thread(target=lambda i=i: outcomes.__setitem__(i, complete(broker, thread=f"t{i}", turn=i + 1)))
                   for i in range(20)]
        for thread in threads:
            thread.start()
        while not any(o and o.error for o in outcomes):
            threads[0].join(0.05)
        while sum(bool(o and o.error) for o in outcomes) + len(provider.requests) < len(outcomes):
            threads[0].join(0.05)
        held = today(broker)
        expect_true(held["heldNanodollars"] <= 10**7 and held["heldRequests"] == len(provider.requests), held)
        hold.set()
        for thread in threads:
            thread.join()
        expect_true(today(broker)["nanodollars"] <= 10**7, today(broker))
        expect({o.error.short for o in outcomes if o.error}, {"BudgetExceeded"})
        expect(today(broker)["heldNanodollars"], 0)


@test
def an_agent_that_hangs_up_early_pays_the_bound():
    content = body(max_tokens=100, messages=[{"role": "user", "content": "x" * 10000}])
    never = threading.Event()
    with budgeted([text("x", usage=(2000, 50), wait=never)], keys=PRICE) as (broker, provider):
        with broker.link() as link:
            reading, writing = os.pipe()
            fd = os.memfd_create("body")
            os.write(fd, content)
            link.send(EGRESS + "Complete", {"path": "/chat/completions", "offset": 0, "length": len(content), "stream": True, "intent": 1},
                      [fd, writing], more=True)
            os.close(writing)
            while not provider.requests:
                threading.Event().wait(0.02)
        while today(broker)["heldRequests"]:
            threading.Event().wait(0.02)
        os.close(reading)
        spent = today(broker)
        expect(spent["requests"], 1)
        expect_true(len(content) + MORE < spent["tokens"] <= len(content) + MORE + 100, (spent, len(content)))
        never.set()


@test
def an_answer_without_usage_is_bounded_by_its_text():
    long = "word " * 400
    with budgeted([text(long, usage=None)], keys=PRICE) as (broker, _):
        content = body(max_tokens=5000)
        complete(broker, content).unwrap()
        out = today(broker)["tokens"] - len(content) - MORE
        expect_true(len(long) - 1 <= out <= 5000, out)


@test
def what_a_model_writes_is_not_taken_for_usage():
    trick = '{"usage":{"prompt_tokens":1,"completion_tokens":1}} \n"usage": {"prompt_tokens": 1, "completion_tokens": 1}'
    with budgeted([text(trick, usage=None)], keys=PRICE) as (broker, _):
        complete(broker).unwrap()
        expect_true(today(broker)["tokens"] > MORE, today(broker))


@test
def an_error_costs_a_request_and_nothing_else():
    with budgeted([error(400), error(503), text("x", usage=(10, 5))], keys=PRICE, settings="retry_wait = 1") as (broker, _):
        complete(broker)
        complete(broker).unwrap()
        spent = today(broker)
        expect((spent["requests"], spent["tokens"]), (3, 15))


@test
def a_body_that_asks_for_what_has_no_price_is_refused():
    for content, word in ((body("other"), "another model"), (b'{"model":"m","messages":[],"model":"other"}', "twice"),
                          (b'{"model":"m","mod\\u0065l":"other","messages":[]}', "member"), (body(n=9), "member"),
                          (body(service_tier="priority"), "member"), (body(tools=[{"type": "web_search"}]), "tool"),
                          (b'{"messages":[]}', "no model"), (b"not json", "no JSON"), (body() + b"{}", "behind")):
        with budgeted([], text("x"), settings="model = m") as (broker, provider):
            failure = refused(lambda content=content: complete(broker, content), "InvalidArguments")
            expect_true(word in failure["reason"], (content, failure))
            expect(len(provider.requests), 0)


@test
def at_four_fifths_the_person_is_warned_once():
    with budgeted([], text("x", usage=(1000, 100)), keys=PRICE + "day_cents = 10\n") as (broker, _):
        warnings = [complete(broker).unwrap().done.get("warning") for _ in range(45)]
        said = [(i, w) for i, w in enumerate(warnings) if w]
        expect(len(said), 1)
        expect(said[0][0], 39)  # the fortieth: 8 of 10 cents
        expect_true("four fifths" in said[0][1] and "$0.08 of $0.10" in said[0][1] and "day_cents" in said[0][1], said)
        broker.daemon.stop()
        broker.daemon.start()
        expect(complete(broker).unwrap().done.get("warning"), None)


@test
def what_was_spent_outlives_a_restart_and_a_kill():
    never = threading.Event()
    with budgeted([text("x", usage=(1000, 100)), text("y", wait=never)], text("z", usage=(1, 1)), keys=PRICE) as (broker, provider):
        complete(broker).unwrap()
        before = today(broker)["nanodollars"]
        broker.daemon.stop()
        broker.daemon.start()
        expect(today(broker)["nanodollars"], before)
        expect(spending(broker, thread="main")[0]["thread"]["tokens"], 1100)
        thread = threading.Thread(target=lambda: cut_off(broker))
        thread.start()
        while len(provider.requests) < 2:
            threading.Event().wait(0.02)
        broker.daemon.kill()
        thread.join()
        broker.daemon.start()
        bound = len(body(max_tokens=100)) + MORE
        expect(today(broker)["nanodollars"], before + bound * 1000 + 100 * 10000)
        expect(today(broker)["requests"], 2)
        never.set()


def cut_off(broker):
    try:
        complete(broker)
    except Gone:
        pass


@test
def a_file_that_is_not_ours_stops_the_start():
    for content in ("", "nonsense\n", "clawos-spending 1\nday x 0 0 0 0 0 \n", "clawos-spending 1\ndone 4 1 1 1 0 0 \n"):
        broker = Broker(backend="local")
        path = os.path.join(broker.state, "spending")
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        os.chown(path, 64802, 64802)
        broker.wait = False
        with broker:
            expect(broker.daemon.wait(), 1)
            expect_true("spending:" in broker.daemon.log(), broker.daemon.log())


@test
def a_line_that_was_cut_off_is_passed_over():
    with budgeted([], text("x", usage=(10, 5))) as (broker, _):
        complete(broker).unwrap()
        broker.daemon.stop()
        with open(os.path.join(broker.state, "spending"), "a", encoding="ascii") as file:
            file.write("hold 9 1 1")
        broker.daemon.start()
        expect(today(broker)["tokens"], 15)


@test
def what_cannot_be_written_down_is_not_sent():
    with Provider([], text("x")) as provider, Broker(provider.url) as broker:
        broker.daemon.stop()
        if os.system(f"mount -t tmpfs -o size=64k,mode=700,uid=64802 none {broker.state}") != 0:
            raise Skip("mounting a small file system")
        try:
            broker.daemon.start()
            with open(os.path.join(broker.state, "full"), "wb") as file, contextlib.suppress(OSError):
                file.write(b"x" * 65536)
            outcomes = []
            while len(outcomes) < 300 and not (outcomes and outcomes[-1].error):
                outcomes.append(complete(broker))
            expect((outcomes[-1].error.short, outcomes[-1].error.parameters["what"]), ("ProviderFailed", "budget"))
            expect_true("No space left" in outcomes[-1].error.parameters["reason"], outcomes[-1].error.parameters)
            expect(len(provider.requests), len(outcomes) - 1)
            os.unlink(os.path.join(broker.state, "full"))
            complete(broker).unwrap()
            expect(today(broker)["requests"], len(outcomes))
            broker.daemon.stop()
            broker.daemon.start()
            expect(today(broker)["requests"], len(outcomes))
        finally:
            broker.daemon.kill()
            os.system(f"umount {broker.state}")


@test
def a_count_that_cannot_be_does_not_use_up_the_day():
    with budgeted([text("x", usage=(10 ** 18, 10 ** 18))], text("y"), keys=PRICE) as (broker, _):
        complete(broker).unwrap()
        expect(today(broker)["tokens"], 16 * (len(body(max_tokens=100)) + 1024 + 100))
        complete(broker).unwrap()


@test
def only_the_two_may_ask_what_was_spent():
    with budgeted([], text("x")) as (broker, _):
        spending(broker, AGENT)
        spending(broker, 0)
        try:
            spending(broker, OTHER)
        except (Gone, OSError):
            return
        raise AssertionError("another uid was answered")


@test
def an_unknown_model_of_a_known_provider_is_priced_at_its_dearest():
    with Provider([], text("x")) as provider, Broker(provider.url, backend="openai", provider="model = gpt-99") as broker:
        price = spending(broker)[1]
        expect((price["basis"], price["in"], price["out"]), ("dearest", 2500000, 10000000))


@test
def a_turn_over_the_budget_ends_with_the_reason_and_the_warning_stands_in_the_journal():
    with stack([], text("hello", usage=(600, 200)), egress="[budget]\nprice = 1,10\nday_requests = 5\n") as made:
        turns = [made.ask("hi") for _ in range(6)]
        expect([turn.state for turn in turns], ["done"] * 5 + ["failed"])
        expect_true("today's budget is used up: 5 of 5 requests" in turns[-1].reason and "[budget] day_requests" in turns[-1].reason,
                    turns[-1].reason)
        done = [turn.of("model-done")[0] for turn in turns]
        expect(done[-1]["error"], "BudgetExceeded")
        expect(done[0]["nanodollars"], 600 * 1000 + 200 * 10000)
        expect([i for i, data in enumerate(done) if "warning" in data], [3])
        trace = made.call("Trace", turn=turns[3].id, prompt=False)["trace"]["modelCalls"][0]
        expect((trace["nanodollars"], "four fifths" in trace["warning"]), (2600000, True))
        expect(made.ask("hi", thread="other").state, "failed")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (calls are made as several uids)")
        sys.exit(0)
    run()
