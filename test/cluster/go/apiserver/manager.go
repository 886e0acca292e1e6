package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// What a cluster without nodes still does: finish the deletion of namespaces, collect what lost its owner, make accounts,
// add up roles, check the types of policies.
const controllers = "namespace-controller,garbage-collector-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller,validatingadmissionpolicy-status-controller"

// It ends with us: when we are told to stop, and otherwise because it watches its standard input, whose other end we hold.
func startManager(ctx context.Context, s settings, k keys) error {
	log, err := os.OpenFile(filepath.Join(s.state, "manager.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, s.manager, "-tied", "kube-controller-manager",
		"--kubeconfig="+k.kubeconfig,
		"--controllers="+controllers,
		"--service-account-private-key-file="+k.file("accounts.key"),
		"--root-ca-file="+k.file("ca.crt"),
		"--leader-elect=false", "--secure-port=0",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	)
	command.Stdout, command.Stderr = log, log
	if _, err := command.StdinPipe(); err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	go func() {
		err := command.Wait()
		fmt.Fprintln(os.Stderr, "the controller manager ended:", err)
	}()
	return nil
}
