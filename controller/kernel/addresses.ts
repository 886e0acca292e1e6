/** What the address of a resource says: `module.app["a.b"].docker_volume.home[0]`. Pure. */

/** The address in the configuration, without which of several it is. */
export const configured = (address: string): string => address.replace(/\[(?:\d+|"(?:[^"\\]|\\.)*")\]/g, '')

/** People name modules and resources as they like, so only the type itself is looked at. */
export function typeIn(address: string): string {
  const parts = configured(address).split('.')
  while (parts[0] === 'module') parts.splice(0, 2)
  return (parts[0] === 'data' ? parts[1] : parts[0]) ?? ''
}

export const isOurs = (type: string): boolean => /^(coder|bothy)_/.test(type)
