// SPDX-License-Identifier: Apache-2.0

// expand reads a JSON list of texts and writes what kubelet makes of each as the value of a container's variable, after
// one of the name KNOWN.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

func run() error {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		return err
	}
	known := expansion.MappingFuncFor(map[string]string{"KNOWN": "a value"})
	for i, text := range texts {
		texts[i] = expansion.Expand(text, known)
	}
	return json.NewEncoder(os.Stdout).Encode(texts)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "expand: error:", err)
		os.Exit(1)
	}
}
