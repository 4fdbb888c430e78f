/* An engine's own files in the words of its inspect. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/row.h"
#include "engine/config.h"

static json_t *parse(const char *text)
{
	json_t *doc = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_json_parse(&doc, kan_bytes_of(text), 1 << 16, 64, &err), 0, "%s",
		     err.text);
	return doc;
}

static void status_is(const char *state, const char *wanted)
{
	char text[512];
	(void)snprintf(text, sizeof(text), "{\"State\":%s}", state);
	json_auto_t *config = parse(text);
	json_auto_t *inspect = kan_config_inspect(config, NULL);
	cr_expect_str_eq(kan_json_str(json_object_get(inspect, "State"), "Status"), wanted, "%s",
			 state);
}

Test(config, the_word_of_the_state_is_made_of_its_flags)
{
	status_is("{\"Running\":true}", "running");
	status_is("{\"Running\":true,\"Paused\":true,\"Restarting\":true}", "paused");
	status_is("{\"Running\":true,\"Restarting\":true}", "restarting");
	status_is("{\"RemovalInProgress\":true,\"Dead\":true}", "removing");
	status_is("{\"Dead\":true,\"StartedAt\":\"2026-11-20T10:00:01.5Z\"}", "dead");
	status_is("{\"StartedAt\":\"2026-11-20T10:00:01.5Z\"}", "exited");
	status_is("{\"StartedAt\":\"0001-01-01T00:00:00Z\"}", "created");
	status_is("{}", "created");
	status_is("7", "created");
}

Test(config, mounts_keep_what_both_name_alike)
{
	json_auto_t *config = parse(
		"{\"MountPoints\":{\"/data\":{\"Type\":\"volume\",\"Name\":\"v\",\"Source\":\"\","
		"\"Driver\":\"local\",\"RW\":true,\"Relabel\":\"z\",\"Propagation\":\"\"}}}");
	json_auto_t *inspect = kan_config_inspect(config, NULL);
	const json_t *mounts = json_object_get(inspect, "Mounts");
	cr_assert_eq(json_array_size(mounts), 1);
	const json_t *only = json_array_get(mounts, 0);
	cr_expect_str_eq(kan_json_str(only, "Destination"), "/data");
	cr_expect_str_eq(kan_json_str(only, "Name"), "v");
	cr_expect_str_eq(kan_json_str(only, "Mode"), "z");
	cr_expect(json_is_true(json_object_get(only, "RW")));
}

Test(config, the_id_the_image_and_the_hosts_part_are_where_inspect_has_them)
{
	json_auto_t *config =
		parse("{\"ID\":\"a1\",\"Image\":\"sha256:b\",\"Config\":{\"User\":\"u\"}}");
	json_auto_t *host = parse("{\"Privileged\":true}");
	json_auto_t *inspect = kan_config_inspect(config, host);
	cr_expect_str_eq(kan_json_str(inspect, "Id"), "a1");
	cr_expect_str_eq(kan_json_str(inspect, "Image"), "sha256:b");
	cr_expect_str_eq(kan_json_str(json_object_get(inspect, "Config"), "User"), "u");
	cr_expect(json_is_true(
		json_object_get(json_object_get(inspect, "HostConfig"), "Privileged")));
}

Test(config, without_any_file_there_is_a_state_and_nothing_made_up)
{
	json_auto_t *inspect = kan_config_inspect(NULL, NULL);
	cr_expect_null(json_object_get(inspect, "Id"));
	cr_expect_null(json_object_get(inspect, "HostConfig"));
	cr_expect_null(json_object_get(inspect, "Mounts"));
	cr_expect_eq(json_object_size(json_object_get(inspect, "Config")), 0);
}

Test(config, no_mounts_is_an_empty_list_and_a_damaged_list_is_none)
{
	json_auto_t *none = parse("{\"MountPoints\":null}"), *odd = parse("{\"MountPoints\":[1]}");
	json_auto_t *one = parse("{\"MountPoints\":{\"/data\":7}}");
	json_auto_t *of_none = kan_config_inspect(none, NULL),
		    *of_odd = kan_config_inspect(odd, NULL);
	json_auto_t *of_one = kan_config_inspect(one, NULL);
	cr_expect(json_is_array(json_object_get(of_none, "Mounts")));
	cr_expect_null(json_object_get(of_odd, "Mounts"));
	const json_t *mount = json_array_get(json_object_get(of_one, "Mounts"), 0);
	cr_expect_str_eq(kan_json_str(mount, "Destination"), "/data");
	cr_expect_null(json_object_get(mount, "Type"));
}

Test(config, the_manifest_that_it_was_made_from_is_where_inspect_has_it)
{
	json_auto_t *config =
		parse("{\"Image\":\"sha256:i\",\"ImageManifest\":{\"digest\":\"sha256:m\"}}");
	json_auto_t *inspect = kan_config_inspect(config, NULL);
	cr_expect_str_eq(
		kan_json_str(json_object_get(inspect, "ImageManifestDescriptor"), "digest"),
		"sha256:m");
}

#define LAYER "4c3cd45001c56f5f1da7f1ccf817e7270f714f92a1a775cf2d947b1576034df1"
#define ID "2c024bdb364e91721d277d881fcfeed5401dadffcc45deca370ed521c3f80720"
#define STORE "/home/u/.local/share/containers/storage"

static const char entry[] =
	"{\"id\":\"" ID "\",\"names\":[\"web\",\"more\"],\"image\":\"" LAYER "\",\"layer\":\"" LAYER
	"\",\"metadata\":\"{\\\"image-name\\\":\\\"localhost/small:1\\\"}\","
	"\"created\":\"2026-11-27T02:16:23.19Z\",\"flags\":{\"MountLabel\":\"\",\"ProcessLabel\":"
	"\"p\"}}";

static json_t *podman(const char *spec)
{
	json_auto_t *one = parse(entry), *config = spec ? parse(spec) : NULL;
	return kan_podman_inspect(one, config);
}

Test(config, podmans_entry_is_in_the_words_of_inspect)
{
	json_auto_t *inspect = podman(NULL);
	cr_expect_str_eq(kan_json_str(inspect, "Id"), ID);
	cr_expect_str_eq(kan_json_str(inspect, "Name"), "/web");
	cr_expect_str_eq(kan_json_str(inspect, "Image"), "sha256:" LAYER);
	cr_expect_str_eq(kan_json_str(inspect, "Created"), "2026-11-27T02:16:23.19Z");
	cr_expect_str_eq(kan_json_str(inspect, "ProcessLabel"), "p");
	cr_expect_str_eq(kan_json_str(json_object_get(inspect, "Config"), "Image"),
			 "localhost/small:1");
	cr_expect_eq(json_object_size(json_object_get(inspect, "State")), 0);
	cr_expect_null(json_object_get(inspect, "HostConfig"));
	cr_expect_null(json_object_get(inspect, "Mounts"));
}

Test(config, what_podmans_runtime_was_told_is_in_the_words_of_inspect)
{
	json_auto_t *inspect = podman(
		"{\"root\":{\"path\":\"" STORE "/overlay/" LAYER "/merged\",\"readonly\":true},"
		"\"process\":{\"args\":[\"sh\",\"-c\",\"true\"],\"user\":{\"uid\":33,\"gid\":0},"
		"\"env\":[\"A=1\"],\"cwd\":\"/srv\",\"terminal\":true},\"hostname\":\"h\","
		"\"linux\":{\"namespaces\":[{\"type\":\"network\"},{\"type\":\"ipc\"}]}}");
	const json_t *config = json_object_get(inspect, "Config"),
		     *host = json_object_get(inspect, "HostConfig");
	cr_expect_str_eq(kan_json_str(inspect, "Path"), "sh");
	cr_expect_eq(json_array_size(json_object_get(inspect, "Args")), 2);
	cr_expect_str_eq(kan_json_str(config, "User"), "33:0");
	cr_expect_str_eq(kan_json_str(config, "WorkingDir"), "/srv");
	cr_expect_str_eq(kan_json_str(config, "Hostname"), "h");
	cr_expect(json_is_true(json_object_get(config, "Tty")));
	cr_expect_eq(json_array_size(json_object_get(config, "Env")), 1);
	cr_expect_str_eq(kan_json_str(host, "PidMode"), "host");
	cr_expect_str_eq(kan_json_str(host, "UTSMode"), "host");
	cr_expect_null(json_object_get(host, "NetworkMode"));
	cr_expect(json_is_true(json_object_get(host, "ReadonlyRootfs")));
	kan_auto_free char *root = kan_podman_root(inspect);
	cr_expect_str_eq(root, STORE);
}

Test(config, a_volume_of_podman_lies_in_its_store_and_podmans_own_files_are_no_mounts)
{
	json_auto_t *inspect = podman(
		"{\"root\":{\"path\":\"" STORE "/overlay/" LAYER "/merged\"},\"mounts\":["
		"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"" STORE
		"/volumes/v/_data\","
		"\"options\":[\"ro\",\"rbind\"]},"
		"{\"destination\":\"/b\",\"type\":\"bind\",\"source\":\"/volumes/v/_data\"},"
		"{\"destination\":\"/o\",\"type\":\"overlay\",\"source\":\"" STORE
		"/overlay-containers/" ID "/userdata/overlay/1/merge\","
		"\"options\":[\"lowerdir=/srv\",\"upperdir=/u\"]},"
		"{\"destination\":\"/etc/hosts\",\"type\":\"bind\","
		"\"source\":\"/run/u/my-containers/overlay-containers/" ID "/userdata/hosts\"}]}");
	const json_t *mounts = json_object_get(inspect, "Mounts");
	cr_assert_eq(json_array_size(mounts), 3);
	const json_t *volume = json_array_get(mounts, 0), *bind = json_array_get(mounts, 1);
	const json_t *over = json_array_get(mounts, 2);
	cr_expect_str_eq(kan_json_str(over, "Source"), "/srv", "what an overlay of Podman's shows");
	cr_expect_str_eq(kan_json_str(volume, "Type"), "volume");
	cr_expect_str_eq(kan_json_str(volume, "Name"), "v");
	cr_expect_str_eq(kan_json_str(volume, "Driver"), "local");
	cr_expect(json_is_false(json_object_get(volume, "RW")));
	cr_expect_str_eq(kan_json_str(bind, "Type"), "bind");
	cr_expect(json_is_true(json_object_get(bind, "RW")));
}

/* Whose source or place only begins like one of Podman's own files is a bind of the user's. */
Test(config, a_bind_does_not_vanish_by_looking_like_podmans_own_file)
{
	json_auto_t *inspect = podman(
		"{\"root\":{\"path\":\"" STORE "/overlay/" LAYER "/merged\"},\"mounts\":["
		"{\"destination\":\"/run/secrets/../../host\",\"type\":\"bind\",\"source\":\"" STORE
		"/overlay-containers/" ID "/userdata/secrets/../../../../../..\"},"
		"{\"destination\":\"/run/secrets/x\",\"type\":\"bind\",\"source\":\"/a/../overlay-"
		"containers/" ID "/userdata/secrets/x\"},"
		"{\"destination\":\"/etc/passwd\",\"type\":\"bind\",\"source\":\"/home/evil-"
		"containers/" ID "/userdata/passwd\"}]}");
	cr_expect_eq(json_array_size(json_object_get(inspect, "Mounts")), 3);
}

Test(config, a_config_of_another_layer_says_nothing_of_podmans_container)
{
	json_auto_t *inspect = podman("{\"root\":{\"path\":\"" STORE "/overlay/" ID
				      "/merged\"},\"hostname\":\"evil\",\"mounts\":[]}");
	cr_expect_null(json_object_get(inspect, "Mounts"));
	cr_expect_str_eq(kan_json_str(json_object_get(inspect, "Config"), "Hostname"), "");
	kan_auto_free char *root = kan_podman_root(inspect);
	cr_expect_str_eq(root, "/var/lib/containers/storage");
}
