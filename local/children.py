"""Child processes that never outlive the process that started them."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with_parent(with_signal: int = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send `with_signal` when the parent goes (Linux; elsewhere a no-op)."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, with_signal)
        if os.getppid() != parent:
            os.kill(os.getpid(), with_signal)

    return tie


def end(process: "subprocess.Popen[bytes]", with_signal: int = signal.SIGTERM, grace: float = 10.0) -> None:
    """Ask the process to end, and insist after `grace` seconds."""
    if process.poll() is not None:
        return
    process.send_signal(with_signal)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
