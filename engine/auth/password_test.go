package auth

import (
	"context"
	"strings"
	"testing"
)

func TestPasswordProblem(t *testing.T) {
	t.Parallel()
	own := ownWords("Ann Bauer", "", "ann.bauer@norddruck.example")
	tests := []struct {
		password string
		want     string // part of the problem; "" when the password is fine
	}{
		{"correct horse", ""},
		{"a herd of green llamas", ""},
		{"v7#kQ2!mZ9pL", ""},
		{"My cat has 1234 fleas", ""},
		{"Straßenbahnhäuschen", ""},
		{"пароль с пробелами", ""},
		{"829375620184", ""},
		{strings.Repeat("x1y2 z", 21) + "ab", ""},
		{"", "Enter a password"},
		{"elevenchars", "has 11 of at least 12"},
		{"ééééééééééé", "has 11 of at least 12"},
		{strings.Repeat("x1y2 z", 21) + "abc", "longer than 128"},
		{"a herd of \x00 llamas", "keyboards do not type"},
		{"a herd of \xff llamas", "keyboards do not type"},
		{"password1234", "attackers try"},
		{"Password123!", "attackers try"},
		{"P4$$w0rd2026!", "attackers try"},
		{"passwordpassword", "attackers try"},
		{"dragon123456", "attackers try"},
		{"qwerty123456", "attackers try"},
		{"motherfucker", "attackers try"},
		{"aaaaaaaaaaaa", "attackers try"},
		{"abababababab", "attackers try"},
		{"123456789012", "attackers try"},
		{"987654321098", "attackers try"},
		{"qwertyuiopas", "attackers try"},
		{"1q2w3e4r5t6y", "attackers try"},
		{"abcdefghijkl", "attackers try"},
		{"iloveyouiloveyou1", "attackers try"},
		{"Ann Bauer 2026", "your own name"},
		{"ann.bauer@norddruck.example", "your own name"},
		{"norddruck.example1", "your own name"},
		{"12345alur67890", "your own name"},
	}
	for _, tc := range tests {
		got := passwordProblem(tc.password, own...)
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%q: %q, want %q", tc.password, got, tc.want)
		}
	}
}

// TestCheckPasswordWithoutUser: nobody's password costs what somebody's does.
func TestCheckPasswordWithoutUser(t *testing.T) {
	t.Parallel()
	cost := Cost{Memory: 64, Passes: 1, Threads: 1}
	for _, password := range []string{"", "anything at all"} {
		if ok, err := checkPassword(t.Context(), password, "", cost); ok || err != nil {
			t.Errorf("%q: %v, %v; want no, nil", password, ok, err)
		}
	}
}

func TestCheckPasswordRefusesStrangeHashes(t *testing.T) {
	t.Parallel()
	const ok = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, err := checkPassword(t.Context(), "x", ok, Cost{}); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for _, bad := range []string{
		"x", "$2b$12$abc", strings.Replace(ok, "argon2id", "argon2i", 1), strings.Replace(ok, "v=19", "v=16", 1),
		strings.Replace(ok, "m=64", "m=64000000", 1), strings.Replace(ok, "t=1", "t=0", 1),
		strings.Replace(ok, "p=1", "p=0", 1), strings.Replace(ok, "$AAA", "$!", 1), ok[:50], strings.Replace(ok, "m=64,", "", 1),
	} {
		if _, err := checkPassword(t.Context(), "x", bad, Cost{}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// TestHashSlot: whoever gives up waiting is told so, and hashing goes on.
func TestHashSlot(t *testing.T) {
	var held []func()
	for range cap(hashing) {
		done, err := hashSlot(t.Context(), Cost{})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, done)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hashSlot(gone, Cost{}); err == nil {
		t.Error("more passwords are hashed at once than there are slots")
	}
	for _, done := range held {
		done()
	}
	done, err := hashSlot(t.Context(), Cost{})
	if err != nil {
		t.Fatal(err)
	}
	done()
}
