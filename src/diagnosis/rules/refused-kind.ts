// The kind of a refusal: wrong-bind.ts and others stand in its place where more is known.

import type { FindingKind } from '../rule.ts'

export const REFUSED: FindingKind = {
  id: 'refused',
  severity: 'error',
  title: 'nothing listens on that port',
  meaning: 'The client asked for a connection, and a reset came back at once in the name of the server.',
  told: 'A SYN, then a RST that acknowledges exactly that SYN, and nothing else from the server.',
  limits:
    'A firewall that rejects with a reset looks the same at the client: same addresses, time to live and IP fields. Only the sockets that the server has open, or a capture next to the server, tell the two apart.',
  advice:
    'See whether the server runs and on which port and address it listens: tcpflow containers, docker port NAME, ss -ltn inside its network namespace.',
  foldsPorts: true,
}
