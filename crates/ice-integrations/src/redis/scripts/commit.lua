#!lua
-- Applies a batch whole or not at all, and once: its writer numbers it.
-- KEYS: meta, values, keys, changes, writer.
-- ARGV: epoch, newest commit known, number, lowest number in flight, count of expectations, (key, version or '')*,
--       count of writes, (kind, key, value)*.
local MAX_CHANGES, MAX_ENTRIES, MAX_BYTES = 3000, 8192, 16777216
local DAY = 86400000
local meta, values, keys, changes, writer = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local state = redis.call('HMGET', meta, 'epoch', 'seq', 'bytes')
if state[1] ~= ARGV[1] or tonumber(state[2]) < tonumber(ARGV[2]) then
  return {'lost', state[2] or '0'}
end
local past = redis.call('HMGET', writer, ARGV[3], 'low')
if past[1] then
  return {'ok', past[1]}
end
if past[2] and tonumber(ARGV[3]) < tonumber(past[2]) then
  return {'late'}
end

local at = 6
for index = 1, tonumber(ARGV[5]) do
  local found = redis.call('HGET', values, ARGV[at])
  local version = found and string.sub(found, 1, 16) or ''
  if version ~= ARGV[at + 1] then
    return {'conflict', tostring(index), version}
  end
  at = at + 2
end
local count = tonumber(ARGV[at])
if count == 0 then
  return {'ok', state[2]}
end

local function many(command, key, list)
  for from = 1, #list, 1000 do
    redis.call(command, key, unpack(list, from, math.min(from + 999, #list)))
  end
end

-- From here on everything is written: nothing may fail.
local seq = redis.call('HINCRBY', meta, 'seq', 1)
local version = string.format('%016.0f', seq)
local put, named, gone, told = {}, {}, {}, {'size', ''}
local size = 64
for index = at + 1, at + count * 3, 3 do
  local kind, key = ARGV[index], ARGV[index + 1]
  if kind == '+' then
    put[#put + 1] = key
    put[#put + 1] = version .. ARGV[index + 2]
    named[#named + 1] = 0
    named[#named + 1] = key
  else
    gone[#gone + 1] = key
  end
  if count <= MAX_CHANGES then
    told[#told + 1] = kind
    told[#told + 1] = key
    size = size + #key + 16
  end
end
many('HSET', values, put)
many('ZADD', keys, named)
many('HDEL', values, gone)
many('ZREM', keys, gone)

-- What watchers are told; of a very large batch only that it was.
told[2] = string.format('%.0f', size)
redis.call('XADD', changes, string.format('%.0f-0', seq), unpack(told))
local bytes = redis.call('HINCRBY', meta, 'bytes', size)
while bytes > MAX_BYTES or redis.call('XLEN', changes) > MAX_ENTRIES do
  local oldest = redis.call('XRANGE', changes, '-', '+', 'COUNT', 1)[1]
  if not oldest then
    break
  end
  redis.call('XDEL', changes, oldest[1])
  bytes = redis.call('HINCRBY', meta, 'bytes', -tonumber(oldest[2][2]))
end

-- Numbers below the lowest in flight are answered: they need not be remembered, and never come again.
redis.call('HSET', writer, ARGV[3], string.format('%.0f', seq))
local low, was = tonumber(ARGV[4]), tonumber(past[2] or ARGV[4])
if low > was then
  local answered = {}
  for number = was, low - 1 do
    answered[#answered + 1] = string.format('%.0f', number)
  end
  many('HDEL', writer, answered)
end
if low > was or not past[2] then
  redis.call('HSET', writer, 'low', ARGV[4])
end
if redis.call('PTTL', writer) < DAY / 2 then
  redis.call('PEXPIRE', writer, DAY)
end
return {'ok', string.format('%.0f', seq)}
