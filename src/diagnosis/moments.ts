// For each moment (a reset, an exchange, …) the list of the rules that want to be asked then. The lists are made once, so that a
// moment costs nothing for the other rules.

import type { Judge, Judgement, Rule } from './rule.ts'

type Asked<K extends keyof Judgement> = Judgement & { readonly [P in K]-?: NonNullable<Judgement[P]> }

export class Moments {
  readonly onOpen: readonly Asked<'onOpen'>[]
  readonly onSynAgain: readonly Asked<'onSynAgain'>[]
  readonly onEstablished: readonly Asked<'onEstablished'>[]
  readonly onRetransmission: readonly Asked<'onRetransmission'>[]
  readonly onSilenceEnd: readonly Asked<'onSilenceEnd'>[]
  readonly onKeepAlive: readonly Asked<'onKeepAlive'>[]
  readonly onWindowShut: readonly Asked<'onWindowShut'>[]
  readonly onWindowOpen: readonly Asked<'onWindowOpen'>[]
  readonly onNagleDelay: readonly Asked<'onNagleDelay'>[]
  readonly onFin: readonly Asked<'onFin'>[]
  readonly onReset: readonly Asked<'onReset'>[]
  readonly onWentOn: readonly Asked<'onWentOn'>[]
  readonly onIcmp: readonly Asked<'onIcmp'>[]
  readonly onAddressUnanswered: readonly Asked<'onAddressUnanswered'>[]
  readonly onExchange: readonly Asked<'onExchange'>[]
  readonly onTls: readonly Asked<'onTls'>[]
  readonly onMismatch: readonly Asked<'onMismatch'>[]
  readonly onDatagram: readonly Asked<'onDatagram'>[]
  readonly onDatagramError: readonly Asked<'onDatagramError'>[]
  readonly onWake: readonly Asked<'onWake'>[]
  readonly onClock: readonly Asked<'onClock'>[]
  readonly onClose: readonly Asked<'onClose'>[]
  readonly onEnd: readonly Asked<'onEnd'>[]

  constructor(rules: readonly Rule[], judge: Judge) {
    const judgements = rules.map((rule) => rule.begin(judge))
    const asked = <K extends keyof Judgement>(moment: K): readonly Asked<K>[] =>
      judgements.filter((each): each is Asked<K> => each[moment] !== undefined)
    this.onOpen = asked('onOpen')
    this.onSynAgain = asked('onSynAgain')
    this.onEstablished = asked('onEstablished')
    this.onRetransmission = asked('onRetransmission')
    this.onSilenceEnd = asked('onSilenceEnd')
    this.onKeepAlive = asked('onKeepAlive')
    this.onWindowShut = asked('onWindowShut')
    this.onWindowOpen = asked('onWindowOpen')
    this.onNagleDelay = asked('onNagleDelay')
    this.onFin = asked('onFin')
    this.onReset = asked('onReset')
    this.onWentOn = asked('onWentOn')
    this.onIcmp = asked('onIcmp')
    this.onAddressUnanswered = asked('onAddressUnanswered')
    this.onExchange = asked('onExchange')
    this.onTls = asked('onTls')
    this.onMismatch = asked('onMismatch')
    this.onDatagram = asked('onDatagram')
    this.onDatagramError = asked('onDatagramError')
    this.onWake = asked('onWake')
    this.onClock = asked('onClock')
    this.onClose = asked('onClose')
    this.onEnd = asked('onEnd')
  }
}
