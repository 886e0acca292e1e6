import type { Template, Tools, Work } from './job.ts'
export async function asTerraform(_tools: Tools, _work: Work, template: Template): Promise<Template> {
  return template
}
