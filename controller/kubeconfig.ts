/** What kubectl and every client library of Kubernetes read to find this control plane. */

export interface KubeconfigWish {
  /** Begins with https://. */
  readonly server: string
  /** PEM of whoever signed what it shows; null: the system knows them. */
  readonly ca: string | null
  readonly token: string
}

/** Each value is JSON, which YAML is too: nothing in it needs quoting of another kind. */
export const kubeconfigText = ({ server, ca, token }: KubeconfigWish): string => `apiVersion: v1
kind: Config
clusters:
- name: bothy
  cluster:
    server: ${JSON.stringify(server)}
${ca === null ? '' : `    certificate-authority-data: ${Buffer.from(ca).toString('base64')}\n`}users:
- name: bothy
  user:
    token: ${JSON.stringify(token)}
contexts:
- name: bothy
  context:
    cluster: bothy
    user: bothy
    namespace: default
current-context: bothy
`
