package mail

import (
	"bytes"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseSMTP(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, from, server, problem string }{
		{"smtp://mail.example.com", "a@example.com", "mail.example.com:25", ""},
		{"smtp://u:p%40ss@mail.example.com", "Alur <a@example.com>", "mail.example.com:587", ""},
		{"smtps://u:p@mail.example.com", "a@example.com", "mail.example.com:465", ""},
		{"smtp://u:p@[::1]:2525?tls=off", "a@example.com", "[::1]:2525", ""},
		{"http://mail.example.com", "a@example.com", "", "begin with smtp://"},
		{"smtp://", "a@example.com", "", "names no host"},
		{"smtp://u:top%zzsecret@h", "a@example.com", "", "%XX"},
		{"smtp://h:99999", "a@example.com", "", "from 1 to 65535"},
		{"smtp://h?tls=maybe", "a@example.com", "", "tls=required and tls=off"},
		{"smtp://h", "", "", "MAIL_FROM"},
		{"smtp://h", "a@example.com\r\nBcc: b@example.com", "", "MAIL_FROM"},
	}
	for _, tc := range tests {
		s, err := ParseSMTP(tc.url, tc.from)
		switch {
		case tc.problem != "":
			if err == nil || !strings.Contains(err.Error(), tc.problem) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v, want words on %q without the password", tc.url, err, tc.problem)
			}
		case err != nil:
			t.Errorf("%s: %v", tc.url, err)
		case s.Server() != tc.server:
			t.Errorf("%s: server %s, want %s", tc.url, s.Server(), tc.server)
		}
	}
}

// FuzzHeaders builds mails from hostile texts: whatever they are, the mail has
// our headers, each once, and no other.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{
		"plain", "a\r\nBcc: evil@example.com", "a\nBcc: evil@example.com", "a\rBcc: x", "a\r\n\r\nbody", "ä\r\n Bcc: x", "\x00\x1b", "=?utf-8?q?a=0D=0ABcc:_x?=",
		"a\u2028Bcc: x", "a\u0085Bcc: x", "\"a\" <evil@example.com>", "a@b, evil@example.com", strings.Repeat("long ", 300), "\xff\xfe", "ä\\",
	} {
		f.Add(s, s, s)
		f.Add(s, "Ann", "ann@example.com")
		f.Add("subject", s, "ann@example.com")
	}
	s, err := ParseSMTP("smtp://localhost", "Alur <alur@example.com>")
	if err != nil {
		f.Fatal(err)
	}
	want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
	f.Fuzz(func(t *testing.T, subject, name, address string) {
		msg, err := s.message(Mail{ID: 5, Subject: subject, ToName: name, ToAddress: address, Text: subject, HTML: "<p>" + name, CreatedAt: time.Unix(0, 0)})
		if err != nil {
			return // refused, in words
		}
		var wire bytes.Buffer
		if _, err := msg.WriteTo(&wire); err != nil {
			return
		}
		got, err := netmail.ReadMessage(&wire)
		if err != nil {
			t.Fatalf("unreadable mail: %v", err)
		}
		var names []string
		for name, values := range got.Header {
			if len(values) != 1 {
				t.Errorf("%d headers %s", len(values), name)
			}
			names = append(names, name)
		}
		slices.Sort(names)
		if !slices.Equal(names, want) {
			t.Errorf("headers are %v, want %v", names, want)
		}
		to, err := got.Header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != strings.TrimSpace(address) {
			t.Errorf("recipients %v (%v), want %q alone", to, err, address)
		}
		if got.Header.Get("From") != `"Alur" <alur@example.com>` {
			t.Errorf("from %q", got.Header.Get("From"))
		}
	})
}
