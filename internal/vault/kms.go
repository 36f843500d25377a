package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// askedWithin is how long a KMS is waited for, all attempts at one question together.
const askedWithin = 10 * time.Second

// kmsURI is how a key in AWS KMS is named. An alias is none: what was wrapped by the
// key that it stood for would not open when it is given another.
var kmsURI = regexp.MustCompile(`^` + kmsPrefix + `arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,128}$`)

const kmsPrefix = "aws-kms://"

// isURI reports whether a master key is the name of one that is kept elsewhere, and not
// the key itself.
func isURI(value string) bool { return strings.Contains(value, "://") }

// CheckURI wants the URI of a key in a KMS, as [ParseKeyring] reads it. The error does not
// repeat it.
func CheckURI(uri string) error {
	if !kmsURI.MatchString(uri) {
		return errors.New("master key in a KMS is not of the form aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID")
	}
	return nil
}

// kmsKey is a master key that never leaves AWS KMS. It is safe for concurrent use.
type kmsKey struct {
	uri  string
	aead tink.AEADWithContext
}

// parseKMSKey returns the master key with that URI. It asks nobody yet. Credentials are
// those of the environment, as AWS's own tools find them.
func parseKMSKey(uri string) (masterKey, error) {
	if err := CheckURI(uri); err != nil {
		return masterKey{}, err
	}
	aead, err := awskms.NewAEADWithContext(context.Background(), strings.TrimPrefix(uri, kmsPrefix))
	if err != nil {
		return masterKey{}, fmt.Errorf("read the settings of AWS: %w", err)
	}
	return masterKey{id: idOf([]byte(uri)), aead: kmsKey{uri, aead}}, nil
}

// Encrypt has the KMS seal. The error is [ErrUnavailable].
func (k kmsKey) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askedWithin)
	defer cancel()
	sealed, err := k.aead.EncryptWithContext(ctx, plaintext, associatedData)
	if err != nil {
		return nil, fmt.Errorf("ask %s to seal: %w: %w", k.uri, ErrUnavailable, err)
	}
	return sealed, nil
}

// Decrypt has the KMS open. The error is [ErrTampered] where it says that it never
// sealed this, else [ErrUnavailable].
func (k kmsKey) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askedWithin)
	defer cancel()
	plaintext, err := k.aead.DecryptWithContext(ctx, ciphertext, associatedData)
	if err == nil {
		return plaintext, nil
	}
	_, invalid := errors.AsType[*types.InvalidCiphertextException](err)
	_, another := errors.AsType[*types.IncorrectKeyException](err)
	if invalid || another {
		return nil, ErrTampered
	}
	return nil, fmt.Errorf("ask %s to open: %w: %w", k.uri, ErrUnavailable, err)
}

// Check has the first key seal and open, so that it is known before anything depends on
// it that a KMS can be reached, and allows both.
func (k *Keyring) Check() error {
	probe := make([]byte, keySize)
	rand.Read(probe) // never fails: it ends the program instead
	sealed, err := k.Encrypt(probe, []byte("casehook check"))
	if err == nil {
		_, err = k.Decrypt(sealed, []byte("casehook check"))
	}
	if err != nil {
		return fmt.Errorf("try the first master key: %w", err)
	}
	return nil
}
