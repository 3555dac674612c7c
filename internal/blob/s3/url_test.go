package s3

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func noEnv(string) string { return "" }

func env(m map[string]string) func(string) string {
	return func(name string) string { return m[name] }
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "EK", "AWS_SECRET_ACCESS_KEY": "ES", "AWS_SESSION_TOKEN": "ET", "AWS_DEFAULT_REGION": "ap-east-1"}
	for address, want := range map[string]Options{
		"s3://K:S@127.0.0.1:9000/mail?tls=off":        {Host: "127.0.0.1:9000", Bucket: "mail", Region: "us-east-1", Plain: true, AccessKey: "K", SecretKey: "S"},
		"s3://K:a%2Fb%40%3f%25:c@[::1]:9000/mail/":    {Host: "[::1]:9000", Bucket: "mail", Region: "us-east-1", AccessKey: "K", SecretKey: "a/b@?%:c"},
		"s3://K:S@s3.example.org/mail/a/b?region=x-1": {Host: "s3.example.org", Bucket: "mail", Prefix: "a/b", Region: "x-1", AccessKey: "K", SecretKey: "S"},
		"s3://K:S@mail/p%40q?region=eu-central-1":     {Bucket: "mail", Prefix: "p@q", Region: "eu-central-1", AccessKey: "K", SecretKey: "S"},
	} {
		got, err := ParseURL(address, noEnv)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
	want := Options{Bucket: "mail", Region: "ap-east-1", AccessKey: "EK", SecretKey: "ES", Token: "ET"}
	if got, err := ParseURL("s3://mail", env(keys)); err != nil || got != want {
		t.Errorf("from the environment: %+v, %v", got, err)
	}
	keys["AWS_REGION"] = "us-west-2"
	if got, err := ParseURL("s3://K:S@mail", env(keys)); err != nil || got.Region != "us-west-2" || got.AccessKey != "K" || got.Token != "" {
		t.Errorf("half from the environment: %+v, %v", got, err)
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	const secret = "wJalrXUtnFEMI"
	for address, part := range map[string]string{
		"http://K:" + secret + "@h:1/mail":             "s3://",
		"s3://h:1/mail":                                "credentials",
		"s3://K@h:1/mail":                              "credentials",
		"s3://:" + secret + "@h:1/mail":                "credentials",
		"s3://K:" + secret + "%zz@h:1/mail":            "credentials",
		"s3://K:" + secret + "/x@h:1/mail":             "credentials",
		"s3://K:" + secret + "?x@h:1/mail":             "credentials",
		"s3://K:" + secret + "@h:70000/mail":           "port",
		"s3://K:" + secret + "@h:x/mail":               "port",
		"s3://K:" + secret + "@a b.c/mail":             "host",
		"s3://K:" + secret + "@.:1/mail":               "host",
		"s3://K:" + secret + "@h:1":                    "bucket",
		"s3://K:" + secret + "@h:1/Mail":               "bucket",
		"s3://K:" + secret + "@h:1/mail/a//b":          "prefix",
		"s3://K:" + secret + "@h:1/mail/../b":          "prefix",
		"s3://K:" + secret + "@h:1/mail/%00":           "prefix",
		"s3://K:" + secret + "@h:1/mail/%":             "prefix",
		"s3://K:" + secret + "@mail":                   "region",
		"s3://K:" + secret + "@mail?region=../x":       "region",
		"s3://K:" + secret + "@mail?region=x&tls=off":  "tls",
		"s3://K:" + secret + "@h:1/mail?tls=maybe":     "tls",
		"s3://K:" + secret + "@h:1/mail?tsl=" + secret: "options",
		"s3://K:" + secret + "@h:1/mail?%" + secret:    "options",
		"s3://K:" + secret + "@h:1/mail?region=" + "é": "region",
	} {
		_, err := ParseURL(address, noEnv)
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want an error about the %s", address, err, part)
		}
	}
}

// TestSecretsDoNotPrint tries every way that values get into texts.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	o, err := ParseURL("s3://THEKEY:THESECRET@h:1/mail?tls=off", env(map[string]string{"AWS_SESSION_TOKEN": "THETOKEN"}))
	if err != nil {
		t.Fatal(err)
	}
	o.Token = "THETOKEN"
	type wrapped struct{ O *Options }
	asJSON, err := json.Marshal(wrapped{&o})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{o.String(), string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, o), fmt.Sprintf(verb, o.SecretKey), fmt.Sprintf(verb, wrapped{&o}), fmt.Sprintf(verb, []Secret{o.AccessKey, o.Token}))
	}
	for _, text := range texts {
		for _, secret := range []string{"THEKEY", "THESECRET", "THETOKEN", "5448455345"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", secret, text)
			}
		}
	}
}

func FuzzParseURL(f *testing.F) {
	const key, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENG"
	for _, s := range []string{"@127.0.0.1:9000/mail/p?tls=off", "@mail?region=eu-central-1", "@[::1]/mail", "/@x", "%2F@a.b/mail?region=q"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		o, err := ParseURL("s3://"+key+":"+secret+rest, noEnv)
		text := o.String()
		if err != nil {
			text = err.Error()
		}
		if strings.Contains(text, key) || strings.Contains(text, secret) {
			t.Fatalf("a secret is in %q", text)
		}
		if err != nil {
			return
		}
		again, err := ParseURL(text, env(map[string]string{"AWS_ACCESS_KEY_ID": string(o.AccessKey), "AWS_SECRET_ACCESS_KEY": string(o.SecretKey)}))
		if err != nil || again != o {
			t.Errorf("%s was read again as %#v, %v; it was %#v", text, again, err, o)
		}
	})
}
