/* What other engines write down: containerd's blobs, Podman's lists; and addresses over a network.
 */
#include "engine/store.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../base/place.h"
#include "base/row.h"
#include "engine/config.h"
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

/* digests: separated by blanks. */
static void leads(const char *blob, bool config, const char *digests)
{
	static struct kan_leads out;
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf said = KAN_BUF(1024);
	cr_assert_eq(kan_manifest_leads(&out, kan_bytes_of(blob), &err), 0, "%s: %s", blob,
		     err.text);
	for (size_t i = 0; i < out.n; i++)
		kan_buf_addf(&said, "%s%s", i ? " " : "", out.v[i]);
	cr_expect_str_eq(kan_buf_str(&said), digests, "%s", blob);
	cr_expect_eq(out.config, config, "%s", blob);
}

Test(store, an_index_leads_to_its_manifests)
{
	leads(INDEX(""), false, "sha256:" A " sha256:" B " sha256:" C);
	leads("{\"manifests\":[{\"digest\":\"sha512:" A "\"},7,{\"digest\":\"sha256:" A "\"}]}",
	      false, "sha256:" A);
	leads("{\"manifests\":[]}", false, "");
}

Test(store, a_manifest_leads_to_its_config)
{
	leads("{\"config\":{\"digest\":\"sha256:" C "\"},\"layers\":[]}", true, "sha256:" C);
}

Test(store, an_index_of_more_than_are_followed_is_refused)
{
	static struct kan_leads out;
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	kan_buf_adds(&text, "{\"manifests\":[");
	for (int i = 0; i <= KAN_LEADS; i++)
		kan_buf_addf(&text, "%s{\"digest\":\"sha256:" A "\"}", i ? "," : "");
	kan_buf_adds(&text, "]}");
	cr_expect_eq(kan_manifest_leads(&out, kan_buf_bytes(&text), &err), -1);
	cr_expect_eq(err.code, KAN_ELIMIT);
}

Test(store, a_blob_that_names_no_digest_leads_nowhere)
{
	static const char *const hostile[] = {
		"",
		"[]",
		"{}",
		"{\"manifests\":{}}",
		"{\"config\":\"x\"}",
		"{\"config\":{\"digest\":\"sha256:../../../../etc/shadow\"}}",
		"{\"config\":{\"digest\":\"sha512:" A "\"}}",
		"{\"config\":{\"digest\":7}}"};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		static struct kan_leads out;
		cr_expect_eq(kan_manifest_leads(&out, kan_bytes_of(hostile[i]), NULL), -1, "%s",
			     hostile[i]);
	}
}

/* As the containers' own layers are found: the entry, and what it names. */
static int layer_of(char out[65], const char *list, const char *id, struct kan_err *err)
{
	json_t *doc = NULL;
	cr_assert_eq(kan_json_parse(&doc, kan_bytes_of(list), 1 << 20, 64, NULL), 0);
	const json_t *entry = kan_podman_entry(&doc, 1, id, err);
	int rc = entry ? kan_podman_layer_of(out, entry, err) : -1;
	json_decref(doc);
	return rc;
}

Test(store, podmans_containers_json_names_the_containers_layer)
{
	char out[65] = "";
	struct kan_err err = {0};
	static const char list[] = "[{\"id\":\"" A "\",\"layer\":\"" B "\"},{\"id\":\"" C
				   "\",\"layer\":\"../../etc\"}]";
	cr_expect_eq(layer_of(out, list, A, NULL), 0);
	cr_expect_str_eq(out, B);
	cr_expect_eq(layer_of(out, list, C, &err), -1);
	cr_expect_eq(err.code, KAN_EFORMAT, "a path is no layer");
	cr_expect_eq(layer_of(out, list, B, &err), -1);
	cr_expect_eq(err.code, KAN_ENOTFOUND);
	cr_expect_eq(layer_of(out, "{}", A, &err), -1);
	cr_expect_eq(layer_of(out, "[7,[],null]", A, &err), -1);
	static const char twice[] =
		"[{\"id\":\"" A "\",\"layer\":\"" B "\"},{\"id\":\"" A "\",\"layer\":\"" C "\"}]";
	cr_expect_eq(layer_of(out, twice, A, &err), -1);
	cr_expect_eq(err.code, KAN_EFORMAT, "either layer may be meant");
}

static int map(struct kan_idmap *out, const char *text)
{
	json_t *doc = NULL;
	cr_assert_eq(kan_json_parse(&doc, kan_bytes_of(text), 1 << 20, 64, NULL), 0);
	int rc = kan_podman_map(out, doc, NULL);
	json_decref(doc);
	return rc;
}

Test(store, podmans_map_of_a_container_is_read_as_its_ranges)
{
	static struct kan_idmap m;
	static const char *const wrong[] = {
		"[7]", "[{}]", "[{\"container_id\":0,\"host_id\":-1,\"size\":1}]",
		"[{\"container_id\":0,\"host_id\":4294967296,\"size\":1}]",
		"[{\"container_id\":0,\"host_id\":\"5\",\"size\":1}]"};
	uint64_t id = 0;
	cr_expect_eq(map(&m, "[{\"container_id\":0,\"host_id\":5,\"size\":1},"
			     "{\"container_id\":1,\"host_id\":100000,\"size\":9}]"),
		     0);
	cr_expect(kan_idmap_out(&id, &m, 0));
	cr_expect_eq(id, 5);
	cr_expect(kan_idmap_out(&id, &m, 9));
	cr_expect_eq(id, 100008);
	cr_expect_not(kan_idmap_out(&id, &m, 10));
	cr_expect_eq(map(&m, "[{\"container_id\":0,\"host_id\":0,\"size\":9}]"), 0);
	cr_expect_eq(m.n, 0, "all to itself");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_eq(map(&m, wrong[i]), -1, "%s", wrong[i]);
		cr_expect_eq(m.n, 0, "%s", wrong[i]);
	}
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

Test(store, an_id_counts_once_over_both_of_podmans_lists)
{
	json_t *both[KAN_PODMAN_LISTS] = {NULL, NULL};
	struct kan_err err = {0};
	cr_expect_null(kan_podman_entry(both, KAN_PODMAN_LISTS, A, &err));
	cr_expect_eq(err.code, KAN_ENOTFOUND);
	both[1] = json_pack("[{s:s},{s:s}]", "id", B, "id", A);
	cr_expect_eq(kan_podman_entry(both, KAN_PODMAN_LISTS, A, &err), json_array_get(both[1], 1));
	both[0] = json_pack("[{s:s}]", "id", A);
	cr_expect_null(kan_podman_entry(both, KAN_PODMAN_LISTS, A, &err));
	cr_expect_eq(err.code, KAN_EFORMAT);
	cr_expect_not_null(kan_podman_entry(both, KAN_PODMAN_LISTS, B, &err));
	json_decref(both[0]);
	json_decref(both[1]);
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
	cr_expect(kan_is_podman(&t), "a dead disk");
	cr_assert_eq(mkdirat(p.fd, "containers", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "containers/" A, 0755), 0);
	cr_expect_not(kan_is_podman(&t), "the container is Docker's");
	test_leave(&p);
}
