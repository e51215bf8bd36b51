#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw model and /model: the providers, a test, and another one from now on, with the system as a person runs it.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE. Needs root.
"""
import contextlib
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "harness"), os.path.join(HERE, "..", "..", "tools")]
import providers  # noqa: E402
from provider import Message, Provider, calls, text  # noqa: E402
from system import System  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from terminal import Terminal  # noqa: E402

TABLE = os.path.join(HERE, "..", "..", "spec", "tables", "providers")
FIRST_KEY, SECOND_KEY = "sk-first-0123456789abcdef", "sk-second-0123456789abcdef"


def conf(system):
    with open(os.path.join(system.state, "clawos.conf"), encoding="utf-8") as file:
        return file.read()


def by_file(provider, key=True):
    """A system whose provider is chosen in clawos.conf."""
    system = System(config=f"[provider]\nbackend = openai_compatible\nbase_url = {provider.url}\nmodel = first\n" +
                    ("key_file = provider.key\n" if key else "") + "\n[agent]\nname = ada\n")
    if key:
        put_key(system, "provider.key", FIRST_KEY)
    return system


@contextlib.contextmanager
def at_rest(system):
    """Not started."""
    try:
        yield system
    finally:
        system.__exit__()


def put_key(system, name, key):
    with open(os.path.join(system.state, name), "w", encoding="utf-8") as file:
        file.write(key + "\n")
    os.chmod(file.name, 0o600)


def keys(request):
    return sorted(value for name, value in request.headers.items() if name in ("authorization", "x-api-key"))


@test
def the_list_shows_every_provider_the_chosen_one_and_what_others_need():
    with Provider() as provider, at_rest(by_file(provider)) as system:
        done = system.claw("model", "list", env={"GROQ_API_KEY": "sk-1"})
        expect(done.returncode, 0, done.stderr)
        lines = {line.split()[0]: line for line in done.stdout.decode().splitlines()[1:]}
        expect(list(lines), [row["name"] for row in providers.read(TABLE)])
        for name, parts in {"openai_compatible": ("first", "chosen"), "anthropic": ("claude-", "$3.00/$15.00", "needs ANTHROPIC_API_KEY"),
                            "groq": ("131 k", "$0.15/$0.60"), "local": ("free", "no file")}.items():
            for part in parts:
                expect_true(part in lines[name], f"{part} in: {lines[name]}")
        for name in ("groq", "llamacpp", "vllm"):  # its key is there; a server of one's own has none
            expect_true("needs" not in lines[name], lines[name])


@test
def another_provider_goes_on_with_the_conversation_and_gets_its_own_key_only():
    with Provider([text("Hello Ada.")]) as first, Provider([Message("You are Ada.", reasoning="hm"), text("Yes.")]) as second:
        with by_file(first) as system:
            expect(system.ask("I am Ada.")["answer"], "Hello Ada.")
            done = system.claw("model", "use", "anthropic", "claude-x", second.url, env={"ANTHROPIC_API_KEY": SECOND_KEY})
            expect((done.returncode, "claude-x" in done.stdout.decode()), (0, True), done.stderr + done.stdout)
            expect(system.ask("Who am I?")["answer"], "You are Ada.")
            asked = second.requests[0]
            expect((asked.path, keys(asked), asked.json["model"]), ("/v1/messages", [SECOND_KEY], "claude-x"))
            expect([m["content"][-1]["text"] for m in asked.json["messages"]], ["I am Ada.", "Hello Ada.", "Who am I?"])
            expect(keys(first.requests[0]), ["Bearer " + FIRST_KEY])
            for part in ("# base_url = " + first.url, "# key_file = provider.key", "# model = first", "backend = anthropic", "name = ada"):
                expect_true(part in conf(system), f"{part} in {conf(system)}")


@test
def a_key_in_a_file_of_its_own_is_taken_and_a_model_alone_is_changed_in_place():
    with Provider([text("one")]) as first, Provider([text("two"), text("three"), text("four")]) as second:
        with by_file(first) as system:
            put_key(system, "groq.key", SECOND_KEY)
            system.ask("1")
            expect(system.claw("model", "use", "groq", "fast", second.url).returncode, 0)
            expect(system.ask("2")["answer"], "two")
            expect(system.claw("model", "use", "groq", "faster").returncode, 0)
            expect(system.ask("3")["answer"], "three")
            expect([(r.json["model"], keys(r)) for r in second.requests], [(m, ["Bearer " + SECOND_KEY]) for m in ("fast", "faster")])
            expect(system.claw("model", "use", "vllm", "mine", second.url).returncode, 0)
            expect(system.ask("4")["answer"], "four")
            expect(keys(second.requests[-1]), [])


@test
def what_cannot_be_chosen_changes_nothing():
    with Provider() as provider, at_rest(by_file(provider)) as system:
        before = conf(system)
        for arguments, reason in ((("grok",), 'did you mean "groq"?'), (("groq",), "groq needs a key: set GROQ_API_KEY"),
                                  (("ollama",), "ollama has no model of its own"), (("vllm",), "vllm has no model of its own"), (("local",), "no file of a local model"),
                                  (("openai", "m", "ftp://x/v1"), '"ftp://x/v1" is no address'), (("openai", "m\nbackend = local"), "")):
            done = system.claw("model", "use", *arguments, env={"OPENAI_API_KEY": "k"})
            expect((done.returncode, reason in done.stderr.decode()), (1, True), f"{arguments}: {done.stderr}")
        expect(conf(system), before)


@test
def the_key_of_one_provider_is_not_left_for_another():
    with Provider() as provider, at_rest(System(provider)) as system:  # chosen by LLM_BASE_URL and LLM_API_KEY
        done = system.claw("model", "use", "groq", "m", provider.url)
        expect((done.returncode, "groq needs a key" in done.stderr.decode()), (1, True), done.stderr)


@test
def the_key_of_one_address_is_not_sent_to_another_of_the_same_provider():
    with Provider([text("one")]) as first, Provider([text("two")]) as second, by_file(first) as system:
        system.ask("1")
        expect(system.claw("model", "use", "openai_compatible", "m", second.url).returncode, 0)
        expect(system.ask("2")["answer"], "two")
        expect((keys(first.requests[0]), keys(second.requests[0])), (["Bearer " + FIRST_KEY], []))


@test
def the_key_of_the_file_is_not_sent_to_an_address_of_the_environment():
    with Provider([text("one")]) as first, Provider([text("two")]) as second, by_file(first) as system:
        system.stop()
        system.env.update(LLM_BASE_URL=second.url)
        system.start()
        expect(system.ask("2")["answer"], "one" if not second.requests else "two")
        expect((len(first.requests), [keys(r) for r in second.requests]), (0, [[]]))


@test
def nothing_is_switched_while_a_turn_runs():
    gate, arrived = threading.Event(), threading.Event()

    def script(_):
        arrived.set()
        return text("late", wait=gate)

    with Provider(script) as first, Provider() as second:
        with by_file(first) as system:
            waiting = threading.Thread(target=system.ask, args=("slow",))
            waiting.start()
            expect_true(arrived.wait(30), "the model is asked")
            done = system.claw("model", "use", "ollama", "m", second.url)
            expect((done.returncode, "1 turn is under way" in done.stderr.decode()), (1, True), done.stderr)
            gate.set()
            waiting.join()
            expect(system.claw("model", "use", "ollama", "m", second.url).returncode, 0)


@test
def a_test_asks_for_one_call_and_shows_its_figures():
    with Provider([calls(("echo", {"message": "ready"})), text("It returned ready.")]) as provider:
        with by_file(provider) as system:
            done = system.claw("model", "test")
            out = done.stdout.decode()
            expect(done.returncode, 0, done.stderr)
            for part in ("It returned ready.", "echo", "model 1", "model 2"):
                expect_true(part in out, f"{part} in: {out}")


@test
def in_the_shell_the_next_message_goes_to_the_other_one():
    with Provider([text("from the first")]) as first, Provider([text("from the second")]) as second, System(first) as system:
        env = {k: v for k, v in system.env.items() if k.startswith(("CLAWOS_", "LLM_"))}
        with Terminal([os.path.join(system.env["CLAWOS_BIN"], "claw")], env={**env, "GROQ_API_KEY": SECOND_KEY}, columns=120) as t:
            t.expect("❯ ").type("hello\n").expect("from the first").expect("❯ ")
            t.type("/model list\n").expect("openai_compatible").expect("chosen").expect("❯ ")
            t.type(f"/model use groq quick {second.url}\n").expect("LLM_BASE_URL is left aside").expect("quick (groq)").expect("❯ ")
            t.type("and now?\n").expect("from the second").expect("❯ ").type("\x04")
        expect(keys(second.requests[0]), ["Bearer " + SECOND_KEY])
        expect([m["content"] for m in second.requests[0].json["messages"][1:]], ["hello", "from the first", "and now?"])


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (daemons have uids of their own)")
        sys.exit(0)
    run()
