// Command build bundles the expression libraries; run it by "go generate" in
// the directory above. It needs npm.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// What a bundle is made from; everything here is part of bundle.sum.
var inputs = []string{"package.json", "package-lock.json", "mathjs.js", "formulajs.js", "result.js", "harden.js"}

var bundles = map[string]string{"mathjs.js": "mathjs.bundle.js.gz", "formulajs.js": "formulajs.bundle.js.gz"}

func main() {
	log.SetFlags(0)
	if err := build(); err != nil {
		log.Fatal(err)
	}
}

func build() error {
	dir, err := os.MkdirTemp("", "library")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, name := range append([]string{".npmrc"}, inputs...) {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	install := exec.Command("npm", "ci", "--silent")
	install.Dir = dir
	install.Stderr = os.Stderr
	if err := install.Run(); err != nil {
		return fmt.Errorf("npm ci: %w", err)
	}
	for entry, out := range bundles {
		if err := bundle(filepath.Join(dir, entry), out); err != nil {
			return err
		}
	}
	return writeSums(append(inputs, "mathjs.bundle.js.gz", "formulajs.bundle.js.gz"))
}

func bundle(entry, out string) error {
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{entry},
		Bundle:            true,
		Format:            api.FormatIIFE,
		Platform:          api.PlatformBrowser,
		Target:            api.ES2020,
		MinifyWhitespace:  true,
		MinifySyntax:      true,
		MinifyIdentifiers: true,
		LegalComments:     api.LegalCommentsEndOfFile,
	})
	if len(result.Errors) > 0 {
		return fmt.Errorf("bundle %s: %s", entry, result.Errors[0].Text)
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := w.Write(result.OutputFiles[0].Contents); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, packed.Bytes(), 0o644)
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
