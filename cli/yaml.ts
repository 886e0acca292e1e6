/** An object as YAML. What writes it is most of what this program would load, and few ask for it. */
export const yamlOf = async (value: unknown): Promise<string> => (await import('../crds/write-yaml.ts')).writeYaml(value)
