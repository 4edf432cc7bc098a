#!lua
-- Puts an uploaded blob into its place, and stamps it.
-- KEYS: blob, upload, blobs, meta, writers, alive.
-- ARGV: hash, writer, '1' if it is the first of this writer, process, milliseconds that a process is believed to live.
local time = redis.call('TIME')
redis.call('ZADD', KEYS[6], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[5], ARGV[4])
if ARGV[3] ~= '1' and redis.call('HEXISTS', KEYS[5], ARGV[2]) == 0 then
  return {'away'}
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('RENAME', KEYS[2], KEYS[1])
  redis.call('PERSIST', KEYS[1])
elseif redis.call('EXISTS', KEYS[1]) == 0 then
  return {'gone'}
end
-- Each writer begins an epoch of its own, so that blobs of those who had left before it came are older than it.
if redis.call('HEXISTS', KEYS[5], ARGV[2]) == 0 then
  redis.call('HSET', KEYS[5], ARGV[2], redis.call('HINCRBY', KEYS[4], 'epoch', 1))
end
local epoch = redis.call('HGET', KEYS[4], 'epoch')
redis.call('ZADD', KEYS[3], epoch, ARGV[1])
return {'ok'}
