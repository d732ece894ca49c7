package demo

import (
	"net/http"
	"strings"
	"time"
)

// catalog is open to everybody.
func catalog() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"products": []map[string]any{
			{"sku": "lamp", "name": "Desk lamp", "price": 39.5}, {"sku": "chair", "name": "Chair", "price": 120},
		}})
	})
	mux.HandleFunc("GET /offers", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"today": []map[string]any{{"sku": "lamp", "price": 29.5}}})
	})
	return mux
}

// users keeps a thing that nobody outside should see: the gateway drops it.
func users() http.Handler {
	all := map[string]map[string]any{
		"alice": {"id": "alice", "name": "Alice", "email": "alice@example.com", "password_hash": "$2y$10$alice"},
		"bob":   {"id": "bob", "name": "Bob", "email": "bob@example.com", "password_hash": "$2y$10$bob"},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"users": []any{all["alice"], all["bob"]}})
	})
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		if who, known := all[r.PathValue("id")]; known {
			writeJSON(w, http.StatusOK, who)
			return
		}
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such user"})
	})
	return mux
}

// orders asks no questions: it believes X-User, which only the gateway can set, from a claim of the token.
func orders() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		who := r.Header.Get("X-User")
		if who == "" {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": "no X-User"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"user": who, "orders": []map[string]any{
			{"id": 9007199254740993, "sku": "lamp", "of": who}, // more digits than a float64 holds
		}})
	})
	return mux
}

// inventory wants a token of its own from whoever calls it, made out to it.
func inventory(p *provider) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stock/{sku}", func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		caller, err := p.verify(token, "inventory", time.Now())
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="inventory"`)
			writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "a token for the inventory is wanted"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"sku": r.PathValue("sku"), "in_stock": 12, "asked_by": caller})
	})
	return mux
}
