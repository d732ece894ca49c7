package backends

import (
	"reflect"
	"testing"

	"gatehouse/internal/outbound"
)

func TestNothingIsLeftOfAnAnswerThatWasGivenBack(t *testing.T) {
	r := &Response{Status: 200, Header: []outbound.Field{{Name: "A", Value: "b"}}, Stream: &outbound.Response{}, Complete: true, Empty: true,
		buf: []byte("body"), source: &outbound.Response{}, parts: []*Response{{}}, ends: []func(){func() {}}}
	before := reflect.ValueOf(*r)
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; name != "Body" && before.Field(i).IsZero() {
			t.Errorf("this test does not fill %s", name)
		}
	}
	recycle(r)
	after := reflect.ValueOf(r).Elem()
	for i := range after.NumField() {
		name, f := after.Type().Field(i).Name, after.Field(i)
		empty := f.IsZero() || f.Kind() == reflect.Slice && f.Len() == 0
		if name != "Body" && !empty {
			t.Errorf("%s is left", name)
		}
	}
	if !r.Body.Empty() {
		t.Error("its body is left")
	}
}
