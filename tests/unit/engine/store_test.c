/* What other engines write down: containerd's blobs, Podman's lists; and addresses over a network.
 */
#include "engine/store.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../base/place.h"
#include "base/row.h"
#include "engine/transport.h"

#define HEX(c) c c c c c c c c c c c c c c c c
#define A HEX("aaaa")
#define B HEX("bbbb")
#define C HEX("cccc")
#define INDEX(more) \
	"{\"manifests\":[{\"digest\":\"sha256:" A \
	"\",\"platform\":{\"architecture\":\"unknown\"}},{\"digest\":\"sha256:" B \
	"\",\"platform\":{\"architecture\":\"amd64\"}},{\"digest\":\"sha256:" C \
	"\",\"platform\":{\"architecture\":\"amd64\"}}]" more "}"

static void leads(const char *blob, const char *wanted, int rc, const char *digest)
{
	char out[72] = "";
	struct kan_err err = {0};
	cr_expect_eq(kan_manifest_next(out, kan_bytes_of(blob), wanted, "amd64", &err), rc,
		     "%s: %s", blob, err.text);
	if (digest)
		cr_expect_str_eq(out, digest);
}

Test(store, an_index_leads_to_the_manifest_that_the_container_was_made_from)
{
	leads(INDEX(""), "sha256:" C, 1, "sha256:" C);
	leads(INDEX(""), "sha256:" A, 1, "sha256:" A);
}

Test(store, else_to_the_first_for_this_machine)
{
	leads(INDEX(""), NULL, 1, "sha256:" B);
	leads("{\"manifests\":[{\"digest\":\"sha256:" A "\"}]}", NULL, 1, "sha256:" A);
}

Test(store, a_manifest_that_is_named_and_not_there_is_not_replaced_by_another)
{
	leads(INDEX(""), "sha256:" HEX("dddd"), -1, NULL);
}

Test(store, a_manifest_leads_to_its_config)
{
	leads("{\"config\":{\"digest\":\"sha256:" C "\"},\"layers\":[]}", NULL, 0, "sha256:" C);
}

Test(store, a_blob_that_names_no_digest_leads_nowhere)
{
	static const char *const hostile[] = {
		"",
		"[]",
		"{}",
		"{\"manifests\":[]}",
		"{\"manifests\":{}}",
		"{\"config\":\"x\"}",
		"{\"config\":{\"digest\":\"sha256:../../../../etc/shadow\"}}",
		"{\"config\":{\"digest\":\"sha512:" A "\"}}",
		"{\"config\":{\"digest\":7}}",
		"{\"manifests\":[{\"digest\":\"sha256:" A
		"\",\"platform\":{\"architecture\":\"s390x\"}}]}",
		"{\"manifests\":[7]}"};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		leads(hostile[i], NULL, -1, NULL);
}

Test(store, podmans_containers_json_names_the_containers_layer)
{
	char out[65] = "";
	struct kan_err err = {0};
	static const char list[] = "[{\"id\":\"" A "\",\"layer\":\"" B "\"},{\"id\":\"" C
				   "\",\"layer\":\"../../etc\"}]";
	cr_expect_eq(kan_podman_layer_of(out, kan_bytes_of(list), A, NULL), 0);
	cr_expect_str_eq(out, B);
	cr_expect_eq(kan_podman_layer_of(out, kan_bytes_of(list), C, &err), -1);
	cr_expect_eq(err.code, KAN_EFORMAT, "a path is no layer");
	cr_expect_eq(kan_podman_layer_of(out, kan_bytes_of(list), B, &err), -1);
	cr_expect_eq(err.code, KAN_ENOTFOUND);
	cr_expect_eq(kan_podman_layer_of(out, kan_bytes_of("{}"), A, &err), -1);
	cr_expect_eq(kan_podman_layer_of(out, kan_bytes_of("[7,[],null]"), A, &err), -1);
}

static int layer(struct kan_podman_layer *out, const char *text, const char *id)
{
	json_t *doc = NULL;
	cr_assert_eq(kan_json_parse(&doc, kan_bytes_of(text), 1 << 20, 64, NULL), 0);
	int rc = kan_podman_layer(out, doc, id, NULL);
	json_decref(doc);
	return rc;
}

Test(store, podmans_layers_json_has_the_diff_id_and_the_parent)
{
	struct kan_podman_layer l;
	static const char list[] =
		"[{\"id\":\"" A "\",\"diff-digest\":\"sha256:" C "\"},{\"id\":\"" B
		"\",\"parent\":\"" A "\",\"diff-digest\":\"sha256:" A "\"},{\"id\":\"" C "\"}]";
	cr_expect_eq(layer(&l, list, A), 0);
	cr_expect_str_eq(l.diff_id, "sha256:" C);
	cr_expect_str_eq(l.parent, "");
	cr_expect_eq(layer(&l, list, B), 0);
	cr_expect_str_eq(l.parent, A);
	cr_expect_eq(layer(&l, list, C), -1, "a container's own layer has no digest");
	cr_expect_eq(layer(&l, list, "unknown"), -1);
}

static int remote(const char *host, struct kan_err *err)
{
	struct kan_engine *e = kan_xalloc(sizeof(*e));
	int rc = kan_remote_use(e, host, err);
	if (rc == 0)
		cr_expect(strncmp(e->remote, "https://", 8) == 0 && strstr(e->ca, "/ca.pem") &&
			  strstr(e->cert, "/cert.pem") && strstr(e->key, "/key.pem"));
	kan_engine_free(e);
	return rc;
}

Test(store, over_a_network_it_is_tls_with_both_ends_known_or_nothing)
{
	struct kan_err err = {0};
	(void)setenv("DOCKER_CERT_PATH", "/tmp", 1);
	(void)unsetenv("DOCKER_TLS_VERIFY");
	cr_expect_eq(remote("tcp://127.0.0.1:2376", &err), -1);
	cr_expect(err.code == KAN_EUSAGE && strstr(err.text, "DOCKER_TLS_VERIFY"), "%s", err.text);
	(void)setenv("DOCKER_TLS_VERIFY", "1", 1);
	cr_expect_eq(remote("tcp://127.0.0.1:2376", &err), 0, "%s", err.text);
	cr_expect_eq(remote("tcp://[::1]:2376", &err), 0, "%s", err.text);
	cr_expect_eq(remote("tcp://engine.example.org:2376", &err), 0, "%s", err.text);
	(void)setenv("DOCKER_CERT_PATH", "/nonexistent", 1);
	cr_expect_eq(remote("tcp://127.0.0.1:2376", &err), -1);
}

Test(store, what_is_no_host_and_port_is_refused)
{
	static const char *const hostile[] = {
		"tcp://",         "tcp://h",     "tcp://h:",    "tcp://h:x",      "tcp://h:99999",
		"tcp://h:1/path", "tcp://u@h:1", "tcp://h:1?q", "tcp://[::1:1",   "tcp://a b:1",
		"tcp://h:1\r\nX", "http://h:1",  "tcp://:1",    "tcp://h:123456", "tcp://h:1#f"};
	(void)setenv("DOCKER_CERT_PATH", "/tmp", 1);
	(void)setenv("DOCKER_TLS_VERIFY", "1", 1);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		cr_expect_eq(remote(hostile[i], NULL), -1, "%s", hostile[i]);
}

Test(store, a_host_that_is_too_long_is_refused_and_not_cut)
{
	char host[512];
	struct kan_err err = {0};
	(void)setenv("DOCKER_CERT_PATH", "/tmp", 1);
	(void)setenv("DOCKER_TLS_VERIFY", "1", 1);
	(void)snprintf(host, sizeof(host), "tcp://%0400d:2376", 0);
	cr_expect_eq(remote(host, &err), -1);
	cr_expect_eq(err.code, KAN_EUSAGE, "%s", err.text);
}

/* Nothing but a list that is too long is read of it. */
Test(store, podmans_list_that_is_too_long_to_be_parsed_is_not_read)
{
	struct test_place p = test_place();
	char storage[] = "overlay";
	struct kan_target t = {
		.data_root_fd = p.fd, .engine_root_fd = -1, .storage = storage, .image_id = NULL};
	json_t *doc = NULL;
	struct kan_err err = {0};
	cr_assert_eq(mkdirat(p.fd, "overlay-layers", 0755), 0);
	test_put(p.fd, "overlay-layers/layers.json", "[]");
	cr_expect_eq(kan_podman_layers(&doc, &t, &err), 0, "%s", err.text);
	json_decref(doc);
	int fd = openat(p.fd, "overlay-layers/layers.json", O_WRONLY | O_CLOEXEC);
	cr_assert_eq(ftruncate(fd, KAN_STORE_LIST_MAX + 1), 0);
	(void)close(fd);
	cr_expect_eq(kan_podman_layers(&doc, &t, &err), -1);
	cr_expect_eq(err.code, KAN_ELIMIT, "%s", err.text);
	test_leave(&p);
}

Test(store, podman_is_told_by_more_than_a_directory_that_anybody_makes)
{
	struct test_place p = test_place();
	char overlay[] = "overlay", overlay2[] = "overlay2";
	struct kan_target t = {.data_root_fd = p.fd, .engine_root_fd = -1, .storage = overlay2};
	(void)snprintf(t.id, sizeof(t.id), "%s", A);
	cr_assert_eq(mkdirat(p.fd, "overlay2-containers", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "overlay-containers", 0755), 0);
	cr_expect_not(kan_is_podman(&t), "a driver that Podman does not have");
	t.storage = overlay;
	cr_expect(kan_is_podman(&t));
	t.depth = KAN_DEPTH_OFFLINE;
	cr_expect_not(kan_is_podman(&t), "a dead disk");
	t.depth = KAN_DEPTH_HOST;
	cr_assert_eq(mkdirat(p.fd, "containers", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "containers/" A, 0755), 0);
	cr_expect_not(kan_is_podman(&t), "the container is Docker's");
	test_leave(&p);
}
