import { isJsonObject } from '../../crds/schema/types.ts'

/** RFC 7386. Makes own properties only, so that a key named `__proto__` is a key like any other. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch
  const base = isJsonObject(target) ? target : {}
  const merged = (name: string) => mergePatch(Object.hasOwn(base, name) ? base[name] : undefined, patch[name])
  const names = [...Object.keys(base), ...Object.keys(patch).filter((name) => !Object.hasOwn(base, name))]
  return Object.fromEntries(
    names.flatMap((name) => {
      if (!Object.hasOwn(patch, name)) return [[name, base[name]] as const]
      return patch[name] === null ? [] : [[name, merged(name)] as const]
    }),
  )
}
