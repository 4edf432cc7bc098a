#!lua flags=no-writes
-- Entries in the order of their keys, as one snapshot.
-- KEYS: meta, values, keys. ARGV: epoch, newest commit known, lower bound, upper bound, limit, most bytes.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if state[1] ~= ARGV[1] or tonumber(state[2]) < tonumber(ARGV[2]) then
  return {'lost', state[2] or '0'}
end
local found = redis.call('ZRANGEBYLEX', KEYS[3], ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])
local answer, bytes, most = {'ok'}, 0, tonumber(ARGV[6])
for from = 1, #found, 1000 do
  local upto = math.min(from + 999, #found)
  local values = redis.call('HMGET', KEYS[2], unpack(found, from, upto))
  for index = from, upto do
    local value = values[index - from + 1]
    if not value then
      return {'corrupt', found[index]}
    end
    bytes = bytes + #found[index] + #value
    if bytes > most then
      return {'large', string.format('%.0f', bytes)}
    end
    answer[#answer + 1] = found[index]
    answer[#answer + 1] = value
  end
end
return answer
