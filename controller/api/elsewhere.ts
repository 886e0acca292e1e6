import { Refused } from '../kernel/errors.ts'
import type { Call, Target } from './ports.ts'

/**
 * In a cluster what is declared is its API server's: whoever asks us for it is told where it is. The page alone is served it
 * here, with the rights of whoever signed in, since a browser reaches no API server; which requests those are is what a
 * session may at all.
 */
export function refuseElsewhere({ ports, caller, method, path }: Call, target: Target | null): void {
  const { objectsAt } = ports
  if (objectsAt === undefined || caller.session) return
  if (target ? isObject(target) : isOfKubernetes(path))
    throw new Refused(
      target ? 'MethodNotAllowed' : 'NotFound',
      `what is declared is kept by the API server of the cluster, ${objectsAt}: ${method} ${path} is asked there, as kubectl does`,
    )
}

const isObject = ({ subresource }: Target): boolean => subresource === null || subresource === 'status'

/** Discovery, and what else an API server answers about itself. */
const isOfKubernetes = (path: string): boolean => /^\/(?:api|apis|openapi)(?:\/|$)/.test(path)
