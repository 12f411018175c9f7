"""Kernels that need not import PyTorch: split off from a process that has done it.

Every page has a process of its own, and imports alone take two seconds of each. On
Linux one process imports what pages need and is then split (forked), once for each
page; elsewhere, where a split process may not use what was loaded before, kernels start
as they always do.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Lock
from uuid import uuid4

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

# the second is what autograd imports when first used
MODULES = ("matplotlib.pyplot", "torch.fx.experimental.symbolic_shapes")
# glibc gives freed memory back and gets it anew page by page; in a step of training
# that is up to a tenth of the time (read where a process begins, so not by a kernel)
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the most that is taken
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**26),
}
INLINE = "module://matplotlib_inline.backend_inline"  # as a kernel chooses it


class Split:
    """A process split off by another: the part of ``Popen`` that is asked for.

    Args:
        pid: its number.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs; how it ended is known only to its parent."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        """Called after :meth:`poll` has found it ended."""
        return 0

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


class Parent:
    """Gives orders to the process that is split.

    Args:
        process: it reads an order a line, and prints the number of a new process.
    """

    def __init__(self, process: subprocess.Popen) -> None:
        self.process, self.lock = process, Lock()  # pages run side by side

    def split(self, arguments: list[str], cwd: str, env: dict[str, str]) -> Split:
        """A kernel with these arguments, in this folder and environment."""
        order = json.dumps({"arguments": arguments, "cwd": cwd, "env": env})
        with self.lock:
            with suppress(BrokenPipeError):
                self.process.stdin.write(f"{order}\n".encode())
            number = self.process.stdout.readline()
        if not number:
            raise RuntimeError("no kernel can be split off; what failed stands above")
        return Split(int(number))


class Provisioner(LocalProvisioner):
    """Starts the kernel of a :class:`Manager`."""

    async def launch_kernel(self, cmd, **options):
        """``cmd`` is ``python -m ipykernel_launcher`` and arguments."""
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        self.cwd = str(options.get("cwd") or os.getcwd())
        self.process = self.parent.source.split(arguments, self.cwd, options["env"])
        self.pid = self.pgid = self.process.pid  # a session of its own
        return self.connection_info


class Manager(AsyncKernelManager):
    """Of one kernel, split off ``source``."""

    source: Parent

    async def _async_pre_start_kernel(self, **options):
        self.kernel_id = self.kernel_id or str(uuid4())
        self.provisioner = self.provisioner or Provisioner(
            kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )
        return await super()._async_pre_start_kernel(**options)


@contextmanager
def kernels(python: str = sys.executable, modules=MODULES, env=None):
    """What :mod:`nbclient` shall start kernels with.

    Args:
        python: of the kernels.
        modules: that are imported before kernels are split off.
        env: environment to import them in, this one by default.
    """
    if sys.platform != "linux":
        yield AsyncKernelManager
        return
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
    command = [python, __file__, *modules]
    given = (os.environ if env is None else env) | MEMORY
    with subprocess.Popen(command, env=given, **pipes) as process:
        yield type("Splitting", (Manager,), {"source": Parent(process)})


def serve(modules: list[str]) -> None:
    """Import, then split at each order, until nobody is left to give one."""
    del sys.path[0]  # this folder, which no kernel has there
    # read while importing; by the second a kernel knows that its parent has ended
    os.environ |= {"MPLBACKEND": INLINE, "JPY_PARENT_PID": str(os.getpid())}
    for module in modules:
        import_module(module)
    from ipykernel import kernelapp

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the build
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        sys.argv[1:] = order["arguments"]
        kernelapp.launch_new_instance()
        return


if __name__ == "__main__":
    serve(sys.argv[1:])
