export interface Editor {
  readonly title: string
  readonly command: string
}

export const EDITORS: readonly Editor[] = [
  { title: 'vi', command: 'vi' },
  { title: 'GNU nano', command: 'nano' },
  { title: 'Emacs', command: 'emacs' },
]

export const TOOLS = ['git', 'make', 'curl'] as const
