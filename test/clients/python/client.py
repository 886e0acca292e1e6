"""Another client of Kubernetes, as its makers wrote it: does what the test asks for with the kubeconfig it is given, and prints
what it saw as one JSON object."""

import json
import sys

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException


def workspace(name, spec):
    return {
        "apiVersion": "bothy.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name},
        "spec": spec,
    }


def reason(work):
    try:
        work()
    except ApiException as error:
        return json.loads(error.body)["reason"]
    return "none"


def main(kubeconfig, name):
    config.load_kube_config(kubeconfig)
    namespace = config.list_kube_config_contexts(kubeconfig)[1]["context"]["namespace"]
    api = client.CustomObjectsApi()
    where = ("bothy.dev", "v1alpha1", namespace, "workspaces")
    found = {"events": [], "reasons": {}}

    listed = api.list_namespaced_custom_object(*where, limit=1)
    found["listed"] = [item["metadata"]["name"] for item in listed["items"]]
    # By discovery, as programs do that know no kind beforehand.
    resources = dynamic.DynamicClient(client.ApiClient()).resources
    found["kinds"] = sorted({each.kind for each in resources.search(group="bothy.dev") if not each.kind.endswith("List")})
    ours = resources.get(api_version="bothy.dev/v1alpha1", kind="Workspace")

    ours.create(namespace=namespace, body=workspace(name, {"template": {"name": "nobody"}}))
    patched = ours.patch(
        namespace=namespace,
        name=name,
        body={"metadata": {"labels": {"by": "python"}}},
        content_type="application/merge-patch+json",
    )
    found["label"] = patched.metadata.labels["by"]
    stale = workspace(name, {"template": {"name": "nobody"}})
    stale["metadata"]["resourceVersion"] = "1"
    for what, work in {
        "again": lambda: api.create_namespaced_custom_object(*where, workspace(name, {"template": {"name": "nobody"}})),
        "stale": lambda: api.replace_namespaced_custom_object(*where, name, stale),
        "wrong": lambda: api.create_namespaced_custom_object(*where, workspace("wrong", {})),
        "missing": lambda: api.get_namespaced_custom_object(*where, "nobody"),
    }.items():
        found["reasons"][what] = reason(work)
    ours.delete(namespace=namespace, name=name)

    # From the list on: what was done meanwhile is told too, in its order.
    stream = watch.Watch()
    for event in stream.stream(
        api.list_namespaced_custom_object,
        *where,
        resource_version=listed["metadata"]["resourceVersion"],
        field_selector=f"metadata.name={name}",
        timeout_seconds=60,
    ):
        # How often the control plane notes something in between is its own affair.
        if found["events"][-1:] != [event["type"]]:
            found["events"].append(event["type"])
        if event["type"] == "DELETED":
            stream.stop()
    print(json.dumps(found))


main(*sys.argv[1:])
