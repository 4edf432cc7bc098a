#!lua
-- Removes blobs that nothing names, if they are old enough.
-- KEYS: blobs, blob*. ARGV: stamp below which they may go, hash*.
local removed, bytes, spared = 0, 0, 0
for index = 2, #KEYS do
  local stamp = redis.call('ZSCORE', KEYS[1], ARGV[index])
  if stamp and tonumber(stamp) >= tonumber(ARGV[1]) then
    spared = spared + 1
  elseif stamp then
    removed = removed + 1
    bytes = bytes + tonumber(redis.call('HGET', KEYS[index], 'size') or 0)
    redis.call('UNLINK', KEYS[index])
    redis.call('ZREM', KEYS[1], ARGV[index])
  end
end
return {'ok', string.format('%.0f', removed), string.format('%.0f', bytes), string.format('%.0f', spared)}
