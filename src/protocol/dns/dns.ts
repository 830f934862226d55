// DNS for latency: how to know it on TCP, and how its connections are read. Over UDP: dns-datagrams.ts.

import type { ExchangeProtocol } from '../exchange-parser.ts'
import { DnsExchanges } from './dns-datagrams.ts'
import { recogniseFrame } from './dns-frames.ts'
import { DnsStream } from './dns-stream.ts'

export const dns: ExchangeProtocol = {
  name: 'dns',
  ports: [53],
  recognise: recogniseFrame,
  createParser: (context) => new DnsStream(context),
  // what an answer means depends on the others of its look-up: the diagnosis of names puts them together
  failureOf: () => undefined,
  createDatagrams: (context) => new DnsExchanges(context),
}
