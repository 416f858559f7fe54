"""A store in Redis or Valkey, shared by several machines.

Rule: each atomic operation is one script on one key with a hash tag, so that it runs on a cluster, and the clock is the
server's, since those of the workers differ. The arithmetic of `_SPEND` is that of `_limits.decide`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from ._base import ANYTHING
from ._limits import Limit, LimitState, Spent, lifetime

Result = TypeVar("Result")

_PUT = """
local there = redis.call('GET', KEYS[1])
if ARGV[1] == 'none' and there then return 0 end
if ARGV[1] == 'some' and there ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
"""
_ADD = """
redis.call('SADD', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
"""
_SPEND = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local limits = cjson.decode(ARGV[1])
local cost = tonumber(ARGV[2])
local stored = redis.call('GET', KEYS[1]) or ''
local states = {}
for a, b, c in string.gmatch(stored, '(%S+) (%S+) (%S+)') do
  states[#states + 1] = {tonumber(a), tonumber(b), tonumber(c)}
end
if #states ~= #limits then states = {} end
local before, after, retry, allowed = {}, {}, {}, true
for i, limit in ipairs(limits) do
  local quota, window, state = limit[1], limit[2], states[i]
  if limit[3] == 'gcra' then
    local used = state and math.max(0, math.min(state[2], window) - math.max(0, now - state[1])) or 0
    local next = used + cost * window / quota
    before[i] = {now, used, 0}
    retry[i] = next - window
    if retry[i] <= window * 1e-9 then after[i] = {now, next, 0} else allowed = false end
  else
    local number = math.floor(now / window)
    local previous, current = 0, 0
    if state and state[1] >= number then previous, current = state[2], state[3]
    elseif state and state[1] == number - 1 then previous = state[3] end
    local elapsed = now / window - number
    before[i] = {number, previous, current}
    if previous * (1 - elapsed) + current + cost <= quota + 1e-9 then
      after[i] = {number, previous, current + cost}
      retry[i] = 0
    else
      allowed = false
      local room = quota - current - cost
      if room >= 0 and previous > 0 then
        retry[i] = math.max(0, (1 - room / previous - elapsed) * window)
      else
        local fading = current > 0 and (1 - (quota - cost) / current) or 0
        retry[i] = (1 - elapsed + math.max(0, fading)) * window
      end
    end
  end
end
local result, kept = {}, {}
for i, limit in ipairs(limits) do
  local quota, window = limit[1], limit[2]
  local state = allowed and after[i] or before[i]
  kept[i] = string.format('%.17g %.17g %.17g', state[1], state[2], state[3])
  local remaining, reset
  if limit[3] == 'gcra' then
    remaining = math.max(0, math.floor((window - state[2]) / window * quota + 1e-6))
    reset = state[2]
  else
    local elapsed = now / window - state[1]
    local used = state[2] * (1 - elapsed) + state[3]
    remaining = math.max(0, math.floor(quota - used + 1e-6))
    reset = 0
    if used > 0 then reset = (state[3] > 0 and (2 - elapsed) or (1 - elapsed)) * window end
  end
  result[i] = {remaining, tostring(reset), tostring(after[i] and 0 or retry[i])}
end
redis.call('SET', KEYS[1], table.concat(kept, '\\n'), 'PX', ARGV[3])
return {allowed and 1 or 0, result}
"""


class RedisStore:
    """A store in Redis or Valkey, with the asyncio client of either package; trio raises RuntimeError.

    `url` is `redis://`, `rediss://`, `valkey://` or `unix://`; `client` is a function that makes a client of your own,
    for a cluster or sentinels, called once for each event loop. `prefix` begins every key. A call is one round trip,
    over one of `max_connections`; a burst of calls waits for a free one. OSError is raised if the server cannot be
    reached or answers with an error.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        client: Callable[[], Any] | None = None,
        prefix: str = "asgi:",
        timeout: float = 2.0,
        max_connections: int = 50,
    ) -> None:
        if (url is None) == (client is None):
            raise ValueError("write either a url or client=, a function that makes a client")
        self._make = client if client is not None else self._maker(url or "", timeout, max_connections)
        self.prefix = prefix
        self.max_connections = max_connections
        self._open: WeakKeyDictionary[Any, _Open] = WeakKeyDictionary()

    @staticmethod
    def _maker(url: str, timeout: float, max_connections: int) -> Callable[[], Any]:
        module = _client_module(url)
        return lambda: module.from_url(
            url, max_connections=max_connections, socket_timeout=timeout, socket_connect_timeout=timeout
        )

    def _here(self) -> _Open:
        """Return the client of this event loop: connections belong to the loop that opened them."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as exc:
            raise RuntimeError("RedisStore needs asyncio: the client of Redis does not run on trio") from exc
        found = self._open.get(loop)
        if found is None:
            found = self._open[loop] = _Open(self._make(), asyncio.Semaphore(self.max_connections))
        return found

    async def _call(self, call: Callable[[Any], Awaitable[Result]]) -> Result:
        here = self._here()
        # Without the semaphore a pool that has no free connection raises, as if the server were down.
        async with here.gate:
            try:
                return await call(here.client)
            except Exception as exc:
                # The clients have their own exception classes, which are not imported for one `except`. Any other
                # exception is a bug.
                if type(exc).__module__.partition(".")[0] in ("redis", "valkey"):
                    raise OSError(f"the store does not answer: {exc}") from exc
                raise

    async def _script(self, text: str, key: str, *arguments: Any) -> Any:
        here = self._here()
        # A registered script is called by its SHA-1, and loaded again if the server has been restarted (EVALSHA).
        script = here.scripts.get(text)
        if script is None:
            script = here.scripts[text] = here.client.register_script(text)
        return await self._call(lambda _: script(keys=[self._name(key)], args=arguments))

    def _name(self, key: str) -> str:
        return f"{self.prefix}{{{key}}}"

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await self._call(lambda client: client.get(self._name(key)))
        return value

    async def put(self, key: str, value: bytes, ttl: float, *, expected: bytes | None = ANYTHING) -> bool:
        kind = "any" if expected is ANYTHING else "none" if expected is None else "some"
        there = b"" if expected is ANYTHING or expected is None else expected
        return bool(await self._script(_PUT, key, kind, there, value, _milliseconds(ttl)))

    async def delete(self, key: str) -> bool:
        return bool(await self._call(lambda client: client.delete(self._name(key))))

    async def touch(self, key: str, ttl: float) -> bool:
        return bool(await self._call(lambda client: client.pexpire(self._name(key), _milliseconds(ttl))))

    async def add(self, key: str, member: str, ttl: float) -> None:
        await self._script(_ADD, key, member, _milliseconds(ttl))

    async def members(self, key: str) -> set[str]:
        found = await self._call(lambda client: client.smembers(self._name(key)))
        return {member.decode() for member in found}

    async def discard(self, key: str, member: str) -> None:
        await self._call(lambda client: client.srem(self._name(key), member))

    async def spend(self, key: str, limits: Sequence[Limit], cost: int) -> Spent:
        described = json.dumps([(limit.quota, limit.window, limit.algorithm) for limit in limits])
        allowed, states = await self._script(_SPEND, key, described, cost, _milliseconds(lifetime(limits)))
        return Spent(bool(allowed), [LimitState(int(r), float(reset), float(retry)) for r, reset, retry in states])

    async def aclose(self) -> None:
        here = self._open.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.client.aclose()


@dataclass
class _Open:
    """A client of one event loop, the scripts registered with it, and the semaphore for its connections."""

    client: Any
    gate: asyncio.Semaphore
    scripts: dict[str, Any] = field(default_factory=dict)


def _client_module(url: str) -> Any:
    """Return the installed asyncio client, preferring the package that the URL names."""
    for name in ("valkey", "redis") if url.startswith("valkey") else ("redis", "valkey"):
        try:
            return import_module(f"{name}.asyncio")
        except ImportError:
            continue
    raise ImportError("RedisStore needs a client: pip install asgi-middleware[redis] or asgi-middleware[valkey]")


def _milliseconds(seconds: float) -> int:
    # At least one: Redis rejects an expiry of 0.
    return max(1, round(seconds * 1000))
