"""A web socket without coroutines, from aiohttp: every ComfyUI has it among its requirements."""

from __future__ import annotations

import asyncio

import aiohttp

CLOSED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)


class Socket:
    """An open connection; nothing is read from it but while `receive` waits."""

    def __init__(self, url: str):
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._open(url))

    async def _open(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        self._connection = await self._session.ws_connect(url, max_msg_size=0)

    def send(self, text: str) -> None:
        self._loop.run_until_complete(self._connection.send_str(text))

    def receive(self, seconds: float) -> str | bytes | None:
        """The next message; None where none comes in time; ConnectionError at the end."""
        try:
            message = self._loop.run_until_complete(self._connection.receive(timeout=seconds))
        except asyncio.TimeoutError:
            return None
        if message.type in CLOSED or message.type is aiohttp.WSMsgType.ERROR:
            raise ConnectionError("the other side closed the web socket")
        return message.data

    def close(self) -> None:
        self._loop.run_until_complete(self._connection.close())
        self._loop.run_until_complete(self._session.close())
        self._loop.close()
