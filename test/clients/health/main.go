// What GitOps tools make of objects: one object a line in, what Flux and Argo CD call it a line out.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type verdict struct {
	// By the library that Flux waits with.
	Flux string `json:"flux"`
	// By the rule that is given, in the engine of Argo CD.
	Argo        string `json:"argo"`
	ArgoMessage string `json:"argoMessage"`
}

const (
	lineMax  = 4 << 20
	luaLimit = time.Second
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("name the file of the Lua rule")
	}
	rule, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMax)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			return err
		}
		said, err := judge(object, string(rule))
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return lines.Err()
}

func judge(object *unstructured.Unstructured, rule string) (verdict, error) {
	flux, err := status.Compute(object)
	if err != nil {
		return verdict{}, err
	}
	argo, message, err := argoHealth(object, rule)
	return verdict{Flux: string(flux.Status), Argo: argo, ArgoMessage: message}, err
}

// Argo CD asks no rule about what is being deleted. A rule has the libraries that it opens for one, and a second.
func argoHealth(object *unstructured.Unstructured, rule string) (health, message string, err error) {
	if object.GetDeletionTimestamp() != nil {
		return "Progressing", "Pending deletion", nil
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return "", "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), luaLimit)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", valueOf(state, object.Object))
	if err := state.DoString(rule); err != nil {
		return "", "", err
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the rule answered a %s", state.Get(-1).Type())
	}
	return lua.LVAsString(answer.RawGetString("status")), lua.LVAsString(answer.RawGetString("message")), nil
}

func valueOf(state *lua.LState, value any) lua.LValue {
	switch is := value.(type) {
	case bool:
		return lua.LBool(is)
	case string:
		return lua.LString(is)
	case int64:
		return lua.LNumber(is)
	case float64:
		return lua.LNumber(is)
	case []any:
		list := state.NewTable()
		for _, each := range is {
			list.Append(valueOf(state, each))
		}
		return list
	case map[string]any:
		table := state.NewTable()
		for name, each := range is {
			table.RawSetString(name, valueOf(state, each))
		}
		return table
	}
	return lua.LNil
}
