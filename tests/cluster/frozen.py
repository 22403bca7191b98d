# SPDX-License-Identifier: Apache-2.0
"""One thread of a daemon stands still, all others run: a debugger's attachment."""
import ctypes
import os

from house import Skipped

SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
LIBC.ptrace.restype = ctypes.c_long


def ptrace(request, tid):
    if LIBC.ptrace(request, tid, None, None) != 0:
        raise Skipped("ptrace is not permitted here: %s" % os.strerror(ctypes.get_errno()))


class Frozen:
    """with Frozen(pid, name): the thread that is called so stands still."""

    def __init__(self, pid, name):
        tids = os.listdir("/proc/%d/task" % pid)
        self.tid = next(int(t) for t in tids if self.name_of(pid, t) == name)

    @staticmethod
    def name_of(pid, tid):
        with open("/proc/%d/task/%s/comm" % (pid, tid), encoding="utf-8") as f:
            return f.read().strip()

    def __enter__(self):
        ptrace(SEIZE, self.tid)
        ptrace(INTERRUPT, self.tid)
        os.waitpid(self.tid, WALL)
        return self

    def __exit__(self, *what):
        ptrace(DETACH, self.tid)
