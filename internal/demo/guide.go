package demo

import (
	"fmt"
	"io"
	"net"
	"net/netip"
)

// Step is one thing to try.
type Step struct {
	About  string // what it shows
	Line   string // to paste into a shell
	Status int    // what the gateway answers; 0 where the line shows none
}

// Steps are the lines of the guide, in an order in which they work.
func (w *World) Steps() []Step {
	at := w.address()
	login := func(variable, who string) string {
		return fmt.Sprintf(`%s=$(curl -s %s/oauth/token -d grant_type=password -d username=%s -d password=%s | sed -E 's/.*"access_token":"([^"]+)".*/\1/')`,
			variable, at, who, who)
	}
	with := func(variable, path string) string {
		return fmt.Sprintf(`curl -i -H "Authorization: Bearer $%s" %s%s`, variable, at, path)
	}
	steps := []Step{
		{"Anybody may see the catalog", "curl -i " + at + "/catalog", 200},
		{"Orders want a token", "curl -i " + at + "/orders", 401},
		{"Get a token for alice, who has the role user", login("TOKEN", "alice"), 0},
		{"With it, the gateway tells the backend who she is", with("TOKEN", "/orders"), 200},
		{"Users are for admins, which she is not", with("TOKEN", "/admin/users/alice"), 403},
		{"Bob is an admin; his token is signed with another algorithm", login("ADMIN", "bob"), 0},
		{"He may, and the backend's password_hash does not leave the gateway", with("ADMIN", "/admin/users/alice"), 200},
		{"Three backends, asked at once, one answer", with("TOKEN", "/profile"), 200},
		{"The inventory wants a token from the gateway itself, which gets one and keeps it", with("TOKEN", "/stock/lamp"), 200},
	}
	if w.local() {
		steps = append(steps,
			Step{"The provider takes new keys; the old ones stay valid for a while", "curl -s -X POST " + w.provider.issuer + "/rotate", 0},
			Step{"Get a token of the new key", login("FRESH", "alice"), 0},
			Step{"The gateway has not seen that key before, and fetches it", with("FRESH", "/orders"), 200})
	}
	return steps
}

// Guide prints what runs where, and the steps.
func (w *World) Guide(out io.Writer) error {
	text := fmt.Sprintf("Gatehouse listens on %s with the gateway.json of the repository.\n"+
		"Behind it, on loopback: an identity provider (%s) and four backends.\n"+
		"Paste these lines into another terminal, one after the other.\n", w.address(), w.provider.issuer)
	for i, s := range w.Steps() {
		status := ""
		if s.Status != 0 {
			status = fmt.Sprintf(" (%d)", s.Status)
		}
		text += fmt.Sprintf("\n%d. %s%s:\n   %s\n", i+1, s.About, status, s.Line)
	}
	_, err := io.WriteString(out, text+"\nCtrl-C ends everything.\n")
	return err
}

// address is how a person on this machine, or outside of its container, reaches the gateway.
func (w *World) address() string {
	addr, err := netip.ParseAddrPort(w.Listener.Addr().String())
	if err != nil || addr.Addr().IsUnspecified() {
		_, port, _ := net.SplitHostPort(w.Listener.Addr().String())
		return "http://localhost:" + port
	}
	return "http://" + addr.String()
}

// local reports whether only this machine can reach the gateway; then the reader can reach the provider too.
func (w *World) local() bool {
	addr, err := netip.ParseAddrPort(w.Listener.Addr().String())
	return err == nil && addr.Addr().Unmap().IsLoopback()
}
