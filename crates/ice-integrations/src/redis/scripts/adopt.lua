#!lua
-- Begins a connection: makes the store if it is new, and says whether it is still the one that is known.
-- KEYS: meta, values, keys, changes.
-- ARGV: format, epoch if it is new, the server's run, numbers to leave out after a restart, '1' to make the store,
--       epoch known or '', run known, newest commit known.
local meta = KEYS[1]
local state = redis.call('HMGET', meta, 'format', 'epoch', 'seq', 'run')
if not state[2] then
  if ARGV[6] ~= '' then
    return {'lost', '0'}
  end
  if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 then
    return {'corrupt'}
  end
  if ARGV[5] ~= '1' then
    return {'absent'}
  end
  redis.call('HSET', meta, 'format', ARGV[1], 'epoch', ARGV[2], 'seq', '0', 'bytes', '0', 'run', ARGV[3])
  return {'ok', ARGV[2], '0'}
end
if state[1] ~= ARGV[1] then
  return {'format', state[1] or ''}
end
local known = tonumber(ARGV[8])
if ARGV[6] ~= '' then
  -- What the store had when the run that is known ended; nothing if not even that is remembered.
  local had = state[3]
  if state[4] ~= ARGV[7] then
    had = redis.call('HGET', meta, 'end:' .. ARGV[7]) or '-1'
  end
  if state[2] ~= ARGV[6] or tonumber(had) < known then
    return {'lost', had}
  end
end
local seq = state[3]
if state[4] ~= ARGV[3] then
  -- The server was started again. It may have forgotten commits, and no number may come twice.
  redis.call('HSET', meta, 'end:' .. state[4], seq, 'run', ARGV[3])
  seq = string.format('%.0f', redis.call('HINCRBY', meta, 'seq', ARGV[4]))
end
return {'ok', state[2], seq}
