"""The counters' script: many questions about many subjects, answered in order by one call.

A subject is a hash of counts and strikes (`s` second, `m` minute, `b` burst's second, `t` burst's
total, `r` refused lately) and a list per window, oldest first, of `moment:number`. It is the room
`windows` in Lua.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms_site.throttling.limits import GRACE_MS, Counted, Item
from oms_site.throttling.windows import (
    BURST_GRAIN,
    FORGIVEN_MS,
    MINUTE_GRAIN,
    PENALTIES,
    SECOND_GRAIN,
)

LUA = (
    f"""
local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local GRAIN = {{s = {SECOND_GRAIN}, m = {MINUTE_GRAIN}, b = {SECOND_GRAIN}, t = {BURST_GRAIN}}}
local PENALTIES, FORGIVEN, GRACE = {PENALTIES}, {FORGIVEN_MS}, {GRACE_MS}
"""
    + """
local NAMES = {'s', 'se', 'sn', 'm', 'me', 'mn', 'b', 'be', 'bn', 't', 'te', 'tn', 'p', 'k', 'f',
               'r', 'rs'}
local function load(key, ps, pm, bps, bt, every)
  local st = {key = key, ps = ps, pm = pm, bps = bps, bt = bt,
              span = {s = 1000, m = 60000, b = 1000, t = every}, h = {}, walk = {}}
  local found = redis.call('HMGET', key, unpack(NAMES))
  for i, name in ipairs(NAMES) do st[name] = tonumber(found[i] or 0) or 0 end
  if not found[1] then
    redis.call('DEL', key .. ':s', key .. ':m', key .. ':b', key .. ':t')
  end
  return st
end
local function drop(st, w)
  local list = st.key .. ':' .. w
  while st[w] > 0 do
    local head = redis.call('LINDEX', list, 0)
    if not head then st[w], st.moved = 0, true break end
    local at, n = string.match(head, '(%d+):(%d+)')
    local leaves = tonumber(at) + st.span[w]
    if leaves > now then st.h[w] = leaves break end
    redis.call('LPOP', list)
    st[w], st.moved = st[w] - tonumber(n), true
  end
end
local function put(st, w, n, till)
  if n <= 0 then return end
  local list, grain = st.key .. ':' .. w, GRAIN[w]
  local e = math.ceil(till / grain) * grain
  if st[w] > 0 and st[w .. 'e'] >= e then
    st[w .. 'n'] = st[w .. 'n'] + n
    redis.call('LSET', list, -1, string.format('%d:%d', st[w .. 'e'], st[w .. 'n']))
  else
    if st[w] <= 0 then redis.call('DEL', list) st.h[w] = e + st.span[w] end
    st[w .. 'e'], st[w .. 'n'] = e, n
    redis.call('RPUSH', list, string.format('%d:%d', e, n))
  end
  st[w] = st[w] + n
  redis.call('PEXPIRE', list, st.span[w] + till - now + 2 * grain)
end
local function take(st, normal, burst, till)
  put(st, 's', normal, till) put(st, 'm', normal, till)
  put(st, 'b', burst, till) put(st, 't', burst, till)
end
local function until_left(st, w, limit)
  if st[w] < limit then return 0 end
  return (st.h[w] or now + st.span[w]) - now
end
-- The moment from which one more fits, nil when it comes after the latest. What is put while we
-- walk leaves later than that, so the list is read once.
local function when(st, w, limit, latest)
  local over = st[w] + 1 - limit
  if over <= 0 then return now end
  local walk = st.walk[w]
  if not walk then
    walk = {list = redis.call('LRANGE', st.key .. ':' .. w, 0, latest - now), i = 0, freed = 0}
    st.walk[w] = walk
  end
  while walk.freed < over do
    local head = walk.list[walk.i + 1]
    if not head then return nil end
    local at, n = string.match(head, '(%d+):(%d+)')
    local leaves = tonumber(at) + st.span[w]
    if leaves > latest then return nil end
    walk.i, walk.freed, walk.at = walk.i + 1, walk.freed + tonumber(n), leaves
  end
  return walk.at
end
local function both(one, other)
  return one and other and math.max(one, other)
end
local function hold(states, latest)
  local t = now
  for _, st in ipairs(states) do
    st.wn = both(when(st, 's', st.ps, latest), when(st, 'm', st.pm, latest))
    local wb = both(when(st, 'b', st.bps, latest), when(st, 't', st.bt, latest))
    local soonest = st.wn
    if wb and (not soonest or wb < soonest) then soonest = wb end
    if not soonest then return nil end
    t = math.max(t, soonest)
  end
  for _, st in ipairs(states) do
    local fits = st.wn and st.wn <= t and 1 or 0
    take(st, fits, 1 - fits, t + 1)
  end
  return t - now
end
local function save(st)
  local told = {}
  for _, name in ipairs(NAMES) do
    told[#told + 1] = name
    told[#told + 1] = string.format('%d', st[name])
  end
  redis.call('HSET', st.key, unpack(told))
  redis.call('PEXPIRE', st.key, math.max(st.span.t, 60000) + 2 * FORGIVEN + 64000)
end
local answers, at, place = {}, 3, 1
for _ = 1, tonumber(ARGV[2]) do
  local n, whole, spare = tonumber(ARGV[at]), ARGV[at + 1] == '1', tonumber(ARGV[at + 2])
  local lend, struck, count = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 6])
  local latest = now + tonumber(ARGV[at + 5])
  at = at + 7
  local states, granted = {}, n
  for i = 1, count do
    local st = load(KEYS[place], tonumber(ARGV[at]), tonumber(ARGV[at + 1]),
                    tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]))
    place, at = place + 1, at + 5
    drop(st, 's') drop(st, 'm') drop(st, 'b') drop(st, 't')
    st.normal = math.max(0, math.min(st.ps - st.s, st.pm - st.m))
    st.burst = math.max(0, math.min(st.bps - st.b, st.bt - st.t))
    granted = math.min(granted, st.normal + st.burst)
    states[i] = st
  end
  if whole and granted < n then granted = 0 end
  local one = states[struck + 1]
  local barred = struck >= 0 and one.p > now
  if barred then granted = 0 end
  local left = nil
  for _, st in ipairs(states) do
    local normal = math.min(granted, st.normal)
    take(st, normal, granted - normal, now + 1)
    local more = math.max(0, st.normal - granted)
    if left == nil or more < left then left = more end
  end
  local lent, strike, wait, holds = 0, 0, 0, {}
  while latest > now and not barred and not whole and granted + #holds < n do
    local held = hold(states, latest)
    if not held then break end
    holds[#holds + 1] = held
  end
  if granted == n and spare > 0 then
    lent = math.min(spare, math.floor(left / 4))
    for _, st in ipairs(states) do take(st, lent, 0, now + 1 + lend) end
  end
  granted = granted + #holds
  if granted < n then
    for _, st in ipairs(states) do
      local w = math.max(until_left(st, 's', st.ps), until_left(st, 'm', st.pm))
      if st.bps > 0 then
        w = math.min(w, math.max(until_left(st, 'b', st.bps), until_left(st, 't', st.bt)))
      end
      wait = math.max(wait, w)
    end
    if struck >= 0 then
      if not barred then
        if now - one.rs >= 1000 then one.r, one.rs = 0, now end
        one.r, one.moved = one.r + n - granted, true
        if one.r > math.floor((one.ps + one.bps) * GRACE / 1000) then
          one.k = now >= one.f and 1 or one.k + 1
          one.p = now + 1000 * 2 ^ (math.min(one.k, PENALTIES) - 1)
          one.f = one.p + FORGIVEN
          strike = one.k
        end
      end
      wait = math.max(wait, one.p - now)
    end
  end
  local limit, remaining, reset = nil, nil, 0
  for _, st in ipairs(states) do
    for _, w in ipairs({'s', 'm'}) do
      local most = w == 's' and st.ps or st.pm
      local more = math.max(0, most - st[w])
      if remaining == nil or more < remaining then
        limit, remaining = most, more
        reset = st[w] > 0 and (st.h[w] or now + st.span[w]) - now or 0
      end
    end
    if granted > 0 or strike > 0 or st.moved then save(st) end
  end
  answers[#answers + 1] = {granted, lent, wait, limit, remaining, reset, strike, holds}
end
return answers
"""
)


def arguments(items: Sequence[Item], *, now: int = 0) -> tuple[list[str], list[int]]:
    """KEYS and ARGV of a call; `now` in milliseconds, 0 for the server's own time."""
    keys: list[str] = []
    told = [now, len(items)]
    for item in items:
        told += [item.wanted, int(item.whole), item.spare, item.lend_ms, item.struck]
        told += [item.hold_ms, len(item.subjects)]
        for subject in item.subjects:
            limits = subject.limits
            keys.append(subject.key)
            told += [limits.per_second, limits.per_minute, limits.burst_per_second]
            told += [limits.burst_total, limits.burst_every_ms]
    return keys, told


def answers(found: Sequence[Sequence[Any]]) -> list[Counted]:
    """What the script said, one answer per item."""
    return [
        Counted(*(int(value) for value in one[:7]), holds=tuple(int(held) for held in one[7]))
        for one in found
    ]
