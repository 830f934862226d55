// The captures of test/golden/LIST that are made here, by name.

import { answer, query } from '../protocol/dns/dns-builder.ts'
import { ethernet, ipv4, udp } from './packet-builder.ts'
import { type PcapFrame, pcapFile } from './pcap-builder.ts'
import { captureOf, Talk } from './talk.ts'

const START = 1_700_000_000
const CHUNKED = '4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n'

function http(options = {}): Talk {
  return new Talk(options)
    .open()
    .client('GET /users/17 HTTP/1.1\r\nHost: web\r\n\r\n')
    .wait(12)
    .server('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nZurich')
    .client('GET /report HTTP/1.1\r\nHost: web\r\n\r\n')
    .wait(350)
    .server(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`)
    .close()
}

function redis(): Talk {
  return new Talk({ serverPort: 6379 })
    .open()
    .client('*2\r\n$3\r\nGET\r\n$4\r\nuser\r\n')
    .server('$4\r\nanna\r\n')
    .client('*2\r\n$4\r\nINCR\r\n$4\r\nuser\r\n')
    .server('-ERR value is not an integer or out of range\r\n')
    .close()
}

function datagram(from: number, to: number, payload: Buffer, time: number): PcapFrame {
  const [client, server] = [from === 53 ? '10.0.0.53' : '10.0.0.1', from === 53 ? '10.0.0.1' : '10.0.0.53']
  const inside = udp({ sport: from, dport: to, payload })
  return { frame: ethernet({}, ipv4({ src: client, dst: server, protocol: 17 }, inside)), time }
}

/** A port that refuses two clients, a host that does not answer, one that is not there, and a healthy connection. */
function faults(): Buffer {
  const refused = (clientPort: number, startTime: number): Talk =>
    new Talk({ serverPort: 81, clientPort, startTime }).syn().segment(1, { flags: 'R.', seq: 0, ack: 1001 })
  const unanswered = new Talk({ server: '10.0.0.9', serverPort: 5432, startTime: START + 2 }).syn()
  for (const millis of [999, 1999, 3999]) unanswered.wait(millis).repeat()
  return captureOf(
    refused(40_001, START),
    refused(40_002, START + 1),
    unanswered,
    http({ clientPort: 40_003, startTime: START + 20 }),
    new Talk({ server: '10.0.0.3', clientPort: 40_004, startTime: START + 30 })
      .client('from the middle')
      .server('seen'),
  )
}

export const GOLDEN_CAPTURES: Readonly<Record<string, () => Buffer>> = {
  http: () => captureOf(http()),
  ipv6: () => captureOf(http({ client: 'fd00::2', server: 'fd00::3' })),
  vlan: () => captureOf(http({ vlan: [42] })),
  redis: () => captureOf(redis()),
  gap: () => captureOf(new Talk().open().client('before').lose(0, 1460).client('after').server('seen').close()),
  refused: () => captureOf(new Talk({ serverPort: 81 }).syn().segment(1, { flags: 'R.', seq: 0, ack: 1001 })),
  faults,
  dns: () =>
    pcapFile([
      datagram(40_000, 53, query({ id: 1, name: 'web.example' }), START),
      datagram(53, 40_000, answer({ id: 1, name: 'web.example', answers: 1 }), START + 0.004),
      datagram(40_000, 53, query({ id: 2, name: 'nowhere.example' }), START + 1),
      datagram(53, 40_000, answer({ id: 2, name: 'nowhere.example', flags: 0x8183 }), START + 1.02),
    ]),
}
