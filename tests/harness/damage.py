# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Damage to a file, as a disk or an attacker does it."""
import os


def flip(path, offset, bits=1, whence=os.SEEK_SET):
    """Turns bits of the one byte at offset."""
    with open(path, "r+b") as file:
        at = file.seek(offset, whence)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ bits]))
