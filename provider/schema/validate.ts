import { isObject, isUnknown, type ObjectValue, type Value } from '../wire/values.ts'
import type { Attribute, Block, Diagnostic, Nested, Path } from './model.ts'
import { problem } from './rules.ts'

/** Everything that is wrong with a configuration as far as it is known. Terraform itself checks types and what is required. */
export function validate(block: Block, config: ObjectValue, path: Path = []): readonly Diagnostic[] {
  return [
    ...Object.entries(block.attributes).flatMap(([name, attribute]) => attributeProblems(attribute, config[name] ?? null, [...path, name])),
    ...Object.entries(block.blocks ?? {}).flatMap(([name, nested]) => nestedProblems(nested, config[name] ?? null, [...path, name])),
    ...(block.check?.(config, path) ?? []),
  ]
}

function attributeProblems(attribute: Attribute, value: Value, path: Path): readonly Diagnostic[] {
  if (value === null || isUnknown(value)) return []
  const name = String(path.at(-1))
  const wrong = (attribute.rules ?? []).map((rule) => rule(value)).find((text) => text !== null)
  return wrong === undefined || wrong === null ? [] : [problem(path, `Invalid ${name}`, `"${name}" ${wrong}.`)]
}

function nestedProblems(nested: Nested, value: Value, path: Path): readonly Diagnostic[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((item: Value, i) => {
    if (!isObject(item)) return []
    if (nested.nesting === 'list' || nested.max === 1) return validate(nested.block, item, [...path, i])
    // An element of a set has no position that a path could name: the block's name alone finds the first of them.
    return validate(nested.block, item, path).map(({ severity, summary, detail }) => ({
      severity,
      summary,
      detail,
      path,
    }))
  })
}
