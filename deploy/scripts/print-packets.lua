-- A line for each TCP segment and UDP datagram: when, who to whom, TCP flags and numbers, and how the payload begins.
--
--   tcpflow --script print-packets.lua -i docker0 'port 6379'

local SHOWN = 48 -- bytes of payload

local FLAGS = { { 2, 'SYN' }, { 1, 'FIN' }, { 4, 'RST' }, { 8, 'PSH' }, { 16, 'ACK' } }

local function flag_names(flags)
  local names = {}
  for _, flag in ipairs(FLAGS) do
    if bit32.btest(flags, flag[1]) then names[#names + 1] = flag[2] end
  end
  return table.concat(names, '+')
end

function process(packet)
  local head = string.format('%s.%06d %s:%d => %s:%d', os.date('%Y-%m-%d %H:%M:%S', packet.tv_sec), packet.tv_usec,
    packet.sip, packet.sport, packet.dip, packet.dport)
  local middle = 'UDP'
  if packet.flags then
    middle = string.format('%s seq %d ack %d win %d', flag_names(packet.flags), packet.seq, packet.ack, packet.window)
  end
  local text = packet.payload:sub(1, SHOWN):gsub('[^\32-\126]', '.')
  print(string.format('%s | %s | %d bytes %s', head, middle, packet.size, text))
end
