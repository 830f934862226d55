// Where an interface was captured, as a pcapng comment of the interface. The format has no option for network
// namespaces, but every tool keeps and shows a comment.

const PREFIX = 'place='
/** Longer text is cut, both when it is written and when it is read. */
const MAXIMUM_PLACE_CHARACTERS = 256
export const MAXIMUM_COMMENT_CHARACTERS = PREFIX.length + MAXIMUM_PLACE_CHARACTERS

export function commentOfPlace(placeName: string): string {
  return PREFIX + placeName.slice(0, MAXIMUM_PLACE_CHARACTERS)
}

/** The place's name; undefined for a comment on something else. */
export function placeInComment(comment: string): string | undefined {
  return comment.startsWith(PREFIX) ? comment.slice(PREFIX.length, MAXIMUM_COMMENT_CHARACTERS) : undefined
}
