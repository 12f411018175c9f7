"""Where a run is kept: one file, that at every moment is whole.

It is written beside its place and moved there. A model that the run replaces stays
until the run has something measured to show, then beside it until the run has finished.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def same_file(a: str | Path, b: str | Path) -> bool:
    """Two paths lead to one file, by links or otherwise; it need not exist."""
    try:
        return os.path.samefile(a, b)
    except (OSError, ValueError):
        return os.path.realpath(a) == os.path.realpath(b)


def writable(path: str | Path, option: str = "--out") -> None:
    """Hold that a file can be written there; leaves nothing.

    Raises:
        ValueError: there is a folder or a special file, or the system says no.
    """
    try:
        real = Path(os.path.realpath(path))
        if os.path.exists(real):
            if not os.path.isfile(real):
                raise ValueError("it is no regular file")
            os.close(os.open(real, os.O_WRONLY))
        else:
            _possible(real)
        beside = _beside(real)
        with open(beside, "wb"):
            pass
        beside.unlink()
    except (OSError, ValueError) as error:
        raise _refusal(path, error, option) from None


def write_whole(path: str | Path, content: bytes, option: str = "--out") -> None:
    """Write a file, whole or not at all; a symbolic link is followed.

    Raises:
        ValueError: the system says no; an older file is left as it was.
    """
    Place(path, going_on=True, option=option).write(content)


class Place:
    """The file of a run.

    Args:
        path: where; a symbolic link is followed.
        going_on: what is there is to be replaced at once.
        replace: what is there may be replaced by a run that proves itself.
        older: number of the file that is kept beside it, if that is so already.
        option: of the command line, for messages.

    Raises:
        ValueError: it cannot be written, or holds a run that may not be replaced.
    """

    def __init__(
        self,
        path: str | Path,
        going_on: bool = False,
        replace: bool = False,
        older: int = 0,
        option: str = "--out",
    ) -> None:
        self.path, self.option, self.number = Path(path), option, older
        writable(path, option)
        self.real = Path(os.path.realpath(path))
        self.mine, self.replaces = going_on, self.real.exists() and not going_on
        if self.replaces and not replace:
            raise ValueError(
                f"{path}: exists already; go on with --resume, replace it with "
                "--overwrite, or choose another place with --out"
            )
        # where a killed run has kept a model, that is worth more than what it left
        self.kept = bool(older) and self.older.exists()
        if self.replaces and not self.kept:
            self.number = 1
            while os.path.lexists(self.older):
                self.number += 1
            try:
                _possible(self.older)
            except OSError as error:
                raise _refusal(self.older, error, option) from None
        self._sweep()

    @property
    def older(self) -> Path:
        """Where the run that this one replaces is kept until this one has finished."""
        mark = ".before" if self.number == 1 else f".before-{self.number}"
        return self.real.with_name(f"{self.real.stem}{mark}{self.real.suffix}")

    def write(self, content: bytes) -> None:
        """Write the file, whole or not at all.

        Raises:
            ValueError: the system says no; an older file is left as it was.
        """
        beside = _beside(self.real)
        try:
            with open(beside, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if not self.mine:
                self._make_room(beside)
            os.replace(beside, self.real)
            self.mine = True
        except OSError as error:
            raise _refusal(self.path, error, self.option) from error
        finally:
            _forget(beside)

    def _make_room(self, beside: Path) -> None:
        """Before the first write: keep what is replaced, or see that nothing is."""
        if self.replaces:
            if not self.kept:
                try:
                    os.link(self.real, self.older)
                except OSError:  # a file system without links
                    shutil.copy2(self.real, self.older)
                self.kept = True
            return
        try:  # fails where another run was faster
            os.link(beside, self.real)
        except FileExistsError:
            raise ValueError(
                f"{self.path}: another run wrote it meanwhile, and keeps it; choose "
                "another place with --out"
            ) from None
        except OSError:
            pass  # a file system without links

    def finish(self) -> None:
        """The run has finished: what it replaced is no longer needed."""
        if self.kept:
            _forget(self.older)

    def undo(self) -> bool:
        """The run has failed: put back what it replaced, if it did."""
        back = self.replaces and self.mine
        if back:
            os.replace(self.older, self.real)
        return back

    def _sweep(self) -> None:
        """Remove what killed runs left half written beside the file."""
        start, end = _beside(self.real).name.rsplit(f"{os.getpid()}", 1)
        with suppress(OSError):
            for left in list(self.real.parent.iterdir()):
                number = left.name.removeprefix(start).removesuffix(end)
                part = left.name == f"{start}{number}{end}" and number.isdigit()
                if part and not _alive(int(number)):
                    _forget(left)


def _beside(real: Path) -> Path:
    # a name has at most 255 bytes, so this one takes only a part of it
    return real.with_name(f".{real.name[:40]}.{os.getpid()}.part")


def _possible(path: Path) -> None:
    """Raise OSError for a path that no file can have."""
    with suppress(FileNotFoundError):
        os.stat(path)
    os.stat(path.parent)


def _alive(number: int) -> bool:
    """There is a process of that number."""
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's
    return True


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _refusal(path: str | Path, error: Exception, option: str) -> ValueError:
    why = getattr(error, "strerror", None) or error
    kept = "; the older one there is untouched" if os.path.exists(path) else ""
    return ValueError(
        f"{path}: cannot be written ({why}){kept}; free some space, or choose another "
        f"place with {option}"
    )
