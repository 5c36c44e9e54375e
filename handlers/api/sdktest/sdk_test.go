package sdktest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"alur/engine/crashtest"
)

// TestClient lets a program that uses the library of the reference work with the
// server: people, collections, records, workflows.
func TestClient(t *testing.T) {
	t.Parallel()
	library, err := install(t)
	if err != nil {
		t.Fatalf("install the client library; it needs npm: %v", err)
	}
	const email, password = "ann@alur.test", "a quiet green teapot"
	s := crashtest.Start(t, crashtest.Options{Wait: true, Env: []string{
		"DATA_DIR=" + crashtest.Dir(t), "ADMIN_EMAIL=" + email, "ADMIN_PASSWORD=" + password}})
	script, err := filepath.Abs("journey.mjs")
	if err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), "node", script)
	program.Dir = library
	program.Env = append(os.Environ(), "ALUR_URL="+s.URL, "ALUR_LIBRARY="+library, "ALUR_ACCOUNT="+email, "ALUR_PASSWORD="+password)
	out, err := program.CombinedOutput()
	if err != nil {
		t.Fatalf("the program failed: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// install puts the library into the user's cache, in a directory named after the
// lock file, and returns that directory.
func install(t *testing.T) (string, error) {
	t.Helper()
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "alur-sdktest", hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	guard, err := os.OpenFile(filepath.Join(dir, "guard"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer guard.Close()
	if err := syscall.Flock(int(guard.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	if err := os.Mkdir(filepath.Join(dir, "utils"), 0o755); err != nil && !os.IsExist(err) {
		return "", err
	}
	for _, name := range []string{"package.json", "package-lock.json", "utils/package.json", "utils/client.js"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			return "", err
		}
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, os.WriteFile(done, nil, 0o600)
}
