// The findings about names: queries that are not answered, that fail, that are slow, and look-ups that ask in vain.

import type { Exchange } from '../../core/exchange.ts'
import { epochMicros } from '../../core/timestamp.ts'
import { DnsLookups } from '../dns-lookups.ts'
import { DnsServers } from '../dns-servers.ts'
import type { Judge, Judgement, Rule } from '../rule.ts'
import { DNS_KINDS } from './dns-kinds.ts'
import { DnsOutcomes } from './dns-outcomes.ts'
import { DnsRefusals } from './dns-refusals.ts'
import { DnsTimes } from './dns-times.ts'

const ABOUT_NAMES = ['A', 'AAAA']
/** Asked in passing, and meant to fail: proxies, canaries, lists of addresses, service names. */
const BY_DESIGN = /^(?:wpad|isatap|use-application-dns\.net$|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\.|(?:[0-9a-f]\.){8}|_)/i

export const dns: Rule = {
  kinds: DNS_KINDS,
  begin(judge: Judge): Judgement {
    const servers = new DnsServers()
    const outcomes = new DnsOutcomes(judge)
    const lookups = new DnsLookups((lookup) => outcomes.judge(lookup))
    const refusals = new DnsRefusals(judge, servers)
    const times = new DnsTimes(judge, servers, lookups, refusals)

    const noteAnswer = (exchange: Exchange): void => {
      const { key, command, status, statusText } = exchange
      servers.noteAnswer(exchange)
      if (ABOUT_NAMES.includes(command)) {
        const code = status === 'ok' ? '' : (statusText.split(' ')[0] ?? '')
        if (code === '') outcomes.noteExists(key)
        if (!BY_DESIGN.test(key)) lookups.note(exchange, code)
      }
      times.judgeAnswer(exchange)
      if (status === 'ok') times.noteSuccess(exchange)
    }

    return {
      onExchange({ exchange }) {
        const { protocol, client, server, status } = exchange
        if (protocol !== 'dns' || client === undefined || server === undefined) return
        lookups.advance(epochMicros(exchange.requestStart))
        if (status === 'ok' || status === 'error') noteAnswer(exchange)
        else if (status === 'unanswered') times.noAnswer(exchange)
        else if (status === 'unknown' && exchange.statusText !== '') times.judgeUnfinished(exchange)
      },
      onDatagramError: (error) => refusals.note(error),
      onClock() {
        lookups.advance(judge.nowMicros)
        refusals.advance(judge.nowMicros)
      },
      onEnd() {
        refusals.advance(Number.POSITIVE_INFINITY)
        lookups.end()
      },
    }
  },
}
