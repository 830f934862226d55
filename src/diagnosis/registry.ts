// Every rule. A new one is a file in rules/ and a line in this list.

import type { FindingKind, Rule } from './rule.ts'
import { application } from './rules/application.ts'
import { backlogFull } from './rules/backlog-full.ts'
import { captureFaults } from './rules/capture-faults.ts'
import { connectionEnds } from './rules/connection-ends.ts'
import { dns } from './rules/dns.ts'
import { halfClosed } from './rules/half-closed.ts'
import { handshakeIncomplete } from './rules/handshake-incomplete.ts'
import { hostState } from './rules/host-state.ts'
import { keepaliveMasksIdle } from './rules/keepalive-masks-idle.ts'
import { lateAnswers } from './rules/late-answers.ts'
import { lateTlsAnswers } from './rules/late-tls-answers.ts'
import { loss } from './rules/loss.ts'
import { mtuBlackHole } from './rules/mtu-black-hole.ts'
import { nagleDelay } from './rules/nagle-delay.ts'
import { networkSlow } from './rules/network-slow.ts'
import { portExhaustion } from './rules/port-exhaustion.ts'
import { portReuse } from './rules/port-reuse.ts'
import { protocolMismatch } from './rules/protocol-mismatch.ts'
import { quic } from './rules/quic.ts'
import { refused } from './rules/refused.ts'
import { rejected } from './rules/rejected.ts'
import { slowStartIdle } from './rules/slow-start-idle.ts'
import { synLoss } from './rules/syn-loss.ts'
import { tls } from './rules/tls.ts'
import { unanswered } from './rules/unanswered.ts'
import { unreachable } from './rules/unreachable.ts'
import { windows } from './rules/windows.ts'
import { wrongFamily } from './rules/wrong-family.ts'
import { wrongNetwork } from './rules/wrong-network.ts'

/** In the order in which docs/diagnosis.md has them; one is asked after the other. */
export const RULES: readonly Rule[] = [
  captureFaults,
  refused,
  unanswered,
  rejected,
  unreachable,
  handshakeIncomplete,
  backlogFull,
  wrongFamily,
  synLoss,
  portReuse,
  portExhaustion,
  lateAnswers,
  lateTlsAnswers,
  mtuBlackHole,
  loss,
  windows,
  nagleDelay,
  networkSlow,
  slowStartIdle,
  dns,
  tls,
  protocolMismatch,
  application,
  quic,
  connectionEnds,
  keepaliveMasksIdle,
  halfClosed,
  wrongNetwork,
  hostState,
]

export const FINDING_KINDS: readonly FindingKind[] = RULES.flatMap((rule) => rule.kinds)
