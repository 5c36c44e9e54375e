package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"alur/engine/fault"
)

// Cost is what hashing one password takes. Zero fields mean [DefaultCost].
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// DefaultCost is argon2id with 64 MiB, 3 passes and 1 thread (S8).
var DefaultCost = Cost{Memory: 64 << 10, Passes: 3, Threads: 1}

const (
	minPassword = 12 // characters
	maxPassword = 128
	saltLen     = 16
	keyLen      = 32

	// hashWait is how long a sign-in waits for its turn to hash.
	hashWait = 10 * time.Second
)

// hashing bounds the passwords hashed at the same time in this process, and so
// the memory it takes, whatever the number of stores.
var hashing = make(chan struct{}, min(2, runtime.GOMAXPROCS(0)))

// hashSlot waits for its turn to hash at cost c; call done afterwards. The last
// one out gives the memory back to the system, which would otherwise keep it
// for minutes.
func hashSlot(ctx context.Context, c Cost) (done func(), err error) {
	timer := time.NewTimer(hashWait)
	defer timer.Stop()
	select {
	case hashing <- struct{}{}:
		return func() {
			<-hashing
			if len(hashing) == 0 && c.Memory >= DefaultCost.Memory {
				debug.FreeOSMemory()
			}
		}, nil
	case <-timer.C:
		return nil, fault.New(fault.Overloaded, "Too many people sign in at this moment. Try again in a minute.")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hashPassword returns password's hash in the PHC form
// $argon2id$v=19$m=65536,t=3,p=1$salt$key.
func hashPassword(ctx context.Context, password string, c Cost) (string, error) {
	if c == (Cost{}) {
		c = DefaultCost
	}
	done, err := hashSlot(ctx, c)
	if err != nil {
		return "", err
	}
	defer done()
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, c.Passes, c.Memory, c.Threads, keyLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.Memory, c.Passes, c.Threads, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// checkPassword reports whether password belongs to stored. When stored is ""
// (nobody, or no password yet) it does the same work and reports false.
func checkPassword(ctx context.Context, password, stored string, c Cost) (bool, error) {
	if c == (Cost{}) {
		c = DefaultCost
	}
	salt, key := make([]byte, saltLen), make([]byte, keyLen)
	if stored != "" {
		var err error
		if c, salt, key, err = parsePassword(stored); err != nil {
			return false, err
		}
	}
	done, err := hashSlot(ctx, c)
	if err != nil {
		return false, err
	}
	defer done()
	got := argon2.IDKey([]byte(password), salt, c.Passes, c.Memory, c.Threads, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1 && stored != "", nil
}

func parsePassword(stored string) (c Cost, salt, key []byte, err error) {
	bad := fmt.Errorf("a stored password is not in the form $argon2id$v=19$m=…,t=…,p=…$salt$key")
	part := strings.Split(stored, "$")
	if len(part) != 6 || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, bad
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Passes, &c.Threads); err != nil {
		return c, nil, nil, bad
	}
	// Whoever can write the table must not be able to take the memory.
	if c.Memory > 4*DefaultCost.Memory || c.Passes == 0 || c.Passes > 16 || c.Threads == 0 {
		return c, nil, nil, bad
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(part[4])
	key, err2 := base64.RawStdEncoding.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(key) < 16 {
		return c, nil, nil, bad
	}
	return c, salt, key, nil
}

// passwordProblem says in words why password cannot be used, "" when it can.
// own are the person's names and addresses, which are as easy to guess as a
// common password.
func passwordProblem(password string, own ...string) string {
	switch n := utf8.RuneCountInString(password); {
	case n == 0:
		return "Enter a password of 12 characters or more."
	case n < minPassword:
		return fmt.Sprintf("The password has %d of at least 12 characters. A short sentence is good.", n)
	case n > maxPassword:
		return "The password is longer than 128 characters. Shorten it."
	case strings.ContainsRune(password, 0) || !utf8.ValidString(password):
		return "The password has a character that keyboards do not type. Leave it out."
	}
	for _, word := range append(own, "alur") {
		if word = plain(word); len(word) >= 4 && plain(password) == word {
			return "This password is your own name or address. Choose one that others do not guess."
		}
	}
	if isCommon(password) {
		return "This password is among the first that attackers try. A short sentence of your own is good."
	}
	return ""
}
