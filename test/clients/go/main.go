// Another client of Kubernetes, as its makers wrote it: does what the test asks for with the kubeconfig it is given, and prints
// what it saw as one JSON object.
package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

var workspaces = schema.GroupVersionResource{Group: "bothy.dev", Version: "v1alpha1", Resource: "workspaces"}

type seen struct {
	Kinds    []string          `json:"kinds"`
	Listed   []string          `json:"listed"`
	Events   []string          `json:"events"`
	Informed []string          `json:"informed"`
	Label    string            `json:"label"`
	Reasons  map[string]string `json:"reasons"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func workspace(name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "bothy.dev/v1alpha1",
		"kind":       "Workspace",
		"metadata":   map[string]any{"name": name},
		"spec":       spec,
	}}
}

func main() {
	kubeconfig, name := os.Args[1], os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil)
	config, namespace := must(loaded.ClientConfig()), must(first(loaded.Namespace()))
	client := must(dynamic.NewForConfig(config))
	found := seen{Reasons: map[string]string{}}
	for _, list := range must(discovery.ServerPreferredResources(must(discovery.NewDiscoveryClientForConfig(config)))) {
		for _, resource := range list.APIResources {
			if list.GroupVersion == "bothy.dev/v1alpha1" {
				found.Kinds = append(found.Kinds, resource.Kind)
			}
		}
	}
	ours := client.Resource(workspaces).Namespace(namespace)
	list := must(ours.List(ctx, metav1.ListOptions{Limit: 1}))
	for _, item := range list.Items {
		found.Listed = append(found.Listed, item.GetName())
	}
	watching := must(ours.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion(), FieldSelector: "metadata.name=" + name}))

	// What controllers are made of: lists, then follows, and reports until the object is gone.
	gone := make(chan struct{})
	informer := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, namespace, nil).ForResource(workspaces).Informer()
	nameOf := func(object any) string {
		if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = last.Obj
		}
		return object.(*unstructured.Unstructured).GetName()
	}
	must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if nameOf(object) == name {
				found.Informed = append(found.Informed, "added")
			}
		},
		DeleteFunc: func(object any) {
			if nameOf(object) == name {
				found.Informed = append(found.Informed, "deleted")
				close(gone)
			}
		},
	}))
	go informer.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		panic("the informer never had all objects")
	}

	spec := map[string]any{"template": map[string]any{"name": "nobody"}}
	made := must(ours.Create(ctx, workspace(name, spec), metav1.CreateOptions{}))
	patched := must(ours.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"labels":{"by":"go"}}}`), metav1.PatchOptions{}))
	found.Label = patched.GetLabels()["by"]
	reason := func(what string, err error) { found.Reasons[what] = string(apierrors.ReasonForError(err)) }
	_, err := ours.Create(ctx, workspace(name, spec), metav1.CreateOptions{})
	reason("again", err)
	made.SetLabels(map[string]string{"by": "nobody"})
	_, err = ours.Update(ctx, made, metav1.UpdateOptions{})
	reason("stale", err)
	_, err = ours.Create(ctx, workspace("wrong", map[string]any{}), metav1.CreateOptions{})
	reason("wrong", err)
	_, err = ours.Get(ctx, "nobody", metav1.GetOptions{})
	reason("missing", err)
	if err := ours.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		panic(err)
	}
	for event := range watching.ResultChan() {
		// How often the control plane notes something in between is its own affair.
		if count := len(found.Events); count == 0 || found.Events[count-1] != string(event.Type) {
			found.Events = append(found.Events, string(event.Type))
		}
		// What comes after one has stopped is the end of the connection, and no event.
		if event.Type == "DELETED" {
			watching.Stop()
			break
		}
	}
	select {
	case <-gone:
	case <-ctx.Done():
		panic("the informer never saw it go")
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		panic(err)
	}
}

func first[A, B any](value A, _ B, err error) (A, error) { return value, err }
