# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A name server of one's own in a network of one's own, in which any address is reachable.

    enter(["1.2.3.4"])                       # once, before any daemon is started
    with Names() as names:
        names.say("rebind.example", ["1.2.3.4"], ["127.0.0.1"])   # first one, then (for ever) the other
        names.asked["rebind.example"]
"""
import ipaddress
import os
import socket
import struct
import subprocess
import tempfile
import threading

TYPES = {4: 1, 6: 28}


def enter(addresses):
    """Own namespaces for network and mounts; addresses are this machine's; names are asked of 127.0.0.1."""
    os.unshare(os.CLONE_NEWNET | os.CLONE_NEWNS)
    commands = [["mount", "--make-rprivate", "/"], ["ip", "link", "set", "lo", "up"]]
    commands += [["ip", "address", "add", address, "dev", "lo"] for address in addresses]
    with tempfile.NamedTemporaryFile("w", encoding="ascii", delete=False) as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    os.chmod(file.name, 0o644)
    commands.append(["mount", "--bind", file.name, os.path.realpath("/etc/resolv.conf")])
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)


class Names:
    def __init__(self):
        self.answers, self.asked = {}, {}
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.sock.bind(("127.0.0.1", 53))

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread, although nothing is connected
        except OSError:
            pass
        self.thread.join()
        self.sock.close()

    def say(self, name, *answers):
        """Lists of addresses (or "=NAME" for another name), one a time it is asked for."""
        self.answers[name] = [list(answer) for answer in answers]
        self.asked[name] = 0

    def serve(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(4096)
                if not query:
                    return
                self.sock.sendto(self.reply(query), peer)
            except OSError:
                return

    def reply(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
            at += 1 + query[at]
        kind = struct.unpack_from(">H", query, at + 1)[0]
        name = ".".join(labels)
        rounds = self.answers.get(name, [])
        records = self.records(rounds[min(self.asked.get(name, 0) // 2, len(rounds) - 1)], kind) if rounds else []
        self.asked[name] = self.asked.get(name, 0) + 1  # A and AAAA are one question
        head = query[:2] + struct.pack(">HHHHH", 0x8180 if rounds else 0x8183, 1, len(records), 0, 0)
        return head + query[12:at + 5] + b"".join(records)

    def records(self, answer, kind):
        made, owner = [], b"\xc0\x0c"
        for value in answer:
            if value.startswith("="):
                target = b"".join(bytes([len(part)]) + part.encode() for part in value[1:].split(".")) + b"\0"
                made.append(owner + struct.pack(">HHIH", 5, 1, 0, len(target)) + target)
                owner = target
                made += [owner + r[2:] for inner in self.answers.get(value[1:], [])[:1] for r in self.records(inner, kind)]
                continue
            address = ipaddress.ip_address(value)
            if TYPES[address.version] == kind:
                made.append(owner + struct.pack(">HHIH", kind, 1, 0, len(address.packed)) + address.packed)
        return made
