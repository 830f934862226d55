-- A line for each TCP connection that is accepted or refused: the time from the first SYN to the answer, and how often the
-- SYN had to be repeated. A repeated SYN costs a second and more: that is what "connecting is sometimes slow" looks like.
--
--   tcpflow --script connect-time.lua -i any 'tcp[tcpflags] & (tcp-syn|tcp-rst) != 0'

local FORGET_AFTER = 150 -- seconds; clients give up before

local SYN, RST, ACK = 2, 4, 16
local opening = {}
local swept = 0

local function sweep(now)
  if now - swept < FORGET_AFTER then return end
  swept = now
  for key, attempt in pairs(opening) do
    if now - attempt.time > FORGET_AFTER then
      print(('%s | no answer, SYN sent %d times'):format(key, attempt.count))
      opening[key] = nil
    end
  end
end

local function answered(packet, now, outcome)
  local key = ('%s:%d => %s:%d'):format(packet.dip, packet.dport, packet.sip, packet.sport)
  local attempt = opening[key]
  -- the answer acknowledges the SYN, or it belongs to an earlier connection
  if not attempt or packet.ack ~= (attempt.seq + 1) % 4294967296 then return end
  opening[key] = nil
  local again = attempt.count > 1 and (', SYN sent %d times'):format(attempt.count) or ''
  print(('%s.%06d %s | %.3f ms | %s%s'):format(os.date('%Y-%m-%d %H:%M:%S', packet.tv_sec), packet.tv_usec, key,
    (now - attempt.time) * 1000, outcome, again))
end

function process(packet)
  if not packet.flags then return end
  local now = packet.tv_sec + packet.tv_usec / 1000000
  sweep(now)
  local kind = bit32.band(packet.flags, SYN + RST + ACK)
  if kind == SYN then
    local key = ('%s:%d => %s:%d'):format(packet.sip, packet.sport, packet.dip, packet.dport)
    local attempt = opening[key]
    if attempt and attempt.seq == packet.seq then
      attempt.count = attempt.count + 1
    else
      opening[key] = { seq = packet.seq, time = now, count = 1 }
    end
  elseif kind == SYN + ACK then
    answered(packet, now, 'accepted')
  elseif bit32.btest(packet.flags, RST) then
    answered(packet, now, 'refused')
  end
end
