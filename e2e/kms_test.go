package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/kmstest"
)

func TestTheMasterKeyMovesIntoAKMSAndOutOfItWhileTheServerServes(t *testing.T) {
	kms, data := kmstest.Start(t), t.TempDir()
	uri, path := kms.NewKey(), filepath.Join(data, "master.key")
	s := serve(t, data)
	admin := client{s.url, adminKey}
	ids := []string{admin.open(t).text("id")}

	out, err := casehook("keys", "rotate", "--data", data, "--to", uri, "--wait", patience.String()).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "the key in the KMS is first in "+path)
	require.Contains(t, string(out), "every key in the database is wrapped by it")
	ids = append(ids, admin.open(t).text("id"))
	require.Zero(t, s.terminate(t))

	// No key is left on the disk.
	require.NoError(t, os.WriteFile(path, []byte(uri+"\n"), 0o600))
	s = serve(t, data)
	admin = client{s.url, adminKey}
	for _, id := range ids {
		admin.call(t, "GET /v1/cases/"+id, nil)
	}
	out, err = casehook("keys", "rotate", "--data", data, "--to", uri).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "that master key is the first already")

	// While the KMS is gone, the server goes on with what it has used.
	s.faulty = true
	kms.Down(true)
	for _, id := range ids {
		admin.call(t, "POST /v1/cases/"+id+"/comments", object{"text": "still here"})
	}
	a, err := admin.do("POST /v1/cases", encode(t, object{"type": "migraine", "title": "Headache", "submitter": object{"firstName": "Sam", "lastName": "Sample", "email": "sam@mail.example"}}))
	require.NoError(t, err)
	require.Equal(t, 503, a.status, string(a.body))
	require.Zero(t, s.terminate(t)) // which has its log read to the end
	require.Contains(t, s.log.String(), "ask "+uri+" to seal: ")
	requireNoKey(t, kms, s.log.String())
	out, err = casehook("serve", "--data", data, "--listen", "127.0.0.1:0").CombinedOutput()
	require.Error(t, err, "none starts")
	require.Contains(t, string(out), "master key file "+path+": try the first master key: seal with master key: ask "+uri+" to seal: ")
	requireNoKey(t, kms, string(out))
	kms.Down(false)

	s = serve(t, data)
	out, err = casehook("keys", "rotate", "--data", data, "--wait", patience.String()).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "a new master key is first in "+path)
	require.Zero(t, s.terminate(t))
	kms.Down(true)
	s = serve(t, data)
	for _, id := range ids {
		client{s.url, adminKey}.call(t, "GET /v1/cases/"+id, nil)
	}
	require.Zero(t, s.terminate(t))
	requireNoKey(t, kms, s.log.String())
}

// requireNoKey fails t where output has a key that the KMS was told of, or the secret that
// it is called with.
func requireNoKey(t *testing.T, kms *kmstest.Server, output string) {
	t.Helper()
	require.NotContains(t, output, kmstest.Secret)
	require.NotEmpty(t, kms.Calls())
	for _, call := range kms.Calls() {
		require.NotContains(t, output, base64.StdEncoding.EncodeToString(call.Plain))
		require.NotContains(t, output, hex.EncodeToString(call.Plain))
	}
}

func TestAKeyIsNotGivenOnTheCommandLine(t *testing.T) {
	const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	out, err := casehook("keys", "rotate", "--data", t.TempDir(), "--to", key).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "not of the form aws-kms://")
	require.NotContains(t, string(out), key)
}

func TestTheMasterKeyOfAKMSMayComeFromTheEnvironment(t *testing.T) {
	kms, data := kmstest.Start(t), t.TempDir()
	create := func(master string) (string, error) {
		cmd := casehook("keys", "create", "--name", "first", "--data", data)
		cmd.Env = append(cmd.Env, "CASEHOOK_MASTER_KEY="+master)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	uri, other := kms.NewKey(), kms.NewKey()
	out, err := create(uri)
	require.NoError(t, err, out)
	require.NoFileExists(t, filepath.Join(data, "master.key"))
	out, err = create(uri)
	require.NoError(t, err, out)
	out, err = create(other)
	require.Error(t, err)
	require.Contains(t, out, "this is not the master key that the database was sealed with")
	kms.Deny(uri, true)
	out, err = create(uri)
	require.Error(t, err)
	require.Contains(t, out, "CASEHOOK_MASTER_KEY: try the first master key: ")
	require.Contains(t, out, "AccessDeniedException")
}
