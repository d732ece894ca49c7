package validator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"gatehouse/internal/jose"
)

func hashed(keys ...string) string {
	sum := sha256.New()
	for _, k := range keys {
		sum.Write([]byte(k))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// with is a request with these header lines, in pairs, and perhaps a query.
func with(query string, pairs ...string) *http.Request {
	r := &http.Request{Method: "GET", Header: http.Header{}, URL: &url.URL{Path: "/", RawQuery: query}}
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Add(pairs[i], pairs[i+1])
	}
	return r
}

func TestAPIKeys(t *testing.T) {
	plain, salt, query, own, fnv := "plain", "s", "query_string", "X-Key", "fnv128"
	admin := []APIKey{{Name: "ann", Key: hashed("old"), Roles: []string{"admin", "x"}}, {Name: "ann", Key: hashed("new"), Roles: []string{"x", "admin"}}, {Name: "bob", Key: hashed("bobs"), Roles: []string{"user"}}}
	rows := []struct {
		name string
		cfg  APIKeysConfig
		r    *http.Request
		want string
	}{
		{"a key", APIKeysConfig{Keys: admin}, with("", "Authorization", "bobs"), "ok"},
		{"after Bearer", APIKeysConfig{Keys: admin}, with("", "Authorization", "bearer  bobs"), "ok"},
		{"the hash itself", APIKeysConfig{Keys: admin}, with("", "Authorization", hashed("bobs")), string(APIKeyUnknown)},
		{"none", APIKeysConfig{Keys: admin}, with(""), string(APIKeyMissing)},
		{"an empty one", APIKeysConfig{Keys: admin}, with("", "Authorization", "Bearer "), string(APIKeyMissing)},
		{"another one", APIKeysConfig{Keys: admin}, with("", "Authorization", "bobss"), string(APIKeyUnknown)},
		{"another case", APIKeysConfig{Keys: admin}, with("", "Authorization", "BOBS"), string(APIKeyUnknown)},
		{"two of them", APIKeysConfig{Keys: admin}, with("", "Authorization", "bobs", "Authorization", "bobs"), string(APIKeyMalformed)},
		{"another scheme", APIKeysConfig{Keys: admin}, with("", "Authorization", "Basic bobs"), string(APIKeyMissing)},
		{"a long one", APIKeysConfig{Keys: admin}, with("", "Authorization", long(maxToken+1)), string(TokenTooLong)},
		{"the old key while it changes", APIKeysConfig{Keys: admin, Roles: []string{"admin"}}, with("", "Authorization", "old"), "ok"},
		{"the new key", APIKeysConfig{Keys: admin, Roles: []string{"admin"}}, with("", "Authorization", "new"), "ok"},
		{"without the role", APIKeysConfig{Keys: admin, Roles: []string{"admin"}}, with("", "Authorization", "bobs"), string(RoleMissing)},
		{"another header", APIKeysConfig{Keys: admin, Identifier: &own}, with("", "x-key", "bobs"), "ok"},
		{"Bearer in another header is a part of the key", APIKeysConfig{Keys: admin, Identifier: &own}, with("", "x-key", "Bearer bobs"), string(APIKeyUnknown)},
		{"Authorization where another header is meant", APIKeysConfig{Keys: admin, Identifier: &own}, with("", "Authorization", "bobs"), string(APIKeyMissing)},
		{"in the query", APIKeysConfig{Keys: admin, Strategy: &query}, with("a=b&key=bobs"), "ok"},
		{"in the query, escaped", APIKeysConfig{Keys: admin, Strategy: &query}, with("%6bey=bob%73"), "ok"},
		{"in the query, twice", APIKeysConfig{Keys: admin, Strategy: &query}, with("key=bobs&key=bobs"), string(APIKeyMalformed)},
		{"in the query, behind a semicolon", APIKeysConfig{Keys: admin, Strategy: &query}, with("a=b;key=bobs"), string(APIKeyMissing)},
		{"in the query, another name", APIKeysConfig{Keys: admin, Strategy: &query}, with("Key=bobs"), string(APIKeyMissing)},
		{"in the query where the header is meant", APIKeysConfig{Keys: admin}, with("key=bobs"), string(APIKeyMissing)},
		{"salted", APIKeysConfig{Keys: []APIKey{{Key: hashed("s", "k")}}, Salt: &salt}, with("", "Authorization", "k"), "ok"},
		{"salted, shown with the salt", APIKeysConfig{Keys: []APIKey{{Key: hashed("s", "k")}}, Salt: &salt}, with("", "Authorization", "sk"), string(APIKeyUnknown)},
		{"plain", APIKeysConfig{Keys: []APIKey{{Key: "k"}}, Hash: &plain}, with("", "Authorization", "k"), "ok"},
		{"FNV", APIKeysConfig{Keys: []APIKey{{Key: "d228cb69101a8caf78912b704e4a141e"}}, Hash: &fnv}, with("", "Authorization", "a"), "ok"},
	}
	for _, row := range rows {
		k, err := NewAPIKeys(row.cfg, nil)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if got := outcome(k, row.r); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func TestWhatIsSaidOfAKeysOwner(t *testing.T) {
	wants := &Wants{}
	sub, role, roles := wants.Add(ParseRef("sub"), Joined), wants.Add(ParseRef("role"), Joined), wants.Add(ParseRef("roles"), Joined)
	k, err := NewAPIKeys(APIKeysConfig{File: writeFile(t, "keys.json", []byte(`[{"name":"ann","key":"`+hashed("k")+`","roles":["x","admin"]},{"key":"`+hashed("l")+`"}]`)), Roles: []string{"admin", "x"}}, wants)
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Authenticate(t.Context(), with("", "Authorization", "k"))
	if err != nil {
		t.Fatal(err)
	}
	for slot, want := range map[int]string{sub: "ann", role: "admin", roles: "x,admin"} {
		if got, _ := c.Value(slot); got != want {
			t.Errorf("slot %d: got %q, want %q", slot, got, want)
		}
	}
	if outcome(k, with("", "Authorization", "l")) != string(RoleMissing) {
		t.Error("a key without roles passed")
	}
}

func TestAPIKeysThatCannotBe(t *testing.T) {
	bad := "a b"
	plain := "plain"
	rows := []struct {
		name string
		cfg  APIKeysConfig
		want string
	}{
		{"none", APIKeysConfig{}, "keys: no key that could open this door"},
		{"a plain one that should be hashed", APIKeysConfig{Keys: []APIKey{{Key: "secret"}}}, "keys[0].key: want the sha256 of a key, 64 hexadecimal digits"},
		{"an empty one", APIKeysConfig{Keys: []APIKey{{Key: ""}}, Hash: &plain}, "keys[0].key: an empty key"},
		{"the same twice", APIKeysConfig{Keys: []APIKey{{Key: hashed("a")}, {Key: hashed("a")}}}, "keys[1].key: stands twice"},
		{"no header", APIKeysConfig{Keys: []APIKey{{Key: hashed("a")}}, Identifier: &bad}, `identifier: "A b" is not the name of a header`},
		{"no file", APIKeysConfig{File: "/nowhere"}, "file: no such file or directory"},
		{"a file of something else", APIKeysConfig{File: writeFile(t, "x", []byte("{}"))}, `file: want a JSON array of {"name", "key", "roles"}`},
		{"a file with a misspelt member", APIKeysConfig{File: writeFile(t, "x", []byte(`[{"key":"a","role":["x"]}]`))}, `file: want a JSON array of {"name", "key", "roles"}`},
	}
	for _, row := range rows {
		_, err := NewAPIKeys(row.cfg, nil)
		if got := messages(err); got != row.want && got != row.want+"\n" {
			if row.name != "no header" || err == nil {
				t.Errorf("%s: got %q, want %q", row.name, got, row.want)
			}
		}
	}
	if (&APIKeysConfig{Hash: &plain}).Warnings() == nil || (&APIKeysConfig{}).Warnings() != nil {
		t.Error("plain keys deserve a warning, hashed ones none")
	}
}

func bcrypted(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func TestALongPasswordIsRememberedOnce(t *testing.T) {
	long := strings.Repeat("x", maxBcrypt)
	b, err := NewBasic(BasicConfig{Users: map[string]string{"ann": bcrypted(t, long)}}, &Wants{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rest := range []string{"", "a", "b", "c"} {
		r := with("")
		r.SetBasicAuth("ann", long+rest)
		if _, err := b.Authenticate(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	known := 0
	b.known.Range(func(any, any) bool { known++; return true })
	if known != 1 {
		t.Errorf("%d passwords of one user are remembered, want 1", known)
	}
}

func TestBasic(t *testing.T) {
	file := writeFile(t, "htpasswd", []byte("# users\nann:"+bcrypted(t, "from the file")+"\n\nbob:"+bcrypted(t, "b:o:b")+"\n"))
	wants := &Wants{}
	sub := wants.Add(ParseRef("sub"), Joined)
	b, err := NewBasic(BasicConfig{File: file, Users: map[string]string{"ann": bcrypted(t, "from the users"), "é": bcrypted(t, "ü")}}, wants)
	if err != nil {
		t.Fatal(err)
	}
	user := func(name, password string) *http.Request {
		r := with("")
		r.SetBasicAuth(name, password)
		return r
	}
	rows := []struct {
		name string
		r    *http.Request
		want string
	}{
		{"a user", user("bob", "b:o:b"), "ok"},
		{"again, by its digest", user("bob", "b:o:b"), "ok"},
		{"the users win over the file", user("ann", "from the users"), "ok"},
		{"what the file said no longer holds", user("ann", "from the file"), string(CredentialsWrong)},
		{"UTF-8", user("é", "ü"), "ok"},
		{"another password", user("bob", "b:o"), string(CredentialsWrong)},
		{"no password", user("bob", ""), string(CredentialsWrong)},
		{"nobody", user("eve", "b:o:b"), string(CredentialsWrong)},
		{"another case", user("Bob", "b:o:b"), string(CredentialsWrong)},
		{"no header", with(""), string(CredentialsMissing)},
		{"another scheme", with("", "Authorization", "Bearer x"), string(CredentialsMissing)},
		{"no colon", with("", "Authorization", "Basic Ym9i"), string(CredentialsMalformed)},
		{"no base64", with("", "Authorization", "Basic !"), string(CredentialsMalformed)},
		{"nothing behind", with("", "Authorization", "Basic"), string(CredentialsMalformed)},
		{"two headers", with("", "Authorization", "Basic Ym9iOmI=", "Authorization", "Basic Ym9iOmI="), string(CredentialsMalformed)},
		{"basic in small letters", with("", "Authorization", "basic "+user("bob", "b:o:b").Header.Get("Authorization")[6:]), "ok"},
		{"a long one", with("", "Authorization", "Basic "+long(maxToken+1)), string(TokenTooLong)},
	}
	for _, row := range rows {
		if got := outcome(b, row.r); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
	c, err := b.Authenticate(t.Context(), user("bob", "b:o:b"))
	if got, _ := c.Value(sub); err != nil || got != "bob" {
		t.Errorf("sub %q (%v), want bob", got, err)
	}
	_, err = b.Authenticate(t.Context(), with(""))
	if got, want := refusalOf(t, err).Challenge, `Basic realm="gatehouse", charset="UTF-8"`; got != want {
		t.Errorf("challenge %s, want %s", got, want)
	}
}

func TestUsersThatCannotBe(t *testing.T) {
	rows := []struct {
		name string
		cfg  BasicConfig
		want string
	}{
		{"none", BasicConfig{}, "no user who could open this door; want htpasswd_path or users"},
		{"an empty file", BasicConfig{File: writeFile(t, "x", nil)}, "no user who could open this door; want htpasswd_path or users"},
		{"no file", BasicConfig{File: "/nowhere"}, "htpasswd_path: no such file or directory"},
		{"a plain password", BasicConfig{Users: map[string]string{"ann": "secret"}}, "users.ann: not a bcrypt hash (htpasswd -B makes one)"},
		{"another hash", BasicConfig{File: writeFile(t, "x", []byte("# x\nann:$apr1$x$y\n"))}, "htpasswd_path: line 2: not a bcrypt hash (htpasswd -B makes one)"},
		{"no name", BasicConfig{File: writeFile(t, "x", []byte(":"+bcrypted(t, "x")))}, "htpasswd_path: line 1: a user without a name"},
	}
	for _, row := range rows {
		_, err := NewBasic(row.cfg, nil)
		if got := messages(err); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// Passwords wait their turn no longer than their request.
func TestPasswordsWaitTheirTurn(t *testing.T) {
	b, err := NewBasic(BasicConfig{Users: map[string]string{"ann": bcrypted(t, "x")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range cap(b.working) {
		b.working <- struct{}{}
	}
	r := with("")
	r.SetBasicAuth("ann", "x")
	var tasks sync.WaitGroup
	for range 20 {
		tasks.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			var refusal *Refusal
			if _, err := b.Authenticate(ctx, r); !errors.As(err, &refusal) || refusal.Reason != CredentialsBusy || refusal.Kind != Unavailable {
				t.Errorf("got %v, want %s", err, CredentialsBusy)
			}
		})
	}
	tasks.Wait()
	<-b.working
	if got := outcome(b, r); got != "ok" {
		t.Errorf("got %s, want ok", got)
	}
}

// Several ways in: the door is closed when none fits, and a bad credential is not forgiven for the sake of another.
func TestTheTokenThatARequestShows(t *testing.T) {
	keys, err := NewAPIKeys(APIKeysConfig{Keys: []APIKey{{Key: hashed("key")}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		v := newProvider(t, k).validator(Config{}, nil)
		for name, row := range map[string]struct {
			way  Authenticator
			r    *http.Request
			want string
		}{
			"a header":      {v, with("", "Authorization", "Bearer a.b.c"), "a.b.c"},
			"a cookie":      {v, with("", "Cookie", "access_token=a.b.c"), "a.b.c"},
			"nothing":       {v, with(""), ""},
			"several ways":  {Any(keys, v), with("", "Authorization", "Bearer a.b.c"), "a.b.c"},
			"all of them":   {All(keys, v), with("", "Authorization", "Bearer a.b.c"), "a.b.c"},
			"two of a kind": {v, with("", "Authorization", "Bearer a", "Authorization", "Bearer b"), ""},
		} {
			if got := TokenOf(row.way)(row.r); got != row.want {
				t.Errorf("%s: got %q, want %q", name, got, row.want)
			}
		}
		if TokenOf(keys) != nil || TokenOf(nil) != nil || TokenOf(Any()) != nil {
			t.Error("a token where none is asked for")
		}
	})
}

func TestSeveralWaysIn(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	own := "X-Key"
	keys, err := NewAPIKeys(APIKeysConfig{Keys: []APIKey{{Name: "k", Key: hashed("key")}}, Identifier: &own}, nil)
	if err != nil {
		t.Fatal(err)
	}
	basic, err := NewBasic(BasicConfig{Users: map[string]string{"ann": bcrypted(t, "x")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		no := false
		jwt, guests := p.validator(Config{}, nil), p.validator(Config{Required: &no}, nil)
		token := "Bearer " + sign(t, k, nil, claims(nil))
		password := "Basic YW5uOng="
		rows := []struct {
			name string
			way  Authenticator
			r    *http.Request
			want string
		}{
			{"none of three", Any(jwt, keys, basic), with(""), string(TokenMissing)},
			{"the first", Any(jwt, keys, basic), with("", "Authorization", token), "ok"},
			{"the second", Any(jwt, keys, basic), with("", "X-Key", "key"), "ok"},
			{"the third", Any(jwt, keys, basic), with("", "Authorization", password), "ok"},
			{"a bad token beside a good key", Any(jwt, keys, basic), with("", "Authorization", "Bearer a.b.c", "X-Key", "key"), string(TokenMalformed)},
			{"a bad key beside nothing", Any(jwt, keys), with("", "X-Key", "other"), string(APIKeyUnknown)},
			{"a scheme that nobody knows", Any(jwt, keys, basic), with("", "Authorization", "Digest x"), string(APIKeyMissing)},
			{"a guest", Any(guests, keys), with(""), "guest"},
			{"a guest who has a key", Any(guests, keys), with("", "X-Key", "key"), "ok"},
			{"a guest with a bad key", Any(guests, keys), with("", "X-Key", "other"), string(APIKeyUnknown)},
			{"a guest with another scheme", Any(guests, keys), with("", "Authorization", "Digest x"), string(APIKeyMissing)},
			{"no way at all", Any(), with(""), string(TokenMissing)},
			{"all, and one of them", All(jwt, keys), with("", "Authorization", token), string(APIKeyMissing)},
			{"all, and the other", All(jwt, keys), with("", "X-Key", "key"), string(TokenMissing)},
			{"all, and both", All(jwt, keys), with("", "Authorization", token, "X-Key", "key"), "ok"},
			{"all, and one of them bad", All(jwt, keys), with("", "Authorization", token, "X-Key", "other"), string(APIKeyUnknown)},
			{"all of none", All(), with(""), string(TokenMissing)},
		}
		for _, row := range rows {
			if got := outcome(row.way, row.r); got != row.want {
				t.Errorf("%s: got %s, want %s", row.name, got, row.want)
			}
		}
		_, err := Any(jwt, keys, basic).Authenticate(t.Context(), with(""))
		if got, want := refusalOf(t, err).Challenge, `Bearer realm="gatehouse", ApiKey realm="gatehouse", Basic realm="gatehouse", charset="UTF-8"`; got != want {
			t.Errorf("challenge %s, want %s", got, want)
		}
		_, err = All(jwt, keys).Authenticate(t.Context(), with(""))
		if _, err := Any(jwt).Authenticate(t.Context(), with("")); refusalOf(t, err).Challenge != `Bearer realm="gatehouse"` {
			t.Error("a refusal was changed by another one")
		}
		if err == nil {
			t.Error("passed")
		}
	})
}
