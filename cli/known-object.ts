import { EXIT, Failure } from './failure.ts'
import { getObject, shownRef, type ApiObject, type Ref } from './objects.ts'
import type { Session } from './session.ts'

/** The object that a person named; a sentence with what to do where there is none. */
export async function knownObject(session: Session, ref: Ref): Promise<ApiObject> {
  try {
    return await getObject(session.client(), ref)
  } catch (error) {
    throw error instanceof Failure && error.code === EXIT.notFound ? notThere(session, ref) : error
  }
}

const notThere = ({ environment }: Session, { kind, namespace, name }: Ref): Failure =>
  new Failure(
    EXIT.notFound,
    {
      what: `there is no ${shownRef({ kind, namespace, name })}`,
      ...(kind.namespaced ? { where: `namespace ${namespace}` } : {}),
      fix: `${environment.program} get ${kind.plural}${kind.namespaced ? ' -A' : ''} lists what there is`,
    },
    { reason: 'NotFound' },
  )
