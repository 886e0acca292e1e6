import { stringify } from 'yaml'

/** YAML for people to read: block style, no anchors, keys in the order given. */
export const writeYaml = (object: unknown): string => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 })
