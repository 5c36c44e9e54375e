package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"alur/engine/fault"
	"alur/handlers/api"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, want string }{
		{"", `{}`},
		{"a=1&b=x%20y+z", `{"a":"1","b":"x y z"}`},
		{"a", `{"a":null}`},
		{"a=", `{"a":""}`},
		{"a=1&a=2&a=3", `{"a":["1","2","3"]}`},
		{"a[]=1&a[]=2", `{"a":["1","2"]}`},
		{"a[1]=y&a[0]=x", `{"a":["x","y"]}`},
		{"a%5B%5D=1", `{"a":["1"]}`},
		{"a[b][c]=d&a[b][e]=f", `{"a":{"b":{"c":"d","e":"f"}}}`},
		{"a[b][]=1&a[b][]=2", `{"a":{"b":["1","2"]}}`},
		{"filter[$or][0][name]=A&filter[$or][1][stock][$gt]=3", `{"filter":{"$or":[{"name":"A"},{"stock":{"$gt":"3"}}]}}`},
		{"a[500]=x", `{"a":{"500":"x"}}`},
		{"a[b=1", `{"a[b":"1"}`},
		{"a[]=1&a[x]=2", `{"a":{"":["1"],"x":"2"}}`},
		{"a=1&a[]=2", `{"a":["1","2"]}`},
		{"&&a=1&", `{"a":"1"}`},
		{"=1", `{"":["1"]}`},
	}
	for _, tc := range tests {
		got, err := api.ParseQuery(tc.raw)
		raw, _ := json.Marshal(got)
		if err != nil || string(raw) != tc.want {
			t.Errorf("%s: %s, %v; want %s", tc.raw, raw, err, tc.want)
		}
	}
	for _, bad := range []string{"a=%zz", "%=1", "a" + strings.Repeat("[b]", 100) + "=1", strings.Repeat("a=1&", 2000)} {
		if _, err := api.ParseQuery(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.30s: %v, want Invalid", bad, err)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add("a[]=1&a[b]=2&a[0][c]=3&a=4")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := api.ParseQuery(raw)
		if err != nil {
			return
		}
		if _, err := json.Marshal(p); err != nil {
			t.Errorf("%q gives what JSON cannot hold: %v", raw, err)
		}
		for _, name := range []string{"a", "filter", ""} {
			_, _ = p.List(name)
			_, _ = p.JSON(name)
			_, _ = p.Int(name)
		}
	})
}
