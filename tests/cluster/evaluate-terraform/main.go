// SPDX-License-Identifier: Apache-2.0

// evaluate-terraform reads a Terraform file with HashiCorp's parser and writes, as JSON, what its resource comes to under
// values for its variables: evaluate-terraform FILE NAME=VALUE... Variables that are not given have their defaults.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// fileBase64 is Terraform's function of that name.
var fileBase64 = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "path", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
		contents, err := os.ReadFile(arguments[0].AsString())
		return cty.StringVal(base64.StdEncoding.EncodeToString(contents)), err
	},
})

// variables are the declared ones with their values; one without any is an error.
func variables(body *hclsyntax.Body, given map[string]string) (cty.Value, error) {
	out := map[string]cty.Value{}
	for _, block := range body.Blocks {
		if block.Type != "variable" {
			continue
		}
		name := block.Labels[0]
		if value, ok := given[name]; ok {
			out[name] = cty.StringVal(value)
		} else if attribute, ok := block.Body.Attributes["default"]; ok {
			value, problems := attribute.Expr.Value(nil)
			if problems.HasErrors() {
				return cty.NilVal, problems
			}
			out[name] = value
		} else {
			return cty.NilVal, fmt.Errorf("the variable %s has no value", name)
		}
	}
	return cty.ObjectVal(out), nil
}

// evaluate is a block as an object: attributes by their names, blocks within as objects of their types.
func evaluate(body *hclsyntax.Body, context *hcl.EvalContext) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	for name, attribute := range body.Attributes {
		value, problems := attribute.Expr.Value(context)
		if problems.HasErrors() {
			return nil, problems
		}
		text, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	for _, block := range body.Blocks {
		inner, err := evaluate(block.Body, context)
		if err != nil {
			return nil, err
		}
		if out[block.Type], err = json.Marshal(inner); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func run(path string, arguments []string) error {
	given := map[string]string{}
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		given[name] = value
	}
	file, problems := hclparse.NewParser().ParseHCLFile(path)
	if problems.HasErrors() {
		return problems
	}
	body := file.Body.(*hclsyntax.Body)
	values, err := variables(body, given)
	if err != nil {
		return err
	}
	module := cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(filepath.Dir(path))})
	context := &hcl.EvalContext{
		Variables: map[string]cty.Value{"var": values, "path": module},
		Functions: map[string]function.Function{"filebase64": fileBase64},
	}
	out := map[string]any{}
	for _, block := range body.Blocks {
		switch block.Type {
		case "resource":
			if out[block.Labels[0]], err = evaluate(block.Body, context); err != nil {
				return err
			}
		case "output":
			// What the service answers: the name that Azure gives to the group.
			answer := cty.ObjectVal(map[string]cty.Value{"output": cty.ObjectVal(map[string]cty.Value{
				"properties": cty.ObjectVal(map[string]cty.Value{"ipAddress": cty.ObjectVal(
					map[string]cty.Value{"fqdn": cty.StringVal("the.name")})})})})
			context.Variables["azapi_resource"] = cty.ObjectVal(map[string]cty.Value{"group": answer})
			if out[block.Labels[0]], err = evaluate(block.Body, context); err != nil {
				return err
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: evaluate-terraform FILE [NAME=VALUE...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "evaluate-terraform: error:", err)
		os.Exit(1)
	}
}
