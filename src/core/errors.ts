// The operator's mistakes and the machine's refusals: one line that says what, one that says what to do.

/** Ends the run with exit code 1 and no stack trace. Anything else that is thrown is a bug. */
export class OperatorError extends Error {
  readonly hint: string | undefined
  readonly exitCode: number = 1

  constructor(message: string, hint?: string) {
    super(message)
    this.name = 'OperatorError'
    this.hint = hint
  }
}

/** A flag or argument that cannot be understood: exit code 2. */
export class UsageError extends OperatorError {
  override readonly exitCode = 2
}
