import type { Flag } from '../../src/cli/flag.ts'

/** `-i, --interface`: all its forms, as help shows them. */
export function flagForms(flag: Flag): string {
  const forms = [...flag.shorts].map((letter) => `-${letter}`)
  if (flag.name !== '') forms.push(`--${flag.name}`)
  return forms.join(', ')
}
