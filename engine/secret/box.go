package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Box seals texts and opens them again.
//
// A sealed text is one byte for the form (1), four that tell the key, a nonce of
// twelve, and what AES-256-GCM (NIST SP 800-38D) makes of the text.
type Box struct {
	keys []boxKey // the first one seals
}

type boxKey struct {
	id   [4]byte
	aead cipher.AEAD
}

const (
	boxForm  = 1
	boxHead  = 1 + len(boxKey{}.id)
	boxNonce = 12
)

// ErrKey says that a text was sealed with a key that is not there.
var ErrKey = errors.New("sealed with another secret key")

// NewBox makes a box of the server's secret key, and of the ones it had before:
// they open what they sealed, and seal nothing any more. Empty ones are left out.
func NewBox(key []byte, before ...[]byte) (*Box, error) {
	b := &Box{}
	for i, material := range append([][]byte{key}, before...) {
		if len(material) == 0 {
			if i == 0 {
				return nil, errors.New("there is no secret key")
			}
			continue
		}
		raw, err := hkdf.Key(sha256.New, material, nil, "alur environment variables", 32+len(boxKey{}.id))
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		block, err := aes.NewCipher(raw[:32])
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		k := boxKey{id: [4]byte(raw[32:])}
		if k.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		b.keys = append(b.keys, k)
	}
	return b, nil
}

// Seal closes text; name is needed to open it.
func (b *Box) Seal(name, text string) []byte {
	k := b.keys[0]
	out := make([]byte, boxHead+boxNonce, boxHead+boxNonce+len(text)+k.aead.Overhead())
	out[0] = boxForm
	copy(out[1:], k.id[:])
	nonce := out[boxHead:]
	_, _ = rand.Read(nonce) // never fails
	return k.aead.Seal(out, nonce, []byte(text), []byte(name))
}

// Open returns the text that was sealed for name; old says that a former key had
// sealed it. Without the key the error is [ErrKey].
func (b *Box) Open(name string, sealed []byte) (text string, old bool, err error) {
	if len(sealed) < boxHead+boxNonce || sealed[0] != boxForm {
		return "", false, errors.New("this is no sealed text")
	}
	for i, k := range b.keys {
		if k.id != [4]byte(sealed[1:boxHead]) {
			continue
		}
		plain, err := k.aead.Open(nil, sealed[boxHead:boxHead+boxNonce], sealed[boxHead+boxNonce:], []byte(name))
		if err != nil {
			return "", false, fmt.Errorf("open a sealed text: %w", err)
		}
		return string(plain), i > 0, nil
	}
	return "", false, ErrKey
}
