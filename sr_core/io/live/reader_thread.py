"""A thread that reads a live video ahead, up to a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from .source import LivePicture, Read

AHEAD = 16  # reads in the queue, at most: decoding overlaps the model, memory stays small


class ReaderThread:
    """The reads of a video in order, from a thread that waits while the queue is full.

    `passing` is called with each read, in the thread that calls `take`.
    """

    def __init__(self, picture: LivePicture, passing: Callable[[Read], None]):
        self.picture, self.passing = picture, passing
        self.ended = False  # `take` returns no more reads
        self.finished = False  # all reads to the end of the video were taken
        # SimpleQueue.put is safe in a signal handler, a bounded queue's is not.
        self._queue: SimpleQueue[Read | BaseException | None] = SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._thread = threading.Thread(target=self._read, name="picture", daemon=True)
        self._thread.start()

    def take(self, timeout: float | None = None) -> Read | None:
        """Return the next read; None after `timeout` seconds without one, or at the end.

        Raises the errors of the reading thread.
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
        """Make `take` return None from now on; safe in a signal handler."""
        self.ended = True
        self._queue.put(None)

    def close(self) -> None:
        """End the thread; one that is blocked in a device ends only with the process."""
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
