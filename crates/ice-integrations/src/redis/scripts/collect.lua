#!lua
-- Lets writers go that have left, and begins a collection if that is asked: answers the stamp below which blobs may go.
-- KEYS: meta, writers, alive. ARGV: '1' to begin a collection, process, milliseconds that a process is believed to live,
--       writers that have left*.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[2])
for index = 4, #ARGV do
  redis.call('HDEL', KEYS[2], ARGV[index])
end
if ARGV[1] ~= '1' then
  return {'ok', '0'}
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. string.format('%.0f', now))
local horizon = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
local writers = redis.call('HGETALL', KEYS[2])
for index = 1, #writers, 2 do
  local process = string.match(writers[index], '^[^/]+')
  if redis.call('ZSCORE', KEYS[3], process) then
    horizon = math.min(horizon, tonumber(writers[index + 1]))
  else
    redis.call('HDEL', KEYS[2], writers[index])
  end
end
return {'ok', string.format('%.0f', horizon)}
