// Which container the addresses of a Name Resolution Block are, as a pcapng comment of the block: names alone would lose
// image, id and network of what they mean.

import type { NamedHost } from '../core/ports.ts'

/** What is known of a host beside its name. */
export type HostFacts = Omit<NamedHost, 'name'>

const COMMENT = /^container=(\S{0,64}) image=(\S{0,256}) network=(\S{0,128})$/
export const MAXIMUM_HOST_COMMENT_CHARACTERS = 'container= image= network='.length + 64 + 256 + 128

/** '' where nothing is known, and where it would not be understood by `hostInComment`. */
export function commentOfHost({ container, image, network }: Partial<HostFacts>): string {
  if (container === undefined && image === undefined && network === undefined) return ''
  const comment = `container=${container ?? ''} image=${image ?? ''} network=${network ?? ''}`
  return COMMENT.test(comment) ? comment : ''
}

/** undefined for a comment on something else. */
export function hostInComment(comment: string): HostFacts | undefined {
  const [, container, image, network] = COMMENT.exec(comment) ?? []
  if (container === undefined) return undefined
  return { container: container || undefined, image: image || undefined, network: network || undefined }
}
