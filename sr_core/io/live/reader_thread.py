"""What a live picture brings, read ahead by a thread of its own, but never far."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from .source import LivePicture, Read

AHEAD = 16  # reads that may wait: enough to decode beside the model, and little to hold


class ReaderThread:
    """The reads of a picture in order; reading happens in a thread, which waits when it is ahead.

    `passing` is called with each read, in the thread that takes it.
    """

    def __init__(self, picture: LivePicture, passing: Callable[[Read], None]):
        self.picture, self.passing = picture, passing
        self.ended = False  # nothing more will come, or is wanted
        self.finished = False  # all that there is was taken
        # This queue may be put to from a signal's handler, a bounded one may not.
        self._queue: SimpleQueue[Read | BaseException | None] = SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._thread = threading.Thread(target=self._read, name="picture", daemon=True)
        self._thread.start()

    def take(self, timeout: float | None = None) -> Read | None:
        """Give the next read; None where none came within `timeout` seconds, or ever will.

        Errors of reading are raised here.
        """
        if self.ended:
            return None
        try:
            read = self._queue.get(timeout=timeout)
        except Empty:
            return None
        if read is None or self.ended:
            self.finished = not self.ended
            self.ended = True
            return None
        if isinstance(read, BaseException):
            self.ended = True
            raise read
        self._room.release()
        self.passing(read)
        return read

    def stop(self) -> None:
        """Let `take` give nothing from now on; safe in a signal's handler."""
        self.ended = True
        self._queue.put(None)

    def close(self) -> None:
        """End the thread, unless it is stuck in a device, which only the process's end frees."""
        self.stop()
        self._room.release()
        self._thread.join(timeout=1)

    def _read(self) -> None:
        try:
            for read in self.picture.reads():
                self._room.acquire()
                if self.ended:
                    return
                self._queue.put(read)
            self._queue.put(None)
        except Exception as error:
            self._queue.put(error)
