package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// sendTimeout bounds each step of talking to the mail server.
const sendTimeout = 20 * time.Second

// SMTP is a mail server and the address it sends as.
type SMTP struct {
	from    *netmail.Address
	host    string
	port    int
	options []gomail.Option
}

// ParseSMTP reads the settings SMTP_URL and MAIL_FROM:
//
//	smtp://user:password@mail.example.com:587    STARTTLS when the server offers it
//	smtp://mail.example.com?tls=required         STARTTLS or nothing
//	smtps://user:password@mail.example.com       TLS from the first byte
//
// Without a port it is 465 for smtps, 587 with a user, and 25 otherwise. An
// error says what to change and repeats no password.
func ParseSMTP(rawURL, from string) (*SMTP, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("SMTP_URL is not readable; write it as smtp://user:password@host:587, with special characters in the password as %XX")
	}
	if u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("SMTP_URL must begin with smtp:// or smtps://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("SMTP_URL names no host; write it as smtp://user:password@host:587")
	}
	address, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("MAIL_FROM must be the address that mails are sent from, as in Alur <alur@example.com>")
	}
	address.Name = oneLine(address.Name)
	s := &SMTP{from: address, host: u.Hostname(), port: 25, options: []gomail.Option{gomail.WithTimeout(sendTimeout)}}
	tls := gomail.TLSOpportunistic
	switch u.Query().Get("tls") {
	case "":
	case "required":
		tls = gomail.TLSMandatory
	case "off":
		tls = gomail.NoTLS
	default:
		return nil, errors.New("SMTP_URL knows tls=required and tls=off only")
	}
	s.options = append(s.options, gomail.WithTLSPolicy(tls))
	if u.User != nil {
		s.port = 587
		password, _ := u.User.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if u.Scheme == "smtps" {
		s.port = 465
		s.options = append(s.options, gomail.WithSSL())
	}
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("the port in SMTP_URL must be from 1 to 65535")
		}
	}
	s.options = append(s.options, gomail.WithPort(s.port))
	return s, nil
}

// Server returns host and port, for messages.
func (s *SMTP) Server() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Check reports whether the server answers and takes our name and password.
func (s *SMTP) Check(ctx context.Context) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

// Send sends m at once, past the outbox: for when the database cannot hold it. id
// makes its Message-ID.
func (s *SMTP) Send(ctx context.Context, id int64, at time.Time, m Message) error {
	msg, err := s.message(Mail{ID: id, ToName: m.ToName, ToAddress: m.ToAddress, Subject: m.Subject, Text: m.Text, HTML: m.HTML, CreatedAt: at})
	if err != nil {
		return err
	}
	client, err := s.dial(ctx)
	if err != nil {
		return err
	}
	if err := client.Send(msg); err != nil {
		_ = client.Close()
		return err
	}
	return client.Close()
}

func (s *SMTP) dial(ctx context.Context) (*gomail.Client, error) {
	c, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return nil, fmt.Errorf("the settings of the mail server do not work: %w", err)
	}
	if err := c.DialWithContext(ctx); err != nil {
		return nil, fmt.Errorf("the mail server %s could not be used: %w", s.Server(), err)
	}
	return c, nil
}

// message builds what goes over the wire. Everything of the world's is in the
// subject, the recipient and the bodies; the first two are one line each, and
// the last are encoded.
func (s *SMTP) message(m Mail) (*gomail.Msg, error) {
	address, err := ParseAddress(m.ToAddress)
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	// A backslash beside a letter that is not ASCII comes out unreadable (net/mail
	// does not escape it within an encoded word).
	name := strings.ReplaceAll(oneLine(m.ToName), `\`, "/")
	msg.ToMailAddress(&netmail.Address{Name: name, Address: address})
	msg.Subject(oneLine(m.Subject))
	msg.SetMessageIDWithValue(s.messageID(m.ID))
	msg.SetDateWithValue(m.CreatedAt)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // keeps absence replies away
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// messageID is the same for every attempt to send a mail.
func (s *SMTP) messageID(id int64) string {
	_, domain, _ := strings.Cut(s.from.Address, "@")
	return fmt.Sprintf("alur.%d@%s", id, domain)
}

// final reports that trying again will not help: the server said so (5xx), or
// the mail cannot be built.
func final(err error) bool {
	e, ok := errors.AsType[*gomail.SendError](err)
	return ok && !e.IsTemp() && e.ErrorCode() >= 500
}
