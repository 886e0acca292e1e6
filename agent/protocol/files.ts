/**
 * One operation on files: a POST to the agent's /files with `HEADER_FILES`. Bytes that go in follow as its body, and count
 * only when the trailer `TRAILER_COMPLETE` follows them; bytes that come out end with the same trailer. What is refused is
 * an answer of 400 or more with `{code, message}`.
 *
 *   stat list mkdir remove move    answer JSON                  read pack watch    answer bytes
 *   write unpack                   take bytes, answer JSON
 */
export const FILE_OPS = ['stat', 'list', 'read', 'write', 'mkdir', 'remove', 'move', 'watch', 'pack', 'unpack'] as const
export type FileOp = (typeof FILE_OPS)[number]

export interface FilesAsked {
  readonly op: FileOp
  /** Relative to the root. */
  readonly path: string
  /** Nothing outside is reached, whatever links say; empty: the home folder. */
  readonly root: string
  /** Of a move: where to. */
  readonly to: string
  /** Of a read: from this byte on, so many; null: to the end. */
  readonly offset: number
  readonly length: number | null
  /** Of a write. null: 0644, or as the file is already; now. */
  readonly mode: number | null
  readonly mtimeMs: number | null
  /** Of mkdir, with the folders above; of remove, with everything below. */
  readonly recursive: boolean
}

/** JSON, percent-encoded. */
export const HEADER_FILES = 'bothy-files'
export const TRAILER_COMPLETE = 'bothy-complete'

export interface FileSeen {
  readonly name: string
  readonly type: 'file' | 'folder' | 'link' | 'other'
  readonly size: number
  readonly mode: number
  readonly mtimeMs: number
}

export interface FilesRefused {
  readonly code: 'NotFound' | 'Denied' | 'Exists' | 'Invalid' | 'Outside' | 'NoSpace' | 'Busy' | 'Failed'
  readonly message: string
}

export const FILES_LISTED_MAX = 10_000
