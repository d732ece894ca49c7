package rawjson

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// specOf reads a Spec from lines such as "allow a.b c", "map old new", "move a b". Nil if it is none.
func specOf(text string) *Spec {
	s := &Spec{}
	for line := range strings.SplitSeq(text, ";") {
		words := strings.Fields(line)
		if len(words) < 2 {
			if len(words) == 1 {
				return nil
			}
			continue
		}
		var paths [][]string
		for _, word := range words[1:] {
			paths = append(paths, strings.Split(word, "."))
		}
		switch words[0] {
		case "collection":
			s.Collection = words[1]
		case "target":
			s.Target = paths[0]
		case "allow":
			s.Allow = append(s.Allow, paths...)
		case "deny":
			s.Deny = append(s.Deny, paths...)
		case "map":
			if len(words) != 3 {
				return nil
			}
			s.Mapping = append(s.Mapping, [2]string{words[1], words[2]})
		case "group":
			s.Group = words[1]
		case "move", "del", "append":
			s.Flatmap = append(s.Flatmap, Op{words[0], paths})
		default:
			return nil
		}
	}
	return s
}

func TestPlan(t *testing.T) {
	for _, row := range []struct{ name, spec, in, want string }{
		{"nothing leaves every byte", "", "{ \"b\" : 1.0e+2, \"a\":\"\\u0061\\/\" }", "{ \"b\" : 1.0e+2, \"a\":\"\\u0061\\/\" }"},
		{"white space around the value goes", "", " {} \n", "{}"},

		{"a target is gone down to", "target a.b", `{"a":{"b":{"c":1},"d":2}}`, `{"c":1}`},
		{"a target keeps its bytes", "target a", `{"a":{ "c" : 1 }}`, `{ "c" : 1 }`},
		{"a missing target is an empty object", "target a.x", `{"a":{"b":1}}`, `{}`},
		{"a target that is an array is an empty object", "target a", `{"a":[1]}`, `{}`},
		{"a target that is null is an empty object", "target a", `{"a":null}`, `{}`},
		{"the last of a doubled target counts", "target a", `{"a":{"b":1},"a":{"c":2}}`, `{"c":2}`},
		{"a target is found by what its key says", "target a", `{"\u0061":{"c":2}}`, `{"c":2}`},

		{"deny drops a key", "deny b", `{"a":1,"b":2,"c":3}`, `{"a":1,"c":3}`},
		{"deny drops the first and the last", "deny a c", `{"a":1,"b":2,"c":3}`, `{"b":2}`},
		{"deny may leave nothing", "deny a", `{"a":1}`, `{}`},
		{"deny that finds nothing leaves every byte", "deny x", `{ "a" : 1 }`, `{ "a" : 1 }`},
		{"deny drops inside objects and may leave them empty", "deny a.b", `{"a":{"b":1},"c":{"b":2}}`, `{"a":{},"c":{"b":2}}`},
		{"deny drops far inside", "deny a.b.c.d", `{"a":{"b":{"c":{"d":1,"e":2}},"x":[ 1 ]}}`, `{"a":{"b":{"c":{"e":2}},"x":[ 1 ]}}`},
		{"deny never goes into arrays", "deny a.b a.0", `{"a":[{"b":1}]}`, `{"a":[{"b":1}]}`},
		{"deny of a whole wins over a part", "deny a.b a", `{"a":{"b":1,"c":2}}`, `{}`},
		{"deny is not evaded by escapes", "deny secret", `{"s\u0065cret":1,"\u0073\u0065\u0063\u0072\u0065\u0074":2,"a":3}`, `{"a":3}`},
		{"deny is not evaded by escapes inside", "deny a.secret", `{"\u0061":{"secre\u0074":1,"b":2}}`, `{"\u0061":{"b":2}}`},
		{"deny is not evaded by doubling", "deny secret", `{"secret":1,"a":2,"secret":3}`, `{"a":2}`},
		{"deny is not evaded by doubling what it is in", "deny a.b", `{"a":{"b":1,"c":2},"a":5}`, `{"a":5}`},
		{"an edited object prints a doubled key once", "deny x", `{"a":1,"x":0,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{"deny knows keys with quotes in them", `deny q"q`, `{"q\"q":1,"r":2}`, `{"r":2}`},
		{"deny takes keys beyond ASCII in any spelling", `deny é`, `{"\u00e9":1,"é":2,"e":3}`, `{"e":3}`},

		{"allow keeps what it names", "allow a c", `{"a":1,"b":2,"c":3}`, `{"a":1,"c":3}`},
		{"allow of all leaves every byte", "allow a", `{ "a" : 1 }`, `{ "a" : 1 }`},
		{"allow goes into objects", "allow a.b", `{"a":{"b":1,"c":2},"d":3}`, `{"a":{"b":1}}`},
		{"allow keeps the order of the object, not its own", "allow c a", `{"a":1,"b":2,"c":3}`, `{"a":1,"c":3}`},
		{"allow never goes into arrays", "allow a.b c", `{"a":[{"b":1}],"c":1}`, `{"c":1}`},
		{"allow drops an object of which nothing is left", "allow a.x c", `{"a":{"b":1},"c":1}`, `{"c":1}`},
		{"allow drops a scalar that should be an object", "allow a.x", `{"a":1}`, `{}`},
		{"allow keeps an empty object that it names", "allow a", `{"a":{},"b":1}`, `{"a":{}}`},
		{"a whole and a part of it are the whole", "allow a a.b", `{"a":{"b":1,"c":2},"d":3}`, `{"a":{"b":1,"c":2}}`},
		{"a part and the whole of it are the whole", "allow a.b a", `{"a":{"b":1,"c":2},"d":3}`, `{"a":{"b":1,"c":2}}`},
		{"two parts are both kept", "allow a.b a.c.d", `{"a":{"b":1,"c":{"d":2,"e":3},"f":4}}`, `{"a":{"b":1,"c":{"d":2}}}`},
		{"deny is ignored beside allow", "allow a b; deny a", `{"a":1,"b":2,"c":3}`, `{"a":1,"b":2}`},
		{"allow sees the last of a doubled key", "allow a.b", `{"a":{"b":1},"a":{"c":2}}`, `{}`},
		{"parts that are kept keep their bytes", "allow a.b", `{"a":{"c":0,"b":{ "x" : [ 1.50 ] }}}`, `{"a":{"b":{ "x" : [ 1.50 ] }}}`},

		{"mapping renames in place", "map a x", `{"z":0,"a":1,"b":2}`, `{"z":0,"x":1,"b":2}`},
		{"mapping swaps", "map a b; map b a", `{"a":1,"b":2}`, `{"b":1,"a":2}`},
		{"mapping turns three around", "map a b; map b c; map c a", `{"a":1,"b":2,"c":3}`, `{"b":1,"c":2,"a":3}`},
		{"mapping is not a chain", "map a b; map b c", `{"a":1}`, `{"b":1}`},
		{"mapping overwrites an existing key before it", "map a b", `{"b":2,"a":1}`, `{"b":1}`},
		{"mapping overwrites an existing key behind it", "map a b", `{"a":1,"b":2}`, `{"b":1}`},
		{"the last of two old names wins", "map a x; map b x", `{"b":2,"a":1}`, `{"x":2}`},
		{"one of two old names is enough", "map a x; map b x", `{"a":1}`, `{"x":1}`},
		{"a new name ends at its first dot", "map a x.y", `{"a":1}`, `{"x":1}`},
		{"an old name is a key with its dots, not a path", "map n.a x", `{"n":{"a":1},"n.a":2}`, `{"n":{"a":1},"x":2}`},
		{"mapping to its own name loses nothing", "map a a", `{"a":1,"b":2}`, `{"a":1,"b":2}`},
		{"mapping knows escaped keys", "map a x", `{"\u0061":1}`, `{"x":1}`},
		{"mapping overwrites escaped keys", "map a x", `{"a":1,"\u0078":2}`, `{"x":1}`},
		{"mapping of nothing that is there leaves every byte", "map q x", `{ "a" : 1 }`, `{ "a" : 1 }`},
		{"a new name is quoted", `map a q"\`, `{"a":1}`, `{"q\"\\":1}`},
		{"mapping comes after allow", "allow a; map a b", `{"a":1,"b":2}`, `{"b":1}`},
		{"mapping comes after deny", "deny b; map a b", `{"b":2,"a":1}`, `{"b":1}`},

		{"group wraps", "group g", `{ "a" : 1 }`, `{"g":{ "a" : 1 }}`},
		{"dots in a group are literal", "group g.h", `{}`, `{"g.h":{}}`},
		{"all in order", "target data; allow id name.first; map id key; group user", `{"data":{"name":{"last":"b","first":"a"},"id":1,"x":2}}`, `{"user":{"name":{"first":"a"},"key":1}}`},

		{"an array becomes a collection", "collection c", ` [1, 2] `, `{"c":[1, 2]}`},
		{"an object passes where a collection is wanted", "collection c", `{"a":1}`, `{"a":1}`},
		{"a collection is renamed", "collection c; map c users; group g", `[1]`, `{"g":{"users":[1]}}`},
		{"a collection is denied", "collection c; deny c", `[1]`, `{}`},
		{"denying inside a collection does nothing", "collection c; deny c.x", `[1]`, `{"c":[1]}`},
		{"a collection is not allowed", "collection c; allow d", `[1]`, `{}`},
		{"a collection is allowed", "collection c; allow c", `[1]`, `{"c":[1]}`},
		{"allowing inside a collection leaves nothing", "collection c; allow c.x", `[1]`, `{}`},
		{"a target in a collection is an empty object", "collection c; target c", `[1]`, `{}`},
		{"flatmap goes into a collection", "collection c; del c.*.x", `[{"x":1,"y":2},{"x":3}]`, `{"c":[{"y":2},{}]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			plan, err := Compile(*specOf(row.spec))
			if err != nil {
				t.Fatal(err)
			}
			for depth := range plan.Depth() + 2 {
				v := parsed(t, row.in, depth)
				if err := plan.Apply(v); err != nil {
					t.Fatal(err)
				}
				if got := printed(t, v); got != row.want {
					t.Errorf("depth %d: got %s, want %s", depth, got, row.want)
				}
			}
		})
	}
}

func TestPlanRefusesWhatIsNoObject(t *testing.T) {
	for _, row := range []struct{ spec, in string }{
		{"deny a", `[1]`}, {"group g", `[1]`}, {"", `[1]`}, {"", `null`}, {"", `1`}, {"", `"a"`}, {"", `true`}, {"collection c", `null`}, {"collection c", `"c"`},
	} {
		plan, err := Compile(*specOf(row.spec))
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Apply(parsed(t, row.in, 1)); err == nil || !strings.Contains(err.Error(), "want one") {
			t.Errorf("%s on %s: got %v, want a mistake", row.spec, row.in, err)
		}
		if err := plan.Apply(new(Value)); err == nil {
			t.Errorf("%s on no value: got no mistake", row.spec)
		}
	}
}

func TestCompileMistakes(t *testing.T) {
	for _, row := range []struct{ name, spec, want string }{
		{"an old name twice", "map a b; map a c", `mapping "a": given twice`},
		{"a new name that is empty", "map a .b", `mapping "a": the new name ".b" is empty`},
		{"move wants two", "move a", "flatmap operation 0, move: got 1 argument, want 2"},
		{"move wants no three", "move a b c", "got 3 arguments, want 2"},
		{"append wants two", "del a; append a", "flatmap operation 1, append: got 1 argument, want 2"},
		{"a move of everything", "move a.* b.c", "ends in *"},
		{"a move to any name", "move a.b a.*", "ends in *"},
		{"a move into any name", "move a a.*.b", "a * in what a.*.b adds"},
		{"an append to several", "append a b.*.c", "want one array"},
		{"an append to itself", "append a a", "a is inside a"},
		{"an append into what goes", "append a.* a.b.c", "a.b.c is inside a.*"},
	} {
		_, err := Compile(*specOf(row.spec))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
	for name, spec := range map[string]Spec{
		"an empty path in allow":   {Allow: [][]string{{}}},
		"an empty path in deny":    {Deny: [][]string{{"a"}, {}}},
		"an empty path in flatmap": {Flatmap: []Op{{"del", [][]string{{}}}}},
		"del of nothing":           {Flatmap: []Op{{"del", nil}}},
		"an unknown type":          {Flatmap: []Op{{"copy", [][]string{{"a"}, {"b"}}}}},
	} {
		if _, err := Compile(spec); err == nil {
			t.Errorf("%s: got no mistake", name)
		}
	}
	if err := (Op{"move", [][]string{{"a"}}}).Check(); err == nil || !strings.Contains(err.Error(), "want 2") {
		t.Errorf("Check of one operation: got %v", err)
	}
	if err := (Op{"del", [][]string{{"a", "*"}}}).Check(); err != nil {
		t.Errorf("Check of one operation: got %v", err)
	}
	_, err := Compile(Spec{Flatmap: []Op{{"copy", nil}, {"move", nil}}})
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v, want two mistakes", err)
	}
}

func TestPlanDepth(t *testing.T) {
	for _, row := range []struct {
		spec    string
		depth   int
		nothing bool
	}{
		{"", 0, true}, {"collection c", 0, true}, {"group g", 0, false}, {"deny a", 1, false}, {"deny a.b.c", 3, false}, {"target x.y; allow a b.c", 4, false}, {"map a b", 1, false}, {"del a.b", 2, false}, {"target x; move a.b c", 3, false},
	} {
		plan, err := Compile(*specOf(row.spec))
		if err != nil {
			t.Fatal(err)
		}
		if plan.Depth() != row.depth || plan.Nothing() != row.nothing {
			t.Errorf("%s: depth %d, nothing %v; want %d, %v", row.spec, plan.Depth(), plan.Nothing(), row.depth, row.nothing)
		}
	}
}

func TestPlansOneAfterAnother(t *testing.T) {
	v := parsed(t, `{"a":{"x":1,"y":{"z":2}},"b":2,"c":[{"d":1}]}`, 1)
	for _, step := range []struct{ spec, want string }{
		{"deny b", `{"a":{"x":1,"y":{"z":2}},"c":[{"d":1}]}`},
		{"deny a.x", `{"a":{"y":{"z":2}},"c":[{"d":1}]}`},
		{"group g", `{"g":{"a":{"y":{"z":2}},"c":[{"d":1}]}}`},
		{"move g.c g.list; del g.list.*.d", `{"g":{"a":{"y":{"z":2}},"list":[{}]}}`},
		{"target g.a; map y why", `{"why":{"z":2}}`},
		{"target why", `{"z":2}`},
		{"target why", `{}`},
		{"group g", `{"g":{}}`},
	} {
		plan, err := Compile(*specOf(step.spec))
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Apply(v); err != nil {
			t.Fatal(err)
		}
		if got := printed(t, v); got != step.want {
			t.Errorf("%s: got %s, want %s", step.spec, got, step.want)
		}
	}
}

// Parse takes 512 levels; what plans put around that is theirs, up to 1024.
func TestPlansThatMakeItTooDeep(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("k.", 600), ".")
	bury, err := Compile(*specOf("move a " + long))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat(`{"a":`, 511) + "{}" + strings.Repeat("}", 511)
	v := parsed(t, text, bury.Depth())
	if err := bury.Apply(v); err != nil {
		t.Fatal(err)
	}
	deep := printed(t, v)
	for _, spec := range []string{"deny a.b", "target k.k", "del k.k", "move k.k.k q", "append k.k a; move a k.b"} {
		plan, err := Compile(*specOf(spec))
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Apply(v); err == nil {
			t.Errorf("%s: got no mistake", spec)
		}
		if got := printed(t, v); got != deep {
			t.Errorf("%s: a mistake, but the value has changed", spec)
		}
	}
	if _, ok := v.Get("k", "k"); ok {
		t.Error("Get looked into it")
	}
	if err := Merge(new(Value), []*Value{v, v}, Deep); err == nil {
		t.Error("merged it")
	}
	if got := listed(v); !strings.HasPrefix(got, `"k"={"k":`) {
		t.Errorf("members are %.20s", got)
	}
}

func TestPlanOnManyKeys(t *testing.T) {
	var in, want []string
	for i := range 500 {
		key := fmt.Sprintf(`"key %d"`, i)
		if i%7 == 0 {
			key = fmt.Sprintf(`"\u006bey %d"`, i)
		}
		in = append(in, fmt.Sprintf("%s:%d", key, i))
		if i != 123 {
			if i%2 == 1 {
				key = fmt.Sprintf(`"ke\u0079 %d"`, i)
			}
			want = append(want, fmt.Sprintf("%s:%d", key, i+1000*(i%2)))
		}
	}
	for i := 1; i < 500; i += 2 { // every second key again, spelt another way
		in = append(in, fmt.Sprintf(`"ke\u0079 %d":%d`, i, i+1000))
	}
	plan, err := Compile(Spec{Deny: [][]string{{"key 123"}}})
	if err != nil {
		t.Fatal(err)
	}
	v := parsed(t, "{"+strings.Join(in, ",")+"}", 1)
	if err := plan.Apply(v); err != nil {
		t.Fatal(err)
	}
	if got := printed(t, v); got != "{"+strings.Join(want, ",")+"}" {
		t.Errorf("got %.200s, want %.200s", got, strings.Join(want, ","))
	}
}

func TestPlanIsSafeForConcurrentUse(t *testing.T) {
	plan, err := Compile(*specOf("deny a.b; map c d; group g"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	for range 4 {
		go func() {
			v := new(Value)
			out := ""
			for range 100 {
				err := v.Parse([]byte(`{"a":{"b":1,"x":2},"c":3}`), plan.Depth())
				if err == nil {
					err = plan.Apply(v)
				}
				if out = string(v.Append(nil)); err != nil {
					out = err.Error()
					break
				}
			}
			done <- out
		}()
	}
	for range 4 {
		if got := <-done; got != `{"g":{"a":{"x":2},"d":3}}` {
			t.Errorf("got %s", got)
		}
	}
}

func TestPlanDoesNotAllocate(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts as well")
	}
	data := document(10000)
	for _, spec := range []string{"", "deny secret", "deny page.next", "allow id page.number; map id key; group g", "target page; deny next", "del items.*.owner; move items.*.id items.*.key"} {
		plan, err := Compile(*specOf(spec))
		if err != nil {
			t.Fatal(err)
		}
		v, out := new(Value), make([]byte, 0, 20000)
		run := func() {
			if err := v.Parse(data, plan.Depth()); err != nil {
				t.Fatal(err)
			}
			if err := plan.Apply(v); err != nil {
				t.Fatal(err)
			}
			out = v.Append(out[:0])
		}
		run()
		if n := testing.AllocsPerRun(50, run); n > 0 {
			t.Errorf("%q: %v allocations a run, want none", spec, n)
		}
	}
}

// FuzzPlan holds plans against the reference.
func FuzzPlan(f *testing.F) {
	for _, row := range []struct{ doc, spec string }{
		{`{"a":{"b":1,"c":{"d":[1,2]}},"b":"x","c":null}`, "deny a.b c; map a b; group g"},
		{`{"a":{"b":1,"c":2},"a":{"c":3}}`, "target a; allow c"},
		{`[{"a":1}]`, "collection c; map c d"},
		{`{"a":[{"b":1,"c":[1]},{"b":2}],"x":[9],"0":{"1":2}}`, "del a.*.b; append a.*.c x; move a.0 y; move 0.1 one"},
		{`{"a":{"b":{"c":1}},"d":{"e":{"c":1}}}`, "move *.*.c *.c; move a.c a.x.y.z; move d q"},
		{`{"a":{"b":{"c":1}},"\u0061":{"x\u0000":1}}`, "allow a.b a"},
		{`{"a":[[1],[2],[[3]]],"b":[]}`, "append a.*.* b; append a b; del b.1"},
		{`{"a":1,"b":{"a":2}}`, "move a b.a; move b.a a; move a a.a.a"},
	} {
		f.Add([]byte(row.doc), row.spec)
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		spec := specOf(text)
		if spec == nil || !utf8.ValidString(text) || !utf8.Valid(data) || len(data) > 1<<12 || len(text) > 200 {
			return
		}
		holdPlan(t, *spec, data)
	})
}

// holdPlan applies a plan, if it compiles, to data, if that is JSON, and compares the outcome with the reference.
func holdPlan(t tester, spec Spec, data []byte) {
	t.Helper()
	plan, err := Compile(spec)
	if err != nil {
		return
	}
	v := new(Value)
	if v.Parse(data, plan.Depth()) != nil {
		return
	}
	err = plan.Apply(v)
	want := decoded(t, data).shaped(spec)
	if (err == nil) != (want != nil) {
		t.Fatalf("%v on %s: got %v, want %v", spec, data, err, want)
	}
	if want == nil {
		return
	}
	got := printed(t, v)
	if !json.Valid([]byte(got)) {
		t.Fatalf("%v on %s: %s is not JSON", spec, data, got)
	}
	if got, want := decoded(t, []byte(got)).text(t), want.text(t); got != want {
		t.Fatalf("%v on %s:\n got %s\nwant %s", spec, data, got, want)
	}
	if len(spec.Allow) > 0 || len(spec.Flatmap) > 0 || len(spec.Mapping) > 0 || spec.Group != "" {
		return
	}
	for _, path := range spec.Deny {
		if reaches([]byte(got), path) {
			t.Fatalf("%v on %s: %v is still in %s", spec, data, path, got)
		}
	}
}

// reaches reports whether a path leads anywhere through any of the members that have its keys, doubled ones too.
func reaches(raw []byte, path []string) bool {
	if raw[0] != '{' {
		return false
	}
	nodes, _, _ := scan(raw, 1, maxNest, nil, new(nesting))
	for c := uint32(1); c < uint32(len(nodes)); c = nodes[c].next {
		n := nodes[c]
		if keyIs(raw[n.key:n.keyEnd], n.escaped, path[0]) && (len(path) == 1 || reaches(raw[n.at:n.end], path[1:])) {
			return true
		}
	}
	return false
}

func TestReachesSeesDoubledKeys(t *testing.T) {
	if !reaches([]byte(`{"a":{"\u0062":1},"a":2}`), []string{"a", "b"}) || reaches([]byte(`{"a":{"b":1}}`), []string{"a", "c"}) {
		t.Error("the check of the fuzzer does not see what it should")
	}
	if !slices.Equal(specOf("allow a.b c").Allow[0], []string{"a", "b"}) {
		t.Error("the specs of the tests are not read")
	}
}
