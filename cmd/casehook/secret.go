package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/webhook"
)

// secretVariable is where the secrets are where no flag says so.
const secretVariable = "CASEHOOK_SECRET"

// secretFlags say where the secrets of an endpoint are.
type secretFlags struct {
	given []string
	file  string
	cv    bool
}

func (f *secretFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.given, "secret", nil, "a `SECRET` of the endpoint, whsec_...; may be repeated. Every process of the machine can read it here")
	cmd.Flags().StringVar(&f.file, "secret-file", "", "the `FILE` that has the secrets, one a line; without both they are in "+secretVariable)
	cmd.Flags().BoolVar(&f.cv, "cv", false, "x-cv-signature is all that counts, and its secret may be any text without white space")
}

// secrets are those of an endpoint: as they were shown, and as they sign and verify.
type secrets struct {
	texts []string
	keys  []webhook.Secret // of those that Standard Webhooks knows
	cv    bool             // whether x-cv-signature is all that counts, and each of texts keys it
}

// none reports whether there is no secret.
func (s secrets) none() bool { return len(s.texts) == 0 }

// read reads the secrets. There may be none.
func (f *secretFlags) read(cmd *cobra.Command) (secrets, error) {
	texts := f.given
	if f.file != "" {
		content, err := readFile(cmd, f.file)
		if err != nil {
			return secrets{}, err
		}
		texts = append(texts, strings.Fields(string(content))...)
	}
	if len(texts) == 0 {
		texts = strings.Fields(os.Getenv(secretVariable))
	}
	s := secrets{texts: texts, cv: f.cv}
	for i, text := range texts {
		key, err := webhook.ParseSecret(text)
		switch {
		case err == nil:
			s.keys = append(s.keys, key)
		case f.cv && text != "":
		default:
			return secrets{}, misuse{fmt.Errorf("secret %d of %d: %s. With --cv, any text is the secret of x-cv-signature", i+1, len(texts), plain(err))}
		}
	}
	return s, nil
}

// require is read, where there must be a secret.
func (f *secretFlags) require(cmd *cobra.Command) (secrets, error) {
	s, err := f.read(cmd)
	if err == nil && s.none() {
		err = misuse{errors.New("a secret is needed: --secret-file FILE, " + secretVariable + " in the environment, or --secret SECRET")}
	}
	return s, err
}

// signing refuses secrets of which one only verifies.
func (s secrets) signing() error {
	for i, text := range s.texts {
		if strings.HasPrefix(text, "whpk_") && !s.cv {
			return misuse{fmt.Errorf("secret %d of %d: a public key verifies and does not sign: give the private key, whsk_..., of a pair that is there for trying, and its public key to the receiver", i+1, len(s.texts))}
		}
	}
	return nil
}

// symmetric returns the secrets that x-cv-signature can be made with, as they were shown.
func (s secrets) symmetric() []string {
	if s.cv {
		return s.texts
	}
	var all []string
	for _, text := range s.texts {
		if strings.HasPrefix(text, "whsec_") {
			all = append(all, text)
		}
	}
	return all
}
