package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Tokens begin with what they are for, so that people and scanners for leaked
// secrets recognize them.
const (
	webPrefix    = "alur_ses_"
	apiPrefix    = "alur_api_"
	keyPrefix    = "alur_key_"
	setupPrefix  = "alur_set_"
	invitePrefix = "alur_inv_"
	resetPrefix  = "alur_rst_"
)

// hash is the SHA-256 of a token: what we keep of it. Its hex form names a
// session in lists; it opens nothing.
type hash [sha256.Size]byte

func hashOf(token string) hash { return sha256.Sum256([]byte(token)) }

func (h hash) String() string { return hex.EncodeToString(h[:]) }

func parseHash(text string) (h hash, ok bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return h, false
	}
	return hash(b), true
}

// newToken returns a token with 256 random bits.
func newToken(prefix string) (string, hash) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	token := prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return token, hashOf(token)
}

// looksLike reports whether token could have come from newToken(prefix); others
// are refused without asking the database.
func looksLike(token, prefix string) bool {
	rest, ok := strings.CutPrefix(token, prefix)
	return ok && len(rest) == base64.RawURLEncoding.EncodedLen(32)
}
