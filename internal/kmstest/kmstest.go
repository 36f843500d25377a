// Package kmstest gives tests a KMS: a server on loopback that speaks as much of AWS
// KMS's protocol (JSON 1.1) as sealing and opening need.
//
//	kms := kmstest.Start(t) // until the test ends
//	uri := kms.NewKey()     // aws-kms://arn:aws:kms:…
//
// It puts credentials and its endpoint into the environment of the test, where AWS's
// client finds them.
package kmstest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// Secret is the secret key that the KMS is called with.
const Secret = "kmstest-secret-access-key"

// A Server is a KMS.
type Server struct {
	mu     sync.Mutex // protects what follows
	keys   map[string]*key
	down   bool
	calls  []Call
	server *httptest.Server
}

type key struct {
	aead   cipher.AEAD
	denied bool
}

// Call is a question that the KMS was asked.
type Call struct {
	Action  string // Encrypt or Decrypt
	Key     string // its ARN
	Context map[string]string
	Plain   []byte // what was sealed or opened
}

// request and answer are both questions and answers of both actions.
type request struct {
	KeyID             string `json:"KeyId"`
	Plaintext         []byte
	CiphertextBlob    []byte
	EncryptionContext map[string]string
}

type answer struct {
	KeyID               string `json:"KeyId"`
	Plaintext           []byte `json:",omitempty"`
	CiphertextBlob      []byte `json:",omitempty"`
	EncryptionAlgorithm string
}

// Start starts a Server without keys.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{keys: make(map[string]*key)}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	t.Setenv("AWS_ENDPOINT_URL_KMS", s.server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "kmstest")
	t.Setenv("AWS_SECRET_ACCESS_KEY", Secret)
	return s
}

// NewKey makes a key and returns its URI.
func (s *Server) NewKey() string {
	arn := "arn:aws:kms:eu-central-1:111122223333:key/" + uuid.NewString()
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: it ends the program instead
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err) // the length is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // so is the block's
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[arn] = &key{aead: aead}
	return "aws-kms://" + arn
}

// Deny has the KMS refuse whatever is asked of the key with that URI, or no longer.
func (s *Server) Deny(uri string, denied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[strings.TrimPrefix(uri, "aws-kms://")].denied = denied
}

// Down has the KMS hang up on everyone, or no longer.
func (s *Server) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Calls returns what was asked and answered.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// ServeHTTP answers a question.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		panic(http.ErrAbortHandler) // which closes the connection
	}
	action, known := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	signature := r.Header.Get("Authorization")
	var asked request
	switch {
	case !strings.HasPrefix(signature, "AWS4-HMAC-SHA256 Credential=kmstest/") || !strings.Contains(signature, "/eu-central-1/kms/aws4_request"):
		refuse(w, "IncompleteSignatureException", "the request is not signed for this service and region")
		return
	case r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || !known || json.NewDecoder(r.Body).Decode(&asked) != nil:
		refuse(w, "ValidationException", "no such action")
		return
	}
	with := s.keys[asked.KeyID]
	switch {
	case with == nil:
		refuse(w, "NotFoundException", "Key '"+asked.KeyID+"' does not exist")
		return
	case with.denied:
		refuse(w, "AccessDeniedException", "User: kmstest is not authorized to perform: kms:"+action)
		return
	}
	context, err := json.Marshal(asked.EncryptionContext) // in the order of its names
	if err != nil {
		panic(err) // strings are always encoded
	}
	told := answer{KeyID: asked.KeyID, EncryptionAlgorithm: "SYMMETRIC_DEFAULT"}
	call := Call{Action: action, Key: asked.KeyID, Context: asked.EncryptionContext}
	id := []byte(asked.KeyID)
	switch action {
	case "Encrypt":
		told.CiphertextBlob = with.aead.Seal(id, nil, asked.Plaintext, context)
		call.Plain = asked.Plaintext
	case "Decrypt":
		sealed, ours := bytes.CutPrefix(asked.CiphertextBlob, id)
		if !ours && bytes.HasPrefix(asked.CiphertextBlob, []byte("arn:")) {
			refuse(w, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
			return
		}
		if told.Plaintext, err = with.aead.Open(nil, nil, sealed, context); err != nil {
			refuse(w, "InvalidCiphertextException", "")
			return
		}
		call.Plain = told.Plaintext
	default:
		refuse(w, "ValidationException", "no such action")
		return
	}
	s.calls = append(s.calls, call)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err := json.NewEncoder(w).Encode(told); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// refuse answers with an error of that kind.
func refuse(w http.ResponseWriter, kind, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	if err := json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": message}); err != nil {
		panic(http.ErrAbortHandler)
	}
}
