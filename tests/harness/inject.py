# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Makes a running process of ours call the kernel, as one that was taken over would.

    with Taken(pid) as taken:
        taken.call(41, socket.AF_INET, socket.SOCK_STREAM, 0)    # the result, -errno when it fails

The process is stopped in a system call that waits; its registers are put back. x86_64 only.
"""
import ctypes
import os
import platform

from tap import Skip

libc = ctypes.CDLL(None, use_errno=True)
ATTACH, DETACH, SINGLESTEP, GETREGS, SETREGS = 16, 17, 9, 12, 13
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs")
SYSCALL_BYTES, NO_RESTART = 2, 2**64 - 1


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in NAMES.split()]


class Taken:
    def __init__(self, pid):
        if platform.machine() != "x86_64":
            raise Skip("x86_64")
        self.pid, self.before = pid, Registers()

    def ptrace(self, request, data=None):
        if libc.ptrace(request, self.pid, None, data) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request}")

    def __enter__(self):
        try:
            self.ptrace(ATTACH)
        except OSError as error:
            raise Skip("ptrace of a running process") from error
        os.waitpid(self.pid, 0)
        self.ptrace(GETREGS, ctypes.byref(self.before))
        return self

    def __exit__(self, *_):
        self.ptrace(SETREGS, ctypes.byref(self.before))
        self.ptrace(DETACH)

    def call(self, number, *arguments):
        registers = Registers.from_buffer_copy(self.before)
        registers.rip -= SYSCALL_BYTES  # the instruction it waits in
        registers.rax, registers.orig_rax = number, NO_RESTART
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), [*arguments, 0, 0, 0, 0, 0, 0]):
            setattr(registers, name, value % 2**64)
        self.ptrace(SETREGS, ctypes.byref(registers))
        self.ptrace(SINGLESTEP)
        os.waitpid(self.pid, 0)
        self.ptrace(GETREGS, ctypes.byref(registers))
        return ctypes.c_int64(registers.rax).value
