# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-llmd with a model, asked as claw-agentd asks it."""
import os
import subprocess
import threading

from daemon import Daemon
from varlink import Client

AGENT = 64801
LLM_UID = 64803
LLM = "io.clawos.Llm."
SYSTEM, USER, ASSISTANT, END = "\x01", "\x02", "\x03", "\x04"


def render(build, lines, instructions=""):
    """Prompt, prefix length and grammar of a conversation, by the shipped writer (bench/local-prompt.c)."""
    out = subprocess.run([os.path.join(build, "bench/local-prompt")], input="\n".join(lines).encode() + b"\n",
                         stdout=subprocess.PIPE, check=True, env={**os.environ, "LOCAL_INSTRUCTIONS": instructions}).stdout
    head, _, body = out.partition(b"\n")
    length, prefix, grammar = (int(word) for word in head.split())
    return body[:length], prefix, body[length:length + grammar]


class Model:
    """with Model(BIN, GGUF, STATE) as model: text, replies = model.complete(prompt)

    folder holds claw-llmd; build, where given, the build folder with bench/local-prompt for ask().
    """

    def __init__(self, folder, weights, state, conf="", uid=0, build=None, prefixes="/nowhere"):
        self.build = build
        self.mounted = False
        for name in ("llm", "run", "log"):
            os.makedirs(os.path.join(state, name), exist_ok=True)
        os.chown(os.path.join(state, "llm"), uid, uid)
        self.kept = os.path.join(state, "llm")
        self.conf = os.path.join(state, "llm.conf")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write("[llm]\n" + conf)
        self.weights = weights
        if uid:  # as the supervisor does: the daemon sees the file, whoever may enter the folder it lies in
            self.weights = os.path.join(state, "model.gguf")
            with open(self.weights, "ab"):
                pass
            subprocess.run(["mount", "--bind", weights, self.weights], check=True)
            self.mounted = True
        self.daemon = Daemon(os.path.join(folder, "claw-llmd"), ["llm"], state, uid=uid,
                             arguments=["--conf", self.conf, "--state", self.kept, "--prefixes", prefixes, "--model",
                                        self.weights])

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *_):
        self.daemon.close()
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.weights], check=True)

    def client(self, uid=None):
        return Client(self.daemon.socket("llm"), uid=uid, timeout=900)

    def start(self, client, prompt, prefix=0, grammar=b"", max_tokens=400, stop=(), pipe=None, priority=None):
        """Sends Complete; returns the read end of the text's pipe."""
        body = os.memfd_create("prompt")
        os.write(body, prompt + grammar)
        reader, writer = pipe or os.pipe()
        client.send(LLM + "Complete",
                    {"offset": 0, "length": len(prompt), "prefixLength": prefix, "grammarOffset": len(prompt),
                     "grammarLength": len(grammar), "maxTokens": max_tokens, "stop": list(stop), "intent": 1,
                     **({"priority": priority} if priority else {})},
                    fds=[body, writer], more=True)
        os.close(body)
        os.close(writer)
        return reader

    def complete(self, prompt, client=None, **options):
        """Text, and the parameters of each reply."""
        own = client is None
        client = client or self.client()
        reader = self.start(client, prompt, **options)
        chunks = []

        def drain():
            while True:
                chunk = os.read(reader, 65536)
                if not chunk:
                    return
                chunks.append(chunk)

        thread = threading.Thread(target=drain)
        thread.start()
        replies = []
        try:
            more = True
            while more:
                parameters, more = client.reply()
                replies.append(parameters)
        finally:
            if own:
                client.close()
            thread.join()
            os.close(reader)
        return b"".join(chunks).decode(), replies

    def ask(self, lines, text_only=False, **options):
        prompt, prefix, grammar = render(self.build, [*lines, "prompt-text-only" if text_only else "prompt"])
        text, replies = self.complete(prompt, prefix=prefix, grammar=grammar, **options)
        return text, replies[-1]

    def prepare(self, prompt=None, told=None):
        """The last reply; the ones before it are appended to told."""
        if prompt is None:
            prompt, _, _ = render(self.build, ["prefix"])
        body = os.memfd_create("prompt")
        os.write(body, prompt)
        try:
            with self.client() as client:
                *before, last = client.more(LLM + "Prepare", {"offset": 0, "length": len(prompt)}, fds=[body])
                if told is not None:
                    told += before
                return last
        finally:
            os.close(body)

    def status(self):
        with self.client() as client:
            return client.call(LLM + "Status")["status"]

    def resident_kib(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as file:
            return {line.split(":")[0]: int(line.split()[1]) for line in file if line.startswith(("VmRSS", "RssAnon", "RssFile"))}
