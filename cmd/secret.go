package cmd

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secretKey returns the server's secret key: the configured one, or the one kept
// in the data directory, which is made when there is none.
func secretKey(c Config) ([]byte, error) {
	if c.SecretKey != "" {
		return []byte(c.SecretKey), nil
	}
	file := filepath.Join(c.DataDir, "secret.key")
	key, err := readSecret(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(c.DataDir, 0o711); err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be made (%w); choose another DATA_DIR", c.DataDir, err)
	}
	// Written aside and linked: of two first starts one wins, and nobody reads
	// half a key.
	draft, err := os.CreateTemp(c.DataDir, "secret.key.*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be written (%w); choose another DATA_DIR", c.DataDir, err)
	}
	defer os.Remove(draft.Name())
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	_, err = draft.WriteString(hex.EncodeToString(random) + "\n")
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return nil, fmt.Errorf("write the secret key: %w", err)
	}
	if err := os.Link(draft.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keep the secret key: %w", err)
	}
	return readSecret(file)
}

func readSecret(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, fmt.Errorf("the secret key cannot be read (%w); start alur as the owner of DATA_DIR", err)
	}
	key := strings.TrimSpace(string(text))
	if len(key) < minSecret {
		return nil, fmt.Errorf("the secret key in %s is damaged: restore the file from a backup, or set SECRET_KEY", file)
	}
	return []byte(key), nil
}
