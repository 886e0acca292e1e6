/** What the address of a resource says: `module.app["a.b"].docker_volume.home[0]`. Pure. */

/** The address in the configuration, without which of several it is. */
export const configured = (address: string): string => address.replace(/\[(?:\d+|"(?:[^"\\]|\\.)*")\]/g, '')

/** People name modules and resources as they like, so only the type itself is looked at. */
export function typeIn(address: string): string {
  const parts = configured(address).split('.')
  while (parts[0] === 'module') parts.splice(0, 2)
  return (parts[0] === 'data' ? parts[1] : parts[0]) ?? ''
}

const SHOWN_CHARACTERS_MAX = 512

/** The key of one of several may be as long as a template likes. */
export const shownAddress = (address: string): string =>
  address.length > SHOWN_CHARACTERS_MAX ? `${address.slice(0, SHOWN_CHARACTERS_MAX - 1)}…` : address

export const isOurs = (type: string): boolean => /^(coder|bothy)_/.test(type)
