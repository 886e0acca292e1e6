import { isJsonObject } from '../../crds/schema/types.ts'
import type { Disagreement } from './harness/compare.ts'

/**
 * Where standalone answers otherwise on purpose, each with its reason: about two whole answers, so that nothing else hides behind it.
 * docs/differences.md has them for people, under `Requests`; one that nothing needs any more has to go.
 */
interface Agreed {
  readonly why: string
  readonly is: (disagreement: Disagreement) => boolean
}

/** Both refuse, with the same code, and differ in nothing but these. */
const onlyIn = ({ differences }: Disagreement, ...paths: readonly string[]): boolean =>
  differences.every(({ path }) => paths.some((each) => path === each || path.startsWith(`${each}.`)))

const messageOf = ({ body }: Disagreement['real']): string =>
  isJsonObject(body) && typeof body['message'] === 'string' ? body['message'] : typeof body === 'string' ? body : ''

const codes = ({ real, ours }: Disagreement): string => `${real.code} ${ours.code}`

const isStep = ({ scenario, step }: Disagreement, name: string, ...steps: readonly string[]): boolean =>
  scenario === name && (steps.length === 0 || steps.includes(step))

const MESSAGE = 'body.message'

export const AGREED: readonly Agreed[] = [
  {
    why: 'server-side apply is 415: standalone has one declarer an object instead',
    is: (each) => isStep(each, 'patches of other types', 'server-side apply', 'in the end'),
  },
  {
    why: 'bodies are JSON (and protobuf, as kubectl sends it), not YAML, and what is refused names those that are taken',
    is: (each) =>
      (codes(each) === '201 415' && each.step.includes('yaml')) ||
      (onlyIn(each, MESSAGE) &&
        /the body of the request was in an unknown format|only the following media types/.test(messageOf(each.real))),
  },
  {
    why: 'who accepts no JSON is told what is wrong in JSON all the same',
    is: (each) => isStep(each, 'accept', 'an error as something else'),
  },
  {
    why: 'a patch that makes no object: the message names the object, and does not print all that the patch made of it',
    is: (each) =>
      codes(each) === '422 422' &&
      messageOf(each.real).startsWith(' "" is invalid: ') &&
      onlyIn(each, MESSAGE, 'body.details.group', 'body.details.kind', 'body.details.name', 'body.details.causes.0.message'),
  },
  {
    why: 'a JSON patch that cannot be applied: the message says why',
    is: (each) =>
      onlyIn(each, MESSAGE, 'body.details') && messageOf(each.real) === 'the server rejected our request due to an error in our request',
  },
  {
    why: 'a pointer of a JSON patch begins with a slash, as RFC 6901 has it',
    is: (each) => codes(each) === '200 422' && each.step === 'a path without its slash',
  },
  {
    why: 'what is no JSON, or no object: another parser says it in its own words, and the body is not repeated',
    is: (each) =>
      codes(each) === '400 400' &&
      onlyIn(each, MESSAGE) &&
      /json parse error|unexpected end of JSON|Object 'Kind' is missing|cannot unmarshal number 1e400|in the data \(\)|unexpected GroupVersion/.test(
        messageOf(each.real),
      ),
  },
  {
    why: 'whole numbers beyond 2^53 are kept as a float64, and shown as one',
    is: (each) =>
      codes(each) === '422 422' &&
      each.differences.every(({ path, ours }) => path.endsWith('message') && /-?9\.00719925474\d+e\+15/.test(ours)),
  },
  {
    why: 'a time that cannot be read: the message does not say at which part of it',
    is: (each) => codes(each) === '400 400' && onlyIn(each, MESSAGE) && messageOf(each.real).includes('parsing time'),
  },
  {
    why: 'what nobody serves is a Status like everything that is refused, and names the path',
    is: (each) =>
      (codes(each) === '404 404' || codes(each) === '400 400') &&
      (each.real.type === 'text/plain; charset=utf-8' ||
        messageOf(each.ours).startsWith('the server could not find the requested resource')),
  },
  {
    why: 'what is below a subresource, and the old paths of watches, are not served',
    is: (each) => codes(each) === '200 404' && ['below status', 'by the old path'].includes(each.step),
  },
  {
    why: 'an escaped slash is a part of the name it stands in',
    is: (each) => codes(each) === '404 404' && each.step === 'an escaped slash' && onlyIn(each, MESSAGE, 'body.details.name'),
  },
  {
    why: 'a method that a path does not take is 405, and the message says which it takes',
    is: (each) => each.ours.code === 405 && [400, 404, 405, 409].includes(each.real.code),
  },
  {
    why: 'a version that was never given is 400 or 409, not a failure of the server',
    is: (each) =>
      (['500 400', '500 409'].includes(codes(each)) && messageOf(each.real).includes('strconv.ParseUint')) ||
      (onlyIn(each, 'body.reason') && each.real.code === 500 && each.step === 'with a version'),
  },
  {
    why: 'another uid than the stored one: the message has nothing of the storage',
    is: (each) => codes(each) === '409 409' && onlyIn(each, MESSAGE) && messageOf(each.real).includes('StorageError'),
  },
  {
    why: 'the options of a deletion that are none: the message has nothing of the program',
    is: (each) => codes(each) === '400 400' && onlyIn(each, MESSAGE) && /in scheme "|couldn't get version\/kind/.test(messageOf(each.real)),
  },
  {
    why: 'a foreign apiVersion is refused before its fields are looked at, so nothing is warned of besides',
    is: (each) => onlyIn(each, 'warnings') && /^(?:another version of the group|another apiVersion)$/.test(each.step),
  },
  {
    why: 'core kinds are validated by definitions like ours: the same is refused, with 422 and in their words',
    is: (each) =>
      (isStep(each, 'config maps') || isStep(each, 'namespaces')) &&
      ['400 422', '422 422'].includes(codes(each)) &&
      onlyIn(each, 'code', 'body'),
  },
  {
    why: 'in a list of a core kind every item says what it is',
    is: (each) => each.differences.every(({ path, real }) => /^body\.items\.\d+\.(apiVersion|kind)$/.test(path) && real === ''),
  },
  {
    why: 'a token that is none: the message says what it must be',
    is: (each) => isStep(each, 'pages', 'a token that is none') && each.ours.code === 400,
  },
  {
    why: 'what leaves a selection is shown as it is now, not as it was before',
    is: (each) => isStep(each, 'selections') && each.differences.every(({ path }) => /^events\.\d+\.object\.metadata\.labels\./.test(path)),
  },
]
