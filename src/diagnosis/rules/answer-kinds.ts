// The kinds of findings about answers that are late or do not come. late-answers.ts tells them.

import type { FindingKind } from '../rule.ts'

export const SERVER_SLOW: FindingKind = {
  id: 'server-slow',
  severity: 'warning',
  title: 'the server took long to answer',
  meaning:
    'Requests arrived at the server at once, and the answer began late. The time went by in the application, or in what the application waits for itself.',
  told: 'The time from the last byte of the request to the first byte of the answer, less the round trip of the network and what sending again cost, is longer than --slow (1 s). The same where a client has waited so long and gives up. As a note: an answer that takes fifty times as long as this sort of request usually does.',
  limits:
    'What the server did in that time is not in its packets. Where the protocol is not known, whoever speaks first is taken for the one who asks. Requests that ask the server to wait (BLPOP, SUBSCRIBE) and sorts of request that usually take 15 s and more (long polls) are left out.',
  advice:
    'Look at these requests at the server: its log, its slow-query log, a profile. Where the finding names a request of the server’s own that waited just then, look there first.',
  latestText: true,
}

export const HUNG_PEER: FindingKind = {
  id: 'hung-peer',
  severity: 'error',
  title: 'the server takes requests and does not answer',
  meaning:
    'The machine or container of the server is alive: it acknowledges what it is sent. The process that should answer does not.',
  told: 'A request that was acknowledged and has had no byte of an answer for longer than --hung-after (30 s), nor has one by the end. If the answer comes after all, this is withdrawn, and server-slow is told instead.',
  limits:
    'From packets a process that hangs (stopped, dead-locked, waiting for ever) and one that is very slow look the same. Only the state of the process tells: paused, T or D.',
  advice:
    'Look at the process: docker ps (paused?), docker top NAME, a stack dump of it (kill -QUIT for Java, py-spy dump, gdb -p). Do not call the server healthy because its port can be connected to.',
}
