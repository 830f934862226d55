// The texts of the findings about names.

import type { FindingKind } from '../rule.ts'

export const DNS_NAME_UNKNOWN: FindingKind = {
  id: 'dns-name-unknown',
  severity: 'error',
  title: 'the name does not exist',
  meaning:
    'A program asked for a name, and the name server says that there is none: neither as it was written nor with any of the search suffixes.',
  told: 'NXDOMAIN for the name and for every name made of it with a search suffix, all asked within three seconds of each other. One that is answered, for A or for AAAA, makes it no finding. Only A and AAAA count.',
  limits:
    'Which name the program wrote is concluded from what was asked: where one suffix alone is seen, the name is told with it. Names that programs try by the way (wpad, lists of blocked addresses, reverse look-ups) are left out.',
  advice:
    'Compare the name with the names and aliases of the containers on the same network: tcpflow containers. Docker’s default bridge has no name service: put both on a network of their own (docker network create).',
}

export const DNS_NO_ANSWER: FindingKind = {
  id: 'dns-no-answer',
  severity: 'error',
  title: 'the name server does not answer',
  meaning:
    'A query for a name got no answer. The program waits for seconds (5 s for each try with glibc, 2.5 s with musl, as in Alpine), and then asks another server, asks again, or gives up.',
  told: 'A query over UDP that was repeated, or that waited for five seconds and more, without an answer. A warning where the repetition, or another server, was answered.',
  limits:
    'Whether the query or the answer was lost, and where, cannot be told from one place. The text says whether the same server answered other queries.',
  advice:
    'See which name servers the program asks (cat /etc/resolv.conf in the container) and whether they can be reached from there: UDP port 53, both ways.',
}

export const DNS_FAILED: FindingKind = {
  id: 'dns-failed',
  severity: 'error',
  title: 'the name server could not answer',
  meaning: 'The name server answered, and says that it failed or refuses: nothing is known about the name.',
  told: 'SERVFAIL, REFUSED, FORMERR or NOTIMP in answer to a query for A or AAAA. A warning where the same name was answered within three seconds by another server, a note where the same server answered it for the other type (unless it said SERVFAIL).',
  limits: 'Why it failed is in the name server’s log: mostly the server that it asks in its turn.',
  advice:
    'SERVFAIL: see the name server’s upstream, and DNSSEC. REFUSED: the server does not serve this client or this name; use the right server.',
}

export const DNS_SEARCH_STORM: FindingKind = {
  id: 'dns-search-storm',
  severity: 'warning',
  title: 'every look-up tries a list of suffixes first',
  meaning:
    'Before a name is found, it is asked with each suffix of the search list, for A and AAAA: several times as many queries, and as much more delay, as needed.',
  told: 'Look-ups that end well, each after three and more names with search suffixes that do not exist; from the second such look-up on.',
  limits: 'The list and ndots are not seen, only what they lead to.',
  advice: 'Write the name with a dot at its end, or set ndots:1 (docker run --dns-option ndots:1; dnsConfig of a pod).',
  latestText: true,
}

export const DNS_TWIN_LOST: FindingKind = {
  id: 'dns-twin-lost',
  severity: 'warning',
  title: 'of two queries at once, one is lost',
  meaning:
    'The resolver asks for A and AAAA at the same time from one socket. One was answered, the other got lost, and the program waited for the repetition.',
  told: 'A and AAAA of one name from one port within 50 ms; one answered at once, the other only when it was repeated after seconds. Where both are repeated, one after the other, it is glibc’s way to go on.',
  limits:
    'The usual cause is a race in connection tracking, where two UDP packets of one socket are translated at the same time; ordinary loss of that packet looks the same.',
  advice: 'Set the resolver’s option single-request-reopen (glibc), or use a name server on the same host.',
}

export const DNS_SLOW: FindingKind = {
  id: 'dns-slow',
  severity: 'warning',
  title: 'name look-ups are slow',
  meaning: 'The name server took longer than --slow to answer.',
  told: 'The time from the first query to its answer, where the answer did not come just after a repetition.',
  limits: 'Whether the server itself or one that it asks was slow is told only by a capture that sees both.',
  advice: 'Ask the name server directly (dig @SERVER NAME), and the server behind it; see whether it caches.',
}

export const DNS_KINDS: readonly FindingKind[] = [
  DNS_NAME_UNKNOWN,
  DNS_NO_ANSWER,
  DNS_FAILED,
  DNS_SEARCH_STORM,
  DNS_TWIN_LOST,
  DNS_SLOW,
]
