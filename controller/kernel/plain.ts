// oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const CONTROL = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/**
 * What a template, a program or a person wrote, without what would move a cursor or change colours: it is read in terminals, in a
 * status and in events. Line ends and tabs stay.
 */
export const plain = (text: string): string => text.replaceAll(CONTROL, '')
