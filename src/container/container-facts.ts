// Small questions about containers and networks that several files of this folder ask.

import type { ContainerDetails, NetworkAttachment, NetworkDetails } from './engine.ts'

/** As messages call it: by its name, or by the beginning of its id. */
export function nameOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return name === '' ? id.slice(0, 12) : name
}

/** The name of the place (core/places.ts) that a container's network namespace is. Every start makes a new one. */
export function placeOf(owner: ContainerDetails): string {
  return `${nameOf(owner)} ${owner.id.slice(0, 12)} ${owner.startedAt}`
}

export function detailsOf(a: NetworkAttachment, networks: readonly NetworkDetails[]): NetworkDetails | undefined {
  return networks.find((n) => n.id !== '' && n.id === a.networkId) ?? networks.find((n) => n.name === a.network)
}

/** All IPv4 and IPv6 addresses. */
export function addressesOf(attachments: readonly NetworkAttachment[]): string[] {
  return attachments.flatMap((a) => [a.address, a.address6]).filter((each) => each !== '')
}

/** Whether the operator means this network by `wanted`: its name, or the beginning of its id. */
export function isNamed(wanted: string, { name, id }: { readonly name: string; readonly id: string }): boolean {
  return wanted === name || (wanted.length >= 4 && id !== '' && id.startsWith(wanted))
}

/** The attachments to the named networks; all of them if none is named. */
export function attachmentsOn(
  named: readonly string[],
  attachments: readonly NetworkAttachment[],
  networks: readonly NetworkDetails[],
): NetworkAttachment[] {
  if (named.length === 0) return [...attachments]
  return attachments.filter((a) => {
    const network = detailsOf(a, networks) ?? { name: a.network, id: a.networkId }
    return named.some((name) => name === a.network || isNamed(name, network))
  })
}
