package sdktest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"alur/engine/crashtest"
	"alur/engine/npmtest"
)

// TestClient lets a program that uses the library of the reference work with the
// server: people, collections, records, workflows.
func TestClient(t *testing.T) {
	t.Parallel()
	library := npmtest.Install(t, ".", "utils/package.json", "utils/client.js")
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
