// The texts of the findings about what applications answer.

import type { FindingKind } from '../rule.ts'

export const HTTP_ERROR: FindingKind = {
  id: 'http-error',
  severity: 'warning',
  title: 'a web server answers with an error of its own',
  meaning:
    'The network works, and the server answered that it failed (a status from 500 on). 502, 503 and 504 are said by proxies for the server behind them.',
  told: 'The status of the answers, counted by status. For 502, 503 and 504 the connections that the answering host itself had open just then are searched for a fault, which is named.',
  limits:
    'What went wrong inside the application is in its log. The server behind a proxy is seen only where the capture sees its connections. Statuses below 500 are no faults of the server and are not told, but for 401 and 407 (auth-failed).',
  advice:
    'Look at the log of the server at these times. For 502 and 504 look at the server behind the proxy: the finding names it where it was seen.',
  latestText: true,
}

export const PROTOCOL_ERROR: FindingKind = {
  id: 'protocol-error',
  severity: 'warning',
  title: 'a server answers with an error',
  meaning: 'The network works, and the server refused a command or failed to do it: it answered with an error.',
  told: 'The error answers of protocols that are understood (Redis, memcached), counted by their code. Answers that healthy clients meet and deal with are left out: redirections in a cluster, a script that is not loaded yet, a question that an older server does not know.',
  limits: 'Errors within a transaction’s or a script’s results are not looked at.',
  advice: 'The code says what the server does not like; the text of the latest one is in the finding.',
  latestText: true,
}

export const AUTH_FAILED: FindingKind = {
  id: 'auth-failed',
  severity: 'warning',
  title: 'the server does not accept the credentials',
  meaning: 'A user, password or token was missing or wrong, says the server.',
  told: 'The code of the answer: NOAUTH and WRONGPASS of Redis, authentication errors of memcached, 401 and 407 of HTTP. One 401 belongs to many a healthy login: where the same request succeeds soon after, nothing is told; one or two are a note, three in a row and more are a warning.',
  limits:
    'Whether credentials were sent and wrong, or none were sent, is not always seen. 403 is not told: it says that the user is known and may not do this.',
  advice: 'Compare the user and password that the client is configured with (environment, secret) with the server’s.',
  latestText: true,
}
