package cmd

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeTable compares the README's table with the settings.
func TestReadmeTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		normal := s.normal
		if normal != "" {
			normal = "`" + normal + "`"
		}
		row := "| `" + s.env + "` | " + normal + " | "
		if !strings.Contains(string(text), row) {
			t.Errorf("README.md has no row that begins with %q", row)
		}
	}
}

func TestParseConfig(t *testing.T) {
	t.Parallel()
	env := map[string]string{"LISTEN": ":9000", "WORKERS": "3", "BASE_URL": "https://a.example.com/", "ALLOWED_ORIGINS": "https://shop.example.com/, http://localhost:3000"}
	c, rest, err := parseConfig("serve", []string{"--workers", "7", "--data-dir=x", "more"}, func(n string) string { return env[n] }, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Workers != 7 || c.Listen != ":9000" || c.BaseURL != "https://a.example.com" || c.LogFormat != "text" {
		t.Errorf("got %+v; want the flag over the environment over what is normal", c)
	}
	if strings.Join(c.Origins, " ") != "https://shop.example.com http://localhost:3000" {
		t.Errorf("allowed origins %q", c.Origins)
	}
	if !filepath.IsAbs(c.DataDir) || filepath.Base(c.DataDir) != "x" {
		t.Errorf("the data directory is %q, want the absolute path of x", c.DataDir)
	}
	if len(rest) != 1 || rest[0] != "more" {
		t.Errorf("the rest is %q, want more", rest)
	}
	if _, _, err := parseConfig("serve", []string{"--secret-key", "x"}, os.Getenv, io.Discard, nil); err == nil {
		t.Error("a secret can be given on the command line, where others read it")
	}
}

func TestLocalAddress(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80",
		"192.0.2.1:8080": "192.0.2.1:8080", "localhost:1": "localhost:1", "[::1]:5": "[::1]:5",
	} {
		if got := localAddress(listen); got != want {
			t.Errorf("localAddress(%q) = %q, want %q", listen, got, want)
		}
	}
}
