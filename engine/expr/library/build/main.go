// Command build bundles JavaScript packages for goja; "go generate" runs it in the
// directory that has package.json, the lock file and the entry points. It needs
// npm.
//
//	build mathjs.js …                      each entry becomes x.bundle.js.gz
//	build -require lodash,dayjs -out f.gz  each package becomes a module in one file
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	log.SetFlags(0)
	names := flag.String("require", "", "packages that become modules, with commas")
	out := flag.String("out", "", "file for the modules")
	flag.Parse()
	if err := build(flag.Args(), *names, *out); err != nil {
		log.Fatal(err)
	}
}

func build(entries []string, names, out string) error {
	inputs, err := filepath.Glob("*.js")
	if err != nil {
		return err
	}
	inputs = append([]string{"package.json", "package-lock.json"}, inputs...)
	dir, err := install(inputs)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	outputs := inputs // everything here is part of bundle.sum
	for _, entry := range entries {
		code, err := bundle(api.BuildOptions{EntryPoints: []string{filepath.Join(dir, entry)}})
		if err != nil {
			return err
		}
		packed := strings.TrimSuffix(entry, ".js") + ".bundle.js.gz"
		if err := pack(packed, code); err != nil {
			return err
		}
		outputs = append(outputs, packed)
	}
	if names != "" {
		if err := packModules(dir, strings.Split(names, ","), out); err != nil {
			return err
		}
		outputs = append(outputs, out)
	}
	return writeSums(outputs)
}

// install puts inputs and the packages that they pin into a new directory.
func install(inputs []string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "library"); err != nil {
		return "", err
	}
	for _, name := range append([]string{".npmrc"}, inputs...) {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	npm := exec.Command("npm", "ci", "--silent")
	npm.Dir = dir
	npm.Stderr = os.Stderr
	if err := npm.Run(); err != nil {
		return "", fmt.Errorf("npm ci: %w", err)
	}
	return dir, nil
}

func bundle(o api.BuildOptions) ([]byte, error) {
	o.Bundle = true
	o.Format = api.FormatIIFE
	o.Platform = api.PlatformBrowser
	o.Target = api.ES2020
	o.MinifyWhitespace, o.MinifySyntax, o.MinifyIdentifiers = true, true, true
	o.LegalComments = api.LegalCommentsEndOfFile
	result := api.Build(o)
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("bundle: %s", result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}

// packModules makes each package a script that sets the variable "module", in an
// object by name.
func packModules(dir string, names []string, out string) error {
	modules := map[string]string{}
	for _, name := range names {
		code, err := bundle(api.BuildOptions{GlobalName: "module", Stdin: &api.StdinOptions{
			Contents: fmt.Sprintf("module.exports = require(%q)", name), ResolveDir: dir,
		}})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		modules[name] = string(code)
	}
	text, err := json.MarshalIndent(modules, "", " ")
	if err != nil {
		return err
	}
	return pack(out, text)
}

func pack(name string, content []byte) error {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := w.Write(content); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, packed.Bytes(), 0o644)
}

func writeSums(names []string) error {
	var sums bytes.Buffer
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
	}
	return os.WriteFile("bundle.sum", sums.Bytes(), 0o644)
}
