-- A line for each DNS answer over UDP: how long it took since the first query, and how often the query was repeated.
--
--   tcpflow --script dns-latency.lua -i any 'udp port 53'

local FORGET_AFTER = 30 -- seconds without an answer
local TYPES = { [1] = 'A', [2] = 'NS', [5] = 'CNAME', [6] = 'SOA', [12] = 'PTR', [15] = 'MX', [16] = 'TXT', [28] = 'AAAA',
  [33] = 'SRV', [43] = 'DS', [48] = 'DNSKEY', [64] = 'SVCB', [65] = 'HTTPS' }
local OUTCOMES = { [0] = 'NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED' }

local waiting = {}
local swept = 0

local function number(payload, at)
  local high, low = payload:byte(at, at + 1)
  return high * 256 + low
end

-- The name and type of the first question (RFC 1035, 4.1.2); nothing if it is cut short.
local function question(payload)
  local labels, at = {}, 13
  while true do
    local length = payload:byte(at)
    if not length or length > 63 then return nil end
    if length == 0 then break end
    labels[#labels + 1] = payload:sub(at + 1, at + length)
    at = at + 1 + length
  end
  if #payload < at + 4 then return nil end
  local kind = number(payload, at + 1)
  return table.concat(labels, '.'):gsub('[^\33-\126]', '.'), TYPES[kind] or ('TYPE%d'):format(kind)
end

-- Queries that nobody has answered would pile up.
local function sweep(now)
  if now - swept < FORGET_AFTER then return end
  swept = now
  for key, query in pairs(waiting) do
    if now - query.time > FORGET_AFTER then
      print(('%s | no answer within %d s, asked %d times'):format(query.text, FORGET_AFTER, query.count))
      waiting[key] = nil
    end
  end
end

function process(packet)
  if packet.flags or packet.size < 12 then return end
  local payload = packet.payload
  local now = packet.tv_sec + packet.tv_usec / 1000000
  local id, bits = number(payload, 1), number(payload, 3)
  sweep(now)
  local name, kind = question(payload)
  if not name then return end
  if bits < 32768 then
    local key = ('%s:%d %s %d %s %s'):format(packet.sip, packet.sport, packet.dip, id, name, kind)
    local query = waiting[key]
    if query then
      query.count = query.count + 1
    else
      local text = ('%s:%d => %s | %s %s'):format(packet.sip, packet.sport, packet.dip, kind, name)
      waiting[key] = { time = now, text = text, count = 1 }
    end
    return
  end
  local key = ('%s:%d %s %d %s %s'):format(packet.dip, packet.dport, packet.sip, id, name, kind)
  local query = waiting[key]
  if not query then return end
  waiting[key] = nil
  local outcome = OUTCOMES[bits % 16] or ('RCODE%d'):format(bits % 16)
  local again = query.count > 1 and (', asked %d times'):format(query.count) or ''
  print(('%s.%06d %s | %.3f ms | %s%s'):format(os.date('%Y-%m-%d %H:%M:%S', packet.tv_sec), packet.tv_usec, query.text,
    (now - query.time) * 1000, outcome, again))
end
