// How long the run waits for answers before the rules hear that there was none.

/**
 * Queries over UDP: resolvers ask again after 2.5 s (musl) or 5 s (glibc, Go), twice at most, so that nobody waits any more by
 * then.
 */
export const QUERY_PATIENCE_MILLIS = 12_000
